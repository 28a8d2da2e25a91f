/* SPDX-License-Identifier: MIT */
/* What conn.c, conn_io.c and tls.c share. Worker thread only. */
#pragma once
#include "net/conn.h"
#include "net/tls.h"
#include "net/tls_sessions.h"
#include <openssl/ssl.h>
#include <sys/types.h>

/* The socket as OpenSSL and the plain path use it. */
struct tt__sock {
    int fd;       /* -1: none */
    int err;      /* errno of the last failure; 0: none, or the end of the stream */
    bool drained; /* the last read was short: the next would only say EAGAIN, and the watcher is
                     level-triggered, so it is not made. Cleared by each event. */
    bool failing; /* an error is pending at the socket: read it out to its end */
};
/* As recv and send: > 0, 0 (read: end of stream), -1 with s->err (EAGAIN included). */
ssize_t tt__sock_read(struct tt__sock *s, void *p, size_t n);
ssize_t tt__sock_write(struct tt__sock *s, const struct iovec *iov, size_t parts);

enum tt__conn_state {
    TT__CONN_RESOLVING,
    TT__CONN_CONNECTING,
    TT__CONN_SECURING,
    TT__CONN_OPEN,
    TT__CONN_DEAD
};

struct tt__dial;
struct tt__proxy;
struct tt_conn_int {
    struct tt_conn *c;
    struct tt_net *net;
    struct tt__dial *dial;   /* NULL once open */
    struct tt__proxy *proxy; /* it is being asked; NULL: no (more) */
    struct tt__sock sock;
    SSL *ssl;
    struct tt_buf out; /* not yet taken by the socket, from out_at on */
    size_t out_at;
    struct tt_ready later; /* failed() or readable() from the ready list */
    bool *gone;            /* set by tt_conn_close while an owner's callback runs */
    size_t turn_bytes;     /* read since the last event */
    uint8_t state;         /* enum tt__conn_state */
    int armed;             /* what is watched for */
    bool want_read, eof, read_wants_write, write_wants_read, told;
};

struct tt_loop *tt__net_loop(const struct tt_net *n);
void tt__conn_arm(struct tt_conn_int *in); /* watches for what the state asks for */
/* Ends the connection: c->error is kept if it was set already; failed() comes later unless told. */
void tt__conn_die(struct tt_conn_int *in);
void tt__conn_error(struct tt_conn *c, int code, const char *fmt, ...) TT_PRINTF(3, 4);
void tt__conn_error_sys(struct tt_conn *c, const char *op, int err);

/* conn_proxy.c; no callback of the owner before it returns. */
struct tt_curl;
void tt__proxy_dial(struct tt_conn_int *in, struct tt_curl *curl, const struct tt_conn_target *to);
void tt__proxy_cancel(struct tt_conn_int *in);
void tt__conn_take(struct tt_conn_int *in, int fd); /* what it has got; -1: the error is noted */

enum tt__io { TT__IO_DONE, TT__IO_AGAIN, TT__IO_FAILED };
enum tt__io tt__conn_flush(struct tt_conn_int *in); /* DONE: nothing is queued any more */

/* tls_sessions.c: connections of the context may use sessions; ssl's are found and kept there. */
void tt__tls_sessions_enable(SSL_CTX *ctx);
void tt__tls_sessions_use(struct tt_tls_sessions *s, SSL *ssl, const char *name, uint16_t port);

/* A client session over s, ready for SSL_do_handshake. host: SNI and the name that is verified. */
SSL *tt__tls_new(const struct tt_tls_profile *p, const char *host, struct tt__sock *s);
/* While nothing comes: OpenSSL keeps a buffer for writing, 16 KB, from a handshake's step and from
 * a session ticket on to the next write. */
void tt__tls_free_buffers(SSL *ssl);
/* Says in c->error why an operation failed; ssl_error: of SSL_get_error. */
void tt__tls_error(struct tt_conn *c, int ssl_error, const char *op, const char *host);
