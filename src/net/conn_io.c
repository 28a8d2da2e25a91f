/* SPDX-License-Identifier: MIT */
/* A connection's reading and writing. Worker thread.
 *
 * Writes go to the socket at once; what it does not take is copied to a queue, which is freed when
 * it has been written, so an idle connection holds no buffer. OpenSSL wants an unfinished write
 * repeated with at least the same bytes: the queue begins with them and only grows. */
#include "base/clock.h"
#include "net/conn_int.h"
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    JOIN_BYTES = 4096,   /* two pieces up to this become one TLS record */
    TURN_BYTES = 1 << 20 /* read at most in one turn of the loop, and what the last call asks for */
};

ssize_t tt__sock_read(struct tt__sock *s, void *p, size_t n)
{
    if (s->drained && !s->failing) {
        s->err = EAGAIN;
        return -1;
    }
    ssize_t got;
    do
        got = recv(s->fd, p, n, 0);
    while (got < 0 && errno == EINTR);
    s->err = got < 0 ? errno : 0;
    s->drained = (got > 0 && (size_t)got < n) || (got < 0 && s->err == EAGAIN);
    return got;
}

ssize_t tt__sock_write(struct tt__sock *s, const struct iovec *iov, size_t parts)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = parts};
    ssize_t n;
    do /* one piece costs the kernel less without a list */
        n = parts == 1 ? send(s->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
                       : sendmsg(s->fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    s->err = n < 0 ? errno : 0;
    return n;
}

/* --- reading --------------------------------------------------------------------------------- */

static enum tt_conn_result read_ended(struct tt_conn_int *in)
{
    in->eof = true; /* the end of the event stops watching, unless the owner closes */
    return TT_CONN_EOF;
}

static enum tt_conn_result read_failed(struct tt_conn_int *in)
{
    in->told = true;
    tt__conn_die(in);
    return TT_CONN_FAILED;
}

/* Not inside a record: some versions forget that its head lies in the other buffer. */
void tt__tls_free_buffers(SSL *ssl)
{
    if (strcmp(SSL_rstate_string(ssl), "RH") == 0)
        SSL_free_buffers(ssl);
}

static enum tt_conn_result read_tls(struct tt_conn_int *in, void *p, size_t n, size_t *got)
{
    ERR_clear_error();
    bool ok = SSL_read_ex(in->ssl, p, n, got) == 1;
    bool wants_write = false;
    enum tt_conn_result result = TT_CONN_DONE;
    if (!ok) {
        int e = SSL_get_error(in->ssl, 0);
        *got = 0;
        wants_write = e == SSL_ERROR_WANT_WRITE;
        if (e == SSL_ERROR_WANT_READ || wants_write) {
            result = TT_CONN_AGAIN;
            tt__tls_free_buffers(in->ssl);
        } else if (e == SSL_ERROR_ZERO_RETURN || /* or an end without close_notify */
                   (e == SSL_ERROR_SYSCALL && !in->sock.err)) {
            return read_ended(in);
        } else {
            tt__tls_error(in->c, e, "read", "");
            return read_failed(in);
        }
    }
    if (wants_write != in->read_wants_write) {
        in->read_wants_write = wants_write;
        tt__conn_arm(in);
    }
    return result;
}

static enum tt_conn_result read_plain(struct tt_conn_int *in, void *p, size_t n, size_t *got)
{
    ssize_t r = tt__sock_read(&in->sock, p, n);
    if (r > 0) {
        *got = (size_t)r;
        return TT_CONN_DONE;
    }
    if (r == 0)
        return read_ended(in);
    if (in->sock.err == EAGAIN)
        return TT_CONN_AGAIN;
    tt__conn_error_sys(in->c, "read", in->sock.err);
    return read_failed(in);
}

/* A peer that sends faster than we read must not keep the worker from its other work: after so much
 * the watcher, which is level-triggered, tells again in the next turn. It knows nothing of what
 * OpenSSL has read already, nor of what is left at a socket with an error; both end soon. */
static bool turn_is_over(const struct tt_conn_int *in)
{
    return in->turn_bytes >= TURN_BYTES && !in->sock.failing &&
           !(in->ssl && SSL_has_pending(in->ssl));
}

enum tt_conn_result tt_conn_read(struct tt_conn *c, void *p, size_t n, size_t *got)
{
    struct tt_conn_int *in = c->in;
    *got = 0;
    if (in->eof)
        return TT_CONN_EOF;
    if (in->told)
        return TT_CONN_FAILED;
    if (in->dial || turn_is_over(in))
        return TT_CONN_AGAIN;
    enum tt_conn_result r = in->ssl ? read_tls(in, p, n, got) : read_plain(in, p, n, got);
    c->received_bytes += *got;
    in->turn_bytes += *got;
    return r;
}

void tt_conn_want_read(struct tt_conn *c, bool want)
{
    struct tt_conn_int *in = c->in;
    if (want == in->want_read)
        return;
    in->want_read = want;
    in->sock.drained = false;
    tt__conn_arm(in);
    /* What OpenSSL has read already raises no event. */
    if (want && in->state == TT__CONN_OPEN && in->ssl && SSL_has_pending(in->ssl))
        tt_loop_ready(tt__net_loop(in->net), &in->later);
}

/* --- writing --------------------------------------------------------------------------------- */

static enum tt__io write_failed(struct tt_conn_int *in)
{
    tt__conn_die(in);
    return TT__IO_FAILED;
}

/* Writes until all is taken or the socket is full; *done counts. */
static enum tt__io put_plain(struct tt_conn_int *in, struct iovec *iov, size_t parts, size_t *done)
{
    while (parts) {
        if (!iov->iov_len) {
            iov++;
            parts--;
            continue;
        }
        ssize_t w = tt__sock_write(&in->sock, iov, parts);
        if (w < 0 && in->sock.err == EAGAIN)
            return TT__IO_AGAIN;
        if (w < 0) {
            tt__conn_error_sys(in->c, "write", in->sock.err);
            return write_failed(in);
        }
        *done += (size_t)w;
        for (size_t left = (size_t)w; left;) {
            size_t step = left < iov->iov_len ? left : iov->iov_len;
            iov->iov_base = (char *)iov->iov_base + step;
            iov->iov_len -= step;
            left -= step;
            if (!iov->iov_len && left) {
                iov++;
                parts--;
            }
        }
    }
    return TT__IO_DONE;
}

static enum tt__io put_tls(struct tt_conn_int *in, const char *p, size_t n, size_t *done)
{
    while (n) {
        size_t w = 0;
        ERR_clear_error();
        if (SSL_write_ex(in->ssl, p, n, &w) == 1) {
            p += w;
            n -= w;
            *done += w;
            continue;
        }
        int e = SSL_get_error(in->ssl, 0);
        if (e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ) {
            in->write_wants_read = e == SSL_ERROR_WANT_READ;
            return TT__IO_AGAIN;
        }
        tt__tls_error(in->c, e, "write", "");
        return write_failed(in);
    }
    return TT__IO_DONE;
}

enum tt__io tt__conn_flush(struct tt_conn_int *in)
{
    size_t done = 0;
    char *p = in->out.data + in->out_at;
    struct iovec iov = {p, in->out.len - in->out_at};
    if (!iov.iov_len)
        return TT__IO_DONE;
    in->write_wants_read = false;
    enum tt__io r = in->ssl ? put_tls(in, p, iov.iov_len, &done) : put_plain(in, &iov, 1, &done);
    in->c->sent_bytes += done;
    in->out_at += done;
    if (in->out_at == in->out.len) {
        size_t max = in->out.max;
        tt_buf_fini(&in->out);
        tt_buf_init(&in->out, max);
        in->out_at = 0;
    }
    return r;
}

static bool enqueue(struct tt_conn_int *in, const void *p, size_t n)
{
    if (!n)
        return true;
    if (in->out_at > in->out.len / 2) { /* moves each byte once on average */
        tt_buf_consume(&in->out, in->out_at);
        in->out_at = 0;
    }
    if (tt_buf_append(&in->out, p, n))
        return true;
    tt__conn_error(in->c, 1200, "write: more than %zu bytes are waiting to be sent", in->out.max);
    tt__conn_die(in);
    return false;
}

static enum tt__io put_two_tls(struct tt_conn_int *in, const struct iovec iov[2], size_t *done)
{
    enum tt__io r = put_tls(in, iov[0].iov_base, iov[0].iov_len, done);
    if (r == TT__IO_DONE)
        r = put_tls(in, iov[1].iov_base, iov[1].iov_len, done);
    return r;
}

bool tt_conn_write2(struct tt_conn *c, const void *a, size_t an, const void *b, size_t bn)
{
    struct tt_conn_int *in = c->in;
    char joined[JOIN_BYTES];
    size_t done = 0;
    enum tt__io r = TT__IO_AGAIN;
    if (in->state == TT__CONN_DEAD)
        return false;
    if (in->ssl && an && bn && an + bn <= sizeof joined) {
        memcpy(joined, a, an);
        memcpy(joined + an, b, bn);
        a = joined;
        an += bn;
        bn = 0;
    }
    if (in->state == TT__CONN_OPEN && !tt_conn_queued(c)) {
        struct iovec iov[2] = {{(void *)(uintptr_t)a, an}, {(void *)(uintptr_t)b, bn}};
        r = in->ssl ? put_two_tls(in, iov, &done) : put_plain(in, iov, bn ? 2 : 1, &done);
    }
    c->sent_bytes += done;
    if (r != TT__IO_AGAIN)
        return r == TT__IO_DONE;
    size_t from_a = done < an ? done : an, from_b = done - from_a;
    if (!enqueue(in, (const char *)a + from_a, an - from_a) ||
        (bn && !enqueue(in, (const char *)b + from_b, bn - from_b)))
        return false;
    tt__conn_arm(in);
    return true;
}

bool tt_conn_write(struct tt_conn *c, const void *p, size_t n)
{
    return tt_conn_write2(c, p, n, NULL, 0);
}

size_t tt_conn_queued(const struct tt_conn *c)
{
    return c->in->out.len - c->in->out_at;
}
