/* SPDX-License-Identifier: MIT */
/* Tag sets: interned per worker, immutable, compared by pointer. Interning one resolves once which
 * sub-metrics it feeds. The pool and its sets belong to one worker's thread. */
#pragma once
#include "metric/metric.h"
#include "metric/system_tags.h"

struct tt_tags; /* an interned set */
struct tt_tagpool;

/* r must be frozen and outlive the pool. capacity: how many sets are kept; beyond it sets are made
 * in a small ring of temporaries (valid until 64 further ones, or while they are held), so
 * sub-metrics stay exact while memory stays bounded. */
struct tt_tagpool *tt_tagpool_new(const struct tt_registry *r, size_t capacity);
/* Which system tags tt_tags_system sets; at first the default ones. */
void tt_tagpool_choose(struct tt_tagpool *p, tt_system_tag_set chosen);
tt_system_tag_set tt_tagpool_chosen(const struct tt_tagpool *p);
void tt_tagpool_free(struct tt_tagpool *p);
size_t tt_tagpool_overflow(const struct tt_tagpool *p); /* how many sets did not fit */
const struct tt_tags *tt_tags_empty(struct tt_tagpool *p);
/* base plus tags; a later tag wins over an earlier one and over base; value NULL removes the key;
 * values are copied. */
const struct tt_tags *tt_tags_with(struct tt_tagpool *p, const struct tt_tags *base,
                                   const struct tt_tag *tags, size_t n);
/* As tt_tags_with, for system tags: those that are not chosen are left out. n at most 16. */
const struct tt_tags *tt_tags_system(struct tt_tagpool *p, const struct tt_tags *base,
                                     const struct tt_tag *tags, size_t n);
const char *tt_tags_get(const struct tt_tags *t, const char *key); /* NULL when absent */
size_t tt_tags_count(const struct tt_tags *t);
struct tt_tag tt_tags_at(const struct tt_tags *t, size_t i); /* sorted by key */
/* A temporary set stays valid from keep to drop, which any thread may call; the other sets stay as
 * long as the pool anyway, so that keeping one costs a comparison. */
void tt_tags_keep(const struct tt_tags *t);
void tt_tags_drop(const struct tt_tags *t);
/* *place = t for something that outlives the call: keeps t, drops what was there. NULL is nothing,
 * in either. */
void tt_tags_hold(const struct tt_tags **place, const struct tt_tags *t);
