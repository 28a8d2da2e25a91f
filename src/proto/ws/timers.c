/* SPDX-License-Identifier: MIT */
/* A socket's timers: set_timeout, set_interval, every. Each tick is an event of the socket. Worker
 * thread. */
#include "base/memory.h"
#include "proto/ws/ws_lua_int.h"

static struct tt__ws_timer **find_timer(struct tt__ws_script *x, unsigned number)
{
    struct tt__ws_timer **p = &x->timers;
    while (*p && (*p)->number != number)
        p = &(*p)->next;
    return p;
}

void tt__ws_timers_drop(struct tt__ws_script *x)
{
    while (x->timers) {
        struct tt__ws_timer *t = x->timers;
        x->timers = t->next;
        tt_timer_stop(x->w->loop, &t->timer);
        tt_free(t);
    }
}

void tt__ws_timer_called(struct tt__ws_script *x, unsigned number)
{
    struct tt__ws_timer *t = *find_timer(x, number);
    if (t)
        t->pending = false;
}

static void tick(const struct tt__ws_timer *t, uint64_t intended_ns)
{
    struct tt_ws_event *ev = tt_ws_event_new(TT_WS_EV_TIMER, NULL, 0);
    ev->code = t->number;
    ev->at_ns = intended_ns;
    tt__ws_to_handlers(t->script, ev);
}

/* A schedule is kept whatever happens: each tick is called with the time it was due at. When as
 * many calls as may be are under way, it is dropped and counted. */
static void tick_of_schedule(struct tt__ws_timer *t)
{
    struct tt__ws_script *x = t->script;
    uint64_t now = tt_loop_now(x->w->loop);
    for (; t->due_ns <= now; t->due_ns += t->period_ns) {
        if (x->handlers_running + x->ticks_queued < TT__WS_HANDLERS_MAX) {
            x->ticks_queued++;
            tick(t, t->due_ns);
        } else if (x->s->vu) {
            tt_vu_sample(x->s->vu, TT_M_ws_dropped_ticks, 1, x->s->tags, now);
        }
    }
    tt_timer_start(x->w->loop, &t->timer, t->due_ns);
}

static void timer_fired(struct tt_timer *timer)
{
    struct tt__ws_timer *t =
        (struct tt__ws_timer *)(void *)((char *)timer - offsetof(struct tt__ws_timer, timer));
    struct tt__ws_script *x = t->script;
    if (t->kind == TT__WS_EVERY) {
        tick_of_schedule(t);
        return;
    }
    if (!t->pending) { /* else the script is behind: no tick is called twice at once */
        t->pending = true;
        tick(t, 0);
    }
    if (t->kind == TT__WS_INTERVAL) {
        tt_timer_start(x->w->loop, &t->timer, tt_loop_now(x->w->loop) + t->period_ns);
        return;
    }
    *find_timer(x, t->number) = t->next;
    tt_free(t);
}

unsigned tt__ws_timer_start(lua_State *L, struct tt__ws_script *x, int idx, uint64_t ns,
                            enum tt__ws_timer_kind kind)
{
    if (!x->home || x->s->state == TT_WS_CLOSED)
        return 0;
    unsigned number = ++x->timers_made;
    tt__ws_push_handlers(L, x);
    lua_pushvalue(L, idx);
    lua_rawseti(L, -2, (lua_Integer)number);
    lua_pop(L, 1);
    struct tt__ws_timer *t = tt_xcalloc(1, sizeof *t);
    t->script = x;
    t->number = number;
    t->kind = kind;
    t->period_ns = ns;
    t->due_ns = tt_loop_now(x->w->loop) + ns;
    t->next = x->timers;
    x->timers = t;
    tt_timer_init(&t->timer, timer_fired);
    tt_timer_start(x->w->loop, &t->timer, t->due_ns);
    return number;
}

void tt__ws_timer_clear(lua_State *L, struct tt__ws_script *x, unsigned number)
{
    struct tt__ws_timer **p = find_timer(x, number), *t = *p;
    if (x->handlers_ref != LUA_NOREF) { /* also for one that has fired and waits for its call */
        lua_rawgeti(L, LUA_REGISTRYINDEX, x->handlers_ref);
        lua_pushnil(L);
        lua_rawseti(L, -2, (lua_Integer)number);
        lua_pop(L, 1);
    }
    if (!t)
        return;
    *p = t->next;
    tt_timer_stop(x->w->loop, &t->timer);
    tt_free(t);
}
