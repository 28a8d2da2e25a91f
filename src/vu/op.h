/* SPDX-License-Identifier: MIT */
/* Operations: what a fiber waits for.
 *
 * A binding makes an op (embedded in its own struct, whose memory survives the wait), starts the
 * work and ends in return tt_op_suspend(L, op, k); C locals are gone after it. When the work is
 * done, C code (a libcurl, libuv or OpenSSL callback, a timer) calls tt_op_finish(op): that puts
 * the fiber on the loop's ready list and never runs Lua. The loop resumes the fiber, whose
 * continuation k reads the op's results and returns values or raises. A fiber waits for one op at a
 * time.
 *
 * cancel is called when the fiber is killed while waiting: stop the work, release everything;
 * tt_op_finish must not be called after it. It must not run Lua. */
#pragma once
#include "vu/vu.h"

struct tt_op;
struct tt_op_class {
    const char *name; /* for messages: "http.get" */
    void (*cancel)(struct tt_op *op);
};
struct tt_op {
    const struct tt_op_class *cls;
    struct tt_fiber *fiber; /* waiting fiber; NULL before suspend and after resume */
    bool finished;
};

static inline void tt_op_init(struct tt_op *op, const struct tt_op_class *cls)
{
    op->cls = cls;
    op->fiber = NULL;
    op->finished = false;
}
/* Raises when L cannot wait here (init, sort/gsub callback, ...), naming what; call it BEFORE
 * starting any work. */
void tt_op_check(lua_State *L, const char *what);
/* Suspends the running fiber until op is finished; when it is already, k runs at once.
 * (lua_KContext)op is passed to k. */
int tt_op_suspend(lua_State *L, struct tt_op *op, lua_KFunction k);
void tt_op_finish(struct tt_op *op); /* at most once; no-op when nobody waits yet (suspend then
                                        returns at once) */
