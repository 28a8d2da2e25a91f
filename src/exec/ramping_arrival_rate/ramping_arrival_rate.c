/* SPDX-License-Identifier: MIT */
/* ramping-arrival-rate: the rate of starts follows the stages.
 *
 * Start i of the whole test (from 1) is due when the area under the rate's curve reaches i
 * (k6-semantics in docs/differences.md). In a stage of length d in which the rate goes from f to t,
 * with area A before it, that is x after the stage's start:
 *     x = (f d - sqrt(d (f^2 d + 2 (i - A) (t - f)))) / (f - t),  for f = t: x = (i - A) / t
 * A stage without length jumps. A start that falls on the end of the last stage is made. Worker
 * thread. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/units.h"
#include "exec/open.h"
#include <math.h>
#include <stdio.h>

struct ramping {
    struct tt__open open;
    size_t stage;
    uint64_t stage_start_ns;
    double from;        /* rate per ns at the stage's start */
    double area_before; /* of all stages before */
    double wanted;      /* i of the next start; 0: none taken yet */
};

static double stage_area(const struct ramping *r, const struct tt_stage *s, double to)
{
    double d = (double)s->duration_ns;
    return r->from != to ? d * ((to - r->from) / 2 + r->from) : d * to;
}

static uint64_t within_stage(const struct ramping *r, const struct tt_stage *s, double to)
{
    double d = (double)s->duration_ns, f = r->from, rest = r->wanted - r->area_before;
    if (f == to)
        return (uint64_t)(rest / to);
    double radicand = d * (f * f * d + 2 * rest * (to - f));
    return (uint64_t)((f * d - sqrt(radicand > 0 ? radicand : 0)) / (f - to));
}

static bool next(struct tt__open *o, uint64_t *offset_ns)
{
    struct ramping *r = (struct ramping *)(void *)o;
    const struct tt_scenario *sc = o->base.sc;
    r->wanted = (double)(tt__open_take_item(o) + 1);
    for (; r->stage < sc->n_stages; r->stage++) {
        const struct tt_stage *s = &sc->stages[r->stage];
        double to = s->rate / (double)sc->time_unit_ns;
        double area_after = r->area_before + stage_area(r, s, to);
        if (r->wanted <= area_after) {
            *offset_ns = r->stage_start_ns + within_stage(r, s, to);
            return true;
        }
        r->area_before = area_after;
        r->from = to;
        r->stage_start_ns += s->duration_ns;
    }
    return false;
}

static struct tt_exec *create(const struct tt_scenario *sc, const struct tt_portion *slice,
                              const struct tt_exec_host *host, void *arg, uint64_t start_ns)
{
    struct ramping *r = tt_xcalloc(1, sizeof *r);
    r->from = sc->start_rate / (double)sc->time_unit_ns;
    r->open.next = next;
    tt__open_init(&r->open, sc, slice, host, arg, start_ns);
    return &r->open.base;
}

static void describe(const struct tt_scenario *sc, char *buf, size_t size)
{
    char d[48], rate[32];
    double most = sc->start_rate;
    for (size_t i = 0; i < sc->n_stages; i++)
        most = sc->stages[i].rate > most ? sc->stages[i].rate : most;
    tt__open_rate_text(sc, most, rate, sizeof rate);
    snprintf(buf, size, "Up to %s iterations/s for %s over %zu stage%s", rate,
             tt_format_duration(d, sizeof d, sc->duration_ns), sc->n_stages,
             sc->n_stages == 1 ? "" : "s");
    tt__open_facts(sc, buf, size);
}

const struct tt_exec_class tt_exec_ramping_arrival_rate = {
    .name = "ramping-arrival-rate",
    .create = create,
    .destroy = tt__open_destroy,
    .step = tt__open_step,
    .iteration_done = tt__open_done,
    .stop = tt__open_stop,
    .finished = tt__open_finished,
    .progress = tt__open_progress,
    .max_slots = tt__open_max_slots,
    .work_items = tt__open_work_items,
    .handed = tt__open_handed,
    .grown = tt__open_grown,
    .describe = describe,
};
