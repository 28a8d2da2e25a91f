/* SPDX-License-Identifier: MIT */
/* Proxies of the environment: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in upper or lower case, by the
 * rules of Go's net/http and so k6. Pure. */
#pragma once
#include "proto/http/url.h"

struct tt_http_proxies {
    const char *http, *https, *no_proxy; /* NULL or "": none. Borrowed: of the environment */
};

struct tt_http_proxies tt_http_proxies_of_environment(void);
/* The proxy for url, as the environment has it; NULL: none. Never for loopback hosts. NO_PROXY
 * lists hosts (with what is under them), ".domain" (only what is under it), addresses, networks,
 * each with a port where it matters, or "*". */
const char *tt_http_proxy_for(const struct tt_http_proxies *p, const struct tt_http_url *url);
