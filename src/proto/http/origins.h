/* SPDX-License-Identifier: MIT */
/* What a worker's answers have told of the origins of https: those that speak HTTP/1 only need no
 * library, and no leader for a batch. An origin is taken at its first word for as long as the
 * worker lives. Worker thread only. */
#pragma once
#include "base/map.h"
#include "proto/http/url.h"

struct tt_http_origin {
    bool http1; /* asked for HTTP/2 or HTTP/1.1, it chose the latter */
};

/* Past these origins are not known, and their connections libcurl's. */
enum { TT_HTTP_ORIGINS_MAX = 1024 };

struct tt_http_origins {
    struct tt_map by_authority;
};

void tt_http_origins_fini(struct tt_http_origins *o);
/* The origin of an https URL's "host[:port]", made when it is new; it stays until fini. NULL: one
 * too many. */
struct tt_http_origin *tt_http_origin_of(struct tt_http_origins *o, struct tt_slice authority);
