/* SPDX-License-Identifier: MIT */
/* constant-vus: a fixed number of VUs, all started at once, loop until the duration is over.
 * Worker thread. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/units.h"
#include "exec/common.h"
#include <stdio.h>

static void next(struct tt_exec *e, uint32_t slot, uint64_t now_ns)
{
    uint64_t number;
    if (e->stopped || e->cut || now_ns >= e->regular_ns) {
        tt__exec_retire(e, slot);
        return;
    }
    e->host->claim(e->arg, UINT64_MAX, &number);
    tt__exec_iterate(e, slot, number, now_ns);
}

static struct tt_exec *create(const struct tt_scenario *sc, const struct tt_portion *slice,
                              const struct tt_exec_host *host, void *arg, uint64_t start_ns)
{
    struct tt_exec *e = tt_xcalloc(1, sizeof *e);
    tt__exec_init(e, sc, slice, host, arg, start_ns, sc->duration_ns,
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
    .finished = tt__exec_finished,
    .progress = progress,
    .max_slots = tt__exec_scaled_vus,
    .describe = describe,
};
