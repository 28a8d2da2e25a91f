/* SPDX-License-Identifier: MIT */
/* The table of system tags; see system_tags.h. */
#include "metric/system_tags.h"
#include "base/exitcode.h"
#include "base/str.h"
#include <string.h>

static const char *const names[] = {
#define X(name, on) #name,
    TT_SYSTEM_TAGS(X)
#undef X
};

const tt_system_tag_set tt_system_tags_default = 0
#define X(name, on) | (tt_system_tag_set)(on) << TT_TAG_##name
    TT_SYSTEM_TAGS(X)
#undef X
    ;

int tt_system_tag_find(const char *name, struct tt_err *err)
{
    for (int i = 0; i < TT_TAG_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    const char *near = tt_suggest(name, names, TT_TAG_COUNT);
    if (near)
        tt_err_set(err, TT_EXIT_CONFIG, "unknown system tag '%s' (did you mean '%s'?)", name, near);
    else
        tt_err_set(err, TT_EXIT_CONFIG,
                   "unknown system tag '%s'; there are proto, subproto, status, method, url, name, "
                   "group, check, error, error_code, tls_version, scenario, service, "
                   "expected_response, ocsp_status, ip, vu and iter",
                   name);
    return -1;
}
