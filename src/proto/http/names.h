/* SPDX-License-Identifier: MIT */
/* URLs as names of requests: secrets masked, what varies replaced, and not more than a limit of
 * them. Worker thread. */
#pragma once
#include "base/map.h"
#include "proto/http/url.h"

/* Is this name one of what nobody else should read: of a query value, a form's field? */
bool tt_http_is_secret(const char *name, size_t n);
/* Appends text like "a=1&token=abc" with secret values as ****. */
bool tt_http_mask_query(const char *p, size_t n, struct tt_buf *out);
/* The URL with ${} for path segments and query values that are numbers, dates, UUIDs, long hex or
 * tokens; userinfo and secrets masked, without the fragment. */
bool tt_http_url_template(const struct tt_http_url *u, struct tt_buf *out);

struct tt_http_names {
    struct tt_map seen;
    size_t count, max; /* max 0: no limit */
    bool templates, told;
    struct tt_buf text;
};
void tt_http_names_init(struct tt_http_names *n, size_t max, bool templates);
void tt_http_names_fini(struct tt_http_names *n);
/* name, or "other" when there are max names without it. */
const char *tt_http_names_admit(struct tt_http_names *n, const char *name);
