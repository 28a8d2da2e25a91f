/* SPDX-License-Identifier: MIT */
/* See origins.h. */
#include "proto/http/origins.h"
#include "base/memory.h"
#include <string.h>

void tt_http_origins_fini(struct tt_http_origins *o)
{
    tt_map_fini(&o->by_authority, tt_free);
}

struct tt_http_origin *tt_http_origin_of(struct tt_http_origins *o, struct tt_slice authority)
{
    char name[300];
    struct tt_http_origin *known = tt_map_getn(&o->by_authority, authority.p, authority.n);
    if (known || authority.n >= sizeof name ||
        tt_map_count(&o->by_authority) >= TT_HTTP_ORIGINS_MAX)
        return known;
    memcpy(name, authority.p, authority.n);
    name[authority.n] = '\0';
    known = tt_xcalloc(1, sizeof *known);
    tt_map_put(&o->by_authority, name, known);
    return known;
}
