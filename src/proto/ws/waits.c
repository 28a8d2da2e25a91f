/* SPDX-License-Identifier: MIT */
/* Fibers that wait on a socket: for its opening, a message, an answer, room to send, its end.
 * Worker thread. */
#include "base/memory.h"
#include "proto/ws/ws_lua_int.h"

/* Called first by each continuation, which reads it before anything else can wait. */
struct tt__ws_wait *tt__ws_wait_of(lua_KContext op)
{
    struct tt__ws_wait *wait = (struct tt__ws_wait *)(void *)op;
    wait->in_use = false;
    return wait;
}

static struct tt__ws_wait *new_wait(lua_State *L, struct tt__ws_script *x)
{
    if (x->own_wait.in_use)
        return lua_newuserdatauv(L, sizeof(struct tt__ws_wait), 0);
    lua_pushnil(L);
    return &x->own_wait;
}

static void unlink_wait(struct tt__ws_wait *wait, bool cancelled)
{
    struct tt__ws_wait **p = &wait->script->waits;
    while (*p && *p != wait)
        p = &(*p)->next;
    if (*p)
        *p = wait->next;
    tt_timer_stop(wait->script->w->loop, &wait->timer);
    if (wait->kind == TT__WS_ANSWER && !wait->op.finished)
        tt__ws_request_left(wait, cancelled);
}

void tt__ws_wait_over(struct tt__ws_wait *wait)
{
    unlink_wait(wait, false);
    tt_op_finish(&wait->op);
}

static void wait_cancel(struct tt_op *op)
{
    struct tt__ws_wait *wait = (struct tt__ws_wait *)(void *)op;
    unlink_wait(wait, true);
    tt_ws_event_free(wait->event);
    wait->event = NULL;
    wait->in_use = false;
    if (wait->kind == TT__WS_CLOSED)
        tt__ws_connect_left(wait->script);
}

static void wait_timeout(struct tt_timer *t)
{
    struct tt__ws_wait *wait =
        (struct tt__ws_wait *)(void *)((char *)t - offsetof(struct tt__ws_wait, timer));
    wait->timed_out = true;
    tt__ws_wait_over(wait);
}

static const struct tt_op_class wait_class = {"socket", wait_cancel};

int tt__ws_wait(lua_State *L, struct tt__ws_script *x, enum tt__ws_wait_kind kind,
                uint64_t timeout_ns, lua_KFunction k)
{
    return tt__ws_wait_on(L, x, new_wait(L, x), kind, timeout_ns, k);
}

int tt__ws_wait_on(lua_State *L, struct tt__ws_script *x, struct tt__ws_wait *wait,
                   enum tt__ws_wait_kind kind, uint64_t timeout_ns, lua_KFunction k)
{
    struct tt__ws_wait **end = &x->waits;
    *wait = (struct tt__ws_wait){.script = x, .kind = kind, .in_use = true};
    tt_op_init(&wait->op, &wait_class);
    tt_timer_init(&wait->timer, wait_timeout);
    if (timeout_ns)
        tt_timer_start(x->w->loop, &wait->timer, tt_loop_now(x->w->loop) + timeout_ns);
    while (*end)
        end = &(*end)->next;
    *end = wait;
    return tt_op_suspend(L, &wait->op, k);
}

void tt__ws_wake(struct tt__ws_script *x, enum tt__ws_wait_kind kind)
{
    for (struct tt__ws_wait *wait = x->waits, *next; wait; wait = next) {
        next = wait->next;
        if (wait->kind == kind)
            tt__ws_wait_over(wait);
    }
}

struct tt__ws_wait *tt__ws_receiver(struct tt__ws_script *x)
{
    struct tt__ws_wait *wait = x->waits;
    while (wait && wait->kind != TT__WS_RECEIVE)
        wait = wait->next;
    return wait;
}
