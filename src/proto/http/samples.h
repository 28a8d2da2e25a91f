/* SPDX-License-Identifier: MIT */
/* What a hop leaves behind: k6's samples and tags. Worker thread only. */
#pragma once
#include "proto/http/expected.h"
#include "proto/http/headers.h"
#include "proto/http/names.h"
#include "proto/http/transport.h"
#include "vu/vu.h"

enum tt_http_verdict { TT_HTTP_UNJUDGED, TT_HTTP_UNEXPECTED, TT_HTTP_EXPECTED };

/* The tag set of a hop is the same for most requests to a URL; making it anew costs a look-up of
 * ten strings. One entry per (tags, method, URL or name, status, protocol, TLS). */
struct tt_http_tag_entry {
    const struct tt_tags *base, *tags;
    char *label;
    size_t label_len, label_cap;
    uint64_t hash;
    int status;
    const char *proto, *tls, *ocsp;
    enum tt_http_verdict verdict;
    char method[16];
};
enum { TT_HTTP_TAG_ENTRIES = 512 };
struct tt_http_tag_cache {
    struct tt_http_tag_entry entries[TT_HTTP_TAG_ENTRIES];
    const struct tt_tags *named; /* the last base whose name tag was looked up, and the tag */
    const char *name;
    struct tt_http_names names;
    bool other; /* the last set that was made is that of too many names */
};
void tt_http_tag_cache_init(struct tt_http_tag_cache *c, size_t max_names, bool templates);
void tt_http_tag_cache_fini(struct tt_http_tag_cache *c);

struct tt_http_sample {
    struct tt_vu *vu;
    const struct tt_tags *base;
    const char *method;
    const struct tt_http_url *parsed; /* of url */
    struct tt_slice url;
    const struct tt_http_exchange *x;
    const struct tt_http_status *status; /* code 0 on error */
    const struct tt_http_expected *expected;
};
/* Tags of the hop, interned in the worker's pool. */
const struct tt_tags *tt_http_sample_tags(struct tt_http_tag_cache *c,
                                          const struct tt_http_sample *s);
void tt_http_sample_emit(struct tt_http_tag_cache *c, const struct tt_http_sample *s);
