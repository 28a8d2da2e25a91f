/* SPDX-License-Identifier: MIT */
/* What a run shows of itself: the sums over the workers' last reports. Coordinator thread. */
#include "run/run_int.h"
#include <string.h>

static const char *phase_name(const struct tt_run *r)
{
    static const char *const names[] = {"init",     "paused", "setup",   "running",
                                        "teardown", "linger", "summary", "end"};
    return r->paused ? "paused" : names[r->phase];
}

static void sum_scenario(struct tt_run *r, size_t i, uint64_t now)
{
    struct tt_run_scenario *s = &r->shown[i];
    memset(&s->progress, 0, sizeof s->progress);
    s->sc = &r->plan->scenarios[i];
    const struct tt__part *part = &r->parts[i];
    uint64_t start =
        part->begun ? part->start_ns + r->paused_ns - part->paused_before_ns : TT_NEVER;
    now = r->paused ? r->pause_began_ns : now;
    unsigned finished = 0, n = 0;
    bool cut = false;
    double fraction = 0;
    for (unsigned k = 0; k < r->n_lanes; k++) {
        const struct tt__report *rep = r->lanes[k].last;
        if (!rep || rep->n_scenarios <= i)
            continue;
        const struct tt_exec_progress *p = &rep->progress[i];
        n++;
        fraction += p->fraction;
        s->progress.vus_active += p->vus_active;
        s->progress.vus_max += p->vus_max;
        s->progress.done += p->done;
        s->progress.total += p->total;
        finished += rep->finished[i];
        cut |= rep->cut[i];
    }
    s->progress.fraction = n ? fraction / n : 0;
    if (s->progress.total) { /* iterations or time, whatever is nearer to the end */
        double done = (double)s->progress.done / (double)s->progress.total;
        s->progress.fraction = done > s->progress.fraction ? done : s->progress.fraction;
    }
    s->elapsed_ns = now > start ? now - start : 0;
    s->waiting_ns = part->begun && now < start ? start - now : 0;
    if (now < start)
        s->state = TT_SCENARIO_WAITING;
    else if (finished == r->n_lanes)
        s->state = cut ? TT_SCENARIO_CUT : TT_SCENARIO_DONE;
    else
        s->state = s->progress.fraction >= 1 ? TT_SCENARIO_STOPPING : TT_SCENARIO_RUNNING;
}

void tt__show(struct tt_run *r)
{
    uint64_t now = tt_loop_now(r->loop);
    struct tt_run_progress p = {
        .phase = phase_name(r),
        .elapsed_ns = now - r->start_ns,
        .scenarios = r->shown,
        .n_scenarios = r->plan->n_scenarios,
        .totals = r->totals,
        .registry = r->registry,
        .plan = r->plan,
    };
    for (size_t i = 0; i < r->plan->n_scenarios; i++)
        sum_scenario(r, i, now);
    for (unsigned k = 0; k < r->n_lanes; k++) {
        const struct tt__report *rep = r->lanes[k].last;
        if (!rep)
            continue;
        p.vus_active += rep->vus_active;
        p.vus_max += rep->vus_max;
        p.iterations_complete += rep->complete;
        p.iterations_interrupted += rep->interrupted;
    }
    r->progress = p;
    if (r->view && r->view->tick)
        r->view->tick(r->view->arg, &p);
}
