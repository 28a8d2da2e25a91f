/* SPDX-License-Identifier: MIT */
/* How many VUs a plan must hold ready over time, exactly. The engine itself takes the upper bound
 * of tt_plan_planned_vus; this is for those who want to know. Pure; one thread. */
#pragma once
#include "base/vec.h"
#include "plan/plan.h"

struct tt_need {
    uint64_t at_ns;
    int64_t planned, unplanned; /* from then on; unplanned: what open models may grow by */
};
struct tt_needs { /* TT_VEC */
    struct tt_need *items;
    size_t len, cap;
};

enum { TT_NEEDS_MAX = 1000000 };

/* VUs of the stripe, from the scenario's own start. False: more than TT_NEEDS_MAX changes. Free
 * with tt_vec_fini. */
bool tt_scenario_needs(const struct tt_scenario *sc, const struct tt_stripe *s,
                       struct tt_needs *out);
/* The same of all scenarios together, from the run's start. A scenario with `after` is taken to
 * start as late as it can. */
bool tt_plan_needs(const struct tt_plan *p, const struct tt_stripe *s, struct tt_needs *out);
