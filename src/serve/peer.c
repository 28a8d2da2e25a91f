/* SPDX-License-Identifier: MIT */
/* The server's WebSockets, on libwebsockets. Server's thread, but for the context's making.
 *
 * A connection comes here after its upgrade request was read and agreed to. It is adopted with a
 * request of our own making in front: same key, a path that says which tt_ws it is, no
 * subprotocol (libwebsockets only knows those of a static table; the answer's header is added in
 * its callback), so that no limit of its HTTP parser is met.
 *
 * Known habits of 4.1 that this file works around: contexts are made and freed one at a time
 * (process-wide tables); nothing is written while lws_partial_buffered; a Close frame is written
 * by hand, as returning -1 from a writeable callback may lose it; the default policy would ping
 * idle peers after five minutes; its log formats into one static buffer, so it only speaks while a
 * context is made. */
#include "base/exitcode.h"
#include "base/log.h"
#include "base/memory.h"
#include "serve/serve_int.h"
#include <libwebsockets.h>
#include <string.h>
#include <sys/socket.h>

enum { CLOSE_FRAME = 4 /* lws' internal LWS_WRITE_CLOSE */, CLOSE_WAIT_NS = 1000000000 };

struct outgoing {
    struct outgoing *next;
    size_t len, at, frame_max;
    enum lws_write_protocol kind;
    unsigned char data[]; /* LWS_PRE bytes of room first */
};

struct tt_peer {
    struct tt_server *server;
    struct tt_peer *prev, *next;
    uint64_t id;
    struct lws *wsi; /* NULL until adopted */
    void *user;
    char *subprotocol;
    struct outgoing *head, **tail;
    struct tt_buf message;
    size_t frame_seen; /* bytes of the frame being received */
    bool is_open, closing, close_sent;
    struct tt_timer timer; /* how long a peer may take to answer our Close */
};

static pthread_mutex_t context_lock = PTHREAD_MUTEX_INITIALIZER; /* libwebsockets' own globals */
static const lws_retry_bo_t no_pings = {0};

static void ws_log(int level, const char *line)
{
    size_t n = strcspn(line, "\n");
    if (strstr(line, "calling service")) /* said at each adoption */
        return;
    tt_log(level == LLL_ERR ? TT_LOG_WARN : TT_LOG_DEBUG, "libwebsockets: %.*s", (int)n, line);
}

/* --- sending */

static void kill_socket(struct tt_peer *ws)
{
    if (ws->wsi)
        shutdown(lws_get_socket_fd(ws->wsi), SHUT_RDWR);
}

/* One frame of the first message. False: the socket is broken. */
static bool write_frame(struct tt_peer *ws)
{
    struct outgoing *o = ws->head;
    size_t n = o->len - o->at;
    bool last = !o->frame_max || n <= o->frame_max;
    if (!last)
        n = o->frame_max;
    int kind = o->at ? LWS_WRITE_CONTINUATION : (int)o->kind;
    if (!last)
        kind |= LWS_WRITE_NO_FIN;
    if (lws_write(ws->wsi, o->data + LWS_PRE + o->at, n, (enum lws_write_protocol)kind) < 0)
        return false;
    o->at += n;
    if (!last)
        return true;
    if (o->kind == (enum lws_write_protocol)CLOSE_FRAME)
        ws->close_sent = true;
    ws->head = o->next;
    if (!ws->head)
        ws->tail = &ws->head;
    tt_free(o);
    return true;
}

static void flush(struct tt_peer *ws)
{
    if (!ws->is_open)
        return;
    while (ws->head && !lws_send_pipe_choked(ws->wsi)) {
        if (!write_frame(ws)) {
            kill_socket(ws);
            return;
        }
    }
    if (ws->head)
        lws_callback_on_writable(ws->wsi);
}

static void queue(struct tt_peer *ws, const void *p, size_t n, enum lws_write_protocol kind,
                  size_t frame_max)
{
    struct outgoing *o = tt_xmalloc(sizeof *o + LWS_PRE + n + 1);
    *o = (struct outgoing){.len = n, .frame_max = frame_max, .kind = kind};
    if (n)
        memcpy(o->data + LWS_PRE, p, n);
    *ws->tail = o;
    ws->tail = &o->next;
    flush(ws);
}

void tt_peer_send(struct tt_peer *ws, const void *p, size_t n, bool binary, size_t frame_max)
{
    if (!ws->closing)
        queue(ws, p, n, binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT, frame_max);
}

void tt_peer_ping(struct tt_peer *ws, const void *p, size_t n)
{
    if (!ws->closing && n <= 125)
        queue(ws, p, n, LWS_WRITE_PING, 0);
}

void tt_peer_close(struct tt_peer *ws, unsigned code, const char *reason)
{
    unsigned char payload[125];
    size_t n = 0;
    if (ws->closing)
        return;
    if (code != 1005) {
        size_t len = reason ? strlen(reason) : 0;
        n = 2 + (len > sizeof payload - 2 ? sizeof payload - 2 : len);
        payload[0] = (unsigned char)(code >> 8);
        payload[1] = (unsigned char)code;
        if (n > 2)
            memcpy(payload + 2, reason, n - 2);
    }
    ws->closing = true;
    tt_timer_start(ws->server->loop, &ws->timer, tt_loop_now(ws->server->loop) + CLOSE_WAIT_NS);
    queue(ws, payload, n, (enum lws_write_protocol)CLOSE_FRAME, 0);
}

void tt_peer_kill(struct tt_peer *ws, bool reset)
{
    const struct linger now = {.l_onoff = 1};
    ws->closing = true;
    if (ws->wsi && reset)
        setsockopt(lws_get_socket_fd(ws->wsi), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    kill_socket(ws);
}

bool tt_peer_open(const struct tt_peer *ws)
{
    return ws->is_open && !ws->closing;
}

void *tt_peer_user(const struct tt_peer *ws)
{
    return ws->user;
}

struct tt_server *tt_peer_server(const struct tt_peer *ws)
{
    return ws->server;
}

/* --- life */

static void on_close_wait(struct tt_timer *t)
{
    kill_socket((struct tt_peer *)((char *)t - offsetof(struct tt_peer, timer)));
}

static void free_ws(struct tt_peer *ws)
{
    struct tt_server *s = ws->server;
    ws->is_open = false;
    ws->wsi = NULL;
    if (s->config.handler->ws_closed)
        s->config.handler->ws_closed(ws, s->config.user);
    if (ws->prev)
        ws->prev->next = ws->next;
    else
        s->sockets = ws->next;
    if (ws->next)
        ws->next->prev = ws->prev;
    tt_timer_stop(s->loop, &ws->timer);
    while (ws->head) {
        struct outgoing *next = ws->head->next;
        tt_free(ws->head);
        ws->head = next;
    }
    tt_buf_fini(&ws->message);
    tt_free(ws->subprotocol);
    tt_free(ws);
}

/* --- receiving */

static void deliver(struct tt_peer *ws, const char *p, size_t n, bool binary)
{
    const struct tt_server_config *config = &ws->server->config;
    if (config->handler->ws_message)
        config->handler->ws_message(ws, p, n, binary, config->user);
}

static void receive(struct tt_peer *ws, const char *p, size_t n)
{
    const struct tt_server_config *config = &ws->server->config;
    struct lws *wsi = ws->wsi;
    size_t rest = lws_remaining_packet_payload(wsi);
    if (ws->closing)
        return;
    ws->frame_seen += n;
    if (config->ws_frame_max && ws->frame_seen + rest > config->ws_frame_max) {
        tt_peer_close(ws, 1009, "");
        return;
    }
    if (!rest)
        ws->frame_seen = 0;
    bool final = lws_is_final_fragment(wsi);
    bool binary = lws_frame_is_binary(wsi);
    if (final && !ws->message.len) {
        if (ws->message.max && n > ws->message.max)
            tt_peer_close(ws, 1009, "");
        else
            deliver(ws, p, n, binary);
        return;
    }
    if (!tt_buf_append(&ws->message, p, n)) {
        tt_peer_close(ws, 1009, "");
        return;
    }
    if (!final)
        return;
    /* The handler may cause further callbacks of this socket but none that receive. */
    deliver(ws, ws->message.data, ws->message.len, binary);
    tt_buf_clear(&ws->message);
}

static struct tt_peer *find(struct tt_server *s, struct lws *wsi)
{
    char path[32] = "";
    lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
    for (struct tt_peer *ws = s->sockets; ws; ws = ws->next) {
        char mine[32];
        snprintf(mine, sizeof mine, "/%llu", (unsigned long long)ws->id);
        if (strcmp(mine, path) == 0)
            return ws->wsi ? NULL : ws;
    }
    return NULL;
}

static int add_subprotocol(struct tt_peer *ws, struct lws *wsi, struct lws_process_html_args *args)
{
    unsigned char **p = (unsigned char **)&args->p;
    if (!ws->subprotocol)
        return 0;
    return lws_add_http_header_by_name(
        wsi,
        (const unsigned char *)"sec-websocket-protocol:", (const unsigned char *)ws->subprotocol,
        (int)strlen(ws->subprotocol), p, (unsigned char *)args->p + args->max_len);
}

static int bind_socket(struct lws *wsi)
{
    struct tt_server *s = lws_context_user(lws_get_context(wsi));
    struct tt_peer *ws = find(s, wsi);
    if (!ws)
        return -1;
    ws->wsi = wsi;
    lws_set_opaque_user_data(wsi, ws);
    return 0;
}

static void established(struct tt_peer *ws)
{
    const struct tt_server_config *config = &ws->server->config;
    ws->is_open = true;
    if (config->handler->ws_open)
        config->handler->ws_open(ws, config->user);
    flush(ws);
}

static void forget(struct lws *wsi, struct tt_peer *ws)
{
    lws_set_opaque_user_data(wsi, NULL);
    free_ws(ws);
}

static int ws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t n)
{
    struct tt_peer *ws = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    (void)user;
    if (reason == LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION)
        return bind_socket(wsi);
    if (reason == LWS_CALLBACK_HTTP)
        return -1; /* only WebSockets come here */
    if (!ws)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_ADD_HEADERS:
        return add_subprotocol(ws, wsi, in);
    case LWS_CALLBACK_ESTABLISHED:
        established(ws);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        receive(ws, in, n);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        flush(ws);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        if (ws->close_sent)
            return 1; /* the answer to our Close: all is said */
        ws->closing = true;
        return 0;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
        forget(wsi, ws);
        return 0;
    default:
        return 0;
    }
}

/* --- the context */

static const struct lws_protocols protocols[] = {
    {.name = "ttload", .callback = ws_callback, .rx_buffer_size = 4096},
    {0},
};

bool tt__peer_context_new(struct tt_server *s, struct tt_err *err)
{
    void *loops[] = {tt_loop_uv(s->loop)};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .uid = -1,
        .gid = -1,
        .user = s,
        .foreign_loops = loops,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_VALIDATE_UTF8,
        .retry_and_idle_policy = &no_pings,
        .pt_serv_buf_size = TT__SCRATCH,
        .vhost_name = "ttload",
        .server_string = "ttload",
    };
    pthread_mutex_lock(&context_lock);
    lws_set_log_level(LLL_ERR, ws_log);
    s->lws = lws_create_context(&info);
    if (s->lws)
        s->vhost = lws_create_vhost(s->lws, &info);
    lws_set_log_level(0, ws_log);
    pthread_mutex_unlock(&context_lock);
    if (!s->vhost)
        return tt_err_set(err, TT_EXIT_OTHER,
                          "libwebsockets cannot start (is its libuv plugin, Debian's "
                          "libwebsockets-evlib-uv, installed?)");
    return true;
}

void tt__peer_context_close(struct tt_server *s)
{
    if (s->lws)
        lws_context_destroy(s->lws);
    while (s->sockets) /* never adopted */
        free_ws(s->sockets);
}

void tt__peer_context_free(struct tt_server *s)
{
    pthread_mutex_lock(&context_lock);
    if (s->lws)
        lws_context_destroy(s->lws);
    pthread_mutex_unlock(&context_lock);
    s->lws = NULL;
}

static struct tt_peer *new_ws(struct tt_server *s, const char *subprotocol, void *user)
{
    struct tt_peer *ws = tt_xcalloc(1, sizeof *ws);
    ws->server = s;
    ws->id = ++s->last_ws_id;
    ws->user = user;
    ws->subprotocol = tt_xstrdup(subprotocol);
    ws->tail = &ws->head;
    tt_buf_init(&ws->message, s->config.ws_message_max);
    tt_timer_init(&ws->timer, on_close_wait);
    ws->next = s->sockets;
    if (ws->next)
        ws->next->prev = ws;
    s->sockets = ws;
    return ws;
}

void tt__peer_adopt(struct tt_server *s, int fd, const struct tt_http_request *req,
                    const char *subprotocol, const char *rest, size_t n_rest, void *user)
{
    struct tt_peer *ws = new_ws(s, subprotocol, user);
    uint64_t id = ws->id;
    struct tt_buf head;
    tt_buf_init(&head, SIZE_MAX);
    tt_buf_printf(&head,
                  "GET /%llu HTTP/1.1\r\nHost: ttload\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: %s\r\n\r\n",
                  (unsigned long long)id, tt_http_request_header(req, "sec-websocket-key"));
    tt_buf_append(&head, rest, n_rest);
    struct lws *wsi =
        fd < 0 ? NULL : lws_adopt_socket_vhost_readbuf(s->vhost, fd, head.data, head.len);
    tt_buf_fini(&head);
    if (wsi)
        return;
    /* Gone already, or never bound and so still ours. */
    for (ws = s->sockets; ws; ws = ws->next) {
        if (ws->id == id && !ws->wsi) {
            free_ws(ws);
            return;
        }
    }
}
