/* SPDX-License-Identifier: MIT */
/* Interrupts scripts that compute too long without waiting. A permanent count hook would double the
 * time of every script, so nothing is hooked: each entry into Lua bumps a counter, a thread looks
 * at it now and then, and when the worker has burnt max_cpu_time of CPU in one and the same turn,
 * it signals the worker, whose handler sets a hook on the running coroutine; the hook raises. A
 * long C call (one huge pattern match) ends before the hook can fire. */
#include "base/thread.h"
#include "vu/vu_int.h"
#include <errno.h>
#include <lauxlib.h>
#include <semaphore.h>
#include <time.h>

struct tt_watchdog {
    struct tt_worker *w;
    struct tt_thread thread;
    clockid_t cpu_clock;
    uint64_t max_cpu_ns;
    sem_t stop;
};

/* The worker of this thread, for the signal handler; a handler has no argument of its own. */
static _Thread_local struct tt_worker *signalled_worker;

static void hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    lua_sethook(L, NULL, 0, 0);
    struct tt_worker *w = tt_worker_of(L);
    if (atomic_load_explicit(&w->in->turn, memory_order_relaxed) != w->in->signalled_turn)
        return; /* the signal came too late for the turn that it was meant for */
    luaL_where(L, 0);
    lua_pushliteral(L, "interrupted: the script computed longer than max_cpu_time without waiting");
    lua_concat(L, 2);
    tt_vu_unwind(L, TT_UNWIND_RUNAWAY, lua_gettop(L));
}

static void on_signal(int sig)
{
    (void)sig;
    struct tt_worker *w = signalled_worker;
    lua_State *L = w ? atomic_load_explicit(&w->in->running, memory_order_relaxed) : NULL;
    if (!L)
        return;
    w->in->signalled_turn = atomic_load_explicit(&w->in->turn, memory_order_relaxed);
    lua_sethook(L, hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * TT_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* True when asked to stop. */
static bool nap(struct tt_watchdog *d, uint64_t ns)
{
    uint64_t until = clock_ns(CLOCK_REALTIME) + ns;
    struct timespec t = {(time_t)(until / TT_NS_PER_S), (long)(until % TT_NS_PER_S)};
    while (sem_timedwait(&d->stop, &t) != 0)
        if (errno == ETIMEDOUT)
            return false;
    return true;
}

static void *watch(void *arg)
{
    struct tt_watchdog *d = arg;
    uint64_t interval = d->max_cpu_ns / 8 + TT_NS_PER_MS;
    uint_fast64_t turn = 0;
    uint64_t since = 0;
    while (!nap(d, interval)) {
        uint_fast64_t now_turn = atomic_load_explicit(&d->w->in->turn, memory_order_relaxed);
        uint64_t cpu = clock_ns(d->cpu_clock);
        if (!(now_turn & 1) || now_turn != turn) {
            turn = now_turn;
            since = cpu;
        } else if (cpu - since >= d->max_cpu_ns) {
            pthread_kill(d->w->in->thread, SIGUSR2);
            since = cpu; /* again if the script survives it */
        }
    }
    return NULL;
}

struct tt_watchdog *tt__watchdog_start(struct tt_worker *w, uint64_t max_cpu_ns, struct tt_err *err)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    sigaction(SIGUSR2, &sa, NULL);
    signalled_worker = w;
    w->in->thread = pthread_self();
    struct tt_watchdog *d = tt_xcalloc(1, sizeof *d);
    d->w = w;
    d->max_cpu_ns = max_cpu_ns;
    sem_init(&d->stop, 0, 0);
    if (pthread_getcpuclockid(w->in->thread, &d->cpu_clock) != 0 ||
        !tt_thread_start(&d->thread, "watchdog", watch, d, err)) {
        tt__watchdog_stop(d);
        tt_err_wrap(err, "watchdog");
        return NULL;
    }
    return d;
}

void tt__watchdog_stop(struct tt_watchdog *d)
{
    if (!d)
        return;
    sem_post(&d->stop);
    tt_thread_join(&d->thread);
    signalled_worker = NULL;
    sem_destroy(&d->stop);
    tt_free(d);
}

static void next_turn(struct tt_worker *w)
{
    uint_fast64_t turn = atomic_load_explicit(&w->in->turn, memory_order_relaxed);
    atomic_store_explicit(&w->in->turn, turn + 1, memory_order_relaxed);
}

lua_State *tt__lua_enter(struct tt_worker *w, lua_State *L)
{
    lua_State *before = atomic_load_explicit(&w->in->running, memory_order_relaxed);
    atomic_store_explicit(&w->in->running, L, memory_order_relaxed);
    if (!before)
        next_turn(w);
    return before;
}

void tt__lua_leave(struct tt_worker *w, lua_State *L, lua_State *before)
{
    if (!before)
        next_turn(w);
    atomic_store_explicit(&w->in->running, before, memory_order_relaxed);
    if (__builtin_expect(lua_gethook(L) != NULL, 0)) /* a signal that came just too late */
        lua_sethook(L, NULL, 0, 0);
}
