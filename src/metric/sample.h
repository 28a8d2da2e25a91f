/* SPDX-License-Identifier: MIT */
/* Single samples on their way from a shard to the outputs that want them, in blocks. A shard fills
 * a block and gives it away; whoever holds a block may read it, on any thread, until it drops it.
 * The tag sets in it are valid as long as the pool they come from, temporary ones as long as the
 * block. */
#pragma once
#include "metric/tags.h"
#include <stdatomic.h>

/* What a script attached to samples beside their tags, for outputs alone. Immutable and counted:
 * any thread. */
struct tt_metadata {
    atomic_uint holders;
    size_t n;
    struct tt_tag items[]; /* sorted by key; their text behind them */
};
/* A set held once, by the caller: base (NULL: nothing) with this value; value NULL removes the key.
 * NULL when nothing is left. */
struct tt_metadata *tt_metadata_with(const struct tt_metadata *base, const char *key,
                                     const char *value);
void tt_metadata_hold(struct tt_metadata *m); /* NULL is fine in both */
void tt_metadata_drop(struct tt_metadata *m);

struct tt_sample {
    uint64_t at_ns; /* monotonic */
    double value;
    const struct tt_tags *tags;
    struct tt_metadata *metadata; /* NULL: none */
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
    tt_metadata_hold(s.metadata);
    b->items[b->n++] = s;
}
