/* SPDX-License-Identifier: MIT */
/* Executors: pure state machines that decide when iterations start, over (scenario, slice, now). No
 * Lua, sockets, threads or clocks in here: time comes in as an argument, decisions go out through
 * struct tt_exec_host, which run/ implements with VUs and the tests with a simulation. All calls on
 * the worker's thread.
 *
 * Slots: an executor numbers the VUs of its scenario on this worker 0..n-1. A slot is: idle ->
 * (activate) -> active, with or without a running iteration -> (retire) -> idle. */
#pragma once
#include "plan/plan.h"

struct tt_exec_host {
    /* Borrows a VU from the worker's pool for this slot (VU ids and env/tags of the scenario are
     * the host's matter). */
    void (*activate)(void *host, uint32_t slot);
    /* Starts an iteration on an active slot without a running one. number: as claimed; intended_ns:
     * when the schedule wanted it. */
    void (*iterate)(void *host, uint32_t slot, uint64_t number, uint64_t intended_ns);
    /* Makes VUs, so that the executor may have n slots active; as many as max_slots are there from
     * the start. False with err: not all could be made, none should be used. */
    bool (*reserve)(void *host, uint32_t n, struct tt_err *err);
    /* Gives the slot's VU back to the pool; no iteration runs on it. */
    void (*retire)(void *host, uint32_t slot);
    /* Cuts the slot's running iteration now. The host answers later, or from inside, with
     * iteration_done(..., interrupted). */
    void (*interrupt)(void *host, uint32_t slot);
    /* n iterations that should have started did not. */
    void (*drop)(void *host, uint64_t n);
    /* The next iteration number of the scenario, process-wide, from 0. False when limit numbers
     * have been given out. */
    bool (*claim)(void *host, uint64_t limit, uint64_t *number);
    /* Claims all numbers below limit that are left; returns how many. */
    uint64_t (*claim_rest)(void *host, uint64_t limit);
    /* --- only for executors that start iterations by the clock; NULL members never called by
     * others. Idle slots are counted by the host, because another worker may reserve one for its
     * work. */
    /* One of our slots is idle and may be reserved. */
    void (*give)(void *host);
    /* Reserves one of our idle slots. False: none, or all are reserved by others. */
    bool (*take)(void *host);
    /* Reserves an idle slot of another worker, whose handed() is called soon. False: none anywhere.
     */
    bool (*hand_over)(void *host, uint64_t intended_ns);
    /* The process-wide line of starts that wait for an idle VU. False: full. */
    bool (*enqueue)(void *host, uint64_t intended_ns);
    bool (*unqueue)(void *host, uint64_t *intended_ns);
    uint64_t (*discard_queue)(void *host); /* how many were waiting */
    /* Asks for up to n VUs beyond those planned; returns how many will come, each with a call of
     * grown(), later or from inside. */
    uint32_t (*grow)(void *host, uint32_t n);
};

/* A change of a running scenario from outside; -1: as it is. */
struct tt_scale {
    int64_t vus, max_vus; /* of the whole test */
    double rate;          /* iterations per time_unit */
};

struct tt_exec_progress {
    double fraction;             /* 0..1 */
    int64_t vus_active, vus_max; /* slots activated now, most slots */
    uint64_t done, total;        /* iterations; total 0 when time decides */
};

struct tt_exec; /* an instance: one scenario on one worker */

struct tt_exec_class {
    const char *name; /* "constant-vus" */
    /* start_ns: the scenario's zero on the worker's clock (start_time is already in it). slice must
     * live as long. */
    struct tt_exec *(*create)(const struct tt_scenario *sc, const struct tt_portion *slice,
                              const struct tt_exec_host *host, void *host_arg, uint64_t start_ns);
    void (*destroy)(struct tt_exec *e);
    /* Does everything that is due at or before now; returns when it wants to be called next
     * (absolute), TT_NEVER when only iteration_done can change anything. */
    uint64_t (*step)(struct tt_exec *e, uint64_t now_ns);
    /* The iteration on slot ended (full, or cut by interrupt). May start the next one. Returns as
     * step does. */
    uint64_t (*iteration_done)(struct tt_exec *e, uint32_t slot, uint64_t now_ns, bool interrupted);
    /* End everything now without grace: no new iterations, running ones interrupted. */
    void (*stop)(struct tt_exec *e, uint64_t now_ns);
    bool (*finished)(const struct tt_exec *e); /* all slots retired, nothing more to start */
    struct tt_exec_progress (*progress)(const struct tt_exec *e, uint64_t now_ns);
    /* Slots that this scenario needs from the start on the VUs' stripe; an open model may ask for
     * more. */
    int64_t (*max_slots)(const struct tt_scenario *sc, const struct tt_stripe *vus);
    /* The number of items by which the segments are cut anew for the scenario's work (k6-semantics
     * 3.8); NULL: the work is divided as the VUs are. */
    int64_t (*work_items)(const struct tt_scenario *sc);
    /* --- executors that start iterations by the clock; NULL in others. Return as step does. */
    /* A start of another worker, for which one of our idle slots is reserved. */
    uint64_t (*handed)(struct tt_exec *e, uint64_t intended_ns, uint64_t now_ns);
    /* One of the VUs asked for is there, or could not be made. */
    uint64_t (*grown)(struct tt_exec *e, uint64_t now_ns, bool made);
    /* --- executors that can be changed while they run; NULL in others. False with err: why not.
     * The next step is due at once. */
    bool (*scale)(struct tt_exec *e, const struct tt_scale *s, uint64_t now_ns, struct tt_err *err);
    /* One line for people: "Up to 20 looping VUs for 6m0s over 4 stages". buf >= 512. */
    void (*describe)(const struct tt_scenario *sc, char *buf, size_t size);
};

/* The registered executors, NULL at the end (built from the folder's meson.build). */
extern const struct tt_exec_class *const tt_exec_classes[];
const struct tt_exec_class *tt_exec_find(const char *name);
