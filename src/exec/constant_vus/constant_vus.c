/* SPDX-License-Identifier: MIT */
/* constant-vus: a fixed number of VUs, all started at once, loop until the duration is over. The
 * number can be changed while it runs; VUs that are too many end their iteration first. Worker
 * thread. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/units.h"
#include "exec/common.h"
#include <stdio.h>

struct constant {
    struct tt_exec base;
    uint32_t wanted; /* slots */
    bool over;       /* nothing will start any more */
};

static struct constant *of(struct tt_exec *e)
{
    return (struct constant *)(void *)e;
}

static void next(struct tt_exec *e, uint32_t slot, uint64_t now_ns)
{
    uint64_t number;
    if (e->stopped || e->cut || now_ns >= e->regular_ns || slot >= of(e)->wanted) {
        tt__exec_retire(e, slot);
        return;
    }
    e->host->claim(e->arg, UINT64_MAX, &number);
    tt__exec_iterate(e, slot, number, now_ns);
}

static struct tt_exec *create(const struct tt_scenario *sc, const struct tt_portion *slice,
                              const struct tt_exec_host *host, void *arg, uint64_t start_ns)
{
    struct constant *c = tt_xcalloc(1, sizeof *c);
    tt__exec_init(&c->base, sc, slice, host, arg, start_ns, sc->duration_ns,
                  tt__exec_scaled_vus(sc, &slice->vus));
    c->wanted = c->base.n_slots;
    c->over = !c->wanted && !slice->others;
    return &c->base;
}

static void destroy(struct tt_exec *e)
{
    tt__exec_fini(e);
    tt_free(of(e));
}

/* The end must be noticed with no VU running too: all may have been taken away. */
static uint64_t until_over(struct tt_exec *e, uint64_t now_ns, uint64_t due_ns)
{
    of(e)->over |= now_ns >= e->regular_ns;
    return !of(e)->over && !e->cut && e->regular_ns < due_ns && now_ns >= e->start_ns
               ? e->regular_ns
               : due_ns;
}

static uint64_t step(struct tt_exec *e, uint64_t now_ns)
{
    return until_over(e, now_ns, tt__exec_loop_step(e, now_ns, next));
}

static uint64_t iteration_done(struct tt_exec *e, uint32_t slot, uint64_t now_ns, bool interrupted)
{
    return until_over(e, now_ns, tt__exec_loop_done(e, slot, now_ns, interrupted, next));
}

static bool scale(struct tt_exec *e, const struct tt_scale *s, uint64_t now_ns, struct tt_err *err)
{
    if (!tt__exec_prepare_vus(e, s, now_ns, err))
        return false;
    of(e)->over = false;
    of(e)->wanted = (uint32_t)tt_stripe_scale(&e->slice->vus, s->vus);
    tt__exec_add_slots(e, of(e)->wanted);
    for (uint32_t i = 0; i < of(e)->wanted; i++)
        if (e->states[i] == SLOT_IDLE) {
            tt__exec_activate(e, i);
            next(e, i, now_ns);
        }
    return true;
}

static bool finished(const struct tt_exec *e)
{
    const struct constant *c = (const struct constant *)(const void *)e;
    return tt__exec_finished(e) && (c->over || e->stopped || e->cut);
}

static struct tt_exec_progress progress(const struct tt_exec *e, uint64_t now_ns)
{
    return (struct tt_exec_progress){tt__exec_time_fraction(e, now_ns), e->n_active, e->n_slots,
                                     e->done, 0};
}

static void describe(const struct tt_scenario *sc, char *buf, size_t size)
{
    char d[48];
    snprintf(buf, size, "%lld looping VUs for %s", (long long)sc->vus,
             tt_format_duration(d, sizeof d, sc->duration_ns));
    tt__exec_facts(sc, "", buf, size);
}

const struct tt_exec_class tt_exec_constant_vus = {
    .name = "constant-vus",
    .create = create,
    .destroy = destroy,
    .step = step,
    .iteration_done = iteration_done,
    .stop = tt__exec_stop,
    .finished = finished,
    .scale = scale,
    .progress = progress,
    .max_slots = tt__exec_scaled_vus,
    .describe = describe,
};
