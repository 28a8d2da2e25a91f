/* SPDX-License-Identifier: MIT */
/* What this folder's files share. Server's thread. */
#pragma once
#include "serve/server.h"
#include <openssl/ssl.h>

struct lws_context;
struct lws_vhost;

enum {
    TT__SCRATCH = 65536,
    TT__IN_MAX = 4 << 20,
    TT__RELAY_HIGH = 256 << 10,
    TT__STREAM_HIGH = 1 << 20
};

enum tt__client_state {
    TT__HANDSHAKE,
    TT__HEAD,
    TT__BODY,
    TT__ANSWERING, /* the handler has the request */
    TT__LINGER,    /* all is said: reads until the peer closes too */
    TT__RELAY,     /* TLS in front of a WebSocket */
};

struct tt_client {
    struct tt_server *server;
    struct tt_client *prev, *next;
    uv_poll_t poll;
    int fd, events;
    SSL *ssl;
    bool ssl_wants_write;
    enum tt__client_state state;
    struct tt_buf in, out;
    size_t out_at;
    bool close_after; /* once out is sent */
    bool advancing, eof, dead;
    struct tt_chunked chunked;
    struct tt_exchange x;
    struct tt_timer timer; /* LINGER's end */
    uv_poll_t pair_poll;   /* RELAY: our end of the pair, libwebsockets has the other */
    int pair_fd, pair_events;
    unsigned handles; /* open uv handles; 0 frees */
};

struct tt_server {
    struct tt_server_config config;
    char *host, *path, *cert, *key;
    struct tt_loop *loop;
    struct tt_thread thread;
    struct tt_letter stop;
    SSL_CTX *tls;
    uv_poll_t listen_poll;
    int listen_fd;
    uint16_t port;
    struct tt_client *conns;
    struct lws_context *lws;
    struct lws_vhost *vhost;
    struct tt_peer *sockets;
    uint64_t last_ws_id;
    char scratch[TT__SCRATCH];
};

/* client.c */
void tt__client_new(struct tt_server *s, int fd, const char *peer, unsigned peer_port);
void tt__client_destroy(struct tt_client *c, bool reset);
void tt__client_write(struct tt_client *c, const void *p, size_t n);
void tt__client_advance(struct tt_client *c);
void tt__client_poll(struct tt_client *c);   /* watches for what it now needs */
int tt__client_release(struct tt_client *c); /* gives up the plain socket and dies */
void tt__client_finish(struct tt_client *c); /* closes once out is sent */
/* exchange.c */
void tt__exchange_begin(struct tt_client *c);
void tt__exchange_fini(struct tt_exchange *x);
/* relay.c */
int tt__relay_start(struct tt_client *c);  /* the other end of the pair, or -1 */
void tt__relay_input(struct tt_client *c); /* c->in has grown */
void tt__relay_poll(struct tt_client *c);
/* tls.c */
SSL_CTX *tt__server_tls(const char *cert, const char *key, struct tt_err *err);
/* peer.c */
bool tt__peer_context_new(struct tt_server *s, struct tt_err *err);
void tt__peer_context_close(struct tt_server *s); /* drops every socket; handles still close */
void tt__peer_context_free(struct tt_server *s);  /* after the loop was drained */
void tt__peer_adopt(struct tt_server *s, int fd, const struct tt_http_request *req,
                    const char *subprotocol, const char *rest, size_t n_rest, void *user);
