/* SPDX-License-Identifier: MIT */
/* The request of HTTP/1.1 as text, byte for byte what libcurl is told to send. Pure. */
#pragma once
#include "proto/http/transport.h"

enum { TT_H1_REQUEST_MAX = 4 * 1024 * 1024 };

/* What the transport itself adds. */
struct tt_h1_own {
    const char *user_agent; /* unless the headers have one; NULL or "": none */
    bool closes;            /* Connection: close */
};
/* Appends the head of x's request. *closes: it says that the connection ends with it. */
bool tt_h1_request_put(struct tt_buf *out, const struct tt_http_exchange *x,
                       const struct tt_h1_own *own, bool *closes);
/* May it be sent twice without doing more than once? By its method (RFC 9110 9.2.2, what net/http
 * counts of it) or an Idempotency-Key. */
bool tt_h1_request_repeatable(const struct tt_http_exchange *x);
/* "host[:port]" of an http or https URL, without the default port. */
struct tt_slice tt_h1_authority(const char *url);
/* "[::1]:8080" -> "::1", 8080; *port stays when none is written. host is cut to size. */
void tt_h1_split_authority(struct tt_slice authority, char *host, size_t size, uint16_t *port);
