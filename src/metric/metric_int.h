/* SPDX-License-Identifier: MIT */
/* What metric/'s files share. Not for other folders. */
#pragma once
#include "metric/tags.h"
#include <stdatomic.h>

struct tt_tags {
    struct tt_tags *next;
    bool temporary;
    atomic_uint holders; /* of a temporary: the pool, and samples that wait for an output */
    uint64_t hash;
    size_t n;
    const struct tt_tag *tags;
    uint64_t match[]; /* bit i: its samples feed sub-metric i */
};
