/* SPDX-License-Identifier: MIT */
/* Workers of a run on this thread, with a fake clock: real executors, shares and VUs of a script
 * given as text. Nobody coordinates: their reports go nowhere. */
#pragma once
#include "run_rig.h"
#include <unistd.h>

struct lane_rig {
    struct run_rig *g;
    struct tt_run *r;
    struct tt_totals *totals;
    char path[64];
};

static inline void lane_rig_open(struct tt_run *r, struct tt__lane *lane, unsigned index)
{
    struct tt_err err = {0};
    lane->run = r;
    lane->index = index;
    lane->loop = tt_loop_new(&err);
    tt_loop_use_fake_clock(lane->loop, RUN_BEGIN_NS);
    tt_stripe_worker(&lane->vus_stripe, &r->machine, index, r->n_lanes);
    lane->n_planned = (size_t)tt_plan_planned_vus(r->plan, &lane->vus_stripe);
    r->next_vu += lane->n_planned;
}

/* options in JSON, with scenarios; body: of the default function. */
static inline struct lane_rig *lane_rig_new(const char *options, const char *top, const char *body)
{
    struct lane_rig *f = tt_xcalloc(1, sizeof *f);
    struct tt_err err = {0};
    f->g = run_rig_new(options);
    struct tt_run *r = f->r = &f->g->run;
    snprintf(f->path, sizeof f->path, "/tmp/ttload-lane-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    dprintf(fd,
            "local tt, execution = require 'ttload', require 'ttload.execution'\n%s\n"
            "return { default = function()\n%s\nend }\n",
            top, body);
    close(fd);
    r->script = tt_script_load(f->path, &(struct tt_text_list){0}, &err);
    tt_loop_close_mailbox(r->loop);
    tt__shares_init(r);
    tt_buf_init(&r->setup, SIZE_MAX);
    r->n_lanes = r->plan->workers;
    r->lanes = tt_xcalloc(r->n_lanes, sizeof *r->lanes);
    for (unsigned i = 0; i < r->n_lanes; i++)
        lane_rig_open(r, &r->lanes[i], i);
    for (unsigned i = 0; i < r->n_lanes; i++)
        if (!tt__lane_open(&r->lanes[i], &err))
            fail_msg("%s", err.text);
    f->totals = tt_totals_new(r->registry);
    for (unsigned i = 0; i < r->n_lanes; i++)
        tt__jobs_start(&r->lanes[i], RUN_BEGIN_NS);
    return f;
}

/* Until a time in ms since the start, in steps of a quarter of one: letters between workers arrive
 * in the next. A single worker needs no steps. */
static inline void lane_rig_until(struct lane_rig *f, double ms)
{
    uint64_t end = RUN_BEGIN_NS + (uint64_t)(ms * 1e6 + 0.5), step = TT_NS_PER_MS / 4;
    uint64_t now = tt_loop_now(f->r->lanes[0].loop);
    do {
        now = f->r->n_lanes > 1 && now + step < end ? now + step : end;
        for (unsigned i = 0; i < f->r->n_lanes; i++)
            tt_loop_fake_advance(f->r->lanes[i].loop, now);
        for (unsigned i = 0; i < f->r->n_lanes && f->r->n_lanes > 1; i++)
            tt_loop_run_once(f->r->lanes[i].loop, false);
    } while (now < end);
}

static inline struct tt_sink_values lane_rig_values(struct lane_rig *f, const char *metric)
{
    uint32_t sink;
    assert_true(tt_registry_sink(f->r->registry, metric, &sink));
    for (unsigned i = 0; i < f->r->n_lanes; i++) {
        struct tt_batch *b = tt_shard_swap(f->r->lanes[i].w->shard, NULL);
        tt_totals_merge(f->totals, b);
        tt_batch_free(b);
    }
    return tt_totals_values(f->totals, sink);
}

static inline int64_t lane_rig_complete(const struct lane_rig *f)
{
    int64_t n = 0;
    for (unsigned i = 0; i < f->r->n_lanes; i++)
        n += tt__shown_get(&f->r->lanes[i].complete);
    return n;
}

static inline int64_t lane_rig_interrupted(const struct lane_rig *f)
{
    int64_t n = 0;
    for (unsigned i = 0; i < f->r->n_lanes; i++)
        n += tt__shown_get(&f->r->lanes[i].interrupted);
    return n;
}

static inline int64_t lane_rig_made(const struct lane_rig *f)
{
    int64_t n = 0;
    for (unsigned i = 0; i < f->r->n_lanes; i++)
        n += tt__shown_get(&f->r->lanes[i].made);
    return n;
}

static inline bool lane_rig_finished(const struct lane_rig *f, size_t scenario)
{
    for (unsigned i = 0; i < f->r->n_lanes; i++) {
        const struct tt__job *job = &f->r->lanes[i].jobs[scenario];
        if (!job->exec || !job->cls->finished(job->exec))
            return false;
    }
    return true;
}

static inline void lane_rig_free(struct lane_rig *f)
{
    struct tt_run *r = f->r;
    for (unsigned i = 0; i < r->n_lanes; i++)
        tt__jobs_stop(&r->lanes[i]);
    for (unsigned i = 0; i < r->n_lanes; i++) {
        tt_loop_close_mailbox(r->lanes[i].loop); /* starts handed over meanwhile */
        tt__lane_close(&r->lanes[i]);
        tt_loop_free(r->lanes[i].loop);
        tt_stripe_fini(&r->lanes[i].vus_stripe);
    }
    tt_totals_free(f->totals);
    tt_buf_fini(&r->setup);
    tt__shares_free(r);
    tt_free(r->lanes);
    tt_script_free(r->script);
    run_rig_free(f->g);
    unlink(f->path);
    tt_free(f);
}
