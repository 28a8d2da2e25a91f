/* SPDX-License-Identifier: MIT */
/* Requests as JSON, for the echoing answers. Pure; any thread. */
#pragma once
#include "base/json.h"
#include "serve/server.h"

cJSON *tt__reflect(const struct tt_exchange *x); /* the caller's */
cJSON *tt__reflect_headers(const struct tt_http_request *r);
cJSON *tt__reflect_cookies(const struct tt_http_request *r);
void tt__gzip(struct tt_buf *out, const void *p, size_t n);
