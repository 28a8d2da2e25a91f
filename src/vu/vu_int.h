/* SPDX-License-Identifier: MIT */
/* What vu/'s files share. Not for other folders. */
#pragma once
#include "base/clock.h"
#include "base/exitcode.h"
#include "base/log.h"
#include "base/map.h"
#include "base/units.h"
#include "base/vec.h"
#include "vu/fiber.h"
#include "vu/instance.h"
#include "vu/unwind.h"
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>

/* How deep the script's own coroutines are resumed inside one another; on the C stack of l_resume.
 */
struct tt__co_link {
    lua_State *outer;
    struct tt__co_link *prev;
};

struct tt_worker_int {
    int env_meta_ref; /* metatable of every VU's environment */
    int join_ref;     /* makes a fresh upvalue holding an environment */
    int chunks_ref;   /* compiled chunks by path */
    int waiting_ref;  /* weak keys: user coroutines that wait for an op -> their fiber */
    size_t n_waiting;
    int builtin_ref; /* loaded built-in and C modules by name, frozen */
    struct tt__co_link *co_chain;
    struct tt_vu *init_vu;        /* whose top level runs now */
    struct tt_fiber *free_fibers; /* with their coroutines, for reuse */
    size_t n_free_fibers;
    struct tt_map errors; /* identical script errors: text -> struct tt__error_count */
    bool closing;         /* a killed coroutine's __close handlers run: no waiting */
    enum tt_unwind unwinding;
    char *unwind_message;
    /* watchdog */
    atomic_uint_fast64_t turn; /* odd while Lua runs */
    volatile uint_fast64_t signalled_turn;
    _Atomic(lua_State *) running; /* the coroutine that runs Lua */
    pthread_t thread;
    struct tt_watchdog *watchdog;
    size_t vu_state_bytes;
    size_t *vu_state_offset; /* by module index */
    bool allow_unsafe;
};

/* How many iterations of a scenario a VU has run. */
struct tt__past {
    const struct tt_scenario *scenario;
    uint64_t iterations;
};

struct tt_vu_int {
    int env_ref, module_ref, loaded_ref, setup_ref;
    struct tt_fiber *fibers; /* all alive */
    struct tt_fiber *main;
    struct tt_ready finish; /* the iteration is over: settle it */
    struct tt_vu *vu;
    bool busy, main_returned, failed, aborted, setup_set, settling;
    struct tt_rng rng;
    bool seeded, rng_due;         /* by option seed; before the next number of this iteration */
    TT_VEC(struct tt__past) past; /* scenarios that it has worked for before */
    char *message;
    int results_ref; /* table of the main function's results, LUA_NOREF */
    int nresults;
    tt_vu_ended ended;
    void *ended_arg;
    const char *chunk; /* path of the module whose top level runs, for relative open */
    alignas(16) unsigned char state[]; /* the modules' */
};

/* sandbox.c */
void tt__sandbox_open(struct tt_worker *w);
void tt__freeze_push(lua_State *L, const char *name,
                     bool strict); /* replaces the table on top by its frozen view */
bool tt__frozen(lua_State *L, int idx);
bool tt__thaw_push(lua_State *L, int idx); /* the table behind a frozen view; false: it is none */
/* coro.c */
void tt__coro_open(lua_State *L); /* pushes the coroutine library */
int tt__l_pcall(lua_State *L);
int tt__l_xpcall(lua_State *L);
void tt__waiting_forget(struct tt_worker *w,
                        struct tt_fiber *f); /* closes its waiting coroutines */
/* script.c */
int tt__l_require(lua_State *L);
int tt__l_load(lua_State *L);
int tt__l_loadfile(lua_State *L);
int tt__l_dofile(lua_State *L);
int tt__l_main(lua_State *L); /* (light userdata vu): runs the scenario file, returns its table */
/* watchdog.c */
struct tt_watchdog *tt__watchdog_start(struct tt_worker *w, uint64_t max_cpu_ns,
                                       struct tt_err *err);
void tt__watchdog_stop(struct tt_watchdog *d);
/* Around every entry into Lua; leave takes what enter returned. They nest. */
lua_State *tt__lua_enter(struct tt_worker *w, lua_State *L);
void tt__lua_leave(struct tt_worker *w, lua_State *L, lua_State *before);
/* fiber.c */
void tt__fiber_pool_free(struct tt_worker *w);
void tt__fiber_release(struct tt_fiber *f);
/* An ending under way, put aside while __close handlers run. message is owned. */
struct tt__unwind {
    enum tt_unwind why;
    char *message;
};
struct tt__unwind tt__unwind_take(struct tt_worker *w);
void tt__unwind_put(struct tt_worker *w, struct tt__unwind u);
void tt__push_traceback(lua_State *L, const char *text, int level); /* text with L's traceback */
/* labels.c */
void tt__labels_begin(struct tt_vu *vu); /* those of an activation */
void tt__labels_iteration(struct tt_vu *vu);
void tt__labels_clear(struct tt_vu *vu);
/* instance.c */
void tt__vu_fiber_gone(struct tt_vu *vu);
void tt__vu_begins(const struct tt_fiber *f); /* just before it runs first; VUs by the clock */
void tt__error_log(struct tt_vu *vu, const char *text);
void tt__error_report(struct tt_worker *w);
