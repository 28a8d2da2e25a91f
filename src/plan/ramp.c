/* SPDX-License-Identifier: MIT */
/* Stages of VUs as steps; see ramp.h. */
#include "plan/ramp.h"
#include "base/clock.h"

void tt_ramp_begin(struct tt_ramp *r, const struct tt_scenario *sc, uint64_t start_ns)
{
    *r = (struct tt_ramp){.sc = sc, .count = sc->start_vus, .from = sc->start_vus};
    r->stage_end_ns = start_ns + (sc->n_stages ? sc->stages[0].duration_ns : 0);
}

static uint64_t step_ns(const struct tt_ramp *r, int64_t count)
{
    const struct tt_stage *s = &r->sc->stages[r->stage];
    int64_t span = s->target > r->from ? s->target - r->from : r->from - s->target;
    int64_t left = s->target > count ? s->target - count : count - s->target;
    return r->stage_end_ns -
           (uint64_t)((unsigned __int128)s->duration_ns * (uint64_t)left / (uint64_t)span);
}

/* The next step's time and count; false when there is none. Moves on over stages without steps. */
static bool peek(struct tt_ramp *r, uint64_t *at_ns, int64_t *count)
{
    while (r->stage < r->sc->n_stages) {
        const struct tt_stage *s = &r->sc->stages[r->stage];
        if (r->count != s->target) {
            *count = s->duration_ns == 0 ? s->target : r->count + (s->target > r->count ? 1 : -1);
            *at_ns = s->duration_ns == 0 ? r->stage_end_ns : step_ns(r, *count);
            return true;
        }
        r->from = r->count;
        if (++r->stage < r->sc->n_stages)
            r->stage_end_ns += r->sc->stages[r->stage].duration_ns;
    }
    return false;
}

uint64_t tt_ramp_next_ns(struct tt_ramp *r)
{
    uint64_t at;
    int64_t count;
    return peek(r, &at, &count) ? at : TT_NEVER;
}

int64_t tt_ramp_step(struct tt_ramp *r)
{
    uint64_t at;
    int64_t count;
    if (peek(r, &at, &count))
        r->count = count;
    return r->count;
}

int64_t tt_ramp_take(struct tt_ramp *r, uint64_t at_ns)
{
    while (tt_ramp_next_ns(r) == at_ns)
        tt_ramp_step(r);
    return r->count;
}

void tt_ramp_end(struct tt_ramp *r)
{
    r->stage = r->sc->n_stages;
}
