/* SPDX-License-Identifier: MIT */
/* What the executors share: the bookkeeping of slots. Worker thread; not for other folders. */
#pragma once
#include "exec/exec.h"

enum tt__slot_state { SLOT_IDLE, SLOT_ACTIVE, SLOT_RUNNING };

/* The head of every executor's instance. */
struct tt_exec {
    const struct tt_scenario *sc;
    const struct tt_portion *slice;
    const struct tt_exec_host *host;
    void *arg;
    uint64_t start_ns, regular_ns, hard_ns; /* no new iterations from regular on; all cut at hard */
    uint8_t *states;                        /* enum tt__slot_state by slot */
    uint32_t n_slots;
    uint32_t n_active, n_running;
    uint64_t done;
    bool started, stopped, cut; /* cut: the hard end has come */
};

/* regular_ns: how long after the start. The hard end is graceful_stop later. */
void tt__exec_init(struct tt_exec *e, const struct tt_scenario *sc, const struct tt_portion *slice,
                   const struct tt_exec_host *host, void *arg, uint64_t start_ns,
                   uint64_t regular_ns, int64_t n_slots);
void tt__exec_fini(struct tt_exec *e);
void tt__exec_add_slots(struct tt_exec *e, uint32_t n_slots); /* until there are n_slots */
void tt__exec_activate(struct tt_exec *e, uint32_t slot);
void tt__exec_iterate(struct tt_exec *e, uint32_t slot, uint64_t number, uint64_t intended_ns);
void tt__exec_retire(struct tt_exec *e, uint32_t slot);
void tt__exec_interrupt(struct tt_exec *e, uint32_t slot); /* when it runs */
void tt__exec_ended(struct tt_exec *e, uint32_t slot, bool interrupted);
/* Interrupts every running slot. Their iteration_done may come from inside. */
void tt__exec_cut(struct tt_exec *e);
/* For executors whose slots all start at once and loop on their own: next starts a slot's next
 * iteration or retires it; everything is cut at the hard end. */
typedef void (*tt__exec_next)(struct tt_exec *e, uint32_t slot, uint64_t now_ns);
uint64_t tt__exec_loop_step(struct tt_exec *e, uint64_t now_ns, tt__exec_next next);
uint64_t tt__exec_loop_done(struct tt_exec *e, uint32_t slot, uint64_t now_ns, bool interrupted,
                            tt__exec_next next);
/* Has the VUs made that the slice needs when the whole test has vus. */
bool tt__exec_reserve(const struct tt_exec *e, int64_t vus, struct tt_err *err);
/* Whether a change is one of vus only, between start and end, and the VUs for it are there. */
bool tt__exec_prepare_vus(const struct tt_exec *e, const struct tt_scale *s, uint64_t now_ns,
                          struct tt_err *err);
void tt__exec_stop(struct tt_exec *e, uint64_t now_ns);
bool tt__exec_finished(const struct tt_exec *e);
double tt__exec_time_fraction(const struct tt_exec *e, uint64_t now_ns);
int64_t tt__exec_scaled_vus(const struct tt_scenario *sc, const struct tt_stripe *stripe);
/* ", exec: f, startTime: 3s, gracefulStop: 30s" in brackets, added to buf. first: what comes
 * before, or "". */
void tt__exec_facts(const struct tt_scenario *sc, const char *first, char *buf, size_t size);
