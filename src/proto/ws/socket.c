/* SPDX-License-Identifier: MIT */
/* The socket's states.
 *
 * CONNECTING -> OPEN or CLOSED by settle(); OPEN -> CLOSING by our Close frame; anything -> CLOSED
 * by finish(), once. The connection may outlive CLOSED: it lingers until the peer's end of stream.
 *
 * Samples are those of k6's ws module: ws_sessions, ws_connecting (dial to the answer) and
 * ws_session_duration (dial to the end) for every attempt, failed ones included. */
#include "proto/ws/socket.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include <stdio.h>
#include <string.h>

#define CLOSE_WAIT_NS UINT64_C(5000000000) /* for the peer's Close, and for its end of stream */
enum { WRITE_KEEP = 256 * 1024 };          /* the scratch buffer is given back above this */

struct tt_ws_handshake {
    struct tt_ws_response response;
    struct tt_buf http_url;
    struct tt_http_url url; /* of http_url */
    char key[25];
    char *lines, *subprotocols;
};
struct tt_ws_ping {
    struct tt_ws_ping *next;
    uint64_t sent_ns;
    size_t len;
    char data[TT_WS_CONTROL_MAX];
};

/* --- references and the end of things ----------------------------------------------------------
 */

static void handshake_free(struct tt_ws_socket *s)
{
    if (!s->hs)
        return;
    tt_ws_response_fini(&s->hs->response);
    tt_buf_fini(&s->hs->http_url);
    tt_free(s->hs->lines);
    tt_free(s->hs->subprotocols);
    tt_free(s->hs);
    s->hs = NULL;
}

void tt_ws_ref(struct tt_ws_socket *s)
{
    s->refs++;
}

void tt_ws_unref(struct tt_ws_socket *s)
{
    if (--s->refs)
        return;
    TT_ASSERT(s->conn_closed);
    handshake_free(s);
    tt_ws_reader_fini(&s->reader);
    tt_buf_fini(&s->body);
    while (s->pings) {
        struct tt_ws_ping *p = s->pings;
        s->pings = p->next;
        tt_free(p);
    }
    tt_free(s->close_reason);
    tt_free(s->url);
    tt_free(s->head);
    tt_free(s->subprotocol);
    tt_free(s);
}

static void close_conn(struct tt_ws_socket *s)
{
    if (s->conn_closed)
        return;
    s->conn_closed = true;
    tt_timer_stop(s->engine->w->loop, &s->timer);
    tt_conn_close(&s->conn, false);
    if (s->prev)
        s->prev->next = s->next;
    else
        s->engine->live = s->next;
    if (s->next)
        s->next->prev = s->prev;
    tt_ws_unref(s);
}

/* --- samples -----------------------------------------------------------------------------------
 */

static void sample(struct tt_ws_socket *s, enum tt_builtin_metric m, double v, uint64_t at)
{
    if (s->vu)
        tt_vu_sample(s->vu, m, v, s->tags, at);
}

/* What has gone over the connection since the last time, to the VU's iteration. */
static void count_bytes(struct tt_ws_socket *s)
{
    if (s->vu) {
        s->vu->data_sent += (double)(s->conn.sent_bytes - s->sent_counted);
        s->vu->data_received += (double)(s->conn.received_bytes - s->received_counted);
    }
    s->sent_counted = s->conn.sent_bytes;
    s->received_counted = s->conn.received_bytes;
}

static void set_tags(struct tt_ws_socket *s)
{
    struct tt_buf clean;
    char status[16];
    if (!s->vu)
        return;
    tt_buf_init(&clean, 64 * 1024);
    bool masked = s->hs->url.has_userinfo && tt_http_url_clean(&s->hs->url, &clean);
    if (masked) /* the clean form is the http one: put the scheme back */
        tt_buf_consume(&clean, s->hs->url.https ? 5 : 4);
    struct tt_buf label;
    tt_buf_init(&label, 64 * 1024);
    if (!masked || !tt_buf_puts(&label, s->hs->url.https ? "wss" : "ws") ||
        !tt_buf_puts(&label, clean.data)) {
        tt_buf_clear(&label);
        tt_buf_puts(&label, s->url);
    }
    snprintf(status, sizeof status, "%d", s->status);
    const struct tt_tag tags[] = {{"url", label.len ? label.data : ""},
                                  {"status", status},
                                  {"subproto", s->subprotocol ? s->subprotocol : ""}};
    s->tags = tt_tags_with(s->engine->w->tags, s->tags, tags, s->status ? 3 : 1);
    tt_buf_fini(&clean);
    tt_buf_fini(&label);
}

/* --- events ------------------------------------------------------------------------------------
 */

static void tell(struct tt_ws_socket *s, enum tt_ws_event_kind kind, const void *p, size_t n,
                 unsigned code)
{
    if (!s->owner)
        return;
    struct tt_ws_event *ev = tt_ws_event_new(kind, p, n);
    ev->code = code;
    s->owner->event(s, ev);
}

/* The outcome is known. linger: the peer is still to end the stream. */
static void finish(struct tt_ws_socket *s, unsigned code, const char *reason, size_t n, bool linger)
{
    uint64_t now = tt_now_ns();
    struct tt_loop *loop = s->engine->w->loop;
    if (s->state == TT_WS_CLOSED)
        return;
    s->state = TT_WS_CLOSED;
    s->close_code = code;
    if (n) {
        s->close_reason = tt_xmalloc(n + 1);
        memcpy(s->close_reason, reason, n);
        s->close_reason[n] = '\0';
    }
    count_bytes(s);
    sample(s, TT_M_ws_session_duration, tt_ns_to_ms(now - s->started_ns), now);
    tt_ws_ref(s);
    if (linger) {
        tt_conn_want_read(&s->conn, true);
        tt_timer_start(loop, &s->timer, now + CLOSE_WAIT_NS);
    } else {
        close_conn(s);
    }
    if (s->connected)
        tell(s, TT_WS_EV_CLOSE, reason, n, code);
    if (s->owner)
        s->owner->drained(s);
    if (s->owner)
        s->owner->closed(s);
    tt_ws_unref(s);
}

/* Broken off without a closing handshake. */
static void lost(struct tt_ws_socket *s, const char *why)
{
    if (s->state == TT_WS_CLOSED) {
        close_conn(s);
        return;
    }
    if (s->state == TT_WS_OPEN)
        tell(s, TT_WS_EV_ERROR, why, strlen(why), 1006);
    finish(s, 1006, why, strlen(why), false);
}

/* --- the opening handshake ---------------------------------------------------------------------
 */

static void settled(struct tt_ws_socket *s)
{
    uint64_t now = tt_now_ns();
    tt_timer_stop(s->engine->w->loop, &s->timer);
    set_tags(s);
    sample(s, TT_M_ws_sessions, 1, s->started_ns);
    sample(s, TT_M_ws_connecting, tt_ns_to_ms(now - s->started_ns), now);
    sample(s, TT_M_ws_handshake_failed, s->failure.kind != NULL, now);
    struct tt_ws_response *r = &s->hs->response;
    s->head_len = r->head.len;
    s->head = tt_buf_take(&r->head);
    s->body = r->body;
    tt_buf_init(&r->body, 0);
    handshake_free(s);
}

static void refuse(struct tt_ws_socket *s, const char *kind, int code, const char *text)
{
    s->failure.kind = kind;
    s->failure.code = code;
    snprintf(s->failure.text, sizeof s->failure.text, "%s", text);
    settled(s);
    tt_ws_ref(s);
    if (s->owner)
        s->owner->settled(s);
    finish(s, 1006, NULL, 0, false);
    tt_ws_unref(s);
}

static void refused_by_status(struct tt_ws_socket *s)
{
    char text[160];
    snprintf(text, sizeof text, "the server refused the WebSocket handshake with status %d",
             s->status);
    refuse(s, "status", s->status >= 400 ? 1000 + s->status : 0, text);
}

static void accepted(struct tt_ws_socket *s)
{
    s->subprotocol = tt_xstrdup(s->hs->response.subprotocol);
    s->connected = true;
    s->state = TT_WS_OPEN;
    settled(s);
    if (s->owner)
        s->owner->settled(s);
}

static void answer(struct tt_ws_socket *s, enum tt_ws_answer a)
{
    s->status = s->hs->response.status;
    if (a == TT_WS_ACCEPTED)
        accepted(s);
    else if (a == TT_WS_REFUSED)
        refused_by_status(s);
    else if (a == TT_WS_BAD)
        refuse(s, "protocol", 1000, s->hs->response.error);
}

static void on_opened(struct tt_conn *c)
{
    struct tt_ws_socket *s = c->owner;
    struct tt_ws_engine *e = s->engine;
    const struct tt_ws_request r = {
        .url = &s->hs->url,
        .lines = s->hs->lines,
        .subprotocols = s->hs->subprotocols,
        .user_agent = e->opt ? e->opt->user_agent : "ttload/" TT_VERSION,
    };
    uint64_t random[2] = {tt_rng_next(&e->w->rng), tt_rng_next(&e->w->rng)};
    uint8_t bytes[16];
    memcpy(bytes, random, sizeof bytes);
    tt_ws_key(s->hs->key, bytes);
    tt_buf_clear(&e->write);
    tt_ws_put_request(&e->write, &r, s->hs->key);
    tt_conn_write(c, e->write.data, e->write.len);
    count_bytes(s);
}

/* --- frames ------------------------------------------------------------------------------------
 */

static bool put_frame(struct tt_ws_socket *s, enum tt_ws_opcode op, const char *p, size_t n)
{
    struct tt_buf *out = &s->engine->write;
    tt_buf_clear(out);
    bool ok = tt_ws_put_frame(out, op, p, n, (uint32_t)(tt_rng_next(&s->engine->w->rng) >> 32)) &&
              tt_conn_write(&s->conn, out->data, out->len);
    if (out->cap > WRITE_KEEP) {
        size_t max = out->max;
        tt_buf_fini(out);
        tt_buf_init(out, max);
    }
    count_bytes(s);
    return ok;
}

static void put_close(struct tt_ws_socket *s, unsigned code, const char *reason, size_t n)
{
    char payload[TT_WS_CONTROL_MAX];
    put_frame(s, TT_WS_CLOSE, payload, tt_ws_close_payload(payload, code, reason, n));
}

static void ponged(struct tt_ws_socket *s, const struct tt_ws_message *m)
{
    uint64_t now = tt_now_ns();
    for (struct tt_ws_ping *p = s->pings; p; p = p->next) {
        if (p->len != m->len || memcmp(p->data, m->data, m->len) != 0)
            continue;
        sample(s, TT_M_ws_ping, tt_ns_to_ms(now - p->sent_ns), now);
        struct tt_ws_ping *next =
            p->next; /* a pong answers the earlier pings too (RFC 6455 5.5.3) */
        while (s->pings != next) {
            struct tt_ws_ping *old = s->pings;
            s->pings = old->next;
            tt_free(old);
        }
        break;
    }
    tell(s, TT_WS_EV_PONG, m->data, m->len, 0);
}

static void closed_by_peer(struct tt_ws_socket *s, const struct tt_ws_message *m)
{
    s->peer_closed = true;
    if (s->state == TT_WS_OPEN) {
        put_close(s, m->close_code == 1005 ? 0 : m->close_code, NULL, 0);
        if (m->close_code != 1000 && m->close_code != 1001)
            tell(s, TT_WS_EV_ERROR, m->data, m->len, m->close_code);
    }
    finish(s, m->close_code, m->data, m->len, true);
}

static void broke_protocol(struct tt_ws_socket *s, const struct tt_ws_message *m)
{
    if (s->state == TT_WS_OPEN) {
        put_close(s, m->close_code, m->text, strlen(m->text));
        tell(s, TT_WS_EV_ERROR, m->text, strlen(m->text), m->close_code);
    }
    finish(s, m->close_code, m->text, strlen(m->text), false);
}

static void take_message(struct tt_ws_socket *s, const struct tt_ws_message *m)
{
    switch (m->kind) {
    case TT_WS_GOT_MESSAGE:
        sample(s, TT_M_ws_msgs_received, 1, tt_now_ns());
        tell(s, m->binary ? TT_WS_EV_BINARY : TT_WS_EV_MESSAGE, m->data, m->len, 0);
        break;
    case TT_WS_GOT_PING:
        if (s->state == TT_WS_OPEN)
            put_frame(s, TT_WS_PONG, m->data, m->len);
        tell(s, TT_WS_EV_PING, m->data, m->len, 0);
        break;
    case TT_WS_GOT_PONG:
        ponged(s, m);
        break;
    case TT_WS_GOT_CLOSE:
        closed_by_peer(s, m);
        break;
    case TT_WS_GOT_ERROR:
        broke_protocol(s, m);
        break;
    case TT_WS_GOT_NOTHING:
        break;
    }
}

static void take_bytes(struct tt_ws_socket *s, const char *p, size_t n)
{
    size_t used = 0;
    if (s->state == TT_WS_CONNECTING) {
        enum tt_ws_answer a =
            tt_ws_response_read(&s->hs->response, p, n, s->hs->key, s->hs->subprotocols, &used);
        p += used;
        n -= used;
        answer(s, a);
    }
    while (s->state == TT_WS_OPEN || s->state == TT_WS_CLOSING) {
        struct tt_ws_message m = tt_ws_read(&s->reader, p, n, &used);
        p += used;
        n -= used;
        if (m.kind == TT_WS_GOT_NOTHING)
            break;
        take_message(s, &m);
    }
}

/* --- the connection's callbacks ----------------------------------------------------------------
 */

static void ended(struct tt_ws_socket *s)
{
    if (s->state == TT_WS_CONNECTING) {
        enum tt_ws_answer a = tt_ws_response_eof(&s->hs->response);
        if (a == TT_WS_REFUSED || s->hs->response.status)
            answer(s, a == TT_WS_REFUSED ? a : TT_WS_BAD);
        else
            refuse(s, "connect", 1000, "the server closed the connection before it answered");
        return;
    }
    lost(s, "the connection ended without a Close");
}

static void on_readable(struct tt_conn *c)
{
    struct tt_ws_socket *s = c->owner;
    size_t got;
    tt_ws_ref(s);
    while (!s->conn_closed && !s->reading_paused) {
        enum tt_conn_result r = tt_conn_read(c, s->engine->read, TT_WS_READ_BYTES, &got);
        if (r == TT_CONN_AGAIN)
            break;
        if (r == TT_CONN_EOF)
            ended(s);
        else if (r == TT_CONN_FAILED)
            c->events->failed(c);
        else
            take_bytes(s, s->engine->read, got); /* to nowhere when it only lingers */
        if (r != TT_CONN_DONE)
            break;
    }
    count_bytes(s);
    tt_ws_unref(s);
}

static void on_drained(struct tt_conn *c)
{
    struct tt_ws_socket *s = c->owner;
    count_bytes(s);
    if (s->owner)
        s->owner->drained(s);
}

static void on_failed(struct tt_conn *c)
{
    struct tt_ws_socket *s = c->owner;
    if (s->state == TT_WS_CONNECTING)
        refuse(s, "connect", c->error.code, c->error.text);
    else
        lost(s, c->error.text);
}

static const struct tt_conn_events conn_events = {on_opened, on_readable, on_drained, on_failed};

static void on_timer(struct tt_timer *t)
{
    struct tt_ws_socket *s =
        (struct tt_ws_socket *)(void *)((char *)t - offsetof(struct tt_ws_socket, timer));
    if (s->state == TT_WS_CONNECTING)
        refuse(s, "timeout", s->conn.at.connected ? 1050 : 1211,
               s->conn.at.connected ? "the handshake was not answered in time (params.timeout)"
                                    : "no connection in time (params.timeout)");
    else
        lost(s, "the peer did not answer our Close");
}

/* --- the owner's calls -------------------------------------------------------------------------
 */

struct tt_ws_socket *tt_ws_open(struct tt_ws_engine *e, struct tt_vu *vu,
                                const struct tt_ws_config *c, const struct tt_ws_owner *owner,
                                void *owner_data, struct tt_err *err)
{
    const char *why = "";
    struct tt_ws_socket *s = tt_xcalloc(1, sizeof *s);
    s->conn_closed = true;
    s->refs = 1;
    s->engine = e;
    s->url = tt_xstrdup(c->url);
    s->hs = tt_xcalloc(1, sizeof *s->hs);
    tt_ws_response_init(&s->hs->response);
    tt_buf_init(&s->hs->http_url, 64 * 1024);
    tt_buf_init(&s->body, 0);
    tt_ws_reader_init(&s->reader, c->max_message_bytes);
    if (!tt_ws_url(c->url, c->url_len, &s->hs->http_url, &s->hs->url, &why)) {
        tt_err_set(err, 0, "bad URL '%s': %s", c->url, why);
        tt_ws_unref(s);
        return NULL;
    }
    if (!tt_ws_engine_ready(e, s->hs->url.https, err)) {
        tt_ws_unref(s);
        return NULL;
    }
    s->hs->lines = tt_xstrdup(c->lines);
    s->hs->subprotocols = c->subprotocols ? tt_xstrdup(c->subprotocols) : NULL;
    s->keep = c->keep;
    s->vu = vu;
    s->tags = c->tags;
    s->owner = owner;
    s->owner_data = owner_data;
    s->started_ns = tt_now_ns();
    s->conn_closed = false;
    s->refs++;
    s->next = e->live;
    if (e->live)
        e->live->prev = s;
    e->live = s;
    tt_timer_init(&s->timer, on_timer);
    tt_timer_start(e->w->loop, &s->timer, s->started_ns + c->timeout_ns);
    char *host = tt_xmalloc(s->hs->url.host.n + 1);
    memcpy(host, s->hs->url.host.p, s->hs->url.host.n);
    host[s->hs->url.host.n] = '\0';
    const struct tt_conn_target target = {
        .host = host, .port = s->hs->url.port, .tls = s->hs->url.https ? e->tls : NULL};
    tt_conn_open(&s->conn, e->net, &target, &conn_events, s);
    tt_free(host);
    return s;
}

bool tt_ws_send(struct tt_ws_socket *s, enum tt_ws_opcode op, const char *p, size_t n)
{
    if (s->state != TT_WS_OPEN || !put_frame(s, op, p, n))
        return false;
    sample(s, TT_M_ws_msgs_sent, 1, tt_now_ns());
    return true;
}

bool tt_ws_ping(struct tt_ws_socket *s, const char *data, size_t n)
{
    if (s->state != TT_WS_OPEN)
        return false;
    struct tt_ws_ping *p = tt_xcalloc(1, sizeof *p), **end = &s->pings;
    if (data) {
        p->len = n < sizeof p->data ? n : sizeof p->data;
        memcpy(p->data, data, p->len);
    } else {
        p->len =
            (size_t)snprintf(p->data, sizeof p->data, "%llu", (unsigned long long)s->pings_made++);
    }
    while (*end)
        end = &(*end)->next;
    *end = p;
    p->sent_ns = tt_now_ns();
    return put_frame(s, TT_WS_PING, p->data, p->len);
}

void tt_ws_close(struct tt_ws_socket *s, unsigned code, const char *reason, size_t n)
{
    if (s->state != TT_WS_OPEN)
        return;
    s->state = TT_WS_CLOSING;
    put_close(s, code, reason, n);
    tt_ws_pause(s, false);
    tt_timer_start(s->engine->w->loop, &s->timer, tt_now_ns() + CLOSE_WAIT_NS);
}

void tt_ws_detach(struct tt_ws_socket *s, bool sampled)
{
    if (!sampled)
        s->vu = NULL;
    tt_ws_ref(s);
    if (s->state == TT_WS_OPEN)
        put_close(s, 1001, NULL, 0);
    bool linger = s->state == TT_WS_OPEN || s->state == TT_WS_CLOSING;
    if (linger) {
        s->reading_paused = false;
        finish(s, 1001, NULL, 0, true);
    } else if (s->state == TT_WS_CONNECTING) {
        refuse(s, "closed", 0, "the iteration ended before the handshake was answered");
    }
    s->vu = NULL;
    s->owner = NULL;
    tt_ws_unref(s);
}

void tt_ws_drop(struct tt_ws_socket *s)
{
    s->owner = NULL;
    s->vu = NULL;
    s->state = TT_WS_CLOSED;
    close_conn(s);
}

void tt_ws_pause(struct tt_ws_socket *s, bool pause)
{
    if (s->reading_paused == pause || s->conn_closed)
        return;
    s->reading_paused = pause;
    tt_conn_want_read(&s->conn, !pause);
}

size_t tt_ws_buffered(const struct tt_ws_socket *s)
{
    return s->conn_closed ? 0 : tt_conn_queued(&s->conn);
}
