/* SPDX-License-Identifier: MIT */
/* A client's byte stream: resolve, connect without blocking, TLS where asked, read, write, phase
 * stamps. Knows no protocol. Worker thread only; callbacks come from I/O callbacks of the loop and
 * must not run Lua (they finish ops or call tt_loop_ready). */
#pragma once
#include "base/buf.h"
#include "base/ip.h"
#include "net/resolve.h"
#include "net/tls_info.h"

struct tt_conn;
struct tt_tls_profile;
struct tt_tls_sessions;

struct tt_conn_error {
    int code;     /* 0: none; as docs/lua-api.md has them: 1101 no such host, 1212 refused ... */
    int sys;      /* the errno it comes from; 0: none */
    bool writing; /* sys is a write's */
    char text[236];
};
/* Monotonic ns; 0 = did not happen. */
struct tt_conn_stamps {
    uint64_t begin, looked_up, connected, secured;
};
/* What the owner does; none may be NULL. */
struct tt_conn_events {
    void (*opened)(struct tt_conn *c);   /* connected, TLS established */
    void (*readable)(struct tt_conn *c); /* tt_conn_read until it says AGAIN */
    void (*drained)(struct tt_conn *c);  /* what was queued is written */
    void (*failed)(struct tt_conn *c);   /* before or after opened; c->error says why; the last
                                            call; the owner closes (now or later) */
};
enum { TT_CONN_UNIX_PATH_MAX = 107 };
struct tt_conn_target {
    const char *host; /* without brackets */
    uint16_t port;
    const char *server_name;          /* TLS: SNI, and the name that is verified; NULL: host */
    struct tt_tls_sessions *sessions; /* to resume one, and for new ones; NULL: none is resumed */
    const struct tt_tls_profile *tls; /* NULL: plain */
    const char *unix_path;            /* connect to this socket, not to the host; NULL: TCP */
    const char *proxy; /* http://, socks4://, socks4a://, socks5://, socks5h:// URL; NULL: none */
    const struct tt_ip *local; /* source address; NULL: the system chooses */
};
struct tt_conn {
    const struct tt_conn_events *events;
    void *owner;
    struct tt_conn_error error;
    struct tt_conn_stamps at;
    uint64_t sent_bytes, received_bytes; /* on the wire of the protocol above TLS */
    char remote_ip[46];
    uint16_t remote_port;
    struct tt_conn_int *in;
};

/* What a worker's connections share. */
struct tt_net;
struct tt_net *tt_net_new(struct tt_loop *loop, struct tt_resolver *resolver);
void tt_net_free(struct tt_net *n); /* every connection is closed */

/* Starts dialling; target's texts are copied. No callback before it returns. */
void tt_conn_open(struct tt_conn *c, struct tt_net *n, const struct tt_conn_target *target,
                  const struct tt_conn_events *events, void *owner);
enum tt_conn_result { TT_CONN_DONE, TT_CONN_AGAIN, TT_CONN_EOF, TT_CONN_FAILED };
/* Reads up to n bytes; DONE: *got > 0. FAILED: c->error is set; failed() is not called. EOF: the
 * peer has ended its side (over TLS also without close_notify); ours can still write. Not open yet:
 * AGAIN. */
enum tt_conn_result tt_conn_read(struct tt_conn *c, void *p, size_t n, size_t *got);
/* Writes at once what the socket takes and queues a copy of the rest (at most 256 MiB; all of it
 * before opened). False when it has failed (error is set; readable() is called once more for what
 * the peer had said, then failed(), both later from the loop). */
bool tt_conn_write(struct tt_conn *c, const void *p, size_t n);
/* Two pieces in one system call where possible (header, payload). */
bool tt_conn_write2(struct tt_conn *c, const void *a, size_t an, const void *b, size_t bn);
size_t tt_conn_queued(const struct tt_conn *c); /* bytes not yet taken by the socket */
/* Stops (false) or resumes reading: backpressure. */
void tt_conn_want_read(struct tt_conn *c, bool want);
/* Ends it, whatever its state; queued bytes are dropped, TLS close_notify is tried. No callback
 * afterwards; the struct is the owner's again. abort: RST instead of FIN. */
void tt_conn_close(struct tt_conn *c, bool abort);
int tt_conn_fd(const struct tt_conn *c); /* to ask the system about it only; -1: none */
/* What i had is replaced; all 0 without TLS, or before opened. */
void tt_conn_tls_info(const struct tt_conn *c, struct tt_tls_info *i);
