/* SPDX-License-Identifier: MIT */
/* A WebSocket connection of a VU: handshake, frames, the queue of what came, the closing handshake,
 * samples. Knows no Lua: what happens is put into queues, and the owner is told, from inside I/O
 * callbacks. Worker thread only.
 *
 * Life: the socket is counted. The connection holds one reference until it is closed, each holder
 * another one. For the script it is closed (state CLOSED) as soon as the outcome is known; the
 * connection then lingers until the peer has ended it or a few seconds have passed, so that the
 * closing handshake is clean and the peer keeps the TIME_WAIT. */
#pragma once
#include "proto/ws/engine.h"
#include "proto/ws/frame.h"
#include "proto/ws/handshake.h"

struct tt_http_jar;

enum tt_ws_state { TT_WS_CONNECTING, TT_WS_OPEN, TT_WS_CLOSING, TT_WS_CLOSED };

enum tt_ws_event_kind {
    TT_WS_EV_OPEN,
    TT_WS_EV_MESSAGE,
    TT_WS_EV_BINARY,
    TT_WS_EV_PING,
    TT_WS_EV_PONG,
    TT_WS_EV_CLOSE, /* code, data: the reason */
    TT_WS_EV_ERROR, /* data: what happened */
    TT_WS_EV_TIMER  /* code: the timer's number */
};
enum { TT_WS_EV_COUNT = TT_WS_EV_TIMER + 1 };

struct tt_ws_event {
    struct tt_ws_event *next;
    enum tt_ws_event_kind kind;
    unsigned code;
    uint64_t seq;   /* order of arrival, where the owner gives it */
    uint64_t at_ns; /* messages: when it came; ticks of a schedule: when it was due */
    size_t len;
    char *data; /* own, or a block of its own */
    char own[];
};
struct tt_ws_queue {
    struct tt_ws_event *head, *tail;
    size_t bytes;
};
void tt_ws_queue_put(struct tt_ws_queue *q, struct tt_ws_event *ev);
struct tt_ws_event *tt_ws_queue_take(struct tt_ws_queue *q); /* NULL: empty; the caller's */
void tt_ws_queue_clear(struct tt_ws_queue *q);
/* Moves more's into q; both are in order of seq, and so is the result. */
void tt_ws_queue_merge(struct tt_ws_queue *q, struct tt_ws_queue *more);
struct tt_ws_event *tt_ws_event_new(enum tt_ws_event_kind kind, const void *p, size_t n);
/* The same, with a block that becomes the event's. */
struct tt_ws_event *tt_ws_event_take(enum tt_ws_event_kind kind, char *p, size_t n);
void tt_ws_event_free(struct tt_ws_event *ev); /* NULL is fine */

/* Why the handshake failed. kind is static; NULL: it did not. */
struct tt_ws_failure {
    const char *kind;  /* "url", "connect", "timeout", "status", "protocol", "closed" */
    const char *phase; /* of a timeout: "lookup", "connect", "tls", "answer" */
    int code;          /* error_code */
    char text[256];
};

struct tt_ws_config {
    const char *url; /* as the script gave it */
    size_t url_len;
    const char *lines;        /* header lines, "" none */
    const char *subprotocols; /* NULL: none */
    uint64_t timeout_ns;
    int64_t redirects; /* how many are followed */
    size_t max_message_bytes;
    const char *timestamp; /* field of JSON messages: when they were sent; NULL: none */
    double timestamp_ms;   /* its unit in ms */
    size_t fragment_bytes; /* longer messages go out in frames of at most this; 0: never */
    struct tt_ws_deflate deflate;
    const struct tt_tags *tags;
    struct tt_http_jar *jar; /* NULL: the VU's */
    const char *server_name; /* TLS: instead of the URL's host; NULL: that */
    const char *proxy;       /* URL; "" none; NULL: as the environment says */
    const char *unix_path;   /* dial this socket instead of the URL's host; NULL: do not */
    bool keep;               /* over iterations */
};

/* What the owner hears of; called from I/O callbacks and from calls below: no Lua in here. */
struct tt_ws_owner {
    void (*settled)(struct tt_ws_socket *s); /* OPEN, or CLOSED with s->failure set */
    void (*event)(struct tt_ws_socket *s, struct tt_ws_event *ev); /* takes ev */
    void (*drained)(struct tt_ws_socket *s); /* less is waiting to be sent, or nothing ever will */
    void (*closed)(struct tt_ws_socket *s);  /* after the CLOSE event; state CLOSED */
};

/* How the connection comes to its end once what is ready has run, the messages in front of it
 * among that. */
enum tt_ws_ending { TT_WS_NOT_ENDING, TT_WS_BAD_URL, TT_WS_PEER_CLOSED, TT_WS_PEER_BROKE_PROTOCOL };

struct tt_ws_ping;
struct tt_ws_handshake;
struct tt_ws_socket {
    struct tt_conn conn;
    struct tt_ws_engine *engine;
    struct tt_ws_socket *prev, *next; /* in engine->live */
    const struct tt_ws_owner *owner;  /* NULL: nobody listens any more */
    void *owner_data;
    struct tt_vu *vu;           /* NULL once detached */
    const struct tt_tags *tags; /* of its samples */
    enum tt_ws_state state;
    unsigned refs;
    bool keep, connected, reading_paused, conn_closed;
    bool peer_ended; /* nothing more will come from the connection */
    bool we_closed;  /* tt_ws_close has been called */
    enum tt_ws_ending ending;
    struct tt_ready end; /* runs after the fibers that the last messages have woken */
    int status;          /* of the handshake, 0: none came */
    unsigned close_code;
    char *close_reason; /* close_reason_len bytes; NULL: none */
    size_t close_reason_len;
    char *url;
    char *head; /* the response's header block, head_len bytes */
    size_t head_len;
    char *subprotocol; /* "" none */
    struct tt_ws_failure failure;
    struct tt_tls_info tls;
    struct tt_buf body; /* of a refused handshake */
    struct tt_ws_handshake *hs;
    struct tt_ws_reader reader;
    struct tt_ws_packer *packer; /* NULL: no compression was agreed */
    size_t fragment_bytes;
    struct tt_timer timer;    /* handshake, closing handshake, lingering */
    struct tt_ws_ping *pings; /* not answered yet, oldest first */
    unsigned pings_open;
    uint64_t pings_made;
    char *timestamp;
    double timestamp_ms;
    double payload_sent, payload_received; /* not yet among the samples */
    uint64_t payload_told_ns;
    uint64_t started_ns, sent_counted, received_counted;
};

/* Starts it; owner->settled follows later, also for a bad URL. The caller gets a reference. NULL:
 * bad TLS options. */
struct tt_ws_socket *tt_ws_open(struct tt_ws_engine *e, struct tt_vu *vu,
                                const struct tt_ws_config *c, const struct tt_ws_owner *owner,
                                void *owner_data, struct tt_err *err);
void tt_ws_ref(struct tt_ws_socket *s);
void tt_ws_unref(struct tt_ws_socket *s);
/* False: it is not open (any more). */
bool tt_ws_send(struct tt_ws_socket *s, enum tt_ws_opcode op, const char *p, size_t n);
/* data NULL: a number of its own. */
bool tt_ws_ping(struct tt_ws_socket *s, const char *data, size_t n);
/* Starts the closing handshake; the CLOSE event follows when the peer answers, or in 5 s. Any code
 * is sent; 1005: none. */
void tt_ws_close(struct tt_ws_socket *s, unsigned code, const char *reason, size_t n);
/* Lost at once, without a Close, as by a fault of the network: 1006. */
void tt_ws_lose(struct tt_ws_socket *s);
/* The script is done with it: closes with 1001 and settles everything now; it lingers without a VU.
 * sampled: the session's duration is recorded. */
void tt_ws_detach(struct tt_ws_socket *s, bool sampled);
/* Closes the connection at once, whatever its state. */
void tt_ws_drop(struct tt_ws_socket *s);
/* Backpressure of the owner's queues. */
void tt_ws_pause(struct tt_ws_socket *s, bool pause);
size_t tt_ws_buffered(const struct tt_ws_socket *s); /* bytes not yet sent */
