/* SPDX-License-Identifier: MIT */
/* A worker with a fake clock, and VUs of a script given as text. */
#pragma once
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "unit.h"
#include "vu/instance.h"
#include <unistd.h>

struct rig {
    struct tt_loop *loop;
    struct tt_script *script;
    struct tt_registry *registry;
    struct tt_plan *plan;
    struct tt_worker *w;
    struct tt_scenario sc;
    struct tt_totals *totals;
    char path[64]; /* the scenario file if it is a temporary one, else "" */
    /* of the last iteration */
    enum tt_outcome how;
    bool ended;
    char message[512];
    unsigned aborts;
    char log[2048];
};

static inline void rig_abort(struct tt_worker *w, const char *message)
{
    (void)message;
    ((struct rig *)w->user)->aborts++;
}

static inline void rig_log(void *arg, enum tt_log_level level, const char *line)
{
    struct rig *r = arg;
    size_t n = strlen(r->log);
    (void)level;
    snprintf(r->log + n, sizeof r->log - n, "%s\n", line);
}

/* All of it may be zero. */
struct rig_config {
    const char *const *subs; /* sub-metrics to keep, NULL at the end */
    struct tt_text_list libs;
    const struct tt_tag *env;
    size_t n_env;
    bool allow_unsafe;
};

/* Runs the scenario file at path. */
static inline struct rig *rig_open(const char *path, const struct rig_config *config)
{
    static const struct tt_services services = {.abort_test = rig_abort};
    struct rig *r = tt_xcalloc(1, sizeof *r);
    struct tt_err err = {0};
    tt_log_set_sink(rig_log, r);
    r->loop = tt_loop_new(&err);
    tt_loop_use_fake_clock(r->loop, 1000000000);
    r->script = tt_script_load(path, &config->libs, &err);
    if (!r->script)
        fail_msg("%s", err.text);
    r->registry = tt_registry_new();
    for (const char *const *sub = config->subs; sub && *sub; sub++)
        assert_true(tt_registry_add_sub(r->registry, *sub, &err));
    r->plan = tt_plan_new();
    r->plan->opt.max_cpu_time = 60 * TT_NS_PER_S; /* sanitizers are slow */
    tt_registry_freeze(r->registry);
    r->sc = (struct tt_scenario){.name = "s", .exec = "default"};
    const struct tt_worker_config c = {.loop = r->loop,
                                       .script = r->script,
                                       .plan = r->plan,
                                       .registry = r->registry,
                                       .services = &services,
                                       .env = config->env,
                                       .n_env = config->n_env,
                                       .allow_unsafe = config->allow_unsafe,
                                       .user = r};
    r->w = tt_worker_new(&c, &err);
    if (!r->w)
        fail_msg("%s", err.text);
    return r;
}

static inline struct rig *rig_new_as(const char *text, const struct rig_config *config)
{
    char path[64] = "/tmp/ttload-vu-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    struct rig *r = rig_open(path, config);
    snprintf(r->path, sizeof r->path, "%s", path);
    return r;
}

static inline struct rig *rig_new_with(const char *text, const char *const *subs)
{
    return rig_new_as(text, &(struct rig_config){.subs = subs});
}

static inline struct rig *rig_new(const char *text)
{
    return rig_new_with(text, NULL);
}

/* What the worker has measured under this name so far. */
static inline struct tt_sink_values rig_values(struct rig *r, const char *metric)
{
    uint32_t sink;
    assert_true(tt_registry_sink(r->registry, metric, &sink));
    if (!r->totals)
        r->totals = tt_totals_new(r->registry);
    struct tt_batch *b = tt_shard_swap(r->w->shard, NULL);
    tt_totals_merge(r->totals, b);
    tt_batch_free(b);
    return tt_totals_values(r->totals, sink);
}

static inline void rig_free(struct rig *r)
{
    tt_totals_free(r->totals);
    tt_worker_free(r->w);
    tt_script_free(r->script);
    tt_plan_free(r->plan);
    tt_registry_free(r->registry);
    tt_loop_drain(r->loop);
    tt_loop_free(r->loop);
    tt_log_set_sink(NULL, NULL);
    if (r->path[0])
        unlink(r->path);
    tt_free(r);
}

static inline void rig_ended(struct tt_vu *vu, enum tt_outcome how, lua_State *co, int nresults,
                             const char *message, void *arg)
{
    struct rig *r = arg;
    (void)vu;
    (void)co;
    (void)nresults;
    r->how = how;
    r->ended = true;
    snprintf(r->message, sizeof r->message, "%s", message ? message : "");
}

static inline struct tt_vu *rig_vu(struct rig *r, uint64_t id)
{
    struct tt_err err = {0};
    struct tt_vu *vu = tt_vu_new(r->w, id, &err);
    if (!vu)
        fail_msg("%s", err.text);
    tt_vu_activate(vu, &r->sc, NULL);
    return vu;
}

static inline void rig_begin(struct rig *r, struct tt_vu *vu)
{
    r->ended = false;
    tt_vu_iterate(vu, 0, 0, NULL, 0, rig_ended, r);
    tt_loop_run_ready(r->loop);
}

/* Lets so many milliseconds pass. */
static inline void rig_pass(struct rig *r, uint64_t ms)
{
    tt_loop_fake_advance(r->loop, tt_loop_now(r->loop) + ms * 1000000);
}
