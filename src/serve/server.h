/* SPDX-License-Identifier: MIT */
/* An embedded HTTP/1.1 and WebSocket server: one thread, one event loop, one listening socket.
 *
 * HTTP requests are read here and given to the handler whole; WebSocket connections are handed to
 * a libwebsockets context on the same loop once the handler has agreed to the upgrade. Everything
 * but start, stop, port and loop (for tt_loop_post) belongs to the server's thread. Several
 * servers may live in a process. */
#pragma once
#include "base/err.h"
#include "loop/loop.h"
#include "serve/request.h"
#include <stdatomic.h>
#include <stdint.h>

struct tt_server;
struct tt_client;
struct tt_peer;

/* One request and its answer. Ends with exactly one of reply, drop, upgrade, or the handler's
 * `gone`; it must not be touched afterwards. */
struct tt_exchange {
    struct tt_server *server;
    struct tt_http_request req;
    struct tt_buf body;
    bool body_too_large; /* body_max was exceeded: the body is cut, answer 413 */
    char peer[48];       /* numeric address */
    unsigned peer_port;
    bool secure; /* over TLS */
    void *user;  /* the handler's; NULL at first */
    /* this folder's own */
    struct tt_client *conn;
    struct tt_buf headers;
    bool pending; /* the handler has it */
};

struct tt_server_handler {
    /* On the server's thread, before the first connection and after the last one. May be NULL. */
    void (*started)(struct tt_server *s, void *user);
    void (*stopping)(struct tt_server *s, void *user); /* stop timers; connections still exist */
    void (*request)(struct tt_exchange *x, void *user);
    void (*gone)(struct tt_exchange *x, void *user); /* the peer left before the answer; or NULL */
    void (*ws_open)(struct tt_peer *ws, void *user); /* the ws_ ones may be NULL: no upgrades */
    void (*ws_message)(struct tt_peer *ws, const char *p, size_t n, bool binary, void *user);
    void (*ws_closed)(struct tt_peer *ws, void *user); /* last call for ws, also after a failure */
};

struct tt_server_config {
    const char *name;               /* of the thread, <= 15 bytes */
    const char *host;               /* numeric; NULL = 127.0.0.1 */
    uint16_t port;                  /* 0 = a free one */
    const char *unix_path;          /* listen on this path (mode 0600) instead; an old file goes */
    const char *tls_cert, *tls_key; /* PEM files, both or none */
    size_t body_max;                /* of a request */
    size_t ws_frame_max;            /* of a received frame, 0 = no limit: beyond it 1009 */
    size_t ws_message_max;          /* of a received message: beyond it 1009; 0 = 64 MiB */
    const struct tt_server_handler *handler;
    void *user;
};

/* NULL with err when the address cannot be bound or TLS files are no good. */
struct tt_server *tt_server_start(const struct tt_server_config *config, struct tt_err *err);
void tt_server_stop(struct tt_server *s); /* closes everything, joins the thread, frees; NULL ok */
uint16_t tt_server_port(const struct tt_server *s);
bool tt_server_secure(const struct tt_server *s);
struct tt_loop *tt_server_loop(const struct tt_server *s);

/* Answers. content-length, date-less; connection handling is the server's. */
void tt_exchange_add(struct tt_exchange *x, const char *name, const char *value);

void tt_exchange_reply(struct tt_exchange *x, int status, const void *body, size_t n);
void tt_exchange_reply_text(struct tt_exchange *x, int status, const char *type, const char *text);
/* An answer of unknown length: head now, then pieces until end. False: the peer is too far behind
 * (1 MiB) or gone, and `gone` has been called. */
bool tt_exchange_stream(struct tt_exchange *x, const char *type);
bool tt_exchange_send(struct tt_exchange *x, const void *p, size_t n);
void tt_exchange_end(struct tt_exchange *x);
/* Closes the connection without an answer; reset sends RST instead of FIN. */
void tt_exchange_drop(struct tt_exchange *x, bool reset);
/* Accepts a WebSocket upgrade (req.wants_websocket). subprotocol may be NULL. ws_open or ws_closed
 * follow; user is tt_peer_user's. */
void tt_exchange_upgrade(struct tt_exchange *x, const char *subprotocol, void *user);
const char *tt_status_text(int status);

void *tt_peer_user(const struct tt_peer *ws);
struct tt_server *tt_peer_server(const struct tt_peer *ws);
/* Queued without limit; frame_max cuts the message into frames, 0 = one frame. */
void tt_peer_send(struct tt_peer *ws, const void *p, size_t n, bool binary, size_t frame_max);
void tt_peer_ping(struct tt_peer *ws, const void *p, size_t n); /* n <= 125 */
/* Sends Close after what is queued, then drops TCP when the peer has answered or after a second.
 * code 1005: a Close without a code. Nothing is delivered any more. */
void tt_peer_close(struct tt_peer *ws, unsigned code, const char *reason);
/* Drops TCP at once; ws_closed comes later, never from inside this call. */
void tt_peer_kill(struct tt_peer *ws, bool reset);
bool tt_peer_open(const struct tt_peer *ws); /* neither closing nor closed */
