/* SPDX-License-Identifier: MIT */
/* A client's connection: bytes in and out, plain or over TLS, and the states that a request goes
 * through. A connection is destroyed at once but freed when its uv handles have closed, so callers
 * up the stack may still look at `dead`. Server's thread. */
#include "base/clock.h"
#include "base/memory.h"
#include "serve/serve_int.h"
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINGER_NS = 1000000000, READS_PER_EVENT = 8 };

static void on_closed(uv_handle_t *h)
{
    struct tt_client *c = h->data;
    if (--c->handles)
        return;
    tt_buf_fini(&c->in);
    tt_buf_fini(&c->out);
    tt_free(c);
}

/* Everything but the socket itself. */
static void detach(struct tt_client *c)
{
    struct tt_server *s = c->server;
    c->dead = true;
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    tt_timer_stop(s->loop, &c->timer);
    uv_poll_stop(&c->poll);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    if (c->pair_fd >= 0) {
        uv_poll_stop(&c->pair_poll);
        uv_close((uv_handle_t *)&c->pair_poll, on_closed);
        close(c->pair_fd);
    }
    SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->x.pending && s->config.handler->gone) {
        c->x.pending = false;
        s->config.handler->gone(&c->x, s->config.user);
    }
    tt__exchange_fini(&c->x);
}

void tt__client_destroy(struct tt_client *c, bool reset)
{
    if (c->dead)
        return;
    detach(c);
    if (reset) {
        const struct linger now = {.l_onoff = 1};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(c->fd);
    c->fd = -1;
}

int tt__client_release(struct tt_client *c)
{
    int fd = c->fd;
    detach(c);
    c->fd = -1;
    return fd;
}

/* --- writing */

static void linger(struct tt_client *c)
{
    if (c->ssl)
        SSL_shutdown(c->ssl);
    shutdown(c->fd, SHUT_WR);
    c->state = TT__LINGER;
    tt_buf_clear(&c->in);
    tt_timer_start(c->server->loop, &c->timer, tt_loop_now(c->server->loop) + LINGER_NS);
    if (c->eof)
        tt__client_destroy(c, false);
}

/* Bytes taken, 0 = not now, -1 = broken. */
static ssize_t put(struct tt_client *c, const char *p, size_t n)
{
    if (!c->ssl) {
        ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
        return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
    }
    ERR_clear_error();
    int sent = SSL_write(c->ssl, p, n > 16384 ? 16384 : (int)n);
    if (sent > 0)
        return sent;
    int e = SSL_get_error(c->ssl, sent);
    return e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ ? 0 : -1;
}

static void flush(struct tt_client *c)
{
    while (c->out_at < c->out.len) {
        ssize_t sent = put(c, c->out.data + c->out_at, c->out.len - c->out_at);
        if (sent < 0) {
            tt__client_destroy(c, false);
            return;
        }
        if (sent == 0)
            break;
        c->out_at += (size_t)sent;
    }
    if (c->out_at == c->out.len) {
        tt_buf_clear(&c->out);
        c->out_at = 0;
        /* an answer that is still to come keeps it open, as long as there is somebody to read it */
        if (c->close_after && c->state != TT__LINGER && (!c->x.pending || c->eof))
            linger(c);
    }
    if (!c->dead)
        tt__client_poll(c);
}

void tt__client_write(struct tt_client *c, const void *p, size_t n)
{
    if (c->dead)
        return;
    if (c->out_at > TT__SCRATCH) {
        tt_buf_consume(&c->out, c->out_at);
        c->out_at = 0;
    }
    tt_buf_append(&c->out, p, n);
    if (c->state != TT__HANDSHAKE)
        flush(c);
}

void tt__client_finish(struct tt_client *c)
{
    c->close_after = true;
    flush(c);
}

/* --- reading */

static void bad_request(struct tt_client *c, int status)
{
    struct tt_buf head;
    tt_buf_init(&head, 512);
    tt_buf_printf(&head, "HTTP/1.1 %d %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", status,
                  tt_status_text(status));
    tt_buf_clear(&c->in);
    c->state = TT__ANSWERING;
    c->close_after = true;
    tt__client_write(c, head.data, head.len);
    tt_buf_fini(&head);
}

/* These return false when more bytes are needed. */
static bool advance_head(struct tt_client *c)
{
    size_t used = 0;
    int status;
    if (!c->in.len)
        return false;
    enum tt_parse r = tt_http_request_parse(&c->x.req, c->in.data, c->in.len, &used, &status);
    if (r == TT_PARSE_BAD)
        bad_request(c, status);
    if (r != TT_PARSE_DONE)
        return false;
    tt_buf_consume(&c->in, used);
    tt_buf_clear(&c->x.body);
    c->x.body_too_large = !c->x.req.chunked && c->x.req.content_length > c->server->config.body_max;
    memset(&c->chunked, 0, sizeof c->chunked);
    c->state = TT__BODY;
    bool has_body = c->x.req.chunked || c->x.req.content_length;
    if (c->x.req.expects_continue && has_body && !c->x.body_too_large && !c->in.len)
        tt__client_write(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    return true;
}

static bool advance_body(struct tt_client *c)
{
    struct tt_exchange *x = &c->x;
    if (x->req.chunked) {
        size_t used = 0;
        enum tt_parse r = tt_chunked_take(&c->chunked, c->in.data, c->in.len, &x->body, &used,
                                          &x->body_too_large);
        tt_buf_consume(&c->in, used);
        if (r == TT_PARSE_MORE)
            return false;
        if (r == TT_PARSE_BAD && !x->body_too_large) {
            tt_http_request_fini(&x->req);
            bad_request(c, 400);
            return false;
        }
    } else if (!x->body_too_large) {
        size_t need = (size_t)x->req.content_length - x->body.len;
        size_t take = c->in.len < need ? c->in.len : need;
        tt_buf_append(&x->body, c->in.data, take);
        tt_buf_consume(&c->in, take);
        if (take < need)
            return false;
    }
    if (x->body_too_large)
        c->close_after = true; /* the rest of the body is not read */
    tt__exchange_begin(c);
    return true;
}

void tt__client_advance(struct tt_client *c)
{
    if (c->advancing)
        return;
    c->advancing = true;
    bool more = true;
    while (more && !c->dead)
        more = c->state == TT__HEAD   ? advance_head(c)
               : c->state == TT__BODY ? advance_body(c)
                                      : false;
    c->advancing = false;
}

static void input(struct tt_client *c, const char *p, size_t n)
{
    if (c->state == TT__LINGER)
        return;
    if (c->state == TT__ANSWERING && c->close_after)
        return; /* what is left of a body that was too large */
    if (c->in.len + n > TT__IN_MAX && c->state != TT__RELAY) {
        tt__client_destroy(c, true); /* pipelines without reading answers */
        return;
    }
    tt_buf_append(&c->in, p, n);
    if (c->state == TT__RELAY)
        tt__relay_input(c);
    else
        tt__client_advance(c);
}

/* Bytes read, 0 = end, -1 = not now, -2 = broken. */
static ssize_t get(struct tt_client *c, char *p, size_t n)
{
    if (!c->ssl) {
        ssize_t got = recv(c->fd, p, n, 0);
        return got >= 0 ? got : errno == EAGAIN || errno == EINTR ? -1 : -2;
    }
    ERR_clear_error();
    int got = SSL_read(c->ssl, p, (int)n);
    if (got > 0)
        return got;
    switch (SSL_get_error(c->ssl, got)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return -2;
    }
}

static void end_of_input(struct tt_client *c)
{
    c->eof = true;
    if (c->out_at < c->out.len && c->state != TT__RELAY)
        c->close_after = true;
    else
        tt__client_destroy(c, false);
}

static void read_some(struct tt_client *c)
{
    for (int i = 0; (i < READS_PER_EVENT || c->ssl) && !c->dead && !c->eof; i++) {
        ssize_t got = get(c, c->server->scratch, TT__SCRATCH);
        if (got == -1)
            return;
        if (got == -2)
            tt__client_destroy(c, false);
        else if (got == 0)
            end_of_input(c);
        else
            input(c, c->server->scratch, (size_t)got);
        if (got > 0 && (size_t)got < TT__SCRATCH && !c->ssl)
            return;
    }
}

static bool handshake(struct tt_client *c)
{
    ERR_clear_error();
    int r = SSL_accept(c->ssl);
    if (r == 1) {
        c->state = TT__HEAD;
        return true;
    }
    int e = SSL_get_error(c->ssl, r);
    c->ssl_wants_write = e == SSL_ERROR_WANT_WRITE;
    if (e != SSL_ERROR_WANT_WRITE && e != SSL_ERROR_WANT_READ)
        tt__client_destroy(c, false);
    else
        tt__client_poll(c);
    return false;
}

static void on_event(uv_poll_t *h, int status, int events)
{
    struct tt_client *c = h->data;
    if (status < 0) {
        tt__client_destroy(c, false);
        return;
    }
    if (c->state == TT__HANDSHAKE && !handshake(c))
        return;
    if (events & UV_READABLE)
        read_some(c);
    if (!c->dead)
        flush(c);
}

void tt__client_poll(struct tt_client *c)
{
    if (c->state == TT__RELAY)
        tt__relay_poll(c);
    bool full = c->state == TT__RELAY && c->in.len > TT__RELAY_HIGH;
    bool write = c->ssl_wants_write || (c->out_at < c->out.len && c->state != TT__HANDSHAKE);
    int events = (full || c->eof ? 0 : UV_READABLE) | (write ? UV_WRITABLE : 0);
    if (events == c->events)
        return;
    c->events = events;
    if (events)
        uv_poll_start(&c->poll, events, on_event);
    else
        uv_poll_stop(&c->poll);
}

static void on_linger_end(struct tt_timer *t)
{
    struct tt_client *c = (struct tt_client *)((char *)t - offsetof(struct tt_client, timer));
    tt__client_destroy(c, false);
}

void tt__client_new(struct tt_server *s, int fd, const char *peer, unsigned peer_port)
{
    struct tt_client *c = tt_xcalloc(1, sizeof *c);
    c->server = s;
    c->fd = fd;
    c->pair_fd = -1;
    c->state = s->tls ? TT__HANDSHAKE : TT__HEAD;
    if (s->tls) {
        c->ssl = SSL_new(s->tls);
        SSL_set_fd(c->ssl, fd);
    }
    tt_buf_init(&c->in, SIZE_MAX);
    tt_buf_init(&c->out, SIZE_MAX);
    c->x = (struct tt_exchange){.server = s, .conn = c, .peer_port = peer_port, .secure = s->tls};
    strncat(c->x.peer, peer, sizeof c->x.peer - 1);
    tt_buf_init(&c->x.body, s->config.body_max);
    tt_buf_init(&c->x.headers, TT_HEAD_MAX * 4);
    tt_timer_init(&c->timer, on_linger_end);
    c->next = s->conns;
    if (c->next)
        c->next->prev = c;
    s->conns = c;
    uv_poll_init(tt_loop_uv(s->loop), &c->poll, fd);
    c->poll.data = c;
    c->handles = 1;
    tt__client_poll(c);
}
