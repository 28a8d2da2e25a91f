/* SPDX-License-Identifier: MIT */
/* Digest authentication (RFC 7616), client's side: MD5 and SHA-256, qop auth or none. Pure. */
#pragma once
#include "proto/http/url.h"

struct tt_http_digest {
    struct tt_slice challenge; /* value of a WWW-Authenticate header */
    const char *method, *uri;  /* uri: path and query as they are sent */
    struct tt_slice user, password;
    const char *cnonce;
};
/* Appends the value of the Authorization header. False: the challenge is none of Digest's, or asks
 * for what is not known. */
bool tt_http_digest_answer(struct tt_buf *out, const struct tt_http_digest *d);
