/* SPDX-License-Identifier: MIT */
/* A connection's life: look-up, dialling the addresses in turn, the TLS handshake, events, the end.
 * Worker thread.
 *
 * Readable stays watched from the opening on, writable only while something is queued. A socket's
 * pending error comes as an event; the bytes that came before it are still read first.
 *
 * Any callback may close the connection. Whoever calls the owner asks call()'s result before it
 * touches the connection again. */
#include "net/conn.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "net/conn_int.h"
#include "net/curl_loop.h"
#include "net/poller.h"
#include "net/source.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_QUEUED_BYTES ((size_t)256 << 20)
enum { STORM = 256 }; /* TLS handshakes at a time */

struct tt_net {
    struct tt_loop *loop;
    struct tt_resolver *resolver;
    struct tt_poller *poller;
    struct tt_curl *curl; /* for proxies; NULL: none was wanted yet */
    size_t open;
    size_t securing, most_securing; /* TLS handshakes under way; the most of this storm */
};

/* Needed until the connection is open. */
struct tt__dial {
    struct tt_lookup lookup;
    struct tt_conn_int *in;
    const struct tt_tls_profile *tls;
    char *host, *server_name;
    struct tt_tls_sessions *sessions; /* counted */
    uint16_t port;
    struct tt_ip local;
    bool has_local;
    struct tt_address *addrs;
    size_t n, at;
};

static void on_events(void *owner, int events);

struct tt_net *tt_net_new(struct tt_loop *loop, struct tt_resolver *resolver)
{
    struct tt_net *n = tt_xcalloc(1, sizeof *n);
    n->loop = loop;
    n->resolver = resolver;
    n->poller = tt_poller_new(loop, on_events);
    return n;
}

void tt_net_free(struct tt_net *n)
{
    if (!n)
        return;
    TT_ASSERT(n->open == 0 && n->securing == 0);
    tt_poller_free(n->poller);
    tt_curl_free(n->curl);
    tt_free(n);
}

struct tt_loop *tt__net_loop(const struct tt_net *n)
{
    return n->loop;
}

/* --- errors ---------------------------------------------------------------------------------- */

void tt__conn_error(struct tt_conn *c, int code, const char *fmt, ...)
{
    va_list ap;
    if (c->error.code)
        return; /* the first is the cause */
    c->error.code = code;
    va_start(ap, fmt);
    vsnprintf(c->error.text, sizeof c->error.text, fmt, ap);
    va_end(ap);
}

static const char *path_of(const struct tt_conn *c)
{
    return c->in && c->in->dial && c->in->dial->addrs
               ? ((const struct sockaddr_un *)(const void *)&c->in->dial->addrs->sa)->sun_path
               : "socket";
}

void tt__conn_error_sys(struct tt_conn *c, const char *op, int err)
{
    bool dial = tt_streq(op, "connect") || tt_streq(op, "socket") || tt_streq(op, "bind");
    bool six = strchr(c->remote_ip, ':');
    char text[96], where[TT_CONN_UNIX_PATH_MAX + 8];
    int code = dial ? 1213 : 1200;
    if (c->error.code)
        return;
    if (c->remote_ip[0])
        snprintf(where, sizeof where, six ? "tcp [%s]:%u" : "tcp %s:%u", c->remote_ip,
                 (unsigned)c->remote_port);
    else
        snprintf(where, sizeof where, "unix %s", path_of(c));
    uv_strerror_r(-err, text, sizeof text); /* "connection refused": lower case, any C library */
    if (err == ECONNREFUSED)
        code = 1212;
    else if (err == ECONNRESET)
        code = 1220;
    else if (err == EPIPE)
        code = 1201;
    if (err == ETIMEDOUT && dial)
        tt__conn_error(c, 1211, "dial %s: i/o timeout", where);
    else if (dial)
        tt__conn_error(c, code, "dial %s: %s: %s", where, op, text);
    else
        tt__conn_error(c, code, "%s %s: %s", op, where, text);
    c->error.sys = err;
    c->error.writing = tt_streq(op, "write");
}

/* --- watching -------------------------------------------------------------------------------- */

/* 0, or an errno. */
static int watch(struct tt_conn_int *in)
{
    int want = 0;
    if (in->sock.fd < 0)
        return 0;
    if (in->state == TT__CONN_CONNECTING)
        want = TT_POLL_WRITE;
    else if (in->state == TT__CONN_SECURING)
        want = TT_POLL_READ | (SSL_want_write(in->ssl) ? TT_POLL_WRITE : 0);
    else if (in->state == TT__CONN_OPEN) {
        bool out = (tt_conn_queued(in->c) && !in->write_wants_read) || in->read_wants_write;
        want = ((in->want_read || in->write_wants_read) && !in->eof ? TT_POLL_READ : 0) |
               (out ? TT_POLL_WRITE : 0);
    }
    return tt_poller_watch(in->net->poller, in->sock.fd, in, want, &in->armed);
}

void tt__conn_arm(struct tt_conn_int *in)
{
    int err = watch(in);
    TT_ASSERT(!err); /* only the first time, in dial_one(), can fail */
}

static void close_socket(struct tt_conn_int *in)
{
    if (in->sock.fd >= 0) {
        close(in->sock.fd);
        tt_poller_forget(in->net->poller, in);
    }
    in->armed = 0;
    in->sock = (struct tt__sock){.fd = -1};
}

/* False: the owner has closed the connection, in is gone. */
static bool call(struct tt_conn_int *in, void (*fn)(struct tt_conn *c))
{
    bool gone = false, *outer = in->gone;
    in->gone = &gone;
    fn(in->c);
    if (gone) {
        if (outer)
            *outer = true;
        return false;
    }
    in->gone = outer;
    return true;
}

void tt__conn_die(struct tt_conn_int *in)
{
    in->state = TT__CONN_DEAD;
    tt__conn_arm(in);
    if (!in->told)
        tt_loop_ready(in->net->loop, &in->later);
}

static void run_later(struct tt_ready *r)
{
    struct tt_conn_int *in =
        (struct tt_conn_int *)(void *)((char *)r - offsetof(struct tt_conn_int, later));
    if (in->state == TT__CONN_OPEN) {
        if (in->want_read)
            call(in, in->c->events->readable);
        return;
    }
    if (in->told)
        return;
    /* A failed write does not take back what the peer has said before. */
    bool readable = !in->dial && in->want_read && !in->eof;
    in->sock.drained = false;
    in->sock.failing = true;
    if (readable && (!call(in, in->c->events->readable) || in->told))
        return;
    in->told = true;
    call(in, in->c->events->failed);
}

/* --- dialling -------------------------------------------------------------------------------- */

static void free_dial(struct tt_conn_int *in)
{
    if (!in->dial)
        return;
    tt_free(in->dial->host);
    tt_free(in->dial->server_name);
    tt_tls_sessions_unref(in->dial->sessions);
    tt_free(in->dial->addrs);
    tt_free(in->dial);
    in->dial = NULL;
}

static void note_peer(struct tt_conn *c, const struct tt_address *a)
{
    bool six = a->sa.ss_family == AF_INET6;
    const struct sockaddr_in6 *v6 = (const void *)&a->sa;
    const struct sockaddr_in *v4 = (const void *)&a->sa;
    inet_ntop(a->sa.ss_family, six ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr,
              c->remote_ip, sizeof c->remote_ip);
    c->remote_port = ntohs(six ? v6->sin6_port : v4->sin_port);
}

/* False with the error noted: this address cannot even be tried. */
static bool dial_one(struct tt_conn_int *in, const struct tt_address *a)
{
    struct tt_conn *c = in->c;
    int one = 1, fd;
    bool tcp = a->sa.ss_family != AF_UNIX;
    if (tcp)
        note_peer(c, a);
    fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        tt__conn_error_sys(c, "socket", errno);
        return false;
    }
    in->sock.fd = fd;
    if (tcp)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int refused = tcp && in->dial->has_local ? tt_source_bind(fd, &in->dial->local) : 0;
    if (refused) {
        tt__conn_error_sys(c, "bind", refused);
        close_socket(in);
        return false;
    }
    if (connect(fd, (const struct sockaddr *)&a->sa, a->len) < 0 && errno != EINPROGRESS &&
        errno != EINTR) {
        tt__conn_error_sys(c, "connect", errno);
        close_socket(in);
        return false;
    }
    in->state = TT__CONN_CONNECTING;
    int e = watch(in);
    if (e) {
        tt__conn_error_sys(c, "socket", e);
        close_socket(in);
    }
    return !e;
}

static void dial_next(struct tt_conn_int *in)
{
    struct tt__dial *d = in->dial;
    while (d->at < d->n)
        if (dial_one(in, &d->addrs[d->at++]))
            return;
    tt__conn_die(in);
}

static void on_resolved(struct tt_lookup *l)
{
    struct tt__dial *d = (struct tt__dial *)(void *)l;
    struct tt_conn *c = d->in->c;
    c->at.looked_up = l->ended_ns;
    if (l->error_code) {
        tt__conn_error(c, l->error_code, "%s", l->error);
        tt__conn_die(d->in);
        return;
    }
    d->addrs = tt_xmemdup(l->addrs, l->n * sizeof *l->addrs);
    d->n = l->n;
    dial_next(d->in);
}

static void dial_unix(struct tt_conn_int *in, const char *path)
{
    struct tt__dial *d = in->dial;
    struct sockaddr_un *a;
    d->addrs = tt_xcalloc(1, sizeof *d->addrs);
    d->n = 1;
    d->addrs->len = sizeof *a;
    a = (struct sockaddr_un *)(void *)&d->addrs->sa;
    a->sun_family = AF_UNIX;
    snprintf(a->sun_path, sizeof a->sun_path, "%s", path);
    in->c->at.looked_up = in->c->at.begin;
    dial_next(in);
}

void tt__conn_take(struct tt_conn_int *in, int fd)
{
    in->sock.fd = fd;
    in->state = TT__CONN_CONNECTING; /* which has succeeded: the next event says so */
    int e = fd < 0 ? 0 : watch(in);
    if (e) {
        tt__conn_error_sys(in->c, "socket", e);
        close_socket(in);
    }
    if (fd < 0 || e)
        tt__conn_die(in);
}

static void dial_proxy(struct tt_conn_int *in, const struct tt_conn_target *target)
{
    struct tt_err err = {0};
    struct tt_net *n = in->net;
    in->c->at.looked_up = in->c->at.begin; /* the proxy's matter */
    if (tt_strnieq(target->proxy, "https://", 8))
        tt__conn_error(in->c, 1200, "proxy: no WebSocket goes through an https:// proxy");
    else if (!n->curl && !(n->curl = tt_curl_new(n->loop, 1, &err)))
        tt__conn_error(in->c, 1200, "proxy: %s", err.text);
    if (in->c->error.code)
        tt__conn_die(in);
    else
        tt__proxy_dial(in, n->curl, target);
}

void tt_conn_open(struct tt_conn *c, struct tt_net *n, const struct tt_conn_target *target,
                  const struct tt_conn_events *events, void *owner)
{
    struct tt_conn_int *in = tt_xcalloc(1, sizeof *in);
    struct tt__dial *d = tt_xcalloc(1, sizeof *d);
    *c = (struct tt_conn){.events = events, .owner = owner, .in = in};
    c->at.begin = tt_loop_now(n->loop);
    in->c = c;
    in->net = n;
    in->dial = d;
    in->sock.fd = -1;
    in->want_read = true;
    tt_buf_init(&in->out, MAX_QUEUED_BYTES);
    tt_ready_init(&in->later, run_later);
    n->open++;
    d->in = in;
    d->tls = target->tls;
    d->host = tt_xstrdup(target->host);
    d->server_name = tt_xstrdup(target->server_name ? target->server_name : target->host);
    d->port = target->port;
    d->sessions = target->sessions;
    if (d->sessions)
        tt_tls_sessions_ref(d->sessions);
    d->lookup.done = on_resolved;
    d->has_local = target->local != NULL;
    if (d->has_local) {
        d->local = *target->local;
        d->lookup.family = d->local.six ? AF_INET6 : AF_INET;
    }
    if (target->unix_path)
        dial_unix(in, target->unix_path);
    else if (target->proxy)
        dial_proxy(in, target);
    else
        tt_resolve(n->resolver, &d->lookup, d->host, d->port);
}

/* --- events ---------------------------------------------------------------------------------- */

static void flush_and_tell(struct tt_conn_int *in)
{
    if (!tt_conn_queued(in->c))
        return;
    enum tt__io r = tt__conn_flush(in);
    tt__conn_arm(in);
    if (r == TT__IO_DONE)
        call(in, in->c->events->drained);
}

static void opened(struct tt_conn_int *in)
{
    bool gone = false;
    free_dial(in);
    in->c->error = (struct tt_conn_error){0}; /* of an address that did not answer */
    in->state = TT__CONN_OPEN;
    tt__conn_arm(in);
    in->gone = &gone;
    if (!call(in, in->c->events->opened))
        return;
    if (in->state == TT__CONN_OPEN)
        flush_and_tell(in); /* what was written before */
    if (gone)
        return;
    in->gone = NULL;
    if (in->state == TT__CONN_OPEN && in->want_read && in->ssl && SSL_has_pending(in->ssl))
        tt_loop_ready(in->net->loop, &in->later);
}

static void handshake_begins(struct tt_net *n)
{
    if (++n->securing > n->most_securing)
        n->most_securing = n->securing;
}

/* Each takes 30 KB that an open connection does not need. After a storm they lie scattered over the
 * heap, which only gives back its top by itself. */
static void handshake_over(struct tt_net *n)
{
    if (--n->securing)
        return;
    if (n->most_securing >= STORM)
        tt_memory_give_back();
    n->most_securing = 0;
}

static void secure(struct tt_conn_int *in)
{
    ERR_clear_error();
    int r = SSL_do_handshake(in->ssl);
    if (r == 1) {
        in->c->at.secured = tt_loop_now(in->net->loop);
        handshake_over(in->net);
        opened(in);
        return;
    }
    int e = SSL_get_error(in->ssl, r);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
        tt__tls_free_buffers(in->ssl);
        tt__conn_arm(in);
        return;
    }
    tt__tls_error(in->c, e, "read", in->dial->server_name);
    handshake_over(in->net);
    tt__conn_die(in);
}

static int pending_error(const struct tt_conn_int *in)
{
    int err = 0;
    socklen_t len = sizeof err;
    getsockopt(in->sock.fd, SOL_SOCKET, SO_ERROR, &err, &len);
    return err;
}

static void connected(struct tt_conn_int *in, bool failing)
{
    int err = failing ? pending_error(in) : 0;
    if (err) {
        tt__conn_error_sys(in->c, "connect", err);
        close_socket(in);
        dial_next(in);
        return;
    }
    in->c->at.connected = tt_loop_now(in->net->loop);
    in->c->error.code = 0;
    if (!in->dial->tls) {
        opened(in);
        return;
    }
    in->state = TT__CONN_SECURING;
    struct tt__dial *d = in->dial;
    handshake_begins(in->net);
    in->ssl = tt__tls_new(d->tls, d->server_name, &in->sock);
    if (d->sessions)
        tt__tls_sessions_use(d->sessions, in->ssl, d->server_name, d->port);
    secure(in);
}

/* The socket has failed and the owner, who may not be reading, has not found out by a read. */
static void broken(struct tt_conn_int *in)
{
    int err = pending_error(in);
    tt__conn_error_sys(in->c, "read", err ? err : ECONNRESET);
    tt__conn_die(in);
}

static void open_event(struct tt_conn_int *in, bool failing, int events)
{
    bool gone = false, readable = failing || events & TT_POLL_READ;
    in->gone = &gone;
    in->sock.drained = false;
    in->sock.failing = failing;
    in->turn_bytes = 0;
    if (in->read_wants_write && events & TT_POLL_WRITE) {
        in->read_wants_write = false;
        readable = true;
    }
    if ((events & TT_POLL_WRITE || in->write_wants_read) && !failing)
        flush_and_tell(in);
    if (!gone && in->state == TT__CONN_OPEN && readable && in->want_read && !in->eof)
        call(in, in->c->events->readable);
    if (gone)
        return;
    in->gone = NULL;
    if (failing && in->state == TT__CONN_OPEN)
        broken(in);
    else
        tt__conn_arm(in);
}

static void on_events(void *owner, int events)
{
    struct tt_conn_int *in = owner;
    bool failing = events & TT_POLL_ERROR;
    if (in->state == TT__CONN_CONNECTING) {
        connected(in, failing);
    } else if (in->state == TT__CONN_SECURING) {
        in->sock.drained = false;
        in->sock.failing = failing;
        secure(in);
    } else if (in->state == TT__CONN_OPEN) {
        open_event(in, failing, events);
    }
}

/* --- the end --------------------------------------------------------------------------------- */

void tt_conn_close(struct tt_conn *c, bool abort)
{
    struct tt_conn_int *in = c->in;
    if (!in)
        return;
    c->in = NULL;
    if (in->gone)
        *in->gone = true;
    tt_loop_unready(in->net->loop, &in->later);
    tt__proxy_cancel(in);
    if (in->dial)
        tt_resolve_cancel(in->net->resolver, &in->dial->lookup);
    free_dial(in);
    if (abort && in->sock.fd >= 0) {
        struct linger rst = {.l_onoff = 1};
        setsockopt(in->sock.fd, SOL_SOCKET, SO_LINGER, &rst, sizeof rst);
    } else if (in->ssl && in->state == TT__CONN_OPEN) {
        ERR_clear_error();
        SSL_shutdown(in->ssl);
        ERR_clear_error();
    }
    SSL_free(in->ssl);
    if (in->state == TT__CONN_SECURING)
        handshake_over(in->net);
    close_socket(in);
    tt_buf_fini(&in->out);
    in->net->open--;
    tt_free(in);
}

int tt_conn_fd(const struct tt_conn *c)
{
    return c->in ? c->in->sock.fd : -1;
}

void tt_conn_tls_info(const struct tt_conn *c, struct tt_tls_info *i)
{
    if (c->in && c->in->ssl && c->in->state == TT__CONN_OPEN)
        tt_tls_info_read(i, c->in->ssl);
    else
        tt_tls_info_clear(i);
}
