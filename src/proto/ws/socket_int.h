/* SPDX-License-Identifier: MIT */
/* What the files of the socket share: socket.c (life, states, the owner's calls), socket_open.c
 * (the opening handshake), socket_io.c (frames, the connection's callbacks). Worker thread. */
#pragma once
#include "proto/ws/socket.h"

/* For the peer's Close, and for its end of the stream. */
#define TT__WS_CLOSE_WAIT_NS UINT64_C(5000000000)

struct tt_ws_handshake {
    struct tt_ws_response response;
    struct tt_buf http_url;
    struct tt_http_url url; /* of http_url */
    char key[25];
    char *lines, *subprotocols;
    char *proxy;                  /* URL, "" none; NULL: the environment's */
    char *unix_path;              /* NULL: none */
    char *server_name;            /* NULL: the URL's host */
    struct tt_http_vu *http;      /* the VU's */
    struct tt_http_jar *jar;      /* its own reference */
    int64_t redirects;            /* how many may still be followed */
    struct tt_ws_deflate deflate; /* offered */
};
void tt__ws_handshake_free(struct tt_ws_socket *s); /* when it is over */

void tt__ws_sample(struct tt_ws_socket *s, enum tt_builtin_metric m, double v, uint64_t at);
void tt__ws_count_bytes(struct tt_ws_socket *s); /* what has gone over the connection since */
/* Payload bytes become samples once a second and at the end. */
void tt__ws_count_payload(struct tt_ws_socket *s, uint64_t now, bool all);
void tt__ws_tell(struct tt_ws_socket *s, enum tt_ws_event_kind kind, const void *p, size_t n,
                 unsigned code);

/* The outcome is known: CLOSED. Text: the close reason. linger: the peer is still to end the
 * stream. */
void tt__ws_finish(struct tt_ws_socket *s, unsigned code, const char *text, size_t n, bool linger);
/* Broken off without a closing handshake. */
void tt__ws_lost(struct tt_ws_socket *s, const char *why);
/* The peer's Close (or what broke the protocol) has come: answered after what is ready has run. */
void tt__ws_end_soon(struct tt_ws_socket *s, enum tt_ws_ending how, unsigned code, const char *text,
                     size_t n);

void tt__ws_ponged(struct tt_ws_socket *s, const char *data, size_t n); /* ws_ping */

/* socket_open.c */
extern const struct tt_conn_events tt__ws_conn_events;
void tt__ws_dial(struct tt_ws_socket *s);
void tt__ws_say_hello(struct tt_ws_socket *s); /* the request */
/* Takes bytes of the answer; returns how many. */
size_t tt__ws_take_answer(struct tt_ws_socket *s, const char *p, size_t n);
void tt__ws_answer_ended(struct tt_ws_socket *s); /* the connection has, before it was complete */
/* text NULL: failure.text is set. */
void tt__ws_refuse(struct tt_ws_socket *s, const char *kind, int code, const char *text);
void tt__ws_too_late(struct tt_ws_socket *s);

/* socket_io.c */
bool tt__ws_put(struct tt_ws_socket *s, enum tt_ws_opcode op, const char *p, size_t n);
void tt__ws_put_close(struct tt_ws_socket *s, unsigned code, const char *reason, size_t n);
