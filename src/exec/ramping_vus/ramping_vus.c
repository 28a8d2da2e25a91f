/* SPDX-License-Identifier: MIT */
/* ramping-vus: the number of VUs follows the stages, one VU at a time.
 *
 * The count of the whole test moves in steps (plan/ramp.h). A slot is wanted while the count is
 * above the global index that the stripe gives it. A slot that is no longer wanted finishes its
 * iteration, is cut graceful_ramp_down later (at the scenario's hard end at the latest), and simply
 * goes on when it is wanted again before. Worker thread. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/units.h"
#include "exec/common.h"
#include "plan/ramp.h"
#include <stdio.h>
#include <string.h>

struct cut_off { /* a slot to cut unless it is wanted again */
    uint32_t slot;
    uint64_t at_ns;
};

struct ramping {
    struct tt_exec base;
    struct tt_ramp ramp;
    bool steps_over;
    /* slots */
    uint32_t wanted;       /* slots 0..wanted-1 are wanted */
    int64_t most;          /* slots that the stages can want */
    uint64_t *cut_at;      /* by slot: its pending cut, TT_NEVER none */
    struct cut_off *queue; /* in order of time: the delay is the same for all */
    size_t queue_head, queue_len, queue_cap;
};

static struct ramping *of(struct tt_exec *e)
{
    return (struct ramping *)(void *)e;
}

static int64_t max_slots(const struct tt_scenario *sc, const struct tt_stripe *stripe)
{
    int64_t most = sc->start_vus;
    for (size_t i = 0; i < sc->n_stages; i++)
        if (sc->stages[i].target > most)
            most = sc->stages[i].target;
    return tt_stripe_scale(stripe, most);
}

static void iterate(struct tt_exec *e, uint32_t slot, uint64_t now_ns)
{
    uint64_t number;
    e->host->claim(e->arg, UINT64_MAX, &number);
    tt__exec_iterate(e, slot, number, now_ns);
}

static void want(struct ramping *r, uint32_t slot, uint64_t at_ns)
{
    struct tt_exec *e = &r->base;
    r->cut_at[slot] = TT_NEVER;
    if (e->states[slot] == SLOT_RUNNING) /* it was ending gracefully: it just goes on */
        return;
    tt__exec_activate(e, slot);
    iterate(e, slot, at_ns);
}

static void unwant(struct ramping *r, uint32_t slot, uint64_t cut_ns)
{
    struct tt_exec *e = &r->base;
    if (e->states[slot] != SLOT_RUNNING)
        return;
    r->cut_at[slot] = cut_ns;
    if (r->queue_head == r->queue_len)
        r->queue_head = r->queue_len = 0;
    if (r->queue_len == r->queue_cap) {
        r->queue_cap = r->queue_cap ? r->queue_cap * 2 : 16;
        r->queue = tt_xreallocarray(r->queue, r->queue_cap, sizeof *r->queue);
    }
    r->queue[r->queue_len++] = (struct cut_off){slot, cut_ns};
}

/* Slots are made when they are first wanted: a target may be far away. */
static void make_slots(struct ramping *r, uint32_t n)
{
    uint32_t old = r->base.n_slots;
    if (n <= old)
        return;
    n = n < 2 * old ? 2 * old : n;
    n = (int64_t)n > r->most ? (uint32_t)r->most : n;
    tt__exec_add_slots(&r->base, n);
    r->cut_at = tt_xreallocarray(r->cut_at, n, sizeof *r->cut_at);
    memset(r->cut_at + old, 0xFF, (n - old) * sizeof *r->cut_at);
}

static void set_count(struct ramping *r, int64_t count, uint64_t at_ns)
{
    struct tt_exec *e = &r->base;
    uint32_t target = (uint32_t)tt_stripe_scale(&e->slice->vus, count);
    uint64_t cut_ns = at_ns + e->sc->graceful_ramp_down_ns;
    if (cut_ns > e->hard_ns)
        cut_ns = e->hard_ns;
    make_slots(r, target);
    while (r->wanted < target && at_ns < e->regular_ns) /* the end starts nothing */
        want(r, r->wanted++, at_ns);
    while (r->wanted > target)
        unwant(r, --r->wanted, cut_ns);
}

/* The stages are over: whoever still runs has until the hard end. */
static void end_steps(struct ramping *r)
{
    struct tt_exec *e = &r->base;
    r->steps_over = true;
    while (r->wanted > 0) {
        uint32_t slot = --r->wanted;
        if (e->states[slot] == SLOT_RUNNING)
            unwant(r, slot, e->hard_ns);
    }
}

static uint64_t next_cut(const struct ramping *r)
{
    return r->queue_head < r->queue_len ? r->queue[r->queue_head].at_ns : TT_NEVER;
}

/* The next step, or the end of them. */
static uint64_t next_change(struct ramping *r)
{
    uint64_t at = r->steps_over ? TT_NEVER : tt_ramp_next_ns(&r->ramp);
    return at == TT_NEVER && !r->steps_over ? r->base.regular_ns : at;
}

static void do_cut(struct ramping *r)
{
    struct cut_off c = r->queue[r->queue_head++];
    if (r->cut_at[c.slot] == c.at_ns)
        tt__exec_interrupt(&r->base, c.slot);
}

static uint64_t step(struct tt_exec *e, uint64_t now_ns)
{
    struct ramping *r = of(e);
    if (now_ns < e->start_ns)
        return e->start_ns;
    if (e->stopped)
        return TT_NEVER;
    if (!e->started) {
        e->started = true;
        set_count(r, tt_ramp_take(&r->ramp, e->start_ns), e->start_ns);
    }
    for (;;) { /* in order of time; at one instant steps go before cuts */
        uint64_t at = next_change(r), cut = next_cut(r);
        if (at > now_ns && cut > now_ns)
            return at < cut ? at : cut;
        if (at > cut)
            do_cut(r);
        else if (tt_ramp_next_ns(&r->ramp) == at)
            set_count(r, tt_ramp_take(&r->ramp, at), at);
        else
            end_steps(r);
    }
}

/* From now on that many VUs until the end; the stages that are left say nothing any more. */
static bool scale(struct tt_exec *e, const struct tt_scale *s, uint64_t now_ns, struct tt_err *err)
{
    struct ramping *r = of(e);
    if (!tt__exec_prepare_vus(e, s, now_ns, err))
        return false;
    int64_t slots = tt_stripe_scale(&e->slice->vus, s->vus);
    tt_ramp_end(&r->ramp);
    r->most = slots > r->most ? slots : r->most;
    set_count(r, s->vus, now_ns);
    return true;
}

static bool finished(const struct tt_exec *e)
{
    const struct ramping *r = (const struct ramping *)(const void *)e;
    return e->started && (e->stopped || r->steps_over) && e->n_active == 0;
}

static uint64_t iteration_done(struct tt_exec *e, uint32_t slot, uint64_t now_ns, bool interrupted)
{
    struct ramping *r = of(e);
    tt__exec_ended(e, slot, interrupted);
    if (slot < r->wanted && !e->stopped && !e->cut) {
        iterate(e, slot, now_ns);
    } else {
        r->cut_at[slot] = TT_NEVER;
        tt__exec_retire(e, slot);
    }
    if (finished(e)) /* not: nobody is active; the ramp may come back */
        return TT_NEVER;
    uint64_t at = next_change(r), cut = next_cut(r);
    return at < cut ? at : cut;
}

static struct tt_exec *create(const struct tt_scenario *sc, const struct tt_portion *slice,
                              const struct tt_exec_host *host, void *arg, uint64_t start_ns)
{
    struct ramping *r = tt_xcalloc(1, sizeof *r);
    tt__exec_init(&r->base, sc, slice, host, arg, start_ns, sc->duration_ns, 0);
    r->most = max_slots(sc, &slice->vus);
    tt_ramp_begin(&r->ramp, sc, start_ns);
    return &r->base;
}

static void destroy(struct tt_exec *e)
{
    tt_free(of(e)->cut_at);
    tt_free(of(e)->queue);
    tt__exec_fini(e);
    tt_free(e);
}

static struct tt_exec_progress progress(const struct tt_exec *e, uint64_t now_ns)
{
    return (struct tt_exec_progress){
        now_ns >= e->regular_ns || finished(e) ? 1 : tt__exec_time_fraction(e, now_ns), e->n_active,
        ((const struct ramping *)(const void *)e)->most, e->done, 0};
}

static void describe(const struct tt_scenario *sc, char *buf, size_t size)
{
    char d[48], first[80];
    int64_t most = sc->start_vus;
    for (size_t i = 0; i < sc->n_stages; i++)
        most = sc->stages[i].target > most ? sc->stages[i].target : most;
    snprintf(buf, size, "Up to %lld looping VUs for %s over %zu stages", (long long)most,
             tt_format_duration(d, sizeof d, sc->duration_ns), sc->n_stages);
    snprintf(first, sizeof first, "graceful_ramp_down: %s",
             tt_format_duration(d, sizeof d, sc->graceful_ramp_down_ns));
    tt__exec_facts(sc, first, buf, size);
}

const struct tt_exec_class tt_exec_ramping_vus = {
    .name = "ramping-vus",
    .create = create,
    .destroy = destroy,
    .step = step,
    .iteration_done = iteration_done,
    .stop = tt__exec_stop,
    .finished = finished,
    .scale = scale,
    .progress = progress,
    .max_slots = max_slots,
    .describe = describe,
};
