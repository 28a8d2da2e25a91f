/* SPDX-License-Identifier: MIT */
/* What run/'s files share: the coordinator's state, one lane per worker thread, and the letters
 * between them. Fields say which thread they belong to. */
#pragma once
#include "base/clock.h"
#include "base/exitcode.h"
#include "base/log.h"
#include "base/units.h"
#include "output/summary.h"
#include "run/run.h"
#include "vu/instance.h"

struct tt__lane;

/* Process-wide counter of a scenario's iteration numbers; the only thing that workers share while
 * iterations run, one fetch-add per claimed iteration. */
struct tt__counter {
    atomic_uint_fast64_t next;
};

/* --- worker's side
 * -------------------------------------------------------------------------------- */

/* One scenario on one worker. */
struct tt__job {
    struct tt__lane *lane;
    const struct tt_scenario *sc;
    const struct tt_exec_class *cls;
    struct tt_exec *exec;
    struct tt__counter *counter;
    const struct tt_tags *tags;
    struct tt_timer timer; /* the executor's next step */
    struct tt__slot **slots;
    size_t n_slots;
    uint64_t start_ns;
    bool cut; /* ended by stop */
};

/* A VU lent to a job. */
struct tt__slot {
    struct tt__job *job;
    uint32_t index;
    struct tt_vu *vu;    /* NULL while retired */
    struct tt_timer pad; /* min_iteration_duration */
};

/* --- letters
 * ---------------------------------------------------------------------------------------- */

enum tt__order_kind { ORDER_GO, ORDER_TICK, ORDER_STOP, ORDER_CALL, ORDER_CUT_CALL, ORDER_QUIT };
struct tt__order { /* coordinator -> worker */
    struct tt_letter letter;
    struct tt__lane *lane;
    enum tt__order_kind kind;
    uint64_t zero_ns;         /* GO: the scenarios' zero */
    struct tt_batch *spare;   /* TICK */
    enum tt_stage_kind stage; /* CALL */
    const char *function;
    cJSON *argument; /* owned */
};

enum tt__report_kind {
    REPORT_READY,
    REPORT_TICK,
    REPORT_CALLED,
    REPORT_ABORT,
    REPORT_FINISHED,
    REPORT_GONE
};
struct tt__report { /* worker -> coordinator */
    struct tt_letter letter;
    struct tt__lane *lane;
    struct tt_run *run;
    enum tt__report_kind kind;
    struct tt_batch *batch; /* TICK; the coordinator's */
    int64_t vus_active, vus_max;
    uint64_t complete, interrupted;
    size_t n_scenarios;
    struct tt_exec_progress *progress; /* TICK: by scenario; owned */
    bool *finished, *cut;
    enum tt_outcome outcome; /* CALLED */
    struct tt_buf result;    /* CALLED: flat copy; ABORT: message */
    bool failed;             /* READY */
    struct tt_err err;
};

struct tt__lane {
    struct tt_run *run;
    unsigned index;
    struct tt_thread thread;
    struct tt_loop *loop;    /* made by the coordinator, run by the worker */
    struct tt_stripe stripe; /* immutable once the worker runs */
    /* worker's */
    struct tt_worker *w;
    struct tt_vu **vus;
    size_t n_vus;
    struct tt_vu **idle; /* stack, lowest id on top */
    size_t n_idle;
    struct tt_vu *service;
    struct tt__job *jobs;
    size_t n_jobs;
    uint64_t complete, interrupted;
    int64_t active;
    bool stopping, started, calling, finish_reported;
    /* coordinator's: from its last reports */
    struct tt__report *last;
    struct tt_batch *spare;
    bool finished, gone;
};

/* --- coordinator's side
 * ------------------------------------------------------------------------------- */

enum tt__phase { PHASE_INIT, PHASE_SETUP, PHASE_RUN, PHASE_TEARDOWN, PHASE_SUMMARY, PHASE_QUIT };

struct tt_run {
    struct tt_plan *plan;
    struct tt_registry *registry;
    struct tt_script *script;
    bool has_setup, has_teardown, has_summary, has_default;
    struct tt_arena arena;
    struct tt__counter *counters; /* by scenario; shared */
    /* only while it goes */
    const struct tt_run_view *view;
    struct tt_loop *loop;
    struct tt__lane *lanes;
    unsigned n_lanes;
    enum tt__phase phase;
    struct tt_totals *totals;
    struct tt_tagpool *tags;
    struct tt_shard *shard; /* vus, vus_max */
    const struct tt_tags *run_tags;
    struct tt_batch *spare;
    struct tt_timer tick, call_timeout;
    uv_signal_t sigint, sigterm;
    unsigned signals;
    uint64_t start_ns, zero_ns, end_ns;
    struct tt_buf setup; /* flat copy of setup's result; read by workers after GO */
    cJSON *setup_json;
    bool stop_asked, teardown_due, call_timed_out, last_tick_wanted;
    unsigned ready, ticks_due;
    uint64_t tick_number;
    struct tt_threshold_result *verdicts;
    size_t n_verdicts;
    bool thresholds_failed;
    int exit_code; /* of the first reason that ended the run badly; 0 */
    struct tt_err err;
    struct tt_run_scenario *shown;
    cJSON *summary;
};

/* lane.c: the worker's thread */
void *tt__lane_main(void *lane);
extern const struct tt_services tt__services;
/* job.c */
void tt__jobs_start(struct tt__lane *lane, uint64_t zero_ns);
void tt__jobs_stop(struct tt__lane *lane);
void tt__jobs_free(struct tt__lane *lane);
/* judge.c */
void tt__judge(struct tt_run *r, bool final);  /* fills verdicts */
void tt__judge_report(const struct tt_run *r); /* logs which metrics failed */
bool tt__judge_abort(const struct tt_run *r);  /* a failing threshold asks for the end */
void tt__verdicts_free(struct tt_run *r);
/* finish.c */
void tt__summary_build(struct tt_run *r);
/* returned: the flat copy of what handle_summary gave, or NULL: the standard summary. */
void tt__summary_write(struct tt_run *r, const struct tt_buf *returned);
/* posting: either takes its letter */
void tt__order_post(struct tt__lane *lane, struct tt__order o);
struct tt__report *tt__report_new(struct tt__lane *lane, enum tt__report_kind kind);
void tt__report_post(struct tt__lane *lane, struct tt__report *rep);
