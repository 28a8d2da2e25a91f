/* SPDX-License-Identifier: MIT */
/* The opening handshake of RFC 6455, client's side: the request's text, and a bounded reader of the
 * response. Pure. */
#pragma once
#include "proto/http/h1_reader.h"
#include "proto/ws/deflate.h"

enum {
    TT_WS_HEAD_MAX = 64 * 1024,   /* of a response's header block */
    TT_WS_REFUSED_MAX = 64 * 1024 /* of a refused handshake's body; the rest is dropped */
};

struct tt_ws_request {
    const struct tt_http_url *url; /* of the URL's http form */
    const char *lines;             /* "Name: value\r\n...": the script's headers */
    const char *subprotocols;      /* "a, b" or NULL */
    const char *user_agent;        /* NULL or "": none */
    const char *cookies; /* of the jar; a Cookie line of the script replaces them; NULL: none */
    const struct tt_ws_deflate *deflate;
};
/* key: 24 characters and NUL, from 16 random bytes. */
void tt_ws_key(char key[25], const uint8_t random[16]);
bool tt_ws_put_request(struct tt_buf *out, const struct tt_ws_request *r, const char *key);
/* "ws://h/p" -> "http://h/p", wss -> https, into out, which is then parsed into u. On false *why
 * says what is wrong. */
bool tt_ws_url(const char *text, size_t n, struct tt_buf *out, struct tt_http_url *u,
               const char **why);

/* What the answer must fit. */
struct tt_ws_offer {
    const char *key, *subprotocols;
    const struct tt_ws_deflate *deflate;
};
enum tt_ws_answer {
    TT_WS_MORE,     /* not complete yet */
    TT_WS_ACCEPTED, /* 101, all is well; what follows used are frames */
    TT_WS_REFUSED,  /* another status; head and body are complete */
    TT_WS_BAD       /* not an answer to our request; error says why */
};
struct tt_ws_response {
    struct tt_buf head, body; /* head: status line and headers, with their line ends */
    int status;               /* 0 until the head is complete */
    char subprotocol[128];
    struct tt_ws_deflate deflate; /* what the server chose */
    const char *error;            /* BAD: static text */
    struct tt_h1_reader reader;   /* its own */
};
/* r must stay where it is. */
void tt_ws_response_init(struct tt_ws_response *r);
void tt_ws_response_fini(struct tt_ws_response *r);
/* Reads from p[0..n); *used gets how much. */
enum tt_ws_answer tt_ws_response_read(struct tt_ws_response *r, const char *p, size_t n,
                                      const struct tt_ws_offer *offer, size_t *used);
/* The connection ended: is what came complete? */
enum tt_ws_answer tt_ws_response_eof(struct tt_ws_response *r);
