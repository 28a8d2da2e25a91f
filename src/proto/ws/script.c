/* SPDX-License-Identifier: MIT */
/* The script's side of a socket: who waits for what, which handler gets which event.
 *
 * A message goes to a message handler where there is one, else to the inbox that receive() reads.
 * Other events go to their handlers or nowhere. Handlers are called from the ready list, each in a
 * fiber of its own, in the order of arrival; never from an I/O callback. */
#include "base/clock.h"
#include "base/memory.h"
#include "proto/ws/ws_lua_int.h"
#include <string.h>

/* What waits, in bytes: reading stops above, goes on below half. */
enum { INBOX_MAX = 4 * 1024 * 1024 };

/* --- life --------------------------------------------------------------------------------------
 */

static void dispatch(struct tt_ready *r);

struct tt__ws_script *tt__ws_script_new(struct tt_vu *vu, struct tt__ws_vu *home)
{
    struct tt__ws_script *x = tt_xcalloc(1, sizeof *x);
    x->refs = 2; /* the caller's and the list's */
    x->vu = vu;
    x->w = vu->w;
    x->home = home;
    x->handlers_ref = x->error_ref = LUA_NOREF;
    tt_tags_hold(&x->tags, vu->w->current->tags);
    x->group = vu->w->current->group;
    tt_ready_init(&x->ready, dispatch);
    tt__ws_requests_init(x);
    x->next = home->first;
    if (home->first)
        home->first->prev = x;
    home->first = x;
    return x;
}

void tt__ws_script_ref(struct tt__ws_script *x)
{
    x->refs++;
}

void tt__ws_script_unref(struct tt__ws_script *x)
{
    if (--x->refs)
        return;
    TT_ASSERT(!x->waits && !x->timers);
    tt_ws_queue_clear(&x->inbox);
    tt_ws_queue_clear(&x->events);
    tt_ws_queue_clear(&x->unrouted);
    if (x->s) {
        x->s->owner = NULL;
        tt_ws_unref(x->s);
    }
    tt_tags_hold(&x->tags, NULL);
    tt_free(x);
}

/* Nothing will be called any more: lets go of the handlers, which may hold the socket. */
static void leave(struct tt__ws_script *x)
{
    if (!x->home)
        return;
    tt__ws_timers_drop(x);
    luaL_unref(x->w->L, LUA_REGISTRYINDEX, x->handlers_ref);
    x->handlers_ref = LUA_NOREF;
    x->handled = 0;
    if (x->prev)
        x->prev->next = x->next;
    else
        x->home->first = x->next;
    if (x->next)
        x->next->prev = x->prev;
    x->home = NULL;
    tt__ws_script_unref(x);
}

bool tt__ws_over(const struct tt__ws_script *x)
{
    return x->s->state == TT_WS_CLOSED && !x->events.head &&
           (!x->handlers_running || x->error_ref != LUA_NOREF);
}

/* --- from the socket (I/O callbacks) -----------------------------------------------------------
 */

static void on_settled(struct tt_ws_socket *s)
{
    struct tt__ws_script *x = s->owner_data;
    x->settled = true;
    tt__ws_wake(x, TT__WS_SETTLED);
}

void tt__ws_to_handlers(struct tt__ws_script *x, struct tt_ws_event *ev)
{
    tt_ws_queue_put(&x->events, ev);
    if (!x->hold)
        tt_loop_ready(x->w->loop, &x->ready);
}

void tt__ws_deliver(struct tt__ws_script *x, struct tt_ws_event *ev)
{
    struct tt__ws_wait *wait;
    const bool message = ev->kind == TT_WS_EV_MESSAGE || ev->kind == TT_WS_EV_BINARY;
    if (x->handled & 1U << ev->kind || (x->hold && !message)) { /* it may still get a handler */
        tt__ws_to_handlers(x, ev);
    } else if (!message) {
        tt_ws_event_free(ev);
    } else if ((wait = tt__ws_receiver(x))) {
        wait->event = ev;
        tt__ws_wait_over(wait);
    } else {
        tt_ws_queue_put(&x->inbox, ev);
    }
}

static size_t queued_bytes(const struct tt__ws_script *x)
{
    return x->inbox.bytes + x->events.bytes + x->unrouted.bytes;
}

static void on_event(struct tt_ws_socket *s, struct tt_ws_event *ev)
{
    struct tt__ws_script *x = s->owner_data;
    bool message = ev->kind == TT_WS_EV_MESSAGE || ev->kind == TT_WS_EV_BINARY;
    ev->seq = ++x->events_seen;
    if (!message || !tt__ws_answers(x, ev))
        tt__ws_deliver(x, ev);
    if (queued_bytes(x) > INBOX_MAX)
        tt_ws_pause(s, true);
}

void tt__ws_inbox_taken(struct tt__ws_script *x)
{
    if (queued_bytes(x) < INBOX_MAX / 2)
        tt_ws_pause(x->s, false);
}

static void on_drained(struct tt_ws_socket *s)
{
    tt__ws_wake(s->owner_data, TT__WS_DRAINED);
}

static void on_closed(struct tt_ws_socket *s)
{
    struct tt__ws_script *x = s->owner_data;
    tt__ws_timers_drop(x);
    tt__ws_wake(x, TT__WS_RECEIVE);
    if (!x->unrouted.head) /* else when those have been offered */
        tt__ws_wake(x, TT__WS_ANSWER);
    tt_loop_ready(x->w->loop, &x->ready); /* dispatch() sees to the rest */
}

const struct tt_ws_owner tt__ws_owner = {on_settled, on_event, on_drained, on_closed};

/* --- handlers ----------------------------------------------------------------------------------
 */

static const char *const event_names[TT_WS_EV_COUNT] = {
    "open", "message", "binary_message", "ping", "pong", "close", "error", "timer"};

/* What a handler's fiber belongs to. */
struct tick {
    struct tt__ws_script *x;
    uint64_t intended_ns;
};

static void call_ended(struct tt_fiber *f, enum tt_fiber_end how, struct tt__ws_script *x)
{
    x->handlers_running--;
    if (how == TT_FIBER_FAILED && x->connecting && !f->unwound && x->error_ref == LUA_NOREF)
        tt__ws_failed(x, f->co);
    else if (how == TT_FIBER_FAILED)
        tt_fiber_fail_iteration(f);
    if (x->events.head)
        tt_loop_ready(x->w->loop, &x->ready);
    else if (tt__ws_over(x))
        tt__ws_wake(x, TT__WS_CLOSED);
    tt__ws_script_unref(x);
}

static void handler_ended(struct tt_fiber *f, enum tt_fiber_end how, int nresults)
{
    (void)nresults;
    call_ended(f, how, f->owner);
}

static void tick_ended(struct tt_fiber *f, enum tt_fiber_end how, int nresults)
{
    struct tick *tick = f->owner;
    struct tt__ws_script *x = tick->x;
    (void)nresults;
    tt_free(tick);
    call_ended(f, how, x);
}

uint64_t tt__ws_intended(const struct tt_fiber *f)
{
    return f->on_end == tick_ended ? ((const struct tick *)f->owner)->intended_ns : 0;
}

static int push_arguments(lua_State *L, const struct tt_ws_event *ev)
{
    switch (ev->kind) {
    case TT_WS_EV_MESSAGE:
    case TT_WS_EV_BINARY:
    case TT_WS_EV_PING:
    case TT_WS_EV_PONG:
        lua_pushlstring(L, ev->data, ev->len);
        return 1;
    case TT_WS_EV_CLOSE:
        lua_pushinteger(L, ev->code);
        lua_pushlstring(L, ev->data, ev->len);
        return 2;
    case TT_WS_EV_ERROR:
        lua_createtable(L, 0, 2);
        lua_pushlstring(L, ev->data, ev->len);
        lua_setfield(L, -2, "message");
        lua_pushinteger(L, ev->code);
        lua_setfield(L, -2, "code");
        return 1;
    case TT_WS_EV_OPEN:
    case TT_WS_EV_TIMER:
        break;
    }
    return 0;
}

/* The function on top of the worker's stack (popped) gets the event in a fiber. */
static void call_handler(struct tt__ws_script *x, const struct tt_ws_event *ev)
{
    struct tt_fiber *f = tt_fiber_new(x->vu, NULL);
    tt_tags_hold(&f->tags, x->tags);
    f->group = x->group;
    f->on_end = handler_ended;
    f->owner = x;
    if (ev->kind == TT_WS_EV_TIMER && ev->at_ns) {
        struct tick *tick = tt_xmalloc(sizeof *tick);
        *tick = (struct tick){x, ev->at_ns};
        f->on_end = tick_ended;
        f->owner = tick;
    }
    x->handlers_running++;
    tt__ws_script_ref(x);
    lua_xmove(x->w->L, f->co, 1);
    tt_fiber_go(f, push_arguments(f->co, ev));
}

/* After its own close() a script hears of the end only. */
static bool too_late(const struct tt__ws_script *x, const struct tt_ws_event *ev)
{
    return x->s->we_closed && ev->kind != TT_WS_EV_OPEN && ev->kind != TT_WS_EV_CLOSE &&
           ev->kind != TT_WS_EV_ERROR;
}

static void call_handlers(struct tt__ws_script *x, const struct tt_ws_event *ev)
{
    lua_State *L = x->w->L;
    int top = lua_gettop(L);
    if (ev->kind == TT_WS_EV_TIMER) {
        tt__ws_timer_called(x, ev->code);
        x->ticks_queued -= ev->at_ns != 0;
    }
    if (too_late(x, ev))
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, x->handlers_ref);
    if (ev->kind == TT_WS_EV_TIMER) {
        if (lua_rawgeti(L, -1, (lua_Integer)ev->code) == LUA_TFUNCTION)
            call_handler(x, ev);
    } else if (lua_pushstring(L, event_names[ev->kind]), lua_rawget(L, -2) == LUA_TTABLE) {
        lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
        for (lua_Integer i = 1; i <= n; i++) {
            lua_rawgeti(L, top + 2, i);
            call_handler(x, ev);
        }
    }
    lua_settop(L, top);
}

/* From the ready list: one event a turn, so that its handlers have begun before the next is looked
 * at. */
static void dispatch(struct tt_ready *r)
{
    struct tt__ws_script *x =
        (struct tt__ws_script *)(void *)((char *)r - offsetof(struct tt__ws_script, ready));
    struct tt_ws_event *ev;
    if (x->hold || !x->home || !x->home->running)
        return;
    tt__ws_script_ref(x);
    if (x->handlers_running < TT__WS_HANDLERS_MAX && (ev = tt_ws_queue_take(&x->events))) {
        call_handlers(x, ev);
        tt_ws_event_free(ev);
        if (x->events.head)
            tt_loop_ready(x->w->loop, &x->ready);
    }
    if (x->home && x->s->state != TT_WS_CLOSED)
        tt__ws_inbox_taken(x);
    if (x->home && x->s->state == TT_WS_CLOSED && !x->events.head) {
        leave(x);
        if (tt__ws_over(x))
            tt__ws_wake(x, TT__WS_CLOSED);
    }
    tt__ws_script_unref(x);
}

void tt__ws_release(struct tt__ws_script *x)
{
    struct tt_ws_queue open = {0};
    x->hold = false;
    tt_ws_queue_put(&open, tt_ws_event_new(TT_WS_EV_OPEN, NULL, 0)); /* seq 0: the first */
    tt_ws_queue_merge(&x->events, &open);
    tt_loop_ready(x->w->loop, &x->ready);
}

void tt__ws_failed(struct tt__ws_script *x, lua_State *L)
{
    x->error_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    x->hold = false;
    tt_ws_queue_clear(&x->events);
    x->ticks_queued = 0;
    tt_ws_detach(x->s, true); /* the CLOSE event comes of it, unless it was closed already */
    tt_loop_ready(x->w->loop, &x->ready);
}

static bool is_handler_of(const struct tt_fiber *f, const void *arg)
{
    const struct tick *tick = f->owner;
    return (f->on_end == handler_ended && f->owner == arg) ||
           (f->on_end == tick_ended && tick->x == arg);
}

void tt__ws_stop_handlers(struct tt__ws_script *x)
{
    if (x->vu && x->handlers_running)
        tt_fibers_kill(x->vu, is_handler_of, x);
}

void tt__ws_connect_left(struct tt__ws_script *x)
{
    x->connecting = false;
    luaL_unref(x->w->L, LUA_REGISTRYINDEX, x->error_ref);
    x->error_ref = LUA_NOREF;
}

void tt__ws_push_handlers(lua_State *L, struct tt__ws_script *x)
{
    if (x->handlers_ref == LUA_NOREF) {
        lua_newtable(L);
        x->handlers_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, x->handlers_ref);
}

/* Messages that came before their handler. */
static void hand_over_inbox(struct tt__ws_script *x, enum tt_ws_event_kind kind)
{
    struct tt_ws_queue rest = x->inbox, theirs = {0};
    struct tt_ws_event *ev;
    x->inbox = (struct tt_ws_queue){0};
    while ((ev = tt_ws_queue_take(&rest)))
        tt_ws_queue_put(ev->kind == kind ? &theirs : &x->inbox, ev);
    tt_ws_queue_merge(&x->events, &theirs);
    if (x->events.head && !x->hold)
        tt_loop_ready(x->w->loop, &x->ready);
}

void tt__ws_handle(lua_State *L, struct tt__ws_script *x, enum tt_ws_event_kind kind, int idx)
{
    if (!x->home)
        return; /* closed: nothing will happen any more */
    tt__ws_push_handlers(L, x);
    lua_pushstring(L, event_names[kind]);
    if (lua_rawget(L, -2) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushstring(L, event_names[kind]);
        lua_pushvalue(L, -2);
        lua_rawset(L, -4);
    }
    lua_pushvalue(L, idx);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 2);
    x->handled |= 1U << kind;
    hand_over_inbox(x, kind);
}

/* --- the iteration's end -----------------------------------------------------------------------
 */

void tt__ws_script_detach(struct tt__ws_script *x, bool sampled)
{
    tt__ws_script_ref(x);
    tt_loop_unready(x->w->loop, &x->ready);
    tt_loop_unready(x->w->loop, &x->route);
    tt_ws_queue_clear(&x->unrouted);
    x->handled = 0;
    tt_ws_queue_clear(&x->events);
    tt_ws_detach(x->s, sampled);
    tt_loop_unready(x->w->loop, &x->ready);
    leave(x);
    if (tt__ws_over(x))
        tt__ws_wake(x, TT__WS_CLOSED);
    x->vu = NULL;
    tt__ws_script_unref(x);
}

void tt__ws_resume_iteration(struct tt__ws_vu *home)
{
    home->running = true;
    for (struct tt__ws_script *x = home->first; x; x = x->next)
        if (x->events.head || x->s->state == TT_WS_CLOSED)
            tt_loop_ready(x->w->loop, &x->ready);
}
