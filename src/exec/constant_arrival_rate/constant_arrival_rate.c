/* SPDX-License-Identifier: MIT */
/* constant-arrival-rate: iterations start at a fixed rate, whatever the system under test does.
 *
 * Start g of the whole test (from 0) is due at g * time_unit / rate, rounded down to a nanosecond
 * each time anew, so the schedule does not drift; all starts before the duration's end are made.
 * Worker thread. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/units.h"
#include "exec/open.h"
#include <stdio.h>

struct constant {
    struct tt__open open;
    double rate;
    /* A changed rate counts from where the change met the schedule. */
    int64_t first_item;
    uint64_t first_ns;
};

static struct constant *of(struct tt__open *o)
{
    return (struct constant *)(void *)o;
}

static bool next(struct tt__open *o, uint64_t *offset_ns)
{
    struct constant *c = of(o);
    const struct tt_scenario *sc = o->base.sc;
    if (c->rate <= 0)
        return false;
    int64_t item = tt__open_take_item(o) - c->first_item;
    /* 64 bits of mantissa: exact to the nanosecond for centuries */
    long double at = (long double)item * (long double)sc->time_unit_ns / (long double)c->rate;
    *offset_ns = c->first_ns + (uint64_t)at;
    return *offset_ns < sc->duration_ns;
}

static struct tt_exec *create(const struct tt_scenario *sc, const struct tt_portion *slice,
                              const struct tt_exec_host *host, void *arg, uint64_t start_ns)
{
    struct constant *c = tt_xcalloc(1, sizeof *c);
    c->rate = sc->rate;
    c->open.next = next;
    c->open.to_the_end = true;
    tt__open_init(&c->open, sc, slice, host, arg, start_ns);
    return &c->open.base;
}

static bool scale(struct tt_exec *e, const struct tt_scale *s, uint64_t now_ns, struct tt_err *err)
{
    struct constant *c = of((struct tt__open *)(void *)e);
    if (s->vus >= 0 || s->max_vus >= 0 || s->rate < 0)
        return tt_err_set(err, 0, "constant-arrival-rate can change its rate only (--rate)");
    if (now_ns < e->start_ns || now_ns >= e->regular_ns)
        return tt_err_set(err, 0, "the scenario does not start iterations now");
    c->rate = s->rate;
    c->first_ns = now_ns - e->start_ns;
    c->first_item = 0;
    c->open.item = e->slice->work.start;
    c->open.at = 0;
    uint64_t offset;
    c->open.due_ns =
        e->slice->work.n_offsets && next(&c->open, &offset) ? e->start_ns + offset : TT_NEVER;
    return true;
}

static void describe(const struct tt_scenario *sc, char *buf, size_t size)
{
    char d[48], rate[32];
    tt__open_rate_text(sc, sc->rate, rate, sizeof rate);
    snprintf(buf, size, "%s iterations/s for %s", rate,
             tt_format_duration(d, sizeof d, sc->duration_ns));
    tt__open_facts(sc, buf, size);
}

const struct tt_exec_class tt_exec_constant_arrival_rate = {
    .name = "constant-arrival-rate",
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
    .scale = scale,
    .describe = describe,
};
