/* SPDX-License-Identifier: MIT */
/* per-vu-iterations: every VU runs its own number of iterations, none begins after max_duration;
 * what a VU did not begin is dropped. Worker thread. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/units.h"
#include "exec/common.h"
#include <stdio.h>

struct per_vu {
    struct tt_exec base;
    uint64_t *begun; /* by slot */
};

static struct per_vu *of(struct tt_exec *e)
{
    return (struct per_vu *)(void *)e;
}

static void next(struct tt_exec *e, uint32_t slot, uint64_t now_ns)
{
    uint64_t *begun = &of(e)->begun[slot], number, all = (uint64_t)e->sc->iterations;
    if (!e->stopped && !e->cut && now_ns < e->regular_ns && *begun < all) {
        ++*begun;
        e->host->claim(e->arg, UINT64_MAX, &number);
        tt__exec_iterate(e, slot, number, now_ns);
        return;
    }
    if (*begun < all)
        e->host->drop(e->arg, all - *begun);
    tt__exec_retire(e, slot);
}

static struct tt_exec *create(const struct tt_scenario *sc, const struct tt_portion *slice,
                              const struct tt_exec_host *host, void *arg, uint64_t start_ns)
{
    struct per_vu *p = tt_xcalloc(1, sizeof *p);
    tt__exec_init(&p->base, sc, slice, host, arg, start_ns, sc->max_duration_ns,
                  tt__exec_scaled_vus(sc, &slice->vus));
    p->begun = tt_xcalloc((size_t)p->base.n_slots + 1, sizeof *p->begun);
    return &p->base;
}

static void destroy(struct tt_exec *e)
{
    tt_free(of(e)->begun);
    tt__exec_fini(e);
    tt_free(e);
}

static uint64_t step(struct tt_exec *e, uint64_t now_ns)
{
    return tt__exec_loop_step(e, now_ns, next);
}

static uint64_t iteration_done(struct tt_exec *e, uint32_t slot, uint64_t now_ns, bool interrupted)
{
    return tt__exec_loop_done(e, slot, now_ns, interrupted, next);
}

static struct tt_exec_progress progress(const struct tt_exec *e, uint64_t now_ns)
{
    uint64_t all = (uint64_t)e->sc->iterations * e->n_slots;
    return (struct tt_exec_progress){tt__exec_time_fraction(e, now_ns), e->n_active, e->n_slots,
                                     e->done, all};
}

static void describe(const struct tt_scenario *sc, char *buf, size_t size)
{
    char d[48], first[80];
    snprintf(buf, size, "%lld iterations for each of %lld VUs", (long long)sc->iterations,
             (long long)sc->vus);
    snprintf(first, sizeof first, "max_duration: %s",
             tt_format_duration(d, sizeof d, sc->max_duration_ns));
    tt__exec_facts(sc, first, buf, size);
}

const struct tt_exec_class tt_exec_per_vu_iterations = {
    .name = "per-vu-iterations",
    .create = create,
    .destroy = destroy,
    .step = step,
    .iteration_done = iteration_done,
    .stop = tt__exec_stop,
    .finished = tt__exec_finished,
    .progress = progress,
    .max_slots = tt__exec_scaled_vus,
    .describe = describe,
};
