/* SPDX-License-Identifier: MIT */
/* The number of VUs that stages ask for over time (k6-semantics in docs/differences.md): on the way
 * from a to b in a stage of length D that ends at E it becomes c at E - D * |b-c| / |b-a|, in whole
 * nanoseconds. Steps are made one at a time, so a target of 10^8 costs nothing before it is
 * reached. Pure; one thread. */
#pragma once
#include "plan/plan.h"

struct tt_ramp {
    const struct tt_scenario *sc;
    size_t stage;
    int64_t count, from; /* now; at the stage's start */
    uint64_t stage_end_ns;
};

/* At start_ns with start_vus; steps at that very moment are still to be taken. */
void tt_ramp_begin(struct tt_ramp *r, const struct tt_scenario *sc, uint64_t start_ns);
/* When the count changes next; TT_NEVER: no more. */
uint64_t tt_ramp_next_ns(struct tt_ramp *r);
/* Takes one step; the count then. */
int64_t tt_ramp_step(struct tt_ramp *r);
/* Takes all steps at that moment (of several, in stages without duration, only the last counts);
 * the count then. */
int64_t tt_ramp_take(struct tt_ramp *r, uint64_t at_ns);
/* No more steps; the count is set from outside. */
void tt_ramp_end(struct tt_ramp *r);
