/* SPDX-License-Identifier: MIT */
/* A worker: one thread's loop, Lua state, metric shard, and the VUs that live in it. Made by run/
 * on the thread that will run it (the first init's probe on the coordinator's). Everything here
 * belongs to that thread. */
#pragma once
#include "base/rng.h"
#include "loop/loop.h"
#include "metric/shard.h"
#include "plan/plan.h"
#include "vu/module.h"
#include <lua.h>

struct tt_fiber;
struct tt_vu;
struct tt_script;
struct cJSON;

/* What the script may know of this process's part of the test, and of the scenario that its VU
 * works for. */
struct tt_instance_facts {
    int64_t vus_active, vus_initialized;
    uint64_t complete, interrupted; /* iterations */
    uint64_t elapsed_ns;            /* since the scenarios began, without pauses */
};
struct tt_scenario_facts {
    double progress;                /* 0..1, of its time or of its iterations */
    uint64_t start_wall_ns;         /* since the epoch */
    uint64_t iteration_in_instance; /* number of the running one */
};

/* What run/ offers to the modules, so that they need not see it. */
struct tt_services {
    /* abort(): ends the test. message may be NULL. Any VU context, also init. */
    void (*abort_test)(struct tt_worker *w, const char *message);
    /* The test goes on, and has failed. message may be NULL. Not in the first init. */
    void (*fail_test)(struct tt_worker *w, const char *message);
    /* Cheap, and exact for this worker; other workers' counts as of a moment ago. */
    void (*instance_facts)(const struct tt_worker *w, struct tt_instance_facts *out);
    void (*scenario_facts)(const struct tt_vu *vu, struct tt_scenario_facts *out);
    /* Has fn(worker number `to`, a copy of message) called on that worker's thread, soon; not when
     * the test is at its end by then. */
    void (*post)(struct tt_worker *w, unsigned to,
                 void (*fn)(struct tt_worker *to, const void *message), const void *message,
                 size_t n);
    unsigned (*n_workers)(const struct tt_worker *w); /* of this process */
    /* Standard summary text for k6-shaped data; the caller frees it. */
    char *(*summary_text)(const struct cJSON *data);
};

struct tt_worker {
    unsigned index;
    struct tt_loop *loop;
    lua_State *L;
    const struct tt_plan *plan;   /* NULL during the first init */
    struct tt_registry *registry; /* frozen, except during the first init */
    struct tt_shard *shard;       /* NULL during the first init */
    struct tt_tagpool *tags;      /* NULL during the first init */
    struct tt_fiber *current;     /* the fiber that is running Lua now, NULL outside */
    struct tt_script *script;
    const struct tt_services *services;
    const struct tt_tag *env; /* what ttload.env holds, in order; later wins */
    size_t n_env;
    void **module_state;      /* by tt_module index */
    struct tt_rng rng;        /* masks, jitter; not for scripts */
    struct tt_worker_int *in; /* vu/'s own */
    bool suspending;          /* between tt_op_suspend and the scheduler */
    void *user;               /* run/'s */
};

struct tt_worker *tt_worker_of(lua_State *L);
/* The module's per-worker state (module->worker_size bytes, zeroed before worker_init). */
void *tt_worker_state(struct tt_worker *w, const struct tt_module *m);
