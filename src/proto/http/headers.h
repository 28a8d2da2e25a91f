/* SPDX-License-Identifier: MIT */
/* A response's header block as it came ("HTTP/1.1 200 OK\r\nName: value\r\n..."), read when asked.
 * Pure. */
#pragma once
#include "base/buf.h"
#include "proto/http/url.h"

struct tt_http_header {
    struct tt_slice name, value;
};

/* Adds one line as the transport got it (with its line end). A status line begins the block anew,
 * so that interim responses and earlier hops are dropped; a folded line joins the one before. False
 * when the block is full. */
bool tt_http_headers_add(struct tt_buf *block, const char *line, size_t n);
/* The status line's parts; false when the block has none. text is "200 OK", or "200" from HTTP/2,
 * which sends no phrase. */
struct tt_http_status {
    int code;
    const char *proto; /* "HTTP/1.1", "HTTP/2.0", static */
    struct tt_slice text;
};
bool tt_http_headers_status(const char *block, size_t n, struct tt_http_status *out);
/* Iterates: *at is 0 at first; false at the end. */
bool tt_http_headers_next(const char *block, size_t n, size_t *at, struct tt_http_header *h);
/* "content-type" -> "Content-Type", in place. Names with characters that no header name has stay as
 * they are. */
void tt_http_header_canonical(char *name, size_t n);
/* The phrase of a status code; "" when it has none. */
const char *tt_http_status_phrase(int code);
