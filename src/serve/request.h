/* SPDX-License-Identifier: MIT */
/* HTTP/1.1 requests as a server reads them (RFC 9112): the head in one piece, chunked bodies
 * piecewise. Pure, no I/O; any thread, one user at a time.
 *
 * Why not libwebsockets' own parser: 4.1 cannot list header fields that it does not know by name,
 * and an echo server or a tunnel that loses X-Anything is of no use. */
#pragma once
#include "base/buf.h"
#include <stdint.h>

enum { TT_HEAD_MAX = 65536, TT_FIELDS_MAX = 256 };

struct tt_http_field {
    const char *name;  /* lower case */
    const char *value; /* spaces around cut */
};

struct tt_http_request {
    char *block; /* owns all text below */
    const char *method;
    const char *target; /* as sent */
    const char *path;   /* the target's path, not decoded; "/" at least */
    const char *query;  /* behind the "?"; "" when there is none */
    struct tt_http_field *fields;
    size_t n_fields;
    unsigned minor; /* of HTTP/1.x */
    uint64_t content_length;
    bool chunked;
    bool keep_alive;
    bool expects_continue;
    bool wants_websocket; /* a complete RFC 6455 upgrade */
};

enum tt_parse { TT_PARSE_MORE, TT_PARSE_DONE, TT_PARSE_BAD };

/* Reads a head from the n bytes at p. DONE: r is filled (tt_http_request_fini frees it) and *used
 * bytes are spent. BAD: *status is what the peer deserves (400, 414, 431, 501, 505); r holds
 * nothing. */
enum tt_parse tt_http_request_parse(struct tt_http_request *r, const char *p, size_t n,
                                    size_t *used, int *status);
void tt_http_request_fini(struct tt_http_request *r); /* fine on a zeroed one */
const char *tt_http_request_header(const struct tt_http_request *r,
                                   const char *name); /* first one or NULL */
/* The decoded value of a query argument in out; false when absent or too long. "+" is a space. */
bool tt_query_get(const char *query, const char *name, char *out, size_t size);
bool tt_url_decode(struct tt_buf *out, const char *p, size_t n, bool plus_is_space);

struct tt_chunked {
    uint64_t left; /* of the chunk being read */
    int state;
};
/* Appends decoded bytes to body. BAD also when body is full: then *too_large is set. */
enum tt_parse tt_chunked_take(struct tt_chunked *c, const char *p, size_t n, struct tt_buf *body,
                              size_t *used, bool *too_large);
