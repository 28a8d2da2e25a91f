/* SPDX-License-Identifier: MIT */
/* VUs needed over time; see needs.h. */
#include "plan/needs.h"
#include "base/clock.h"
#include "plan/ramp.h"
#include <stdlib.h>
#include <string.h>

/* What changes nothing is left out. */
static bool note(struct tt_needs *out, uint64_t at_ns, int64_t planned, int64_t unplanned)
{
    const struct tt_need *last = out->len ? &out->items[out->len - 1] : NULL;
    if (last && last->planned == planned && last->unplanned == unplanned)
        return true;
    struct tt_need need = {at_ns, planned, unplanned};
    tt_vec_push(out, need);
    return out->len <= TT_NEEDS_MAX;
}

/* --- ramps: a VU that the ramp gave up is kept until it must have stopped ------------------------
 */

struct kept { /* slots 0..above-1, until then */
    int64_t above;
    uint64_t until_ns;
};
struct keeper {
    struct kept *items; /* in order of time; above falls */
    size_t len, cap, head;
};

static void keep(struct keeper *k, int64_t above, uint64_t until_ns)
{
    struct kept new = {above, until_ns};
    while (k->len > k->head && k->items[k->len - 1].above <= above)
        k->len--;
    tt_vec_push(k, new);
}

/* Those whose time comes no later than at_ns leave; counts as they change. */
static bool release(struct keeper *k, uint64_t at_ns, int64_t wanted, struct tt_needs *out)
{
    while (k->head < k->len && k->items[k->head].until_ns <= at_ns) {
        uint64_t then = k->items[k->head++].until_ns;
        int64_t held = k->head < k->len ? k->items[k->head].above : 0;
        bool last = k->head == k->len || k->items[k->head].until_ns != then;
        if (last && !note(out, then, held > wanted ? held : wanted, 0))
            return false;
    }
    return true;
}

static bool ramp_needs(const struct tt_scenario *sc, const struct tt_stripe *s,
                       struct tt_needs *out)
{
    struct tt_ramp ramp;
    struct keeper k = {0};
    uint64_t hard_ns = sc->duration_ns + sc->graceful_stop_ns, at_ns;
    int64_t wanted = tt_stripe_scale(s, sc->start_vus);
    bool ok = note(out, 0, wanted, 0);
    tt_ramp_begin(&ramp, sc, 0);
    while (ok && (at_ns = tt_ramp_next_ns(&ramp)) != TT_NEVER) {
        ok = at_ns == hard_ns || release(&k, at_ns, wanted, out);
        int64_t next = tt_stripe_scale(s, tt_ramp_step(&ramp));
        uint64_t until_ns = at_ns + sc->graceful_ramp_down_ns;
        if (next < wanted)
            keep(&k, wanted, until_ns < hard_ns ? until_ns : hard_ns);
        wanted = next;
        int64_t held = k.head < k.len ? k.items[k.head].above : 0;
        ok = ok && note(out, at_ns, held > wanted ? held : wanted, 0);
    }
    if (wanted)
        keep(&k, wanted, hard_ns);
    ok = ok && release(&k, TT_NEVER, 0, out);
    tt_free(k.items);
    return ok;
}

bool tt_scenario_needs(const struct tt_scenario *sc, const struct tt_stripe *s,
                       struct tt_needs *out)
{
    uint64_t regular_ns = tt_scenario_regular_ns(sc);
    uint64_t end_ns = regular_ns + sc->graceful_stop_ns;
    if (strcmp(sc->executor, "ramping-vus") == 0)
        return ramp_needs(sc, s, out);
    if (strcmp(sc->executor, "externally-controlled") == 0) {
        note(out, 0, tt_stripe_scale(s, sc->max_vus), 0);
        return regular_ns == TT_NEVER || note(out, regular_ns, 0, 0);
    }
    int64_t planned = tt_stripe_scale(s, sc->time_unit_ns ? sc->pre_allocated_vus : sc->vus);
    note(out, 0, planned, sc->time_unit_ns ? tt_stripe_scale(s, sc->max_vus) - planned : 0);
    return note(out, end_ns, 0, 0);
}

/* --- all scenarios ------------------------------------------------------------------------------
 */

struct change {
    uint64_t at_ns;
    size_t order; /* of those at one time: by scenario, then as the scenario makes them */
    int64_t planned, unplanned; /* by how much */
};
struct changes {
    struct change *items;
    size_t len, cap;
};

static int by_time(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static bool add_changes(struct changes *all, const struct tt_scenario *sc, uint64_t start_ns,
                        const struct tt_stripe *s)
{
    struct tt_needs own = {0};
    struct tt_need before = {0};
    bool ok = tt_scenario_needs(sc, s, &own) && all->len + own.len <= TT_NEEDS_MAX;
    for (size_t i = 0; ok && i < own.len; i++) {
        const struct tt_need *n = &own.items[i];
        struct change c = {start_ns + n->at_ns, all->len, n->planned - before.planned,
                           n->unplanned - before.unplanned};
        before = *n;
        tt_vec_push(all, c);
    }
    tt_vec_fini(&own);
    return ok;
}

bool tt_plan_needs(const struct tt_plan *p, const struct tt_stripe *s, struct tt_needs *out)
{
    struct changes all = {0};
    int64_t planned = 0, unplanned = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < p->n_scenarios; i++) {
        const struct tt_scenario *sc = &p->scenarios[i];
        uint64_t start_ns = tt_plan_latest_start_ns(p, sc);
        ok = start_ns == TT_NEVER || add_changes(&all, sc, start_ns, s);
    }
    if (all.len)
        qsort(all.items, all.len, sizeof *all.items, by_time);
    for (size_t i = 0; ok && i < all.len; i++) {
        planned += all.items[i].planned;
        unplanned += all.items[i].unplanned;
        ok = note(out, all.items[i].at_ns, planned, unplanned);
    }
    tt_vec_fini(&all);
    return ok;
}
