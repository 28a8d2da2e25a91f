/* SPDX-License-Identifier: MIT */
/* System tags: those that ttload sets itself. The option system_tags says which; a tag pool leaves
 * out the others. Immutable; any thread. */
#pragma once
#include "base/err.h"
#include <stdint.h>

/* Rows: name, set by default. vu and iter are metadata of samples, not tags: a set of tags for each
 * iteration would be too many. */
#define TT_SYSTEM_TAGS(X)                                                                          \
    X(proto, 1)                                                                                    \
    X(subproto, 1)                                                                                 \
    X(status, 1)                                                                                   \
    X(method, 1)                                                                                   \
    X(url, 1)                                                                                      \
    X(name, 1)                                                                                     \
    X(group, 1)                                                                                    \
    X(check, 1)                                                                                    \
    X(error, 1)                                                                                    \
    X(error_code, 1)                                                                               \
    X(tls_version, 1)                                                                              \
    X(scenario, 1)                                                                                 \
    X(service, 1)                                                                                  \
    X(expected_response, 1)                                                                        \
    X(ocsp_status, 0)                                                                              \
    X(ip, 0)                                                                                       \
    X(vu, 0)                                                                                       \
    X(iter, 0)

enum tt_system_tag {
#define X(name, on) TT_TAG_##name,
    TT_SYSTEM_TAGS(X)
#undef X
        TT_TAG_COUNT
};
typedef uint32_t tt_system_tag_set; /* bit i: tag i is set */

extern const tt_system_tag_set tt_system_tags_default;
/* -1 with err, that names the known ones: no such tag. */
int tt_system_tag_find(const char *name, struct tt_err *err);

static inline bool tt_system_tags_has(tt_system_tag_set s, enum tt_system_tag t)
{
    return s >> t & 1;
}
