/* SPDX-License-Identifier: MIT */
/* A thread's event loop: libuv, precise timers on one timerfd, the ready list, and a mailbox that
 * other threads post to.
 *
 * One turn: libuv's I/O callbacks, due timers, letters, then the ready list until it is empty.
 * Everything here belongs to the loop's thread except tt_loop_post. With a fake clock (tests) time
 * stands until tt_loop_fake_advance. */
#pragma once
#include "base/err.h"
#include "base/heap.h"
#include "base/thread.h"
#include <stdatomic.h>
#include <stdint.h>
#include <uv.h>

/* Something to run soon on the loop's thread, never from inside a library's callback. Embedded;
 * queued at most once. */
struct tt_ready {
    struct tt_ready *next;
    bool queued;
    void (*run)(struct tt_ready *r);
};

/* One-shot timer. Embedded; fire may start it again. */
struct tt_timer {
    struct tt_heap_node node;
    void (*fire)(struct tt_timer *t);
};

/* A letter from another thread; owned by the receiver once posted. */
struct tt_letter {
    struct tt_letter *next;
    void (*deliver)(struct tt_letter *l); /* on the loop's thread; frees or keeps the letter */
};

struct tt_loop;
struct tt_loop *tt_loop_new(struct tt_err *err); /* NULL on failure */
void tt_loop_free(
    struct tt_loop *l); /* every uv handle must be closed or closing; asserts an empty loop */
uv_loop_t *tt_loop_uv(struct tt_loop *l);
uint64_t tt_loop_now(const struct tt_loop *l); /* a fresh read of the clock, ns */

void tt_loop_run(struct tt_loop *l); /* until tt_loop_stop */
void tt_loop_stop(struct tt_loop *l);
void tt_loop_run_once(struct tt_loop *l,
                      bool wait); /* one turn; wait = block until something happens */
/* Runs turns until nothing is ready and all closing handles are closed (teardown, tests). */
void tt_loop_drain(struct tt_loop *l);

void tt_ready_init(struct tt_ready *r, void (*run)(struct tt_ready *r));
void tt_loop_ready(struct tt_loop *l, struct tt_ready *r);   /* appends; no-op when queued */
void tt_loop_unready(struct tt_loop *l, struct tt_ready *r); /* takes it out again */
/* Runs the ready list now. For the end of an I/O callback of ours, when no library frame is on the
 * stack: finishing one VU's work while it is in cache is cheaper than waiting for the turn's end.
 * Not reentrant: no-op inside itself. */
void tt_loop_run_ready(struct tt_loop *l);

void tt_timer_init(struct tt_timer *t, void (*fire)(struct tt_timer *t));
void tt_timer_start(struct tt_loop *l, struct tt_timer *t,
                    uint64_t due_ns); /* absolute, moves it when running */
void tt_timer_stop(struct tt_loop *l, struct tt_timer *t);
bool tt_timer_running(const struct tt_timer *t);

/* Any thread. The letter is delivered once, in order of posting per sender. False when the loop
 * takes no letters any more (tt_loop_close_mailbox); the letter is then still the caller's. */
bool tt_loop_post(struct tt_loop *l, struct tt_letter *letter);
void tt_loop_close_mailbox(struct tt_loop *l); /* delivers what is there, then refuses */

/* Fake clock: set before anything runs. advance fires timers in order of due time, each followed by
 * its ready work. */
void tt_loop_use_fake_clock(struct tt_loop *l, uint64_t now_ns);
void tt_loop_fake_advance(struct tt_loop *l, uint64_t to_ns);
