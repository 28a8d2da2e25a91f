/* SPDX-License-Identifier: MIT */
/* A run without workers or threads: plan and registry from options in JSON, a fake clock, totals
 * that a test fills itself. */
#pragma once
#include "base/json.h"
#include "base/memory.h"
#include "run/run_int.h"
#include "unit.h"

enum { RUN_BEGIN_NS = 1000000000 };

struct run_rig {
    struct tt_run run;
    char log[4096];
};

static inline void run_rig_log(void *arg, enum tt_log_level level, const char *line)
{
    struct run_rig *g = arg;
    size_t n = strlen(g->log);
    (void)level;
    snprintf(g->log + n, sizeof g->log - n, "%s\n", line);
}

static inline bool run_rig_any_function(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return true;
}

static inline struct run_rig *run_rig_new(const char *options)
{
    struct run_rig *g = tt_xcalloc(1, sizeof *g);
    struct tt_run *r = &g->run;
    struct tt_err err = {0};
    cJSON *v = tt_json_read(options, strlen(options), 1, &err);
    assert_non_null(v);
    tt_log_set_sink(run_rig_log, g);
    r->registry = tt_registry_new();
    r->plan = tt_plan_new();
    r->plan->script_path = "test.lua";
    if (!tt_options_apply_json(&r->plan->opt, &r->plan->arena, v, TT_LAYER_SCRIPT, "options",
                               &err) ||
        !tt_plan_build(r->plan, r->registry, run_rig_any_function, NULL, &err))
        fail_msg("%s", err.text);
    cJSON_Delete(v);
    tt_registry_freeze(r->registry);
    r->loop = tt_loop_new(&err);
    assert_non_null(r->loop);
    tt_loop_use_fake_clock(r->loop, RUN_BEGIN_NS);
    r->start_ns = RUN_BEGIN_NS;
    r->totals = tt_totals_new(r->registry);
    r->tags = tt_tagpool_new(r->registry, 16);
    r->shard = tt_shard_new(r->registry);
    r->parts = tt_xcalloc(r->plan->n_scenarios + 1, sizeof *r->parts);
    r->shown = tt_xcalloc(r->plan->n_scenarios + 1, sizeof *r->shown);
    r->verdicts = tt_xcalloc(r->plan->n_thresholds + 1, sizeof *r->verdicts);
    return g;
}

static inline void run_rig_free(struct run_rig *g)
{
    struct tt_run *r = &g->run;
    tt__verdicts_free(r);
    tt_free(r->parts);
    tt_free(r->shown);
    tt_shard_free(r->shard);
    tt_tagpool_free(r->tags);
    tt_totals_free(r->totals);
    tt_loop_drain(r->loop);
    tt_loop_free(r->loop);
    tt_plan_free(r->plan);
    tt_registry_free(r->registry);
    cJSON_Delete(r->summary);
    cJSON_Delete(r->timeline);
    cJSON_Delete(r->setup_json);
    tt_log_set_sink(NULL, NULL);
    tt_free(g);
}

/* n samples of value v. */
static inline void run_rig_add(struct run_rig *g, tt_metric_id m, double v, unsigned n)
{
    struct tt_run *r = &g->run;
    for (unsigned i = 0; i < n; i++)
        tt_shard_add(r->shard, m, v, tt_tags_empty(r->tags), tt_loop_now(r->loop));
    struct tt_batch *b = tt_shard_swap(r->shard, NULL);
    tt_totals_merge(r->totals, b);
    tt_batch_free(b);
}

static inline void run_rig_pass(struct run_rig *g, uint64_t ms)
{
    tt_loop_fake_advance(g->run.loop, tt_loop_now(g->run.loop) + ms * TT_NS_PER_MS);
}
