/* SPDX-License-Identifier: MIT */
/* Fibers and the scheduler: resumes a fiber when its op is finished, settles it when it ends.
 * Worker thread. A fiber's struct and coroutine go back to the worker's pool when it has ended. */
#include "vu/vu_int.h"
#include <lauxlib.h>
#include <string.h>

enum { FREE_FIBERS_MAX = 256 };

static void fiber_run(struct tt_ready *r);

static void link_fiber(struct tt_fiber *f)
{
    struct tt_vu_int *in = f->vu->in;
    f->prev = NULL;
    f->next = in->fibers;
    if (in->fibers)
        in->fibers->prev = f;
    in->fibers = f;
}

static void unlink_fiber(struct tt_fiber *f)
{
    struct tt_vu_int *in = f->vu->in;
    if (f->prev)
        f->prev->next = f->next;
    else
        in->fibers = f->next;
    if (f->next)
        f->next->prev = f->prev;
    f->prev = f->next = NULL;
}

struct tt_fiber *tt_fiber_new(struct tt_vu *vu, const struct tt_fiber *parent)
{
    struct tt_worker *w = vu->w;
    struct tt_fiber *f = w->in->free_fibers;
    if (f) {
        w->in->free_fibers = f->next;
        w->in->n_free_fibers--;
    } else {
        f = tt_xcalloc(1, sizeof *f);
        f->co = lua_newthread(w->L);
        f->ref = luaL_ref(w->L, LUA_REGISTRYINDEX);
    }
    tt_ready_init(&f->ready, fiber_run);
    f->vu = vu;
    f->op = NULL;
    tt_tags_hold(&f->tags, parent ? parent->tags : vu->tags);
    f->group = parent ? parent->group : "";
    f->nargs = 0;
    f->on_end = NULL;
    f->owner = NULL;
    f->started = f->dead = false;
    link_fiber(f);
    return f;
}

void tt_fiber_go(struct tt_fiber *f, int nargs)
{
    f->nargs = nargs;
    tt_loop_ready(f->vu->w->loop, &f->ready);
}

/* After its end: out of the VU, back to the pool. The coroutine's stack must hold nothing pending.
 */
void tt__fiber_release(struct tt_fiber *f)
{
    struct tt_vu *vu = f->vu;
    struct tt_worker *w = vu->w;
    f->dead = true;
    unlink_fiber(f);
    lua_settop(f->co, 0);
    tt_tags_hold(&f->tags, NULL);
    f->vu = NULL;
    if (!f->hookless && w->in->n_free_fibers < FREE_FIBERS_MAX) {
        f->next = w->in->free_fibers;
        w->in->free_fibers = f;
        w->in->n_free_fibers++;
    } else {
        luaL_unref(w->L, LUA_REGISTRYINDEX, f->ref);
        tt_free(f);
    }
    tt__vu_fiber_gone(vu);
}

void tt__fiber_pool_free(struct tt_worker *w)
{
    struct tt_fiber *f;
    while ((f = w->in->free_fibers)) {
        w->in->free_fibers = f->next;
        luaL_unref(w->L, LUA_REGISTRYINDEX, f->ref);
        tt_free(f);
    }
    w->in->n_free_fibers = 0;
}

/* Lua ends each traceback of a coroutine or chunk with the C function that called it, "[C]: in ?":
 * it says nothing, and neither does a traceback that has nothing else. */
void tt__push_traceback(lua_State *L, const char *text, int level)
{
    static const char last[] = "\n\t[C]: in ?", head[] = "\nstack traceback:";
    size_t n;
    luaL_traceback(L, L, text, level);
    const char *s = lua_tolstring(L, -1, &n);
    if (n >= sizeof last - 1 && strcmp(s + n - (sizeof last - 1), last) == 0)
        n -= sizeof last - 1;
    if (n >= sizeof head - 1 && strncmp(s + n - (sizeof head - 1), head, sizeof head - 1) == 0)
        n -= sizeof head - 1;
    lua_pushlstring(L, s, n);
    lua_remove(L, -2);
}

/* Of the error on top of co, which may have more on it afterwards. Runs no Lua. */
static const char *error_text(lua_State *co)
{
    const char *text = lua_tostring(co, -1);
    return text ? text : lua_pushfstring(co, "(error object is a %s value)", luaL_typename(co, -1));
}

/* The error on top of co as text with a traceback, replacing it. */
static void add_traceback(lua_State *co)
{
    const char *text = lua_tostring(co, -1);
    if (!text) {
        if (luaL_callmeta(co, -1, "__tostring") && lua_isstring(co, -1))
            text = lua_tostring(co, -1);
        else
            text = error_text(co);
    }
    tt__push_traceback(co, text, 0);
}

struct tt__unwind tt__unwind_take(struct tt_worker *w)
{
    struct tt__unwind u = {w->in->unwinding, w->in->unwind_message};
    w->in->unwinding = TT_UNWIND_NONE;
    w->in->unwind_message = NULL;
    return u;
}

void tt__unwind_put(struct tt_worker *w, struct tt__unwind u)
{
    tt_free(w->in->unwind_message);
    w->in->unwinding = u.why;
    w->in->unwind_message = u.message;
}

/* Runs the pending __close handlers. An ending that a handler asks for must not pass as the one of
 * whatever closes this fiber, which may be a handler or be unwinding itself. Of the handler's own
 * only abort is left to do. */
static int close_coroutine(struct tt_fiber *f)
{
    struct tt_worker *w = f->vu->w;
    const bool closing = w->in->closing;
    const struct tt__unwind outer = tt__unwind_take(w);
    w->in->closing = true;
    lua_State *before = tt__lua_enter(w, f->co);
    if (f->dead) /* killed */
        tt__waiting_forget(w, f);
    int status = lua_resetthread(f->co);
    tt__lua_leave(w, f->co, before);
    w->in->closing = closing;
    const struct tt__unwind own = tt__unwind_take(w);
    if (own.why == TT_UNWIND_ABORT) {
        f->vu->in->aborted = true;
        lua_pushstring(f->co, own.message);
        tt_fiber_fail_iteration(f);
        lua_pop(f->co, 1);
    }
    tt_free(own.message);
    tt__unwind_put(w, outer);
    return status;
}

static void fiber_ended(struct tt_fiber *f, int status, int nresults)
{
    struct tt_worker *w = f->vu->w;
    if (status == LUA_OK) {
        if (f->on_end)
            f->on_end(f, TT_FIBER_RETURNED, nresults);
        tt__fiber_release(f);
        return;
    }
    enum tt_unwind why = w->in->unwinding;
    if (why == TT_UNWIND_NONE || why == TT_UNWIND_RUNAWAY) {
        add_traceback(f->co);
    } else {
        lua_pushstring(f->co, w->in->unwind_message ? w->in->unwind_message : "");
        if (why == TT_UNWIND_ABORT)
            f->vu->in->aborted = true;
    }
    f->unwound = why != TT_UNWIND_NONE;
    f->hookless = why == TT_UNWIND_RUNAWAY;
    tt_free(tt__unwind_take(w).message);
    char *text = tt_xstrdup(lua_tostring(f->co, -1));
    close_coroutine(f); /* what is on top of it now may be a handler's error */
    lua_settop(f->co, 0);
    lua_pushstring(f->co, text);
    tt_free(text);
    if (!f->on_end || f->vu->in->aborted)
        tt_fiber_fail_iteration(f);
    if (f->on_end)
        f->on_end(f, f->vu->in->aborted ? TT_FIBER_KILLED : TT_FIBER_FAILED, 1);
    tt__fiber_release(f);
}

static void fiber_run(struct tt_ready *r)
{
    struct tt_fiber *f = (struct tt_fiber *)(void *)((char *)r - offsetof(struct tt_fiber, ready));
    struct tt_worker *w = f->vu->w;
    int nresults = 0, nargs = f->nargs;
    if (f->op) {
        f->op->fiber = NULL;
        f->op = NULL;
    }
    f->nargs = 0;
    if (!f->started && f->vu->by_clock)
        tt__vu_begins(f);
    f->started = true;
    w->current = f;
    w->suspending = false;
    lua_State *before = tt__lua_enter(w, f->co);
    int status = lua_resume(f->co, w->L, nargs, &nresults);
    tt__lua_leave(w, f->co, before);
    w->current = NULL;
    if (status == LUA_YIELD) {
        TT_ASSERT(w->suspending && f->op);
        w->suspending = false;
        lua_pop(f->co, nresults);
        if (f->op->finished)
            tt_loop_ready(w->loop, &f->ready);
        return;
    }
    fiber_ended(f, status, nresults);
}

void tt_fiber_kill(struct tt_fiber *f)
{
    struct tt_worker *w = f->vu->w;
    TT_ASSERT(f != w->current && !f->dead);
    f->dead = true;
    tt_loop_unready(w->loop, &f->ready);
    if (f->op) {
        struct tt_op *op = f->op;
        f->op = NULL;
        op->fiber = NULL;
        op->cls->cancel(op);
    }
    if (f->started) {
        struct tt_fiber *current = w->current;
        w->current = f;
        if (close_coroutine(f) != LUA_OK)
            tt_log(TT_LOG_WARN, "a __close handler of a cancelled coroutine failed: %s",
                   error_text(f->co));
        w->current = current;
    }
    lua_settop(f->co, 0);
    if (f->on_end)
        f->on_end(f, TT_FIBER_KILLED, 0);
    tt__fiber_release(f);
}

void tt_fibers_kill(struct tt_vu *vu, bool (*which)(const struct tt_fiber *f, const void *arg),
                    const void *arg)
{
    struct tt_fiber *f = vu->in->fibers;
    while (f) {
        bool kill = !f->dead && f != vu->w->current && which(f, arg);
        if (kill)
            tt_fiber_kill(f);
        f = kill ? vu->in->fibers : f->next; /* others may have gone with it */
    }
}

/* --- ops ------------------------------------------------------------------------------------- */

/* The innermost C function on the stack that cannot be yielded across, by name. */
static const char *blocking_function(lua_State *L, char *buf, size_t size)
{
    lua_Debug ar;
    for (int level = 1; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Snf", &ar);
        lua_CFunction fn = lua_tocfunction(L, -1);
        lua_pop(L, 1);
        if (strcmp(ar.what, "C") != 0 || fn == tt__l_pcall || fn == tt__l_xpcall)
            continue;
        if (!ar.name || strcmp(ar.name, "?") == 0)
            break; /* called from C */
        snprintf(buf, size, "%s", ar.name);
        return buf;
    }
    return "a C function";
}

void tt_op_check(lua_State *L, const char *what)
{
    struct tt_worker *w = tt_worker_of(L);
    char name[64];
    if (w->in->init_vu)
        luaL_error(L,
                   "%s is not allowed in init (the top level of the script); call it from setup "
                   "or from a scenario function",
                   what);
    if (w->in->closing)
        luaL_error(L, "%s cannot wait in a __close handler of a coroutine that is being closed",
                   what);
    lua_State *blocked = lua_isyieldable(L) ? NULL : L;
    for (struct tt__co_link *c = w->in->co_chain; c && !blocked; c = c->prev)
        if (!lua_isyieldable(c->outer))
            blocked = c->outer;
    if (blocked)
        luaL_error(L, "%s cannot wait inside a callback of %s", what,
                   blocking_function(blocked, name, sizeof name));
    if (!w->current)
        luaL_error(L, "%s cannot wait here", what);
}

int tt_op_suspend(lua_State *L, struct tt_op *op, lua_KFunction k)
{
    struct tt_worker *w = tt_worker_of(L);
    TT_ASSERT(w->current && !w->current->op);
    if (op->finished)
        return k(L, LUA_YIELD, (lua_KContext)op);
    op->fiber = w->current;
    w->current->op = op;
    w->suspending = true;
    return lua_yieldk(L, 0, (lua_KContext)op, k);
}

void tt_op_finish(struct tt_op *op)
{
    TT_ASSERT(!op->finished);
    op->finished = true;
    if (op->fiber && op->fiber != op->fiber->vu->w->current)
        tt_loop_ready(op->fiber->vu->w->loop, &op->fiber->ready);
}
