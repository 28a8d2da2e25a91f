/* SPDX-License-Identifier: MIT */
/* Fibers: the coroutines of a VU. The iteration's function, every spawned task, every WebSocket
 * handler call is one. A VU's iteration ends when its function has returned and all of its fibers
 * have ended. Worker thread only. */
#pragma once
#include "vu/op.h"

enum tt_fiber_end { TT_FIBER_RETURNED, TT_FIBER_FAILED, TT_FIBER_KILLED };

struct tt_fiber {
    struct tt_ready ready;
    lua_State *co;
    int ref; /* keeps co */
    struct tt_vu *vu;
    struct tt_op *op;           /* what it waits for */
    const struct tt_tags *tags; /* inherited by the fibers it makes */
    const char *group;          /* "::a::b", interned in the worker */
    int nargs;                  /* to pass at the next resume */
    /* Called when it has ended, before its coroutine is released: results (RETURNED) or the error
     * (FAILED) are on co's stack. Not called from inside a library's callback. May be NULL: a
     * failure then ends the iteration as an error. */
    void (*on_end)(struct tt_fiber *f, enum tt_fiber_end how, int nresults);
    void *owner;                  /* the on_end's */
    struct tt_fiber *prev, *next; /* of the VU */
    bool started, dead;
    bool unwound; /* FAILED by what nothing may catch: fail(), a runaway script */
    /* A hook raised in the coroutine: Lua 5.4 calls none in it any more, not after a reset either,
     * so that it could not be interrupted again. */
    bool hookless;
};

/* Makes a fiber of vu that inherits tags and group of parent (NULL: the VU's base). Push the
 * function and nargs arguments on f->co, then call tt_fiber_go. Callable wherever Lua may be
 * entered: from a tt_ready's run, or from a C function. */
struct tt_fiber *tt_fiber_new(struct tt_vu *vu, const struct tt_fiber *parent);
void tt_fiber_go(struct tt_fiber *f, int nargs);
/* Cancels its op, closes its coroutine (pending __close run), calls on_end(KILLED), frees it. Not
 * for the running fiber. */
void tt_fiber_kill(struct tt_fiber *f);
/* Kills those of the VU's fibers that which() picks; not the running one. */
void tt_fibers_kill(struct tt_vu *vu, bool (*which)(const struct tt_fiber *f, const void *arg),
                    const void *arg);
/* A handler or an unawaited task failed: log the error on top of f's stack, count it, end the
 * iteration as an error. */
void tt_fiber_fail_iteration(struct tt_fiber *f);
