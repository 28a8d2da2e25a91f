/* SPDX-License-Identifier: MIT */
/* What the arrival-rate executors share (open models): iterations start when the schedule says, on
 * any idle VU; without one they are dropped or wait. Worker thread; not for other folders. */
#pragma once
#include "exec/common.h"

/* The head of an open executor's instance. */
struct tt__open {
    struct tt_exec base;
    /* The next start that is ours, as an offset from the scenario's start; false: no more. */
    bool (*next)(struct tt__open *o, uint64_t *offset_ns);
    bool to_the_end; /* lasts as long as its duration even when the schedule is used up */
    uint64_t due_ns; /* of the next start; TT_NEVER: no more */
    uint64_t retire_ns;
    uint32_t *idle; /* stack of active slots without an iteration, ours or reserved by others */
    uint32_t n_idle, idle_cap;
    bool closed;      /* no more starts: the line was given up */
    uint32_t growing; /* VUs asked for that are not there yet */
    /* walk over the work's stripe */
    int64_t item; /* the next global item that is ours, 0-based */
    size_t at;
};

void tt__open_init(struct tt__open *o, const struct tt_scenario *sc, const struct tt_portion *slice,
                   const struct tt_exec_host *host, void *arg, uint64_t start_ns);
void tt__open_destroy(struct tt_exec *e);
int64_t tt__open_take_item(struct tt__open *o); /* the next item; moves on */
uint64_t tt__open_step(struct tt_exec *e, uint64_t now_ns);
uint64_t tt__open_done(struct tt_exec *e, uint32_t slot, uint64_t now_ns, bool interrupted);
uint64_t tt__open_handed(struct tt_exec *e, uint64_t intended_ns, uint64_t now_ns);
uint64_t tt__open_grown(struct tt_exec *e, uint64_t now_ns, bool made);
void tt__open_stop(struct tt_exec *e, uint64_t now_ns);
bool tt__open_finished(const struct tt_exec *e);
struct tt_exec_progress tt__open_progress(const struct tt_exec *e, uint64_t now_ns);
int64_t tt__open_max_slots(const struct tt_scenario *sc, const struct tt_stripe *vus);
int64_t tt__open_work_items(const struct tt_scenario *sc);
/* "max_vus: 5-20" or "max_vus: 5", and "on_overload: queue". */
void tt__open_facts(const struct tt_scenario *sc, char *buf, size_t size);
/* "12.50", or "0.05" for slow ones: iterations per second. */
void tt__open_rate_text(const struct tt_scenario *sc, double rate, char *buf, size_t size);
