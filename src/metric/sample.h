/* SPDX-License-Identifier: MIT */
/* Single samples on their way from a shard to the outputs that want them, in blocks. A shard fills
 * a block and gives it away; whoever holds a block may read it, on any thread, until it drops it.
 * The tag sets in it are valid as long as the pool they come from, temporary ones as long as the
 * block. */
#pragma once
#include "metric/tags.h"
#include <stdatomic.h>

struct tt_sample {
    uint64_t at_ns; /* monotonic */
    double value;
    const struct tt_tags *tags;
    tt_metric_id metric;
};

enum { TT_SAMPLES_PER_BLOCK = 1000 };

struct tt_sample_block {
    atomic_uint holders;
    uint32_t n;
    struct tt_sample items[TT_SAMPLES_PER_BLOCK];
};

/* Where a shard's blocks go. */
struct tt_sample_feed {
    void *arg;
    void (*give)(void *arg, struct tt_sample_block *b); /* on the shard's thread; takes one hold */
};

struct tt_sample_block *tt_sample_block_new(void); /* held once, by the caller */
void tt_sample_block_hold(struct tt_sample_block *b);
void tt_sample_block_drop(struct tt_sample_block *b); /* the last one frees it; NULL is fine */
static inline void tt_sample_block_add(struct tt_sample_block *b, struct tt_sample s)
{
    tt_tags_keep(s.tags);
    b->items[b->n++] = s;
}
