/* SPDX-License-Identifier: MIT */
/* HTTP/1.1 over connections of our own, plain and TLS, without a library: libcurl costs 2.4 times
 * as much CPU per request as wrk does, this 1.3. Worker thread.
 *
 * A VU's session holds its idle connections, newest first. They stay watched, so that one that the
 * server closes is dropped at once. A request that fails on a reused connection before a byte came
 * back may have met a server that was just closing it: it is sent once more where that is harmless,
 * by the rules of Go's client. A request is one writev, its answer usually one recv into a buffer
 * that all connections share. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "net/tls.h"
#include "proto/http/body.h"
#include "proto/http/h1_reader.h"
#include "proto/http/h1_request.h"
#include "proto/http/h1_upload.h"
#include <string.h>

enum { READ_BYTES = 64 * 1024 };

struct transport {
    struct tt_loop *loop;
    const struct tt_options *opt;
    struct tt_resolver *resolver; /* for addresses: names are looked up by the engine */
    struct tt_net *net;
    struct tt_tls_profile *tls; /* NULL until https is asked for */
    struct tt_http_idle_limits idle;
    struct tt_buf out; /* the head of the request that is being written */
    char in[READ_BYTES], piece[TT_H1_PIECE];
};

/* A session's connection. */
struct link {
    struct tt_conn conn;
    struct transport *t;
    struct session *session;
    struct tt_http_exchange *x; /* NULL: idle */
    struct link *prev, *next;   /* among the idle */
    struct tt_timer timer;      /* of idle_timeout */
    struct tt_h1_reader reader;
    struct tt_h1_upload upload;
    uint64_t sent_before, received_before;
    uint32_t retransmits;       /* those that earlier requests were told of */
    bool https, reused, closes; /* closes: the request says that it is the last */
    size_t n;
    char authority[]; /* n bytes */
};

struct session {
    struct link *newest, *oldest;
    size_t n;
};

static void begin(struct transport *t, struct session *s, struct tt_http_exchange *x);

static struct session *session_of(struct tt_http_session *s)
{
    return (struct session *)(void *)s;
}

/* --- idle connections ---------------------------------------------------------------------------
 */

static void unlink_idle(struct link *k)
{
    struct session *s = k->session;
    *(k->prev ? &k->prev->next : &s->newest) = k->next;
    *(k->next ? &k->next->prev : &s->oldest) = k->prev;
    k->prev = k->next = NULL;
    tt_timer_stop(k->t->loop, &k->timer);
    s->n--;
}

static void link_close(struct link *k)
{
    tt_conn_close(&k->conn, false);
    tt_free(k);
}

static void drop_idle(struct link *k)
{
    unlink_idle(k);
    link_close(k);
}

static void on_idle_timeout(struct tt_timer *t)
{
    drop_idle((struct link *)((char *)t - offsetof(struct link, timer)));
}

static bool same_host(const struct link *k, bool https, struct tt_slice authority)
{
    return k->https == https && k->n == authority.n &&
           tt_strnieq(k->authority, authority.p, authority.n);
}

/* The oldest go, first of k's host, where its limit is reached. */
static void make_room(const struct link *k)
{
    const struct session *s = k->session;
    const struct tt_http_idle_limits *limits = &k->t->idle;
    const struct tt_slice authority = {k->authority, k->n};
    struct link *oldest = NULL;
    size_t n = 0;
    if (s->n >= limits->per_host) {
        for (struct link *i = s->newest; i; i = i->next)
            if (same_host(i, k->https, authority)) {
                oldest = i;
                n++;
            }
        if (n >= limits->per_host)
            drop_idle(oldest);
    }
    if (s->n >= limits->total)
        drop_idle(s->oldest);
}

static void keep(struct link *k)
{
    struct session *s = k->session;
    const struct tt_http_idle_limits *limits = &k->t->idle;
    make_room(k);
    if (limits->timeout_ns)
        tt_timer_start(k->t->loop, &k->timer, tt_now_ns() + limits->timeout_ns);
    k->next = s->newest;
    *(k->next ? &k->next->prev : &s->oldest) = k;
    s->newest = k;
    s->n++;
}

static struct link *take_idle(struct session *s, bool https, struct tt_slice authority)
{
    struct link *k = s->newest;
    while (k && !same_host(k, https, authority))
        k = k->next;
    if (k)
        unlink_idle(k);
    return k;
}

/* --- the end of an exchange ---------------------------------------------------------------------
 */

static void take_tcp_info(struct link *k)
{
    struct tt_http_exchange *x = k->x;
    x->has_tcp = tt_tcp_info(tt_conn_fd(&k->conn), &x->tcp);
    if (!x->has_tcp)
        return;
    const uint32_t all = x->tcp.retransmits;
    x->tcp.retransmits -= k->retransmits;
    k->retransmits = all;
}

/* Takes the exchange off its connection. */
static struct tt_http_exchange *detach(struct link *k)
{
    struct tt_http_exchange *x = k->x;
    x->sent_bytes += k->conn.sent_bytes - k->sent_before;
    x->received_bytes += k->conn.received_bytes - k->received_before;
    if (k->t->opt && k->t->opt->tcp_info)
        take_tcp_info(k);
    x->carrier = NULL;
    k->x = NULL;
    return x;
}

static void finish(struct link *k, bool reusable)
{
    struct tt_http_exchange *x = detach(k);
    x->at.end = tt_now_ns();
    if (reusable)
        keep(k);
    else
        link_close(k);
    x->done(x); /* may start another on k */
}

static void fail(struct link *k, int code, const char *text)
{
    tt_http_error_set(&k->x->error, code, text);
    finish(k, false);
}

/* May it be sent once more, nothing having come back? net/http's rules: when nothing was written,
 * or when it may be repeated by its method or by a key that says so. */
static bool repeatable(const struct link *k)
{
    const struct tt_http_exchange *x = k->x;
    if (!k->reused || x->at.first_byte)
        return false;
    if (k->conn.sent_bytes != k->sent_before && !tt_h1_request_repeatable(x))
        return false;
    return tt_h1_upload_rewind(&k->upload);
}

/* The connection has ended before its answer had. */
static void broken(struct link *k)
{
    const struct tt_conn_error *e = &k->conn.error;
    if (repeatable(k)) {
        struct transport *t = k->t;
        struct session *s = k->session;
        struct tt_http_exchange *x = detach(k);
        x->at.ready = x->at.sent = 0;
        link_close(k);
        begin(t, s, x);
    } else if (!e->code) {
        fail(k, TT_HTTP_E_OTHER, k->reader.error);
    } else if (e->sys) {
        enum tt_http_op op = e->writing ? TT_HTTP_OP_WRITE : TT_HTTP_OP_READ;
        tt_http_error_syscall(&k->x->error, k->conn.at.connected ? op : TT_HTTP_OP_DIAL, e->sys);
        finish(k, false);
    } else {
        fail(k, e->code, e->text);
    }
}

/* --- sending ------------------------------------------------------------------------------------
 */

/* Sends on, as far as the connection takes it. */
static void pump(struct link *k)
{
    switch (tt_h1_upload_pump(&k->upload, &k->conn, k->t->piece)) {
    case TT_H1_PUMPED:
        if (k->upload.complete && !tt_conn_queued(&k->conn))
            k->x->at.sent = tt_now_ns();
        break;
    case TT_H1_PUMP_FAILED:
        break;
    case TT_H1_PUMP_SHORT:
        fail(k, TT_HTTP_E_OTHER, "the request's body ended before its length");
        break;
    }
}

static void send_request(struct link *k)
{
    struct transport *t = k->t;
    struct tt_http_exchange *x = k->x;
    const struct tt_h1_own own = {
        .user_agent = t->opt ? t->opt->user_agent : NULL,
        .closes = t->opt && t->opt->no_connection_reuse,
    };
    tt_buf_clear(&t->out);
    if (!tt_h1_request_put(&t->out, x, &own, &k->closes)) {
        fail(k, TT_HTTP_E_BAD_URL, "invalid URL: too long");
        return;
    }
    tt_h1_reader_init(&k->reader, &x->head, strcmp(x->method, "HEAD") == 0);
    k->sent_before = k->conn.sent_bytes;
    k->received_before = k->conn.received_bytes;
    x->at.ready = tt_now_ns();
    tt_h1_upload_begin(&k->upload, x, &t->out);
    pump(k);
}

static void take_peer(struct link *k)
{
    struct tt_http_exchange *x = k->x;
    memcpy(x->remote_ip, k->conn.remote_ip, sizeof x->remote_ip);
    x->remote_port = k->conn.remote_port;
}

/* --- receiving ----------------------------------------------------------------------------------
 */

static void complete(struct link *k, bool left_over)
{
    struct tt_http_exchange *x = k->x;
    bool all_sent = k->upload.complete && !tt_conn_queued(&k->conn);
    bool ok = tt_http_body_end(x);
    finish(k, ok && k->reader.reusable && all_sent && !k->closes && !left_over);
}

static void refuse(struct link *k)
{
    if (k->reader.error == tt_h1_too_large)
        tt_http_error_set(&k->x->error, TT_HTTP_E_TOO_LARGE, "response headers too large");
    else
        tt_http_error_malformed(&k->x->error, k->reader.error);
    finish(k, false);
}

static void first_byte(struct link *k)
{
    k->x->at.first_byte = tt_now_ns();
    tt_conn_tls_info(&k->conn, &k->x->tls);
}

/* False: the exchange is over. */
static bool take(struct link *k, const char *p, size_t n)
{
    struct tt_http_exchange *x = k->x;
    struct tt_slice part;
    size_t at = 0;
    if (!x->at.first_byte)
        first_byte(k);
    for (;;) {
        switch (tt_h1_read(&k->reader, p, n, &at, &part)) {
        case TT_H1_MORE:
            return true;
        case TT_H1_HEAD:
            x->sets_cookies = k->reader.sets_cookies;
            break;
        case TT_H1_BODY:
            if (tt_http_body_put(x, part.p, part.n))
                break;
            finish(k, false);
            return false;
        case TT_H1_DONE:
            complete(k, at < n);
            return false;
        case TT_H1_BAD:
            refuse(k);
            return false;
        }
    }
}

static void on_readable(struct tt_conn *c)
{
    struct link *k = c->owner;
    struct transport *t = k->t;
    for (;;) {
        size_t got;
        enum tt_conn_result r = tt_conn_read(c, t->in, sizeof t->in, &got);
        if (r == TT_CONN_AGAIN)
            return;
        if (!k->x) { /* the end, or something that nobody asked for */
            drop_idle(k);
            return;
        }
        if (r == TT_CONN_DONE) {
            if (!take(k, t->in, got))
                return;
            if (tt_http_body_full(k->x)) {
                tt_conn_want_read(c, false);
                return;
            }
        } else {
            if (r == TT_CONN_EOF && tt_h1_end(&k->reader) == TT_H1_DONE)
                complete(k, true);
            else
                broken(k);
            return;
        }
    }
}

static void on_opened(struct tt_conn *c)
{
    struct link *k = c->owner;
    k->x->at.connect_ns = c->at.connected - c->at.begin;
    if (k->https)
        k->x->at.tls_ns = c->at.secured - c->at.connected;
    take_peer(k);
    send_request(k);
}

static void on_drained(struct tt_conn *c)
{
    struct link *k = c->owner;
    if (k->x)
        pump(k);
}

static void on_failed(struct tt_conn *c)
{
    struct link *k = c->owner;
    if (k->x)
        broken(k);
    else
        drop_idle(k);
}

static const struct tt_conn_events events = {on_opened, on_readable, on_drained, on_failed};

/* --- exchanges ----------------------------------------------------------------------------------
 */

static void attach(struct link *k, struct tt_http_exchange *x)
{
    k->x = x;
    x->carrier = k;
}

static void dial(struct transport *t, struct session *s, struct tt_http_exchange *x,
                 struct tt_slice authority)
{
    char host[256], name[256];
    uint16_t port = x->https ? 443 : 80;
    struct tt_conn_target target = {.host = host, .port = port, .local = x->local};
    struct link *k = tt_xcalloc(1, sizeof *k + authority.n);
    k->t = t;
    k->session = s;
    k->https = x->https;
    tt_timer_init(&k->timer, on_idle_timeout);
    k->n = authority.n;
    memcpy(k->authority, authority.p, authority.n);
    attach(k, x);
    struct tt_slice where = authority;
    if (x->connect_to[0])
        where = (struct tt_slice){x->connect_to, strlen(x->connect_to)};
    tt_h1_split_authority(where, host, sizeof host, &target.port);
    if (x->https) {
        tt_h1_split_authority(authority, name, sizeof name, &port);
        target.server_name = name;
        target.tls = t->tls;
    }
    tt_conn_open(&k->conn, t->net, &target, &events, k);
}

static void begin(struct transport *t, struct session *s, struct tt_http_exchange *x)
{
    struct tt_slice authority = tt_h1_authority(x->url);
    bool fresh = t->opt && t->opt->no_connection_reuse;
    struct link *k = fresh ? NULL : take_idle(s, x->https, authority);
    if (!k) {
        dial(t, s, x, authority);
        return;
    }
    k->reused = true;
    attach(k, x);
    take_peer(k);
    send_request(k);
}

/* False: the exchange has ended, because the options have no usable TLS in them. */
static bool has_tls(struct transport *t, struct tt_http_exchange *x)
{
    struct tt_err err = {0};
    if (!t->tls)
        t->tls = tt_tls_profile_new(t->opt, &err);
    if (t->tls)
        return true;
    tt_http_error_set(&x->error, TT_HTTP_E_TLS, err.text);
    x->at.end = tt_now_ns();
    x->done(x);
    return false;
}

static void h1_start(void *self, struct tt_http_session *s, struct tt_http_exchange *x)
{
    if (!x->https || has_tls(self, x))
        begin(self, session_of(s), x);
}

static void h1_cancel(void *self, struct tt_http_exchange *x)
{
    struct link *k = x->carrier;
    (void)self;
    if (!k)
        return;
    detach(k);
    x->at.end = tt_now_ns();
    link_close(k);
}

static void h1_resume(void *self, struct tt_http_exchange *x)
{
    struct link *k = x->carrier;
    (void)self;
    if (!k)
        return;
    tt_conn_want_read(&k->conn, true);
    if (k->upload.starved)
        pump(k);
}

static bool h1_dialled(void *self, const struct tt_http_exchange *x)
{
    const struct link *k = x->carrier;
    (void)self;
    return k && k->conn.at.connected;
}

/* --- the transport ------------------------------------------------------------------------------
 */

static void *h1_open(struct tt_loop *loop, const struct tt_options *opt, struct tt_err *err)
{
    struct transport *t = tt_xcalloc(1, sizeof *t);
    (void)err;
    t->loop = loop;
    t->opt = opt;
    t->idle = tt_http_idle_limits_of(opt);
    t->resolver = tt_resolver_new(loop, NULL);
    t->net = tt_net_new(loop, t->resolver);
    tt_buf_init(&t->out, TT_H1_REQUEST_MAX);
    return t;
}

static void h1_close(void *self)
{
    struct transport *t = self;
    tt_net_free(t->net);
    tt_tls_profile_free(t->tls);
    tt_resolver_free(t->resolver);
    tt_buf_fini(&t->out);
    tt_free(t);
}

static struct tt_http_session *h1_session_new(void *self)
{
    (void)self;
    struct session *s = tt_xcalloc(1, sizeof *s);
    return (struct tt_http_session *)(void *)s;
}

static void h1_session_free(void *self, struct tt_http_session *session)
{
    struct session *s = session_of(session);
    (void)self;
    while (s->newest)
        drop_idle(s->newest);
    tt_free(s);
}

const struct tt_http_transport tt_http_h1_transport = {
    .name = "h1",
    .open = h1_open,
    .close = h1_close,
    .session_new = h1_session_new,
    .session_free = h1_session_free,
    .start = h1_start,
    .cancel = h1_cancel,
    .resume = h1_resume,
    .dialled = h1_dialled,
};
