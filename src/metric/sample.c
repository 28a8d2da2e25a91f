/* SPDX-License-Identifier: MIT */
/* Blocks of samples; see sample.h. Any thread. */
#include "metric/sample.h"
#include "base/memory.h"

struct tt_sample_block *tt_sample_block_new(void)
{
    struct tt_sample_block *b = tt_xmalloc(sizeof *b);
    atomic_init(&b->holders, 1);
    b->n = 0;
    return b;
}

void tt_sample_block_hold(struct tt_sample_block *b)
{
    atomic_fetch_add_explicit(&b->holders, 1, memory_order_relaxed);
}

void tt_sample_block_drop(struct tt_sample_block *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->holders, 1, memory_order_acq_rel) > 1)
        return;
    for (uint32_t i = 0; i < b->n; i++)
        tt_tags_drop(b->items[i].tags);
    tt_free(b);
}
