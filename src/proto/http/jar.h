/* SPDX-License-Identifier: MIT */
/* A cookie jar: RFC 6265 as Go's cookiejar without a public suffix list (so k6's). Every VU has
 * one; scripts make more. Worker thread.
 *
 * A jar is counted: the VU, a script's object and a request under way may each hold it. Times are
 * ms since the epoch. A jar holds TT_HTTP_JAR_MAX cookies; the oldest gives way. */
#pragma once
#include "proto/http/cookie.h"

enum { TT_HTTP_JAR_MAX = 1000 };

struct tt_http_jar;

struct tt_http_jar *tt_http_jar_new(void);
struct tt_http_jar *tt_http_jar_ref(struct tt_http_jar *j);
void tt_http_jar_unref(struct tt_http_jar *j); /* NULL is fine */
void tt_http_jar_clear(struct tt_http_jar *j);
bool tt_http_jar_empty(const struct tt_http_jar *j);
/* A cookie that url set. One that is over is taken out. False: the domain is not one that url may
 * set cookies for. */
bool tt_http_jar_set(struct tt_http_jar *j, const struct tt_http_url *url,
                     const struct tt_http_cookie *c, int64_t now_ms);
/* The Set-Cookie lines of a header block. */
void tt_http_jar_store(struct tt_http_jar *j, const struct tt_http_url *url, const char *head,
                       size_t n, int64_t now_ms);
/* Calls each with the cookies that go to url, in the order in which they are sent. */
typedef void (*tt_http_jar_each)(void *arg, struct tt_slice name, struct tt_slice value);
void tt_http_jar_for(struct tt_http_jar *j, const struct tt_http_url *url, int64_t now_ms,
                     tt_http_jar_each each, void *arg);
/* Takes out the cookies that go to url; name.p NULL: all of them. */
void tt_http_jar_remove(struct tt_http_jar *j, const struct tt_http_url *url, struct tt_slice name);
