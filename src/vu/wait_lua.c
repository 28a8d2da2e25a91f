/* SPDX-License-Identifier: MIT */
/* sleep, spawn and tasks. A task's results live in a table of the registry from its end until the
 * userdata is collected; struct task is shared by the userdata and the fiber, the last one frees
 * it. Worker thread. */
#include "vu/wait_lua.h"
#include "vu/vu_int.h"
#include <lauxlib.h>

/* Seconds or "500ms" at arg, in ns. */
static uint64_t check_duration(lua_State *L, int arg)
{
    struct tt_err err;
    uint64_t ns = 0;
    bool ok;
    if (lua_type(L, arg) == LUA_TNUMBER)
        ok = tt_seconds_to_ns(lua_tonumber(L, arg), &ns, &err);
    else
        ok = tt_parse_duration(luaL_checkstring(L, arg), &ns, &err);
    if (!ok)
        luaL_argerror(L, arg, lua_pushstring(L, err.text));
    return ns;
}

/* --- sleep
 * ---------------------------------------------------------------------------------------- */

struct sleep_op {
    struct tt_op op;
    struct tt_timer timer;
    struct tt_loop *loop;
};

static void sleep_cancel(struct tt_op *op)
{
    struct sleep_op *s = (struct sleep_op *)(void *)op;
    tt_timer_stop(s->loop, &s->timer);
}

static const struct tt_op_class sleep_class = {"sleep", sleep_cancel};

static void sleep_over(struct tt_timer *t)
{
    struct sleep_op *s = (struct sleep_op *)(void *)((char *)t - offsetof(struct sleep_op, timer));
    tt_op_finish(&s->op);
}

static int sleep_done(lua_State *L, int status, lua_KContext op)
{
    (void)L;
    (void)status;
    (void)op;
    return 0;
}

int tt_l_sleep(lua_State *L)
{
    uint64_t ns = check_duration(L, 1);
    tt_op_check(L, "sleep");
    struct tt_worker *w = tt_worker_of(L);
    struct sleep_op *s = lua_newuserdatauv(L, sizeof *s, 0); /* on this stack while it waits */
    tt_op_init(&s->op, &sleep_class);
    s->loop = w->loop;
    tt_timer_init(&s->timer, sleep_over);
    tt_timer_start(w->loop, &s->timer, tt_loop_now(w->loop) + ns);
    return tt_op_suspend(L, &s->op, sleep_done);
}

/* --- tasks
 * ---------------------------------------------------------------------------------------- */

#define TASK_TYPE "ttload.task"

struct join;
struct waiter {
    struct join *join;
    struct waiter *next;
};

enum task_state { TASK_RUNS, TASK_RETURNED, TASK_FAILED, TASK_CANCELLED };

struct task {
    struct tt_fiber *fiber; /* NULL when it has ended */
    struct tt_worker *w;
    enum task_state state;
    int results_ref; /* table 1..n, n = nresults; on failure the text at 1 */
    int nresults;
    unsigned refs;
    struct waiter *waiters;
};

/* One wait for the first, or for all, of some tasks. */
struct join {
    struct tt_op op;
    struct tt_timer timer;
    struct tt_loop *loop;
    size_t n, missing; /* tasks still to end before the wait is over */
    bool timed_out;
    struct task **tasks;
    const struct task *first, *first_failed; /* of those that have ended, in the order of time */
    struct waiter waiters[];
};

static void task_unref(struct task *t)
{
    if (--t->refs)
        return;
    luaL_unref(t->w->L, LUA_REGISTRYINDEX, t->results_ref);
    tt_free(t);
}

static void join_leave(struct join *j)
{
    tt_timer_stop(j->loop, &j->timer);
    for (size_t i = 0; i < j->n; i++) {
        struct waiter **p = &j->tasks[i]->waiters;
        while (*p && *p != &j->waiters[i])
            p = &(*p)->next;
        if (*p)
            *p = j->waiters[i].next;
        task_unref(j->tasks[i]);
    }
    tt_free(j->tasks);
    tt_free(j);
}

static void join_cancel(struct tt_op *op)
{
    join_leave((struct join *)(void *)op);
}

static const struct tt_op_class join_class = {"task:wait", join_cancel};

static void join_timeout(struct tt_timer *t)
{
    struct join *j = (struct join *)(void *)((char *)t - offsetof(struct join, timer));
    j->timed_out = true;
    tt_op_finish(&j->op);
}

static void note_end(struct join *j, const struct task *t)
{
    if (!j->first)
        j->first = t;
    if (!j->first_failed && t->state != TASK_RETURNED)
        j->first_failed = t;
}

/* The task has ended: whoever waits for it hears of it. */
static void task_settle(struct task *t, enum task_state state)
{
    t->state = state;
    t->fiber = NULL;
    for (struct waiter *x = t->waiters; x; x = x->next) {
        struct join *j = x->join;
        note_end(j, t);
        if (!j->op.finished && (j->missing == 0 || --j->missing == 0))
            tt_op_finish(&j->op);
    }
}

static void task_ended(struct tt_fiber *f, enum tt_fiber_end how, int nresults)
{
    struct task *t = f->owner;
    bool awaited = t->waiters != NULL;
    if (how == TT_FIBER_KILLED) {
        lua_createtable(f->co, 1, 0);
        lua_pushliteral(f->co, "cancelled");
        lua_rawseti(f->co, -2, 1);
        nresults = 1;
    } else {
        lua_createtable(f->co, nresults, 0);
        lua_insert(f->co, -1 - nresults);
        for (int i = nresults; i > 0; i--)
            lua_rawseti(f->co, -1 - i, i);
    }
    t->nresults = nresults;
    if (how == TT_FIBER_FAILED && !awaited) {
        lua_rawgeti(f->co, -1, 1);
        tt_fiber_fail_iteration(f);
        lua_pop(f->co, 1);
    }
    t->results_ref = luaL_ref(f->co, LUA_REGISTRYINDEX);
    task_settle(t, how == TT_FIBER_RETURNED ? TASK_RETURNED
                   : how == TT_FIBER_FAILED ? TASK_FAILED
                                            : TASK_CANCELLED);
    task_unref(t);
}

static struct task *check_task(lua_State *L, int arg)
{
    return *(struct task **)luaL_checkudata(L, arg, TASK_TYPE);
}

static int task_gc(lua_State *L)
{
    struct task **t = luaL_checkudata(L, 1, TASK_TYPE);
    if (*t)
        task_unref(*t);
    *t = NULL;
    return 0;
}

/* The task's results, or nil and the error. */
static int push_results(lua_State *L, struct task *t)
{
    if (t->state == TASK_RUNS) {
        lua_pushnil(L);
        lua_pushliteral(L, "timeout");
        return 2;
    }
    int first = 0, n = t->nresults;
    if (t->state != TASK_RETURNED) {
        lua_pushnil(L);
        first = 1;
        n = 1;
    }
    luaL_checkstack(L, n + 1, "too many results");
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->results_ref);
    int table = lua_gettop(L);
    for (int i = 1; i <= n; i++)
        lua_rawgeti(L, table, i);
    lua_remove(L, table);
    return n + first;
}

/* Starts waiting for missing of the n tasks (taken from the stack by the caller). */
static struct join *join_new(struct tt_worker *w, struct task **tasks, size_t n, size_t missing)
{
    struct join *j = tt_xcalloc(1, sizeof *j + n * sizeof *j->waiters);
    tt_op_init(&j->op, &join_class);
    tt_timer_init(&j->timer, join_timeout);
    j->loop = w->loop;
    j->n = n;
    j->tasks = tasks;
    size_t ended = 0;
    for (size_t i = 0; i < n; i++) {
        tasks[i]->refs++;
        j->waiters[i].join = j;
        if (tasks[i]->state != TASK_RUNS) {
            ended++;
            note_end(j, tasks[i]);
        } else {
            j->waiters[i].next = tasks[i]->waiters;
            tasks[i]->waiters = &j->waiters[i];
        }
    }
    j->missing = ended >= missing ? 0 : missing - ended;
    if (j->missing == 0)
        tt_op_finish(&j->op);
    return j;
}

static int wait_done(lua_State *L, int status, lua_KContext op)
{
    (void)status;
    join_leave((struct join *)(void *)op);
    return push_results(L, check_task(L, 1));
}

static int l_task_wait(lua_State *L)
{
    struct task *t = check_task(L, 1);
    uint64_t timeout = lua_isnoneornil(L, 2) ? TT_NEVER : check_duration(L, 2);
    tt_op_check(L, "task:wait");
    struct tt_worker *w = tt_worker_of(L);
    if (t->fiber && t->fiber == w->current)
        return luaL_error(L, "a task cannot wait for itself");
    struct task **tasks = tt_xmalloc(sizeof *tasks);
    tasks[0] = t;
    struct join *j = join_new(w, tasks, 1, 1);
    if (timeout != TT_NEVER && !j->op.finished)
        tt_timer_start(w->loop, &j->timer, tt_loop_now(w->loop) + timeout);
    return tt_op_suspend(L, &j->op, wait_done);
}

static int l_task_cancel(lua_State *L)
{
    struct task *t = check_task(L, 1);
    if (!t->fiber)
        return 0;
    if (t->fiber == tt_worker_of(L)->current)
        return luaL_error(L, "a task cannot cancel itself: return, or call fail()");
    tt_fiber_kill(t->fiber);
    return 0;
}

static int l_task_status(lua_State *L)
{
    static const char *const names[] = {"running", "returned", "failed", "cancelled"};
    lua_pushstring(L, names[check_task(L, 1)->state]);
    return 1;
}

static void push_task_type(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"wait", l_task_wait}, {"cancel", l_task_cancel}, {"status", l_task_status}, {NULL, NULL}};
    if (!luaL_newmetatable(L, TASK_TYPE))
        return;
    lua_pushcfunction(L, task_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, "locked");
    lua_setfield(L, -2, "__metatable");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
}

int tt_l_spawn(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    struct tt_vu *vu = tt_vu_running(L, "spawn");
    struct tt_worker *w = vu->w;
    if (w->in->closing)
        return luaL_error(L, "spawn is not possible while a coroutine is being closed");
    int nargs = lua_gettop(L) - 1;
    struct task **u = lua_newuserdatauv(L, sizeof *u, 0);
    *u = NULL;
    push_task_type(L);
    lua_setmetatable(L, -2);
    lua_insert(L, 1);
    struct task *t = *u = tt_xcalloc(1, sizeof *t);
    t->w = w;
    t->refs = 2;
    t->results_ref = LUA_NOREF;
    t->fiber = tt_fiber_new(vu, w->current);
    t->fiber->owner = t;
    t->fiber->on_end = task_ended;
    lua_State *co = t->fiber->co;
    if (!lua_checkstack(co, nargs + 1))
        nargs = 0;
    lua_xmove(L, co, nargs + 1);
    tt_fiber_go(t->fiber, nargs);
    return 1;
}

/* --- all, race: over a list or map of tasks at 1. The keys stay at 2, in the order of tasks.
 * -------- */

static struct join *join_table(lua_State *L, const char *what, bool all)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    tt_op_check(L, what);
    lua_newtable(L);
    lua_Integer n = 0;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        if (!luaL_testudata(L, -1, TASK_TYPE))
            luaL_error(L, "%s: expected a table of tasks, found a %s in it", what,
                       luaL_typename(L, -1));
        const struct task *t = *(struct task **)lua_touserdata(L, -1);
        if (all && t->fiber && t->fiber == tt_worker_of(L)->current)
            luaL_error(L, "%s: a task cannot wait for itself", what);
        lua_pushvalue(L, -2);
        lua_rawseti(L, 2, ++n);
    }
    if (!n && !all)
        luaL_error(L, "%s: the table has no tasks", what);
    struct task **tasks = tt_xcalloc((size_t)n + 1, sizeof *tasks);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, 2, i);
        lua_rawget(L, 1);
        tasks[i - 1] = *(struct task **)lua_touserdata(L, -1);
        lua_pop(L, 1);
    }
    return join_new(tt_worker_of(L), tasks, (size_t)n, all ? (size_t)n : 1);
}

static int all_done(lua_State *L, int status, lua_KContext op)
{
    (void)status;
    struct join *j = (struct join *)(void *)op;
    lua_Integer failed = 0;
    size_t n = j->n;
    lua_newtable(L);
    for (size_t i = 0; i < n; i++) {
        struct task *t = j->tasks[i];
        if (t == j->first_failed)
            failed = (lua_Integer)i + 1;
        if (t->state != TASK_RETURNED)
            continue;
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        lua_rawgeti(L, LUA_REGISTRYINDEX, t->results_ref);
        lua_rawgeti(L, -1, 1);
        lua_remove(L, -2);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            lua_pushboolean(L, 1);
        }
        lua_rawset(L, 3);
    }
    if (failed) {
        push_results(L, j->tasks[failed - 1]);
        lua_rawgeti(L, 2, failed);
    }
    join_leave(j);
    return failed ? 3 : 1;
}

int tt_l_all(lua_State *L)
{
    struct join *j = join_table(L, "all", true);
    return tt_op_suspend(L, &j->op, all_done);
}

static int race_done(lua_State *L, int status, lua_KContext op)
{
    (void)status;
    struct join *j = (struct join *)(void *)op;
    int n = 0;
    for (size_t i = 0; i < j->n && !n; i++) {
        if (j->tasks[i] != j->first)
            continue;
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        n = 1 + push_results(L, j->tasks[i]);
    }
    join_leave(j);
    return n;
}

int tt_l_race(lua_State *L)
{
    struct join *j = join_table(L, "race", false);
    return tt_op_suspend(L, &j->op, race_done);
}
