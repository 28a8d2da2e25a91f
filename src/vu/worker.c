/* SPDX-License-Identifier: MIT */
/* Making and unmaking a worker: its Lua state, the library's modules, the watchdog. Worker thread.
 */
#include "vu/vu_int.h"
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

enum { TAG_SETS_MAX = 100000, STATE_ALIGN = 16 };

/* Exhaustion aborts (tt_xrealloc), so no Lua call of ours can fail for memory. */
static void *lua_memory(void *ud, void *p, size_t old, size_t new)
{
    (void)ud;
    (void)old;
    if (new)
        return tt_xrealloc(p, new);
    tt_free(p);
    return NULL;
}

static int on_panic(lua_State *L)
{
    const char *s = lua_tostring(L, -1);
    tt_log(TT_LOG_ERROR, "internal error: Lua was entered unprotected: %s", s ? s : "?");
    return 0;
}

struct tt_worker *tt_worker_of(lua_State *L)
{
    return *(struct tt_worker **)lua_getextraspace(L);
}

static size_t module_index(const struct tt_module *m)
{
    size_t i = 0;
    while (tt_modules[i] != m) {
        TT_ASSERT(tt_modules[i]);
        i++;
    }
    return i;
}

void *tt_worker_state(struct tt_worker *w, const struct tt_module *m)
{
    return w->module_state[module_index(m)];
}

void *tt_vu_state(struct tt_vu *vu, const struct tt_module *m)
{
    return vu->in->state + vu->w->in->vu_state_offset[module_index(m)];
}

static int weak_table(lua_State *L)
{
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* The plain tables in the module's table on top ("ttload.log"); one level deep. */
static void freeze_fields(lua_State *L, const char *module)
{
    int table = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, table); lua_settop(L, table + 1)) {
        if (!lua_istable(L, -1) || lua_getmetatable(L, -1))
            continue;
        const char *name = lua_pushfstring(L, "%s.%s", module, lua_tostring(L, table + 1));
        lua_insert(L, -2);
        tt__freeze_push(L, name, true);
        lua_pushvalue(L, table + 1);
        lua_insert(L, -2);
        lua_rawset(L, table); /* an existing field: allowed during the traversal */
    }
}

/* In a protected call: the modules' open functions may raise. */
static int open_library(lua_State *L)
{
    struct tt_worker *w = lua_touserdata(L, 1);
    tt__sandbox_open(w);
    lua_newtable(L); /* marks arrays, see value.h */
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tt_json_array_key);
    if (luaL_loadstring(L, "return function(env) return function() return env end end") != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 1);
    w->in->join_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    w->in->chunks_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    w->in->waiting_ref = weak_table(L);
    lua_newtable(L);
    for (size_t i = 0; tt_modules[i]; i++) {
        lua_pushcfunction(L, tt_modules[i]->open);
        lua_call(L, 0, 1);
        freeze_fields(L, tt_modules[i]->name);
        tt__freeze_push(L, tt_modules[i]->name, true);
        lua_setfield(L, -2, tt_modules[i]->name);
    }
    w->in->builtin_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static bool init_modules(struct tt_worker *w, struct tt_err *err)
{
    size_t n = 0, offset = 0;
    while (tt_modules[n])
        n++;
    w->module_state = tt_xcalloc(n + 1, sizeof *w->module_state);
    w->in->vu_state_offset = tt_xcalloc(n + 1, sizeof *w->in->vu_state_offset);
    for (size_t i = 0; i < n; i++) {
        const struct tt_module *m = tt_modules[i];
        w->in->vu_state_offset[i] = offset;
        offset += (m->vu_size + STATE_ALIGN - 1) / STATE_ALIGN * STATE_ALIGN;
    }
    w->in->vu_state_bytes = offset;
    for (size_t i = 0; i < n; i++) {
        const struct tt_module *m = tt_modules[i];
        void *state = tt_xcalloc(1, m->worker_size ? m->worker_size : 1);
        if (m->worker_init && !m->worker_init(w, state, err)) {
            tt_free(state);
            return tt_err_wrap(err, "module %s", m->name);
        }
        w->module_state[i] = state;
    }
    return true;
}

struct tt_worker *tt_worker_new(const struct tt_worker_config *c, struct tt_err *err)
{
    struct tt_worker *w = tt_xcalloc(1, sizeof *w);
    w->in = tt_xcalloc(1, sizeof *w->in);
    w->index = c->index;
    w->loop = c->loop;
    w->script = c->script;
    w->plan = c->plan;
    w->registry = c->registry;
    w->env = c->env;
    w->n_env = c->n_env;
    w->services = c->services;
    w->user = c->user;
    w->in->allow_unsafe = c->allow_unsafe;
    tt_map_init(&w->in->errors);
    tt_rng_seed(&w->rng, tt_random_seed());
    if (c->plan) {
        w->shard = tt_shard_new(c->registry);
        w->tags = tt_tagpool_new(c->registry, TAG_SETS_MAX);
        tt_tagpool_choose(w->tags, c->plan->system_tags);
    }
    w->L = lua_newstate(lua_memory, NULL);
    lua_atpanic(w->L, on_panic);
    *(struct tt_worker **)lua_getextraspace(w->L) = w;
    /* Small steps: the default stops a worker with 10,000 VUs for 40 ms, this for 1.8 ms. */
    lua_gc(w->L, LUA_GCINC, 200, 100, 9);
    uint64_t max_cpu = c->plan ? c->plan->opt.max_cpu_time : 10 * TT_NS_PER_S;
    w->in->watchdog = tt__watchdog_start(w, max_cpu, err);
    if (!w->in->watchdog || !init_modules(w, err))
        goto failed;
    lua_pushcfunction(w->L, open_library);
    lua_pushlightuserdata(w->L, w);
    if (lua_pcall(w->L, 1, 0, 0) != LUA_OK) {
        tt_err_set(err, TT_EXIT_OTHER, "cannot open the library: %s", lua_tostring(w->L, -1));
        goto failed;
    }
    return w;
failed:
    tt_worker_free(w);
    return NULL;
}

void tt_worker_free(struct tt_worker *w)
{
    if (!w)
        return;
    tt__error_report(w);
    tt__fiber_pool_free(w);
    lua_close(w->L);
    for (size_t i = 0; w->module_state && tt_modules[i]; i++) {
        if (w->module_state[i] && tt_modules[i]->worker_fini)
            tt_modules[i]->worker_fini(w, w->module_state[i]);
        tt_free(w->module_state[i]);
    }
    tt_loop_drain(w->loop);
    tt__watchdog_stop(w->in->watchdog);
    tt_shard_free(w->shard);
    tt_tagpool_free(w->tags);
    tt_map_fini(&w->in->errors, tt_free);
    tt_free(w->in->unwind_message);
    tt_free(w->in->vu_state_offset);
    tt_free(w->module_state);
    tt_free(w->in);
    tt_free(w);
}
