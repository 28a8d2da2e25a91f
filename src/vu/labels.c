/* SPDX-License-Identifier: MIT */
/* What a VU's script may change of the VU itself: the tags and metadata of its later samples, its
 * random numbers. Worker thread. */
#include "vu/vu_int.h"
#include <stdio.h>

/* --- tags and metadata --------------------------------------------------------------------------
 */

bool tt_vu_set_tag(struct tt_vu *vu, const char *key, const char *value)
{
    struct tt_tagpool *pool = vu->w->tags;
    const struct tt_tag tag = {key, value};
    size_t before = tt_tagpool_overflow(pool);
    const struct tt_tags *base = tt_tags_with(pool, vu->tags, &tag, 1);
    if (tt_tagpool_overflow(pool) != before) /* a temporary set: not to be kept */
        return false;
    if (value && !tt_tags_get(base, key)) /* a set is full */
        return false;
    for (struct tt_fiber *f = vu->in->fibers; f; f = f->next) {
        const struct tt_tags *own = tt_tags_with(pool, f->tags, &tag, 1);
        if (tt_tagpool_overflow(pool) != before)
            return false;
        tt_tags_hold(&f->tags, own);
    }
    vu->tags = base;
    return true;
}

void tt_vu_set_metadata(struct tt_vu *vu, const char *key, const char *value)
{
    struct tt_metadata *before = vu->metadata;
    vu->metadata = tt_metadata_with(before, key, value);
    tt_metadata_drop(before);
}

static void set_number(struct tt_vu *vu, enum tt_system_tag tag, const char *key, uint64_t number)
{
    char text[24];
    if (!tt_system_tags_has(tt_tagpool_chosen(vu->w->tags), tag))
        return;
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    tt_vu_set_metadata(vu, key, text);
}

void tt__labels_begin(struct tt_vu *vu)
{
    tt__labels_clear(vu);
    set_number(vu, TT_TAG_vu, "vu", vu->id_in_instance);
}

void tt__labels_iteration(struct tt_vu *vu)
{
    set_number(vu, TT_TAG_iter, "iter", vu->iteration);
}

void tt__labels_clear(struct tt_vu *vu)
{
    tt_metadata_drop(vu->metadata);
    vu->metadata = NULL;
}

/* --- random numbers -----------------------------------------------------------------------------
 */

/* Which worker runs the VU, and what other VUs draw, says nothing: the same in every run. */
struct tt_rng *tt_vu_rng(struct tt_vu *vu)
{
    struct tt_vu_int *in = vu->in;
    if (in->rng_due) {
        uint64_t seed = tt_rng_mix((uint64_t)vu->w->plan->opt.seed);
        seed = tt_rng_mix(seed + vu->id);
        seed = tt_rng_mix(seed + (vu->stage == TT_STAGE_INIT ? UINT64_MAX : vu->iteration));
        tt_rng_seed(&in->rng, seed);
        in->rng_due = false;
    }
    return &in->rng;
}

void tt_vu_seed(struct tt_vu *vu, uint64_t seed)
{
    vu->in->seeded = vu->in->rng_due = false;
    tt_rng_seed(&vu->in->rng, seed);
}
