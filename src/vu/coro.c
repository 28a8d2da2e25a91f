/* SPDX-License-Identifier: MIT */
/* The script's own coroutines, pcall and xpcall. A wait inside a script's coroutine passes through
 * coroutine.resume and wrap up to the scheduler, and the coroutine goes on where it was when the op
 * is done: the script never sees it. fail(), abort() and the interruption of a runaway script pass
 * through every pcall. Worker thread. */
#include "vu/vu_int.h"
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

/* --- waiting coroutines ------------------------------------------------------------------------
 */

static void waiting_set(struct tt_worker *w, lua_State *co, bool waits)
{
    lua_State *L = w->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->in->waiting_ref);
    lua_pushthread(co);
    lua_xmove(co, L, 1);
    if (waits)
        lua_pushlightuserdata(L, w->current);
    else
        lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    if (waits)
        w->in->n_waiting++;
    else
        w->in->n_waiting--;
}

static bool waiting_get(struct tt_worker *w, lua_State *co)
{
    lua_State *L = w->L;
    if (!w->in->n_waiting)
        return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->in->waiting_ref);
    lua_pushthread(co);
    lua_xmove(co, L, 1);
    bool waits = lua_rawget(L, -2) != LUA_TNIL;
    lua_pop(L, 2);
    return waits;
}

void tt__waiting_forget(struct tt_worker *w, struct tt_fiber *f)
{
    lua_State *L = w->L;
    if (!w->in->n_waiting)
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->in->waiting_ref);
    int table = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        bool ours = lua_touserdata(L, -1) == f;
        lua_pop(L, 1);
        if (!ours)
            continue;
        lua_State *co = lua_tothread(L, -1);
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, table); /* clearing a field during traversal is allowed */
        w->in->n_waiting--;
        lua_resetthread(co);
        lua_settop(co, 0);
    }
    lua_settop(L, table - 1);
}

/* --- unwinding ---------------------------------------------------------------------------------
 */

int tt_vu_unwind(lua_State *L, enum tt_unwind why, int message_index)
{
    struct tt_worker *w = tt_worker_of(L);
    const char *text = message_index ? luaL_tolstring(L, message_index, NULL) : "";
    tt_free(w->in->unwind_message);
    w->in->unwind_message = tt_xstrdup(text);
    w->in->unwinding = why;
    lua_pushstring(L, text);
    return lua_error(L);
}

bool tt_vu_unwinding(lua_State *L)
{
    return tt_worker_of(L)->in->unwinding != TT_UNWIND_NONE;
}

/* For pcall and friends: a caught error that must go on. */
static bool must_go_on(lua_State *L, int status)
{
    return status != LUA_OK && status != LUA_YIELD && tt_vu_unwinding(L);
}

static int pcall_done(lua_State *L, int status, lua_KContext extra)
{
    if (status != LUA_OK && status != LUA_YIELD) {
        if (must_go_on(L, status))
            return lua_error(L);
        lua_pushboolean(L, 0);
        lua_pushvalue(L, -2);
        return 2;
    }
    return lua_gettop(L) - (int)extra;
}

int tt__l_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, pcall_done);
    return pcall_done(L, status, 0);
}

int tt__l_xpcall(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2);
    int status = lua_pcallk(L, n - 2, LUA_MULTRET, 2, 2, pcall_done);
    return pcall_done(L, status, 2);
}

/* --- coroutine library -------------------------------------------------------------------------
 */

static lua_State *check_co(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    return co;
}

enum { CO_FAILED = -1, CO_WAITS = -2 };

/* Resumes co with the narg values on top of L. Results or the error are moved to L. Returns their
 * number, CO_FAILED (one error value), or CO_WAITS: co, or something in it, waits for an op. */
static int aux_resume(lua_State *L, lua_State *co, int narg)
{
    struct tt_worker *w = tt_worker_of(L);
    struct tt__co_link link = {L, w->in->co_chain};
    int nres = 0;
    if (!lua_checkstack(co, narg)) {
        lua_pushliteral(L, "too many arguments to resume");
        return CO_FAILED;
    }
    lua_xmove(L, co, narg);
    w->in->co_chain = &link;
    atomic_store_explicit(&w->in->running, co, memory_order_relaxed);
    int status = lua_resume(co, L, narg, &nres);
    atomic_store_explicit(&w->in->running, L, memory_order_relaxed);
    w->in->co_chain = link.prev;
    if (status == LUA_YIELD && w->suspending) {
        lua_pop(co, nres);
        return CO_WAITS;
    }
    if (status == LUA_OK || status == LUA_YIELD) {
        if (!lua_checkstack(L, nres + 1)) {
            lua_pop(co, nres);
            lua_pushliteral(L, "too many results to resume");
            return CO_FAILED;
        }
        lua_xmove(co, L, nres);
        return nres;
    }
    lua_xmove(co, L, 1);
    return CO_FAILED;
}

static int resume_ready(lua_State *L, lua_State *co, int narg, bool wrapped);

/* The op that co waited for is done: co goes on. */
static int resume_again(lua_State *L, int status, lua_KContext wrapped)
{
    (void)status;
    lua_State *co = wrapped ? lua_tothread(L, lua_upvalueindex(1)) : lua_tothread(L, 1);
    waiting_set(tt_worker_of(L), co, false);
    return resume_ready(L, co, 0, wrapped);
}

/* Nobody can resume or close co any more: its variables are closed now. The ending that is under
 * way goes on, unless a handler asks for the end of the test. */
static void close_failed(struct tt_worker *w, lua_State *co)
{
    int status = lua_status(co);
    if (status == LUA_OK || status == LUA_YIELD)
        return;
    struct tt__unwind u = tt__unwind_take(w);
    lua_resetthread(co);
    lua_settop(co, 0);
    struct tt__unwind own = tt__unwind_take(w);
    bool replaces = own.why == TT_UNWIND_ABORT || u.why == TT_UNWIND_NONE;
    tt_free(replaces ? u.message : own.message);
    tt__unwind_put(w, replaces ? own : u);
}

static int resume_failed(lua_State *L, lua_State *co, bool wrapped)
{
    struct tt_worker *w = tt_worker_of(L);
    if (wrapped || must_go_on(L, LUA_ERRRUN))
        close_failed(w, co);
    if (must_go_on(L, LUA_ERRRUN))
        return lua_error(L);
    if (!wrapped) {
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
    }
    if (lua_type(L, -1) == LUA_TSTRING) { /* say where */
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int resume_ready(lua_State *L, lua_State *co, int narg, bool wrapped)
{
    int base = lua_gettop(L) - narg;
    int n = aux_resume(L, co, narg);
    if (n == CO_WAITS) {
        waiting_set(tt_worker_of(L), co, true);
        return lua_yieldk(L, 0, wrapped, resume_again);
    }
    if (n == CO_FAILED)
        return resume_failed(L, co, wrapped);
    if (wrapped)
        return n;
    lua_pushboolean(L, 1);
    lua_insert(L, base + 1);
    return n + 1;
}

/* Why co cannot be resumed, or NULL. */
static const char *cannot_resume(lua_State *L, lua_State *co)
{
    lua_Debug ar;
    if (waiting_get(tt_worker_of(L), co))
        return "cannot resume a coroutine that waits for an operation";
    if (L == co)
        return "cannot resume non-suspended coroutine";
    switch (lua_status(co)) {
    case LUA_YIELD:
        return NULL;
    case LUA_OK:
        if (lua_getstack(co, 0, &ar))
            return "cannot resume non-suspended coroutine";
        return lua_gettop(co) ? NULL : "cannot resume dead coroutine";
    default:
        return "cannot resume dead coroutine";
    }
}

static int l_resume(lua_State *L)
{
    lua_State *co = check_co(L);
    const char *why = cannot_resume(L, co);
    if (why) {
        lua_pushboolean(L, 0);
        lua_pushstring(L, why);
        return 2;
    }
    return resume_ready(L, co, lua_gettop(L) - 1, false);
}

static int wrapped_call(lua_State *L)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    const char *why = cannot_resume(L, co);
    if (why)
        return luaL_error(L, "%s", why);
    return resume_ready(L, co, lua_gettop(L), true);
}

static int l_create(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    return 1;
}

static int l_wrap(lua_State *L)
{
    l_create(L);
    lua_pushcclosure(L, wrapped_call, 1);
    return 1;
}

static bool is_fiber(struct tt_worker *w, lua_State *L)
{
    return w->current && w->current->co == L;
}

static int l_yield(lua_State *L)
{
    if (is_fiber(tt_worker_of(L), L))
        return luaL_error(L, "attempt to yield from outside a coroutine");
    return lua_yield(L, lua_gettop(L));
}

static int l_isyieldable(lua_State *L)
{
    lua_State *co = lua_isnone(L, 1) ? L : check_co(L);
    lua_pushboolean(L, lua_isyieldable(co) && !is_fiber(tt_worker_of(L), co));
    return 1;
}

static int l_status(lua_State *L)
{
    lua_State *co = check_co(L);
    lua_Debug ar;
    const char *s = "dead";
    if (L == co)
        s = "running";
    else if (waiting_get(tt_worker_of(L), co))
        s = "normal";
    else if (lua_status(co) == LUA_YIELD)
        s = "suspended";
    else if (lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar))
        s = "normal";
    else if (lua_status(co) == LUA_OK && lua_gettop(co))
        s = "suspended";
    lua_pushstring(L, s);
    return 1;
}

static int l_close(lua_State *L)
{
    lua_State *co = check_co(L);
    lua_Debug ar;
    if (waiting_get(tt_worker_of(L), co))
        return luaL_error(L, "cannot close a coroutine that waits for an operation");
    if (L == co || (lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar)))
        return luaL_error(L, "cannot close a running coroutine");
    int status = lua_resetthread(co);
    if (status == LUA_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushboolean(L, 0);
    lua_xmove(co, L, 1);
    return 2;
}

static int l_running(lua_State *L)
{
    bool main = lua_pushthread(L) || is_fiber(tt_worker_of(L), L);
    lua_pushboolean(L, main);
    return 2;
}

void tt__coro_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"create", l_create},   {"resume", l_resume}, {"wrap", l_wrap},
        {"yield", l_yield},     {"status", l_status}, {"isyieldable", l_isyieldable},
        {"running", l_running}, {"close", l_close},   {NULL, NULL},
    };
    luaL_newlib(L, functions);
}
