/* SPDX-License-Identifier: MIT */
/* Executors at work in a lane: the host that they decide through, made of VUs and loop timers.
 * Worker thread. */
#include "base/clock.h"
#include "run/run_int.h"
#include <string.h>

#define FROM(member_ptr, type, member)                                                             \
    ((type *)(void *)((char *)(member_ptr)-offsetof(type, member)))

/* Tells the coordinator, once, that nothing more will start or run here. */
static void check_finished(struct tt__lane *lane)
{
    if (lane->finish_reported)
        return;
    for (size_t i = 0; i < lane->n_jobs; i++)
        if (!lane->jobs[i].cls->finished(lane->jobs[i].exec))
            return;
    lane->finish_reported = true;
    tt__report_post(lane, tt__report_new(lane, REPORT_FINISHED));
}

/* After each call into the executor: its next step, or its end. */
static void arm(struct tt__job *job, uint64_t due_ns)
{
    if (due_ns == TT_NEVER)
        tt_timer_stop(job->lane->loop, &job->timer);
    else
        tt_timer_start(job->lane->loop, &job->timer, due_ns);
    if (job->lane->started && job->cls->finished(job->exec))
        check_finished(job->lane);
}

static void due(struct tt_timer *t)
{
    struct tt__job *job = FROM(t, struct tt__job, timer);
    arm(job, job->cls->step(job->exec, tt_loop_now(job->lane->loop)));
}

/* --- VUs of the pool
 * ------------------------------------------------------------------------------ */

static struct tt_vu *borrow_vu(struct tt__lane *lane)
{
    if (lane->n_idle)
        return lane->idle[--lane->n_idle];
    /* The plan's sum of slots over time is an upper bound, so this means a bug in it; a test goes
     * on. */
    struct tt_err err;
    uint64_t id = (uint64_t)tt_stripe_global(&lane->stripe, (int64_t)lane->n_vus) + 1;
    struct tt_vu *vu = tt_vu_new(lane->w, id, &err);
    TT_ASSERT(vu);
    tt_log(TT_LOG_WARN, "worker %u made an unplanned virtual user", lane->index);
    lane->vus = tt_xreallocarray(lane->vus, lane->n_vus + 1, sizeof *lane->vus);
    lane->idle = tt_xreallocarray(lane->idle, lane->n_vus + 1, sizeof *lane->idle);
    lane->vus[lane->n_vus++] = vu;
    return vu;
}

static void padded(struct tt_timer *t);

static struct tt__slot *slot_at(struct tt__job *job, uint32_t index)
{
    if (index >= job->n_slots) {
        size_t n = (size_t)index + 16;
        job->slots = tt_xreallocarray(job->slots, n, sizeof *job->slots);
        memset(job->slots + job->n_slots, 0, (n - job->n_slots) * sizeof *job->slots);
        job->n_slots = n;
    }
    if (!job->slots[index]) {
        struct tt__slot *s = job->slots[index] = tt_xcalloc(1, sizeof *s);
        s->job = job;
        s->index = index;
        tt_timer_init(&s->pad, padded);
    }
    return job->slots[index];
}

static void host_activate(void *host, uint32_t index)
{
    struct tt__job *job = host;
    struct tt__slot *s = slot_at(job, index);
    TT_ASSERT(!s->vu);
    s->vu = borrow_vu(job->lane);
    tt_vu_activate(s->vu, job->sc, job->tags);
    job->lane->active++;
}

static void host_retire(void *host, uint32_t index)
{
    struct tt__job *job = host;
    struct tt__slot *s = slot_at(job, index);
    TT_ASSERT(s->vu && !tt_vu_busy(s->vu));
    job->lane->idle[job->lane->n_idle++] = s->vu;
    s->vu = NULL;
    job->lane->active--;
}

/* --- iterations
 * ------------------------------------------------------------------------------------- */

static void slot_done(struct tt__slot *s, bool interrupted)
{
    struct tt__job *job = s->job;
    arm(job,
        job->cls->iteration_done(job->exec, s->index, tt_loop_now(job->lane->loop), interrupted));
}

static void padded(struct tt_timer *t)
{
    slot_done(FROM(t, struct tt__slot, pad), false);
}

static void iteration_ended(struct tt_vu *vu, enum tt_outcome how, lua_State *co, int nresults,
                            const char *message, void *arg)
{
    (void)co;
    (void)nresults;
    struct tt__slot *s = arg;
    struct tt__lane *lane = s->job->lane;
    bool complete = how == TT_DONE || how == TT_FAILED;
    if (complete)
        lane->complete++;
    else
        lane->interrupted++;
    if (how == TT_ABORTED)
        tt__services.abort_test(vu->w, message);
    uint64_t shortest = lane->run->plan->opt.min_iteration_duration;
    if (complete && shortest && !lane->stopping) {
        uint64_t until = vu->started_ns + shortest;
        if (tt_loop_now(lane->loop) < until) {
            tt_timer_start(lane->loop, &s->pad, until);
            return;
        }
    }
    slot_done(s, !complete);
}

static void host_iterate(void *host, uint32_t index, uint64_t number, uint64_t intended_ns)
{
    struct tt__job *job = host;
    struct tt__slot *s = slot_at(job, index);
    const struct tt_buf *setup = &job->lane->run->setup;
    tt_vu_iterate(s->vu, number, intended_ns, setup->data, setup->len, iteration_ended, s);
}

static void host_interrupt(void *host, uint32_t index)
{
    struct tt__job *job = host;
    struct tt__slot *s = slot_at(job, index);
    if (tt_timer_running(&s->pad)) { /* its iteration was complete, only its time was not */
        tt_timer_stop(job->lane->loop, &s->pad);
        slot_done(s, false);
    } else {
        tt_vu_interrupt(s->vu);
    }
}

static void host_drop(void *host, uint64_t n)
{
    struct tt__job *job = host;
    tt_shard_add(job->lane->w->shard, TT_M_dropped_iterations, (double)n, job->tags,
                 tt_loop_now(job->lane->loop));
}

static bool host_claim(void *host, uint64_t limit, uint64_t *number)
{
    struct tt__job *job = host;
    *number = atomic_fetch_add_explicit(&job->counter->next, 1, memory_order_relaxed);
    return *number < limit;
}

static uint64_t host_claim_rest(void *host, uint64_t limit)
{
    struct tt__job *job = host;
    uint64_t next = atomic_exchange_explicit(&job->counter->next, limit, memory_order_relaxed);
    return next < limit ? limit - next : 0;
}

static bool host_hand_over(void *host, uint64_t number, uint64_t intended_ns)
{
    (void)host; /* only arrival-rate executors offer starts, and none is registered yet */
    (void)number;
    (void)intended_ns;
    return false;
}

static const struct tt_exec_host host = {
    .activate = host_activate,
    .iterate = host_iterate,
    .retire = host_retire,
    .interrupt = host_interrupt,
    .drop = host_drop,
    .claim = host_claim,
    .claim_rest = host_claim_rest,
    .hand_over = host_hand_over,
};

/* --- the lane's jobs
 * ---------------------------------------------------------------------------------- */

static const struct tt_tags *scenario_tags(struct tt__lane *lane, const struct tt_scenario *sc)
{
    struct tt_tagpool *pool = lane->w->tags;
    const struct tt_plan *plan = lane->run->plan;
    const struct tt_tag own[] = {{"scenario", sc->name}, {"group", ""}};
    const struct tt_tags *t =
        tt_tags_with(pool, tt_tags_empty(pool), plan->run_tags, plan->n_run_tags);
    t = tt_tags_with(pool, t, sc->tags, sc->n_tags);
    return tt_tags_with(pool, t, own, 2);
}

void tt__jobs_start(struct tt__lane *lane, uint64_t zero_ns)
{
    const struct tt_plan *plan = lane->run->plan;
    lane->n_jobs = plan->n_scenarios;
    lane->jobs = tt_xcalloc(lane->n_jobs + 1, sizeof *lane->jobs);
    for (size_t i = 0; i < lane->n_jobs; i++) {
        struct tt__job *job = &lane->jobs[i];
        job->lane = lane;
        job->sc = &plan->scenarios[i];
        job->cls = tt_exec_find(job->sc->executor);
        job->counter = &lane->run->counters[i];
        job->tags = scenario_tags(lane, job->sc);
        job->start_ns = zero_ns + job->sc->start_time_ns;
        tt_timer_init(&job->timer, due);
        job->exec = job->cls->create(job->sc, &lane->stripe, &host, job, job->start_ns);
        arm(job, job->start_ns);
    }
    lane->started = true;
    check_finished(lane);
}

void tt__jobs_stop(struct tt__lane *lane)
{
    lane->stopping = true;
    for (size_t i = 0; i < lane->n_jobs; i++) {
        struct tt__job *job = &lane->jobs[i];
        if (job->cls->finished(job->exec))
            continue;
        job->cut = true;
        tt_timer_stop(lane->loop, &job->timer);
        job->cls->stop(job->exec, tt_loop_now(lane->loop));
        tt_timer_stop(lane->loop, &job->timer);
    }
    if (lane->started)
        check_finished(lane);
}

void tt__jobs_free(struct tt__lane *lane)
{
    for (size_t i = 0; i < lane->n_jobs; i++) {
        struct tt__job *job = &lane->jobs[i];
        tt_timer_stop(lane->loop, &job->timer);
        job->cls->destroy(job->exec);
        for (size_t k = 0; k < job->n_slots; k++) {
            if (job->slots[k])
                tt_timer_stop(lane->loop, &job->slots[k]->pad);
            tt_free(job->slots[k]);
        }
        tt_free(job->slots);
    }
    tt_free(lane->jobs);
    lane->jobs = NULL;
    lane->n_jobs = 0;
}
