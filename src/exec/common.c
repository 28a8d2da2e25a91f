/* SPDX-License-Identifier: MIT */
/* Slots of an executor; see common.h. */
#include "exec/common.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/units.h"
#include <stdio.h>
#include <string.h>

void tt__exec_init(struct tt_exec *e, const struct tt_scenario *sc, const struct tt_portion *slice,
                   const struct tt_exec_host *host, void *arg, uint64_t start_ns,
                   uint64_t regular_ns, int64_t n_slots)
{
    e->sc = sc;
    e->slice = slice;
    e->host = host;
    e->arg = arg;
    e->start_ns = start_ns;
    e->regular_ns = start_ns + regular_ns;
    e->hard_ns = e->regular_ns + sc->graceful_stop_ns;
    e->n_slots = (uint32_t)n_slots;
    e->states = tt_xcalloc((size_t)n_slots + 1, sizeof *e->states);
}

void tt__exec_fini(struct tt_exec *e)
{
    tt_free(e->states);
}

void tt__exec_add_slots(struct tt_exec *e, uint32_t n_slots)
{
    if (n_slots <= e->n_slots)
        return;
    e->states = tt_xreallocarray(e->states, n_slots, sizeof *e->states);
    memset(e->states + e->n_slots, SLOT_IDLE, n_slots - e->n_slots);
    e->n_slots = n_slots;
}

void tt__exec_activate(struct tt_exec *e, uint32_t slot)
{
    TT_ASSERT(e->states[slot] == SLOT_IDLE);
    e->states[slot] = SLOT_ACTIVE;
    e->n_active++;
    e->host->activate(e->arg, slot);
}

void tt__exec_iterate(struct tt_exec *e, uint32_t slot, uint64_t number, uint64_t intended_ns)
{
    TT_ASSERT(e->states[slot] == SLOT_ACTIVE);
    e->states[slot] = SLOT_RUNNING;
    e->n_running++;
    e->host->iterate(e->arg, slot, number, intended_ns);
}

void tt__exec_retire(struct tt_exec *e, uint32_t slot)
{
    TT_ASSERT(e->states[slot] == SLOT_ACTIVE);
    e->states[slot] = SLOT_IDLE;
    e->n_active--;
    e->host->retire(e->arg, slot);
}

void tt__exec_interrupt(struct tt_exec *e, uint32_t slot)
{
    if (e->states[slot] == SLOT_RUNNING)
        e->host->interrupt(e->arg, slot);
}

void tt__exec_ended(struct tt_exec *e, uint32_t slot, bool interrupted)
{
    TT_ASSERT(e->states[slot] == SLOT_RUNNING);
    e->states[slot] = SLOT_ACTIVE;
    e->n_running--;
    e->done += !interrupted;
}

void tt__exec_cut(struct tt_exec *e)
{
    e->cut = true;
    for (uint32_t i = 0; i < e->n_slots; i++)
        tt__exec_interrupt(e, i);
}

static uint64_t deadline(struct tt_exec *e, uint64_t now_ns)
{
    if (!e->cut && now_ns >= e->hard_ns)
        tt__exec_cut(e);
    return e->cut || tt__exec_finished(e) ? TT_NEVER : e->hard_ns;
}

uint64_t tt__exec_loop_step(struct tt_exec *e, uint64_t now_ns, tt__exec_next next)
{
    if (now_ns < e->start_ns)
        return e->start_ns;
    if (!e->started) {
        e->started = true;
        for (uint32_t i = 0; i < e->n_slots; i++)
            tt__exec_activate(e, i);
        for (uint32_t i = 0; i < e->n_slots; i++)
            next(e, i, e->start_ns);
    }
    return deadline(e, now_ns);
}

uint64_t tt__exec_loop_done(struct tt_exec *e, uint32_t slot, uint64_t now_ns, bool interrupted,
                            tt__exec_next next)
{
    tt__exec_ended(e, slot, interrupted);
    next(e, slot, now_ns);
    return deadline(e, now_ns);
}

bool tt__exec_prepare_vus(const struct tt_exec *e, const struct tt_scale *s, uint64_t now_ns,
                          struct tt_err *err)
{
    if (s->vus < 0 || s->max_vus >= 0 || s->rate >= 0)
        return tt_err_set(err, 0, "%s can change its number of VUs only (--vus)", e->sc->executor);
    if (now_ns < e->start_ns || now_ns >= e->regular_ns || e->stopped || e->cut)
        return tt_err_set(err, 0, "the scenario does not start iterations now");
    return tt__exec_reserve(e, s->vus, err);
}

bool tt__exec_reserve(const struct tt_exec *e, int64_t vus, struct tt_err *err)
{
    return e->host->reserve(e->arg, (uint32_t)tt_stripe_scale(&e->slice->vus, vus), err);
}

void tt__exec_stop(struct tt_exec *e, uint64_t now_ns)
{
    (void)now_ns;
    e->stopped = true;
    e->started = true;
    tt__exec_cut(e);
}

bool tt__exec_finished(const struct tt_exec *e)
{
    return e->started && e->n_active == 0;
}

double tt__exec_time_fraction(const struct tt_exec *e, uint64_t now_ns)
{
    if (now_ns <= e->start_ns)
        return 0;
    if (now_ns >= e->regular_ns)
        return 1;
    return (double)(now_ns - e->start_ns) / (double)(e->regular_ns - e->start_ns);
}

int64_t tt__exec_scaled_vus(const struct tt_scenario *sc, const struct tt_stripe *stripe)
{
    return tt_stripe_scale(stripe, sc->vus);
}

void tt__exec_facts(const struct tt_scenario *sc, const char *first, char *buf, size_t size)
{
    char d[48];
    size_t n = strlen(buf);
    n += (size_t)snprintf(buf + n, size - n, " (%s", first);
    if (strcmp(sc->exec, "default") != 0)
        n += (size_t)snprintf(buf + n, size - n, "%sexec: %.40s", *first ? ", " : "", sc->exec);
    const struct {
        const char *name;
        uint64_t ns;
    } times[] = {
        {"start_time", sc->start_time_ns}, {"warmup", sc->warmup_ns}, {"pacing", sc->pacing_ns}};
    if (sc->after)
        n += (size_t)snprintf(buf + n, size - n, "%safter: %.40s", buf[n - 1] == '(' ? "" : ", ",
                              sc->after);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (times[i].ns)
            n += (size_t)snprintf(buf + n, size - n, "%s%s: %s", buf[n - 1] == '(' ? "" : ", ",
                                  times[i].name, tt_format_duration(d, sizeof d, times[i].ns));
    if (strcmp(sc->executor, "externally-controlled") != 0)
        n += (size_t)snprintf(buf + n, size - n, "%sgraceful_stop: %s",
                              buf[n - 1] == '(' ? "" : ", ",
                              tt_format_duration(d, sizeof d, sc->graceful_stop_ns));
    snprintf(buf + n, size - n, ")");
}
