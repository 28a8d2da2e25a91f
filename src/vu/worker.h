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

/* What run/ offers to the modules, so that they need not see it. */
struct tt_services {
    /* abort(): ends the test. message may be NULL. Any VU context, also init. */
    void (*abort_test)(struct tt_worker *w, const char *message);
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
