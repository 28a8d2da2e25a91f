/* SPDX-License-Identifier: MIT */
/* What a script may ask of the run while it goes (`ttload.execution`): sums over what the workers
 * show. Worker thread. */
#include "run/run_int.h"

void tt__instance_facts(const struct tt_worker *w, struct tt_instance_facts *out)
{
    const struct tt__lane *lane = w->user;
    const struct tt_run *r = lane->run;
    for (unsigned i = 0; i < r->n_lanes; i++) {
        const struct tt__lane *l = &r->lanes[i];
        out->vus_active += tt__shown_get(&l->active);
        out->vus_initialized += tt__shown_get(&l->made);
        out->complete += (uint64_t)tt__shown_get(&l->complete);
        out->interrupted += (uint64_t)tt__shown_get(&l->interrupted);
    }
    if (lane->zero_ns)
        out->elapsed_ns = tt__jobs_now(lane) - lane->zero_ns;
}

/* Of the process's iterations of the scenario where they are counted, else of its time. */
static double progress(const struct tt__job *job)
{
    const struct tt_run *r = job->lane->run;
    uint64_t done = 0, total = 0;
    for (unsigned i = 0; i < r->n_lanes; i++) {
        done += atomic_load_explicit(&job->share->lanes[i].done, memory_order_relaxed);
        total += atomic_load_explicit(&job->share->lanes[i].total, memory_order_relaxed);
    }
    if (total)
        return (double)done / (double)total;
    return job->cls->progress(job->exec, tt__jobs_now(job->lane)).fraction;
}

void tt__scenario_facts(const struct tt_vu *vu, struct tt_scenario_facts *out)
{
    const struct tt__lane *lane = vu->w->user;
    const struct tt_run *r = lane->run;
    const struct tt__job *job = &lane->jobs[vu->scenario - r->plan->scenarios];
    out->progress = progress(job);
    out->start_wall_ns = job->first_ns + r->wall_offset_ns;
    out->iteration_in_instance =
        (uint64_t)tt_stripe_scale(&job->share->work, (int64_t)vu->iteration_in_test);
}
