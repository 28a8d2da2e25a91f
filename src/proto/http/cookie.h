/* SPDX-License-Identifier: MIT */
/* A cookie's text: Set-Cookie lines read, Cookie pairs written, as Go's net/http does (so k6).
 * Pure.
 */
#pragma once
#include "proto/http/url.h"

struct tt_http_cookie {
    struct tt_slice name, value, domain, path; /* as the server wrote them; n 0: not given */
    int64_t max_age;                           /* seconds; 0: not given, -1: it is over */
    int64_t expires_ms;                        /* since the epoch; valid with has_expires */
    bool has_expires, secure, http_only;
};

/* The value of a Set-Cookie header. False: not a cookie (no name, or characters that none has). */
bool tt_http_cookie_parse(struct tt_slice line, struct tt_http_cookie *out);
/* A date of the forms that HTTP allows, in ms since the epoch. */
bool tt_http_cookie_date(struct tt_slice text, int64_t *ms);
/* May they stand in a cookie? Not in values: control characters, '"', ';', '\' and bytes beyond
 * ASCII. */
bool tt_http_cookie_name_ok(struct tt_slice name);
bool tt_http_cookie_value_ok(struct tt_slice value);
/* Adds "name=value", after "; " when out is not empty; a value with a space or comma is quoted. */
bool tt_http_cookie_put(struct tt_buf *out, struct tt_slice name, struct tt_slice value);
