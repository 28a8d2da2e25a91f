/* SPDX-License-Identifier: MIT */
/* Virtual users: making one (its environment and the script's top level), and running one function
 * of it at a time until the function and all of its fibers have ended. Worker thread. */
#include "base/str.h"
#include "vu/vu_int.h"
#include <lauxlib.h>
#include <string.h>

struct tt_vu *tt_vu_current(lua_State *L)
{
    struct tt_worker *w = tt_worker_of(L);
    return w->current ? w->current->vu : w->in->init_vu;
}

struct tt_vu *tt_vu_running(lua_State *L, const char *what)
{
    struct tt_worker *w = tt_worker_of(L);
    if (!w->current)
        luaL_error(L, "%s is not allowed in init (the top level of the script)", what);
    return w->current->vu;
}

void tt_vu_sample(struct tt_vu *vu, tt_metric_id m, double v, const struct tt_tags *tags,
                  uint64_t at_ns)
{
    if (vu->stage == TT_STAGE_SUMMARY || !vu->w->shard)
        return;
    if (vu->metadata)
        tt_shard_attach(vu->w->shard, vu->metadata);
    if (vu->warming)
        tt_shard_pass(vu->w->shard, m, v, tags ? tags : vu->tags, at_ns);
    else
        tt_shard_add(vu->w->shard, m, v, tags ? tags : vu->tags, at_ns);
    if (vu->metadata)
        tt_shard_attach(vu->w->shard, NULL);
}

/* --- script errors: logged once, identical ones counted ------------------------------------------
 */

struct error_count {
    uint64_t times;
};

enum { DISTINCT_ERRORS_MAX = 200 };

void tt__error_log(struct tt_vu *vu, const char *text)
{
    struct tt_map *seen = &vu->w->in->errors;
    struct error_count *c = tt_map_get(seen, text);
    if (vu->w->shard)
        tt_vu_sample(vu, TT_M_script_errors, 1, vu->tags, tt_now_ns());
    if (c) {
        c->times++;
        return;
    }
    if (tt_map_count(seen) < DISTINCT_ERRORS_MAX) {
        c = tt_xcalloc(1, sizeof *c);
        c->times = 1;
        tt_map_put(seen, text, c);
    }
    char fields[256];
    snprintf(fields, sizeof fields, "source=script scenario=%s vu=%llu iter=%llu",
             vu->scenario ? vu->scenario->name : "-", (unsigned long long)vu->id,
             (unsigned long long)vu->iteration);
    tt_log_fields(TT_LOG_ERROR, fields, "%s", text);
}

void tt__error_report(struct tt_worker *w)
{
    for (struct tt_map_iter it = tt_map_first(&w->in->errors); tt_map_next(&it);) {
        const struct error_count *c = it.value;
        if (c->times > 1)
            tt_log(TT_LOG_ERROR, "this error came %llu times on worker %u: %.*s",
                   (unsigned long long)c->times, w->index, (int)strcspn(it.key, "\n"), it.key);
    }
}

/* --- making a VU ---------------------------------------------------------------------------------
 */

static void push_env(lua_State *L, struct tt_worker *w)
{
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "_G");
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->in->env_meta_ref);
    lua_setmetatable(L, -2);
}

static int add_traceback(lua_State *L)
{
    const char *text = luaL_tolstring(L, 1, NULL);
    if (tt_worker_of(L)->in->unwinding == TT_UNWIND_ABORT)
        lua_pushstring(L, text);
    else
        tt__push_traceback(L, text, 1);
    return 1;
}

static bool run_top_level(struct tt_vu *vu, struct tt_err *err)
{
    struct tt_worker *w = vu->w;
    lua_State *L = w->L;
    w->in->init_vu = vu;
    lua_pushcfunction(L, add_traceback);
    lua_pushcfunction(L, tt__l_main);
    lua_pushlightuserdata(L, vu);
    lua_State *before = tt__lua_enter(w, L);
    int status = lua_pcall(L, 1, 1, -3);
    tt__lua_leave(w, L, before);
    enum tt_unwind why = w->in->unwinding;
    w->in->unwinding = TT_UNWIND_NONE;
    w->in->init_vu = NULL;
    if (status == LUA_OK) {
        vu->in->module_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    } else {
        const char *text = lua_tostring(L, -1);
        if (why == TT_UNWIND_ABORT)
            tt_err_set(err, TT_EXIT_ABORT, "the script called abort in init: %s", text ? text : "");
        else
            tt_err_set(err, TT_EXIT_SCRIPT, "%s", text ? text : "error in the script");
    }
    lua_settop(L, 0);
    return status == LUA_OK;
}

static void settle(struct tt_ready *r);

struct tt_vu *tt_vu_new(struct tt_worker *w, uint64_t id, struct tt_err *err)
{
    struct tt_vu *vu = tt_xcalloc(1, sizeof *vu);
    vu->in = tt_xcalloc(1, sizeof *vu->in + w->in->vu_state_bytes);
    vu->in->vu = vu;
    vu->w = w;
    vu->id = vu->id_in_instance = id;
    vu->stage = TT_STAGE_INIT;
    if (w->tags)
        vu->tags = tt_tags_empty(w->tags);
    struct tt_vu_int *in = vu->in;
    tt_ready_init(&in->finish, settle);
    in->module_ref = in->setup_ref = in->results_ref = LUA_NOREF;
    in->seeded = in->rng_due = w->plan && w->plan->opt.set[TT_OPT_seed];
    if (!in->seeded)
        tt_rng_seed(&in->rng, tt_rng_next(&w->rng));
    push_env(w->L, w);
    in->env_ref = luaL_ref(w->L, LUA_REGISTRYINDEX);
    lua_newtable(w->L);
    in->loaded_ref = luaL_ref(w->L, LUA_REGISTRYINDEX);
    if (run_top_level(vu, err))
        return vu;
    tt_vu_free(vu);
    return NULL;
}

static void cut(struct tt_vu *vu)
{
    while (vu->in->fibers)
        tt_fiber_kill(vu->in->fibers);
}

void tt_vu_free(struct tt_vu *vu)
{
    if (!vu)
        return;
    struct tt_worker *w = vu->w;
    struct tt_vu_int *in = vu->in;
    tt_vu_interrupt(vu);
    tt_loop_unready(w->loop, &in->finish);
    for (size_t i = 0; tt_modules[i]; i++)
        if (tt_modules[i]->vu_fini)
            tt_modules[i]->vu_fini(vu, tt_vu_state(vu, tt_modules[i]));
    const int refs[] = {in->env_ref, in->module_ref, in->loaded_ref, in->setup_ref,
                        in->results_ref};
    for (size_t i = 0; i < sizeof refs / sizeof *refs; i++)
        luaL_unref(w->L, LUA_REGISTRYINDEX, refs[i]);
    tt__labels_clear(vu);
    tt_vec_fini(&in->past);
    tt_free(in->message);
    tt_free(in);
    tt_free(vu);
}

bool tt_vu_has(struct tt_vu *vu, const char *name)
{
    lua_State *L = vu->w->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, vu->in->module_ref);
    lua_pushstring(L, name);
    bool found = lua_rawget(L, -2) == LUA_TFUNCTION;
    lua_pop(L, 2);
    return found;
}

cJSON *tt_vu_field_json(struct tt_vu *vu, const char *name, struct tt_err *err)
{
    lua_State *L = vu->w->L;
    cJSON *out = NULL;
    err->text[0] = '\0';
    lua_rawgeti(L, LUA_REGISTRYINDEX, vu->in->module_ref);
    lua_pushstring(L, name);
    if (lua_rawget(L, -2) != LUA_TNIL)
        out = tt_lua_to_json(L, -1, name, err);
    lua_pop(L, 2);
    return out;
}

static struct tt__past *past(struct tt_vu_int *in, const struct tt_scenario *sc)
{
    for (size_t i = 0; i < in->past.len; i++)
        if (in->past.items[i].scenario == sc)
            return &in->past.items[i];
    return NULL;
}

/* Iterations are counted by scenario, and a VU may come back to one. */
static void change_scenario(struct tt_vu *vu, const struct tt_scenario *to)
{
    struct tt__past *p = past(vu->in, vu->scenario);
    const struct tt__past left = {vu->scenario, vu->iteration_in_scenario};
    if (p)
        *p = left;
    else if (vu->scenario)
        tt_vec_push(&vu->in->past, left);
    p = past(vu->in, to);
    vu->iteration_in_scenario = p ? p->iterations : 0;
    vu->scenario = to;
}

void tt_vu_activate(struct tt_vu *vu, const struct tt_scenario *sc, const struct tt_tags *tags)
{
    if (vu->scenario != sc)
        change_scenario(vu, sc);
    vu->tags = tags ? tags : tt_tags_empty(vu->w->tags);
    vu->warming = false;
    tt__labels_begin(vu);
}

/* --- running
 * --------------------------------------------------------------------------------------- */

enum hook { HOOK_BEGIN, HOOK_RETURNED, HOOK_END };

static void run_hooks(struct tt_vu *vu, enum hook which)
{
    for (size_t i = 0; tt_modules[i]; i++) {
        const struct tt_module *m = tt_modules[i];
        void (*fn)(struct tt_vu *, void *) = which == HOOK_BEGIN      ? m->iteration_begin
                                             : which == HOOK_RETURNED ? m->iteration_returned
                                                                      : m->iteration_end;
        if (fn)
            fn(vu, vu->in->state + vu->w->in->vu_state_offset[i]);
    }
}

static void main_ended(struct tt_fiber *f, enum tt_fiber_end how, int nresults)
{
    struct tt_vu *vu = f->vu;
    struct tt_vu_int *in = vu->in;
    in->main = NULL;
    if (how == TT_FIBER_FAILED) {
        tt_fiber_fail_iteration(f);
        return;
    }
    if (how == TT_FIBER_KILLED)
        return;
    if (nresults > 0 && vu->stage != TT_STAGE_ITERATION) {
        lua_createtable(f->co, nresults, 0);
        lua_insert(f->co, -1 - nresults);
        for (int i = nresults; i > 0; i--)
            lua_rawseti(f->co, -1 - i, i);
        in->results_ref = luaL_ref(f->co, LUA_REGISTRYINDEX);
        in->nresults = nresults;
    }
    in->main_returned = true;
    run_hooks(vu, HOOK_RETURNED);
}

void tt_fiber_fail_iteration(struct tt_fiber *f)
{
    struct tt_vu *vu = f->vu;
    struct tt_vu_int *in = vu->in;
    const char *text = lua_tostring(f->co, -1);
    if (!in->aborted)
        tt__error_log(vu, text ? text : "error");
    if (!in->message)
        in->message = tt_xstrdup(text ? text : "error");
    in->failed = true;
    tt_loop_ready(vu->w->loop, &in->finish);
}

/* How late the iteration starts: against the schedule, not against the last one, and when its
 * function really runs. */
void tt__vu_begins(const struct tt_fiber *f)
{
    struct tt_vu *vu = f->vu;
    uint64_t now = tt_loop_now(vu->w->loop);
    if (f == vu->in->main && now >= vu->intended_ns)
        tt_vu_sample(vu, TT_M_iteration_start_lateness, tt_ns_to_ms(now - vu->intended_ns),
                     vu->tags, now);
}

void tt__vu_fiber_gone(struct tt_vu *vu)
{
    if (vu->in->busy && vu->in->main_returned && !vu->in->fibers)
        tt_loop_ready(vu->w->loop, &vu->in->finish);
}

static void emit_iteration(struct tt_vu *vu, enum tt_outcome how, uint64_t now)
{
    tt_vu_sample(vu, TT_M_data_sent, vu->data_sent, vu->tags, now);
    tt_vu_sample(vu, TT_M_data_received, vu->data_received, vu->tags, now);
    if (vu->stage == TT_STAGE_ITERATION && how != TT_INTERRUPTED) {
        tt_vu_sample(vu, TT_M_iteration_duration, tt_ns_to_ms(now - vu->started_ns), vu->tags, now);
        tt_vu_sample(vu, TT_M_iterations, 1, vu->tags, now);
    }
}

/* Everything of this call has ended: hooks, samples, then the caller hears of it. */
static void finish(struct tt_vu *vu, enum tt_outcome how)
{
    struct tt_vu_int *in = vu->in;
    struct tt_worker *w = vu->w;
    lua_State *co = NULL;
    run_hooks(vu, HOOK_END);
    emit_iteration(vu, how, tt_loop_now(w->loop));
    in->busy = false;
    vu->iteration++;
    vu->iteration_in_scenario++;
    char *message = in->message;
    in->message = NULL;
    int n = in->nresults;
    if (how == TT_DONE && n > 0) {
        co = w->L;
        lua_rawgeti(co, LUA_REGISTRYINDEX, in->results_ref);
        luaL_checkstack(co, n, NULL);
        int table = lua_gettop(co);
        for (int i = 1; i <= n; i++)
            lua_rawgeti(co, table, i);
    }
    luaL_unref(w->L, LUA_REGISTRYINDEX, in->results_ref);
    in->results_ref = LUA_NOREF;
    in->nresults = 0;
    tt_vu_ended ended = in->ended;
    void *arg = in->ended_arg;
    ended(vu, how, co ? co : w->L, co ? n : 0, message, arg); /* vu may be gone now */
    if (co)
        lua_settop(co, 0);
    tt_free(message);
}

static void settle(struct tt_ready *r)
{
    struct tt_vu_int *in =
        (struct tt_vu_int *)(void *)((char *)r - offsetof(struct tt_vu_int, finish));
    struct tt_vu *vu = in->vu;
    if (!in->busy || in->settling)
        return;
    in->settling = true;
    cut(vu);
    tt_loop_unready(vu->w->loop, &in->finish); /* the cut fibers asked for it again */
    in->settling = false;
    finish(vu, in->aborted ? TT_ABORTED : in->failed ? TT_FAILED : TT_DONE);
}

void tt_vu_interrupt(struct tt_vu *vu)
{
    struct tt_vu_int *in = vu->in;
    if (!in->busy || in->settling)
        return;
    in->settling = true;
    tt_loop_unready(vu->w->loop, &in->finish);
    cut(vu);
    tt_loop_unready(vu->w->loop, &in->finish);
    in->settling = false;
    finish(vu, in->aborted ? TT_ABORTED : TT_INTERRUPTED);
}

bool tt_vu_busy(const struct tt_vu *vu)
{
    return vu->in->busy;
}

/* A fresh fiber with the script's function fn on its stack. */
static struct tt_fiber *begin(struct tt_vu *vu, const char *fn, tt_vu_ended ended, void *arg)
{
    struct tt_vu_int *in = vu->in;
    TT_ASSERT(!in->busy);
    in->busy = true;
    in->main_returned = in->failed = in->aborted = in->settling = false;
    in->ended = ended;
    in->ended_arg = arg;
    in->rng_due = in->seeded;
    vu->data_sent = vu->data_received = 0;
    vu->started_ns = tt_loop_now(vu->w->loop);
    struct tt_fiber *f = tt_fiber_new(vu, NULL);
    f->on_end = main_ended;
    in->main = f;
    lua_rawgeti(f->co, LUA_REGISTRYINDEX, in->module_ref);
    lua_pushstring(f->co, fn);
    lua_rawget(f->co, -2);
    lua_remove(f->co, -2);
    run_hooks(vu, HOOK_BEGIN);
    return f;
}

void tt_vu_iterate(struct tt_vu *vu, uint64_t number_in_test, uint64_t intended_ns,
                   const char *setup, size_t n, tt_vu_ended ended, void *arg)
{
    struct tt_vu_int *in = vu->in;
    vu->stage = TT_STAGE_ITERATION;
    vu->iteration_in_test = number_in_test;
    vu->intended_ns = intended_ns;
    tt__labels_iteration(vu);
    struct tt_fiber *f = begin(vu, vu->scenario->exec, ended, arg);
    if (!in->setup_set) { /* decoded once: changes a VU makes to it stay with it */
        in->setup_set = true;
        if (n) {
            tt_lua_unflatten(vu->w->L, setup, n);
            in->setup_ref = luaL_ref(vu->w->L, LUA_REGISTRYINDEX);
        }
    }
    if (in->setup_ref == LUA_NOREF)
        lua_pushnil(f->co);
    else
        lua_rawgeti(f->co, LUA_REGISTRYINDEX, in->setup_ref);
    tt_fiber_go(f, 1);
}

void tt_vu_call(struct tt_vu *vu, enum tt_stage_kind stage, const char *fn, const cJSON *argument,
                const char *flat, size_t n, tt_vu_ended ended, void *arg)
{
    vu->stage = stage;
    struct tt_fiber *f = begin(vu, fn, ended, arg);
    if (argument)
        tt_json_push(f->co, argument, false);
    else
        tt_lua_unflatten(f->co, flat, n);
    tt_fiber_go(f, 1);
}
