/* SPDX-License-Identifier: MIT */
/* A worker's thread: makes its VUs, obeys the coordinator's orders, reports. Everything here runs
 * on the worker's thread except tt__order_post (coordinator) and tt__report_post's delivery. */
#include "base/clock.h"
#include "run/run_int.h"
#include <string.h>

struct tt__report *tt__report_new(struct tt__lane *lane, enum tt__report_kind kind)
{
    struct tt__report *rep = tt_xcalloc(1, sizeof *rep);
    rep->lane = lane;
    rep->run = lane->run;
    rep->kind = kind;
    tt_buf_init(&rep->result, SIZE_MAX);
    return rep;
}

/* --- services for the modules
 * ------------------------------------------------------------------------- */

static void tell(struct tt_worker *w, enum tt__report_kind kind, const char *message)
{
    struct tt__lane *lane = w->user;
    if (!lane) /* the first init: its own error ends everything */
        return;
    struct tt__report *rep = tt__report_new(lane, kind);
    tt_buf_puts(&rep->result, message ? message : "");
    tt__report_post(lane, rep);
}

static void abort_test(struct tt_worker *w, const char *message)
{
    tell(w, REPORT_ABORT, message);
}

static void fail_test(struct tt_worker *w, const char *message)
{
    tell(w, REPORT_FAIL, message);
}

static char *summary_text(const cJSON *data)
{
    return tt_summary_text(data, false, TT_SUMMARY_COMPACT);
}

/* What a worker tells another one. */
struct mail {
    struct tt_letter letter;
    struct tt__lane *to;
    void (*fn)(struct tt_worker *w, const void *message);
    char message[];
};

static void read_mail(struct tt_letter *l)
{
    struct mail *m = (struct mail *)(void *)l;
    if (m->to->w) /* else it is closed already */
        m->fn(m->to->w, m->message);
    tt_free(m);
}

static void post(struct tt_worker *w, unsigned to, void (*fn)(struct tt_worker *, const void *),
                 const void *message, size_t n)
{
    const struct tt__lane *lane = w->user;
    struct mail *m = tt_xmalloc(sizeof *m + n);
    *m = (struct mail){.to = &lane->run->lanes[to], .fn = fn};
    m->letter.deliver = read_mail;
    memcpy(m->message, message, n);
    if (!tt_loop_post(m->to->loop, &m->letter))
        tt_free(m);
}

static unsigned n_workers(const struct tt_worker *w)
{
    const struct tt__lane *lane = w->user;
    return lane->run->n_lanes;
}

const struct tt_services tt__services = {
    .abort_test = abort_test,
    .fail_test = fail_test,
    .instance_facts = tt__instance_facts,
    .scenario_facts = tt__scenario_facts,
    .post = post,
    .n_workers = n_workers,
    .summary_text = summary_text,
};

/* --- start and end
 * -------------------------------------------------------------------------------------- */

static const struct tt_tags *service_tags(struct tt__lane *lane, const char *group)
{
    const struct tt_plan *plan = lane->run->plan;
    const struct tt_tag own = {"group", group};
    struct tt_tagpool *pool = lane->w->tags;
    const struct tt_tags *t =
        tt_tags_with(pool, tt_tags_empty(pool), plan->run_tags, plan->n_run_tags);
    return tt_tags_system(pool, t, &own, 1);
}

static bool make_vus(struct tt__lane *lane, struct tt_err *err)
{
    struct tt_run *r = lane->run;
    lane->cap_vus = lane->n_planned + 1;
    lane->vus = tt_xcalloc(lane->cap_vus, sizeof *lane->vus);
    lane->idle = tt_xcalloc(lane->cap_vus, sizeof *lane->idle);
    for (size_t i = 0; i < lane->n_planned; i++)
        if (!tt__lane_add_vu(lane, tt__planned_vu(r, lane->index, i), err))
            return false;
    for (size_t i = lane->n_vus; i > 0; i--)
        lane->idle[lane->n_idle++] = lane->vus[i - 1];
    if (lane->index == 0 && (r->has_setup || r->has_teardown || r->has_summary)) {
        lane->service = tt_vu_new(lane->w, 0, err);
        return lane->service != NULL;
    }
    return true;
}

bool tt__lane_open(struct tt__lane *lane, struct tt_err *err)
{
    struct tt_run *r = lane->run;
    const struct tt_worker_config c = {
        .index = lane->index,
        .loop = lane->loop,
        .script = r->script,
        .plan = r->plan,
        .registry = r->registry,
        .env = r->plan->env,
        .n_env = r->plan->n_env,
        .services = &tt__services,
        .allow_unsafe = r->plan->opt.allow_unsafe,
        .user = lane,
    };
    lane->w = tt_worker_new(&c, err);
    if (lane->w)
        tt_shard_feed(lane->w->shard, r->feed);
    return lane->w && make_vus(lane, err);
}

void tt__lane_close(struct tt__lane *lane)
{
    tt__jobs_free(lane);
    for (size_t i = 0; i < lane->n_vus; i++)
        tt_vu_free(lane->vus[i]);
    tt_vu_free(lane->service);
    tt_free(lane->vus);
    tt_free(lane->idle);
    tt_worker_free(lane->w);
    lane->w = NULL;
}

void *tt__lane_main(void *arg)
{
    struct tt__lane *lane = arg;
    struct tt__report *rep = tt__report_new(lane, REPORT_READY);
    rep->failed = !tt__lane_open(lane, &rep->err);
    tt__report_post(lane, rep);
    tt_loop_run(lane->loop); /* until ORDER_QUIT */
    tt__lane_close(lane);
    tt_loop_close_mailbox(lane->loop);
    tt__report_post(lane, tt__report_new(lane, REPORT_GONE));
    return NULL;
}

/* --- orders
 * ------------------------------------------------------------------------------------------------
 */

static void answer_tick(struct tt__lane *lane, struct tt_batch *spare)
{
    struct tt__report *rep = tt__report_new(lane, REPORT_TICK);
    uint64_t now = tt__jobs_now(lane);
    rep->batch = tt_shard_swap(lane->w->shard, spare);
    rep->vus_active = tt__shown_get(&lane->active);
    rep->vus_max = (int64_t)lane->n_vus;
    rep->complete = (uint64_t)tt__shown_get(&lane->complete);
    rep->interrupted = (uint64_t)tt__shown_get(&lane->interrupted);
    rep->n_scenarios = lane->n_jobs;
    rep->progress = tt_xcalloc(lane->n_jobs + 1, sizeof *rep->progress);
    rep->finished = tt_xcalloc(lane->n_jobs + 1, sizeof *rep->finished);
    rep->cut = tt_xcalloc(lane->n_jobs + 1, sizeof *rep->cut);
    for (size_t i = 0; i < lane->n_jobs; i++) {
        struct tt__job *job = &lane->jobs[i];
        if (!job->exec)
            continue;
        rep->progress[i] = job->cls->progress(job->exec, now);
        rep->finished[i] = job->cls->finished(job->exec);
        rep->cut[i] = job->cut;
    }
    tt__report_post(lane, rep);
}

static void called(struct tt_vu *vu, enum tt_outcome how, lua_State *co, int nresults,
                   const char *message, void *arg)
{
    struct tt__lane *lane = arg;
    struct tt__report *rep = tt__report_new(lane, REPORT_CALLED);
    rep->outcome = how;
    const char *root = vu->stage == TT_STAGE_SETUP ? "data" : "summary";
    if (how == TT_DONE && nresults > 0 &&
        !tt_lua_flatten(co, -nresults, root, &rep->result, &rep->err))
        rep->failed = true;
    if (message)
        tt_err_set(&rep->err, TT_EXIT_SCRIPT, "%s", message);
    lane->calling = false;
    tt__report_post(lane, rep);
}

static void call(struct tt__lane *lane, struct tt__order *o)
{
    const char *group = o->stage == TT_STAGE_SETUP      ? "::setup"
                        : o->stage == TT_STAGE_TEARDOWN ? "::teardown"
                                                        : "";
    const struct tt_buf *setup = &lane->run->setup;
    tt_vu_activate(lane->service, NULL, service_tags(lane, group));
    lane->calling = true;
    tt_vu_call(lane->service, o->stage, o->function, o->argument, setup->data, setup->len, called,
               lane);
}

static void scale(struct tt__lane *lane, struct tt__order *o)
{
    struct tt__report *rep = tt__report_new(lane, REPORT_SCALED);
    rep->failed = !tt__job_scale(lane, o->scenario, &o->scale, &rep->err);
    tt__report_post(lane, rep);
}

static void obey(struct tt_letter *l)
{
    struct tt__order *o = (struct tt__order *)(void *)l;
    struct tt__lane *lane = o->lane;
    switch (o->kind) {
    case ORDER_GO:
        tt__jobs_start(lane, o->zero_ns);
        break;
    case ORDER_BEGIN:
        tt__job_begin(lane, o->scenario, o->zero_ns);
        break;
    case ORDER_PAUSE:
        tt__jobs_pause(lane);
        break;
    case ORDER_RESUME:
        tt__jobs_resume(lane);
        break;
    case ORDER_SCALE:
        scale(lane, o);
        break;
    case ORDER_TICK:
        answer_tick(lane, o->spare);
        break;
    case ORDER_STOP:
        tt__jobs_stop(lane);
        break;
    case ORDER_CALL:
        call(lane, o);
        break;
    case ORDER_CUT_CALL:
        if (lane->calling)
            tt_vu_interrupt(lane->service);
        break;
    case ORDER_QUIT:
        tt_loop_stop(lane->loop);
        break;
    }
    cJSON_Delete(o->argument);
    tt_free(o);
}

void tt__order_post(struct tt__lane *lane, struct tt__order o)
{
    struct tt__order *copy = tt_xmemdup(&o, sizeof o);
    copy->lane = lane;
    copy->letter.deliver = obey;
    if (!tt_loop_post(lane->loop, &copy->letter)) {
        cJSON_Delete(copy->argument);
        tt_free(copy);
    }
}
