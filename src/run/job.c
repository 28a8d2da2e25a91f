/* SPDX-License-Identifier: MIT */
/* Executors at work in a lane: the host that they decide through, made of VUs and loop timers.
 * Worker thread. */
#include "base/clock.h"
#include "run/run_int.h"
#include <string.h>

enum { MEMORY_STEP = 1000 }; /* VUs between two looks at what memory is left */

#define FROM(member_ptr, type, member)                                                             \
    ((type *)(void *)((char *)(member_ptr)-offsetof(type, member)))

uint64_t tt__jobs_now(const struct tt__lane *lane)
{
    uint64_t now = lane->paused ? lane->pause_began_ns : tt_loop_now(lane->loop);
    return now - lane->paused_ns;
}

/* Nothing more of the scenario will start or run here. */
static void report_finished(struct tt__job *job)
{
    job->reported = true;
    struct tt__report *rep = tt__report_new(job->lane, REPORT_FINISHED);
    rep->scenario = (size_t)(job - job->lane->jobs);
    tt__report_post(job->lane, rep);
}

static void check_finished(struct tt__job *job)
{
    if (!job->reported && job->exec && job->cls->finished(job->exec))
        report_finished(job);
}

/* After each call into the executor: its next step, or its end. */
static void arm(struct tt__job *job, uint64_t due_ns)
{
    struct tt__lane *lane = job->lane;
    if (due_ns == TT_NEVER || lane->paused)
        tt_timer_stop(lane->loop, &job->timer);
    else
        tt_timer_start(lane->loop, &job->timer, due_ns + lane->paused_ns);
    check_finished(job);
}

static void due(struct tt_timer *t)
{
    struct tt__job *job = FROM(t, struct tt__job, timer);
    arm(job, job->cls->step(job->exec, tt__jobs_now(job->lane)));
}

/* --- VUs of the pool
 * ------------------------------------------------------------------------------ */

struct tt_vu *tt__lane_add_vu(struct tt__lane *lane, uint64_t index, struct tt_err *err)
{
    uint64_t id = (uint64_t)tt_stripe_global(&lane->run->machine, (int64_t)index) + 1;
    struct tt_vu *vu = tt_vu_new(lane->w, id, err);
    if (!vu)
        return NULL;
    vu->id_in_instance = index + 1;
    if (lane->n_vus >= lane->cap_vus) {
        lane->cap_vus = lane->n_vus + lane->n_vus / 2 + 16;
        lane->vus = tt_xreallocarray(lane->vus, lane->cap_vus, sizeof *lane->vus);
        lane->idle = tt_xreallocarray(lane->idle, lane->cap_vus, sizeof *lane->idle);
    }
    lane->vus[lane->n_vus++] = vu;
    tt__shown_add(&lane->made, 1);
    return vu;
}

/* One more than the plan needs. False: the script's init failed, or its abort() ends the test. */
static bool make_further_vu(struct tt__lane *lane, struct tt_err *err)
{
    struct tt_vu *vu = tt__lane_add_vu(lane, tt__extra_vu(lane->run), err);
    if (vu) {
        lane->idle[lane->n_idle++] = vu;
        return true;
    }
    if (err->exit_code == TT_EXIT_ABORT)
        tt__services.abort_test(lane->w, err->text);
    return tt_err_wrap(err, "init of a further virtual user");
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
    struct tt__lane *lane = job->lane;
    TT_ASSERT(!s->vu && lane->n_idle); /* planned, reserved or grown before */
    s->vu = lane->idle[--lane->n_idle];
    if (!job->first_ns)
        job->first_ns = job->start_ns + lane->paused_ns;
    s->next_ns = 0;
    tt_vu_activate(s->vu, job->sc, job->tags);
    s->vu->by_clock = job->cls->handed != NULL;
    if (!s->vu->by_clock) /* open models count those with an iteration */
        tt__shown_add(&lane->active, 1);
}

/* What the scenario has in the pool counts, not who is idle: others may need those later. */
static bool host_reserve(void *host, uint32_t n, struct tt_err *err)
{
    struct tt__job *job = host;
    for (; job->n_reserved < n; job->n_reserved++) {
        if (job->n_reserved % MEMORY_STEP == 0 && !tt__memory_left(err))
            return false;
        if (!make_further_vu(job->lane, err))
            return false;
    }
    return true;
}

static void host_retire(void *host, uint32_t index)
{
    struct tt__job *job = host;
    struct tt__slot *s = slot_at(job, index);
    TT_ASSERT(s->vu && !tt_vu_busy(s->vu));
    job->lane->idle[job->lane->n_idle++] = s->vu;
    if (!s->vu->by_clock)
        tt__shown_add(&job->lane->active, -1);
    s->vu = NULL;
}

/* --- iterations
 * ------------------------------------------------------------------------------------- */

static void slot_done(struct tt__slot *s, bool interrupted)
{
    struct tt__job *job = s->job;
    if (s->vu->by_clock)
        tt__shown_add(&job->lane->active, -1);
    arm(job, job->cls->iteration_done(job->exec, s->index, tt__jobs_now(job->lane), interrupted));
}

/* The iteration was complete; the executor hears of it when the test is not paused. */
static void slot_free(struct tt__slot *s)
{
    s->parked = s->job->lane->paused;
    if (!s->parked)
        slot_done(s, false);
}

static void padded(struct tt_timer *t)
{
    slot_free(FROM(t, struct tt__slot, pad));
}

/* When the slot may go on after a complete iteration; 0: now. Pacing is a grid of the slot's own:
 * an iteration longer than a step is an overrun, and begins a new grid. */
static uint64_t pad_until(struct tt__slot *s)
{
    struct tt__job *job = s->job;
    const struct tt_scenario *sc = job->sc;
    uint64_t shortest = job->lane->run->plan->opt.min_iteration_duration;
    if (!shortest && !sc->pacing_ns) /* the clock need not be asked */
        return 0;
    uint64_t now = tt_loop_now(job->lane->loop),
             until = shortest ? s->vu->started_ns + shortest : 0;
    if (sc->pacing_ns) {
        s->next_ns = (s->next_ns ? s->next_ns : s->vu->started_ns) + sc->pacing_ns;
        if (s->next_ns < now) {
            tt_vu_sample(s->vu, TT_M_pacing_overruns, 1, s->vu->tags, now);
            s->next_ns = now;
        }
        until = s->next_ns > until ? s->next_ns : until;
        /* no waiting for an iteration that would not begin any more */
        uint64_t last = job->start_ns + tt_scenario_regular_ns(sc) + job->lane->paused_ns;
        until = until > last && !job->lane->paused ? last : until;
    }
    return until > now ? until : 0;
}

static void iteration_ended(struct tt_vu *vu, enum tt_outcome how, lua_State *co, int nresults,
                            const char *message, void *arg)
{
    (void)co;
    (void)nresults;
    struct tt__slot *s = arg;
    struct tt__lane *lane = s->job->lane;
    bool complete = how == TT_DONE || how == TT_FAILED;
    bool counted = how != TT_INTERRUPTED; /* abort() ends its iteration, and all others are cut */
    tt__shown_add(counted ? &lane->complete : &lane->interrupted, 1);
    if (counted) {
        struct tt__done *d = &s->job->share->lanes[lane->index];
        uint64_t done = atomic_load_explicit(&d->done, memory_order_relaxed);
        atomic_store_explicit(&d->done, done + 1, memory_order_relaxed);
    }
    if (how == TT_ABORTED) { /* the other workers hear of it from the coordinator */
        tt__services.abort_test(vu->w, message);
        if (!lane->stopping)
            tt__jobs_stop(lane);
    }
    uint64_t until = complete && !lane->stopping ? pad_until(s) : 0;
    if (until)
        tt_timer_start(lane->loop, &s->pad, until);
    else if (complete)
        slot_free(s);
    else
        slot_done(s, true);
}

/* Iterations that begin within the warm-up are run and tagged, but not counted. */
static void warm_up(struct tt__job *job, struct tt_vu *vu)
{
    if (!job->sc->warmup_ns)
        return;
    bool warming = tt__jobs_now(job->lane) < job->start_ns + job->sc->warmup_ns;
    if (warming != vu->warming)
        tt_vu_set_tag(vu, "warmup", warming ? "true" : NULL);
    vu->warming = warming;
}

static void host_iterate(void *host, uint32_t index, uint64_t number, uint64_t intended_ns)
{
    struct tt__job *job = host;
    struct tt__slot *s = slot_at(job, index);
    const struct tt_buf *setup = &job->lane->run->setup;
    if (s->vu->by_clock)
        tt__shown_add(&job->lane->active, 1);
    warm_up(job, s->vu);
    tt_vu_iterate(s->vu, number, intended_ns + job->lane->paused_ns, setup->data, setup->len,
                  iteration_ended, s);
}

static void host_interrupt(void *host, uint32_t index)
{
    struct tt__job *job = host;
    struct tt__slot *s = slot_at(job, index);
    if (tt_timer_running(&s->pad) || s->parked) { /* its iteration was complete */
        tt_timer_stop(job->lane->loop, &s->pad);
        s->parked = false;
        slot_done(s, false);
    } else {
        tt_vu_interrupt(s->vu);
    }
}

static void host_drop(void *host, uint64_t n)
{
    struct tt__job *job = host;
    if (tt__jobs_now(job->lane) < job->start_ns + job->sc->warmup_ns)
        return;
    tt_shard_add(job->lane->w->shard, TT_M_dropped_iterations, (double)n, job->tags,
                 tt_loop_now(job->lane->loop));
}

static bool host_claim(void *host, uint64_t limit, uint64_t *number)
{
    struct tt__share *s = ((struct tt__job *)host)->share;
    uint64_t local = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
    *number = s->work.lcd == 1 ? local : (uint64_t)tt_stripe_global(&s->work, (int64_t)local);
    return *number < limit;
}

static uint64_t host_claim_rest(void *host, uint64_t limit)
{
    struct tt__share *s = ((struct tt__job *)host)->share;
    uint64_t ours = (uint64_t)tt_stripe_scale(&s->work, (int64_t)limit);
    uint64_t next = atomic_exchange_explicit(&s->next, ours, memory_order_relaxed);
    return next < ours ? ours - next : 0;
}

/* --- starts by the clock: idle VUs of all workers
 * ---------------------------------------------------- */

static void host_give(void *host)
{
    struct tt__job *job = host;
    tt__share_give(job->share, job->lane->index);
}

static bool host_take(void *host)
{
    struct tt__job *job = host;
    return tt__share_take(job->share, job->lane->index);
}

/* A start that travels to the worker that has a VU for it. */
struct handed {
    struct tt_letter letter;
    struct tt__lane *lane;
    size_t scenario;
    uint64_t intended_ns;
};

static void receive_handed(struct tt_letter *l)
{
    struct handed *h = FROM(l, struct handed, letter);
    struct tt__job *job = &h->lane->jobs[h->scenario];
    arm(job, job->cls->handed(job->exec, h->intended_ns, tt__jobs_now(h->lane)));
    tt_free(h);
}

static bool host_hand_over(void *host, uint64_t intended_ns)
{
    struct tt__job *job = host;
    struct tt_run *r = job->lane->run;
    for (unsigned i = 1; i < r->n_lanes; i++) {
        unsigned other = (job->lane->index + i) % r->n_lanes;
        if (!tt__share_take(job->share, other))
            continue;
        struct handed *h = tt_xcalloc(1, sizeof *h);
        *h = (struct handed){.letter.deliver = receive_handed,
                             .lane = &r->lanes[other],
                             .scenario = (size_t)(job - job->lane->jobs),
                             .intended_ns = intended_ns};
        if (tt_loop_post(h->lane->loop, &h->letter))
            return true;
        tt_free(h);
    }
    return false;
}

static bool host_enqueue(void *host, uint64_t intended_ns)
{
    return tt__share_enqueue(((struct tt__job *)host)->share, intended_ns);
}

static bool host_unqueue(void *host, uint64_t *intended_ns)
{
    return tt__share_unqueue(((struct tt__job *)host)->share, intended_ns);
}

static uint64_t host_discard_queue(void *host)
{
    return tt__share_discard(((struct tt__job *)host)->share);
}

/* Makes VUs for half a millisecond, then lets the load run. One whose init fails costs a start, and
 * perhaps those to come, but not the load that runs. */
static void grow_some(struct tt_timer *t)
{
    struct tt__job *job = FROM(t, struct tt__job, grow);
    struct tt__lane *lane = job->lane;
    uint64_t end = tt_now_ns() + TT_NS_PER_S / 2000;
    while (job->to_grow && !lane->stopping && tt_now_ns() < end) {
        job->to_grow--;
        struct tt_err err = {0};
        bool made = make_further_vu(lane, &err);
        if (!made && err.exit_code != TT_EXIT_ABORT)
            tt_log(TT_LOG_ERROR, "%s", err.text);
        arm(job, job->cls->grown(job->exec, tt__jobs_now(lane), made));
    }
    if (job->to_grow && !lane->stopping)
        tt_timer_start(lane->loop, t, tt_loop_now(lane->loop) + 1);
}

static uint32_t host_grow(void *host, uint32_t n)
{
    struct tt__job *job = host;
    uint32_t granted = tt__share_grow(job->share, n);
    if (!granted && !atomic_exchange(&job->share->spare_warned, true))
        tt_log(TT_LOG_WARN,
               "scenario %s: all %lld virtual users of max_vus are busy; iterations %s",
               job->sc->name, (long long)job->sc->max_vus,
               job->sc->queue_overload ? "start late" : "are dropped");
    job->to_grow += granted;
    if (granted)
        tt_timer_start(job->lane->loop, &job->grow, tt_loop_now(job->lane->loop));
    return granted;
}

static const struct tt_exec_host host = {
    .activate = host_activate,
    .reserve = host_reserve,
    .iterate = host_iterate,
    .retire = host_retire,
    .interrupt = host_interrupt,
    .drop = host_drop,
    .claim = host_claim,
    .claim_rest = host_claim_rest,
    .give = host_give,
    .take = host_take,
    .hand_over = host_hand_over,
    .enqueue = host_enqueue,
    .unqueue = host_unqueue,
    .discard_queue = host_discard_queue,
    .grow = host_grow,
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
    return tt_tags_system(pool, t, own, 2);
}

void tt__job_begin(struct tt__lane *lane, size_t scenario, uint64_t zero_ns)
{
    struct tt__job *job = &lane->jobs[scenario];
    struct tt_run *r = lane->run;
    if (lane->stopping) { /* the coordinator did not know yet; it waits for the scenario's end */
        report_finished(job);
        return;
    }
    tt_stripe_worker(&job->slice.vus, &r->machine, lane->index, r->n_lanes);
    tt_stripe_worker(&job->slice.work, &job->share->work, lane->index, r->n_lanes);
    job->slice.n_workers = r->n_lanes;
    job->n_reserved = (uint32_t)job->cls->max_slots(job->sc, &job->slice.vus);
    job->slice.others = job->cls->max_slots(job->sc, &r->machine) > job->n_reserved;
    job->start_ns = zero_ns - lane->paused_ns + job->sc->start_time_ns;
    job->exec = job->cls->create(job->sc, &job->slice, &host, job, job->start_ns);
    atomic_store_explicit(&job->share->lanes[lane->index].total,
                          job->cls->progress(job->exec, job->start_ns).total, memory_order_relaxed);
    arm(job, job->start_ns);
    check_finished(job);
}

void tt__jobs_start(struct tt__lane *lane, uint64_t zero_ns)
{
    const struct tt_plan *plan = lane->run->plan;
    lane->zero_ns = zero_ns;
    lane->n_jobs = plan->n_scenarios;
    lane->jobs = tt_xcalloc(lane->n_jobs + 1, sizeof *lane->jobs);
    for (size_t i = 0; i < lane->n_jobs; i++) {
        struct tt__job *job = &lane->jobs[i];
        job->lane = lane;
        job->sc = &plan->scenarios[i];
        job->cls = tt_exec_find(job->sc->executor);
        job->share = &lane->run->shares[i];
        job->tags = scenario_tags(lane, job->sc);
        tt_timer_init(&job->timer, due);
        tt_timer_init(&job->grow, grow_some);
    }
    for (size_t i = 0; i < lane->n_jobs; i++)
        if (!lane->jobs[i].sc->after)
            tt__job_begin(lane, i, zero_ns);
    lane->started = true;
}

void tt__jobs_stop(struct tt__lane *lane)
{
    lane->stopping = true;
    for (size_t i = 0; i < lane->n_jobs; i++) {
        struct tt__job *job = &lane->jobs[i];
        if (!job->exec || job->cls->finished(job->exec))
            continue;
        job->cut = true;
        tt_timer_stop(lane->loop, &job->timer);
        tt_timer_stop(lane->loop, &job->grow);
        job->cls->stop(job->exec, tt__jobs_now(lane));
        tt_timer_stop(lane->loop, &job->timer);
        check_finished(job);
    }
}

void tt__jobs_pause(struct tt__lane *lane)
{
    if (lane->paused || lane->stopping)
        return;
    lane->pause_began_ns = tt_loop_now(lane->loop);
    lane->paused = true;
    for (size_t i = 0; i < lane->n_jobs; i++) {
        tt_timer_stop(lane->loop, &lane->jobs[i].timer);
        tt_timer_stop(lane->loop, &lane->jobs[i].grow);
    }
}

void tt__jobs_resume(struct tt__lane *lane)
{
    if (!lane->paused)
        return;
    lane->paused = false;
    lane->paused_ns += tt_loop_now(lane->loop) - lane->pause_began_ns;
    for (size_t i = 0; i < lane->n_jobs; i++) {
        struct tt__job *job = &lane->jobs[i];
        for (size_t k = 0; k < job->n_slots; k++)
            if (job->slots[k] && job->slots[k]->parked) {
                job->slots[k]->parked = false;
                slot_done(job->slots[k], false);
            }
        if (job->to_grow)
            tt_timer_start(lane->loop, &job->grow, tt_loop_now(lane->loop));
        if (job->exec && !job->cls->finished(job->exec))
            arm(job, job->cls->step(job->exec, tt__jobs_now(lane)));
    }
}

bool tt__job_scale(struct tt__lane *lane, size_t scenario, const struct tt_scale *s,
                   struct tt_err *err)
{
    struct tt__job *job = &lane->jobs[scenario];
    if (!job->exec || job->cls->finished(job->exec))
        return tt_err_set(err, 0, "scenario %s does not run now", job->sc->name);
    if (!job->cls->scale)
        return tt_err_set(err, 0, "scenario %s: %s cannot be scaled while it runs", job->sc->name,
                          job->sc->executor);
    if (!job->cls->scale(job->exec, s, tt__jobs_now(lane), err))
        return tt_err_wrap(err, "scenario %s", job->sc->name);
    if (!lane->paused)
        arm(job, job->cls->step(job->exec, tt__jobs_now(lane)));
    return true;
}

void tt__jobs_free(struct tt__lane *lane)
{
    for (size_t i = 0; i < lane->n_jobs; i++) {
        struct tt__job *job = &lane->jobs[i];
        tt_timer_stop(lane->loop, &job->timer);
        tt_timer_stop(lane->loop, &job->grow);
        if (job->exec)
            job->cls->destroy(job->exec);
        tt_stripe_fini(&job->slice.vus);
        tt_stripe_fini(&job->slice.work);
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
