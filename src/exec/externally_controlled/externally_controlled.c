/* SPDX-License-Identifier: MIT */
/* externally-controlled: looping VUs whose number is set from outside while the test runs, up to
 * max_vus, which can be raised too. VUs that are too many are cut at once, and everything is cut at
 * the end, if there is one. Worker thread. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/units.h"
#include "exec/common.h"
#include <stdio.h>

struct controlled {
    struct tt_exec base;
    int64_t vus, max_vus; /* of the whole test */
    uint32_t wanted;      /* slots */
};

static struct controlled *of(struct tt_exec *e)
{
    return (struct controlled *)(void *)e;
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

static void set_wanted(struct tt_exec *e, int64_t vus, uint64_t now_ns)
{
    struct controlled *c = of(e);
    c->vus = vus;
    c->wanted = (uint32_t)tt_stripe_scale(&e->slice->vus, vus);
    tt__exec_add_slots(e, c->wanted);
    for (uint32_t i = 0; i < e->n_slots; i++)
        if (i >= c->wanted) {
            tt__exec_interrupt(e, i);
        } else if (e->states[i] == SLOT_IDLE) {
            tt__exec_activate(e, i);
            next(e, i, now_ns);
        }
}

static struct tt_exec *create(const struct tt_scenario *sc, const struct tt_portion *slice,
                              const struct tt_exec_host *host, void *arg, uint64_t start_ns)
{
    struct controlled *c = tt_xcalloc(1, sizeof *c);
    tt__exec_init(&c->base, sc, slice, host, arg, start_ns, sc->duration_ns,
                  tt_stripe_scale(&slice->vus, sc->max_vus));
    if (sc->until_stopped)
        c->base.regular_ns = TT_NEVER;
    c->base.hard_ns = c->base.regular_ns;
    c->vus = sc->vus;
    c->max_vus = sc->max_vus;
    return &c->base;
}

static void destroy(struct tt_exec *e)
{
    tt__exec_fini(e);
    tt_free(of(e));
}

static uint64_t deadline(struct tt_exec *e, uint64_t now_ns)
{
    if (!e->cut && now_ns >= e->hard_ns)
        tt__exec_cut(e);
    return e->cut ? TT_NEVER : e->hard_ns;
}

static uint64_t step(struct tt_exec *e, uint64_t now_ns)
{
    if (now_ns < e->start_ns)
        return e->start_ns;
    if (!e->started) {
        e->started = true;
        set_wanted(e, of(e)->vus, e->start_ns);
    }
    return deadline(e, now_ns);
}

static uint64_t iteration_done(struct tt_exec *e, uint32_t slot, uint64_t now_ns, bool interrupted)
{
    tt__exec_ended(e, slot, interrupted);
    next(e, slot, now_ns);
    return deadline(e, now_ns);
}

/* With no VU at all it still goes on: somebody may ask for some. */
static bool finished(const struct tt_exec *e)
{
    return e->started && e->n_active == 0 && (e->cut || e->stopped);
}

static bool scale(struct tt_exec *e, const struct tt_scale *s, uint64_t now_ns, struct tt_err *err)
{
    struct controlled *c = of(e);
    int64_t max = s->max_vus >= 0 ? s->max_vus : c->max_vus;
    int64_t vus = s->vus >= 0 ? s->vus : c->vus;
    if (s->rate >= 0)
        return tt_err_set(err, 0, "externally-controlled has no rate; use --vus and --max-vus");
    if (max < e->sc->max_vus)
        return tt_err_set(err, 0, "max_vus cannot go below the scenario's own, %lld",
                          (long long)e->sc->max_vus);
    if (vus > max)
        return tt_err_set(err, 0, "vus (%lld) cannot be above max_vus (%lld); raise max_vus too",
                          (long long)vus, (long long)max);
    if (e->cut || e->stopped)
        return tt_err_set(err, 0, "the scenario is over");
    if (!tt__exec_reserve(e, vus, err))
        return false;
    c->max_vus = max;
    c->vus = vus;
    if (e->started)
        set_wanted(e, vus, now_ns);
    return true;
}

static struct tt_exec_progress progress(const struct tt_exec *e, uint64_t now_ns)
{
    double fraction = e->sc->until_stopped ? 0 : tt__exec_time_fraction(e, now_ns);
    return (struct tt_exec_progress){fraction, e->n_active, e->n_slots, e->done, 0};
}

static int64_t max_slots(const struct tt_scenario *sc, const struct tt_stripe *vus)
{
    return tt_stripe_scale(vus, sc->max_vus);
}

static void describe(const struct tt_scenario *sc, char *buf, size_t size)
{
    char d[48], first[64];
    snprintf(buf, size, "%lld VUs, controlled from outside, %s%s", (long long)sc->vus,
             sc->until_stopped ? "until stopped" : "for ",
             sc->until_stopped ? "" : tt_format_duration(d, sizeof d, sc->duration_ns));
    snprintf(first, sizeof first, "max_vus: %lld", (long long)sc->max_vus);
    tt__exec_facts(sc, first, buf, size);
}

const struct tt_exec_class tt_exec_externally_controlled = {
    .name = "externally-controlled",
    .create = create,
    .destroy = destroy,
    .step = step,
    .iteration_done = iteration_done,
    .stop = tt__exec_stop,
    .finished = finished,
    .progress = progress,
    .max_slots = max_slots,
    .scale = scale,
    .describe = describe,
};
