/* SPDX-License-Identifier: MIT */
/* shared-iterations: VUs take the next number of one process-wide count until it is used up or
 * max_duration is over; what was not begun by then is dropped. Worker thread. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/units.h"
#include "exec/common.h"
#include <stdio.h>

static uint64_t total(const struct tt_exec *e)
{
    return (uint64_t)e->sc->iterations;
}

static void next(struct tt_exec *e, uint32_t slot, uint64_t now_ns)
{
    uint64_t number;
    bool over = e->stopped || e->cut || now_ns >= e->regular_ns;
    if (!over && e->host->claim(e->arg, total(e), &number)) {
        tt__exec_iterate(e, slot, number, now_ns);
        return;
    }
    tt__exec_retire(e, slot);
    uint64_t dropped = over && e->n_active == 0 ? e->host->claim_rest(e->arg, total(e)) : 0;
    if (dropped)
        e->host->drop(e->arg, dropped);
}

static struct tt_exec *create(const struct tt_scenario *sc, const struct tt_portion *slice,
                              const struct tt_exec_host *host, void *arg, uint64_t start_ns)
{
    struct tt_exec *e = tt_xcalloc(1, sizeof *e);
    tt__exec_init(e, sc, slice, host, arg, start_ns, sc->max_duration_ns,
                  tt__exec_scaled_vus(sc, &slice->vus));
    return e;
}

static void destroy(struct tt_exec *e)
{
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
    /* Over all slices the shares add up to the total; how much of its share a slice does is open.
     */
    return (struct tt_exec_progress){tt__exec_time_fraction(e, now_ns), e->n_active, e->n_slots,
                                     e->done,
                                     (uint64_t)tt_stripe_scale(&e->slice->work, e->sc->iterations)};
}

static int64_t work_items(const struct tt_scenario *sc)
{
    return sc->vus;
}

static void describe(const struct tt_scenario *sc, char *buf, size_t size)
{
    char d[48], first[80];
    snprintf(buf, size, "%lld iterations shared among %lld VUs", (long long)sc->iterations,
             (long long)sc->vus);
    snprintf(first, sizeof first, "max_duration: %s",
             tt_format_duration(d, sizeof d, sc->max_duration_ns));
    tt__exec_facts(sc, first, buf, size);
}

const struct tt_exec_class tt_exec_shared_iterations = {
    .name = "shared-iterations",
    .create = create,
    .destroy = destroy,
    .step = step,
    .iteration_done = iteration_done,
    .stop = tt__exec_stop,
    .finished = tt__exec_finished,
    .progress = progress,
    .max_slots = tt__exec_scaled_vus,
    .work_items = work_items,
    .describe = describe,
};
