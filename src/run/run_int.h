/* SPDX-License-Identifier: MIT */
/* What run/'s files share: the coordinator's state, one lane per worker thread, and the letters
 * between them. Fields say which thread they belong to. */
#pragma once
#include "base/clock.h"
#include "base/exitcode.h"
#include "base/log.h"
#include "base/units.h"
#include "control/control.h"
#include "output/log_output.h"
#include "output/output.h"
#include "output/summary.h"
#include "run/run.h"
#include "vu/instance.h"
#include <pthread.h>

struct tt__lane;

/* What the workers share of one scenario. While iterations run that is one fetch-add per claimed
 * number, and for open models the idle VUs of each worker, so that work finds a VU wherever there
 * is one. */
struct tt__idle {
    atomic_int_fast32_t n;
    char pad[60]; /* a cache line of its own */
};
/* How much of a scenario a worker has done, for whoever asks. */
struct tt__done {
    atomic_uint_fast64_t done, total; /* iterations; total 0: time decides */
    char pad[48];
};
struct tt__share {
    atomic_uint_fast64_t next; /* number of the process's next iteration */
    struct tt_stripe work;     /* the process's part of the scenario; immutable */
    atomic_int_fast64_t spare; /* VUs that may be made beyond those of the start */
    atomic_bool spare_warned;
    struct tt__idle *idle;  /* by worker: idle slots that nobody has reserved */
    struct tt__done *lanes; /* by worker */
    /* starts that wait for a VU (on_overload = "queue"), first come first served */
    pthread_mutex_t lock;
    atomic_size_t waiting;
    uint64_t *line;
    size_t head, len, cap;
};

/* --- worker's side
 * -------------------------------------------------------------------------------- */

/* One scenario on one worker. */
struct tt__job {
    struct tt__lane *lane;
    const struct tt_scenario *sc;
    const struct tt_exec_class *cls;
    struct tt_exec *exec;
    struct tt__share *share;
    struct tt_portion slice;
    const struct tt_tags *tags;
    struct tt_timer timer; /* the executor's next step */
    struct tt_timer grow;  /* makes the VUs asked for, some at a time */
    uint32_t to_grow;
    struct tt__slot **slots;
    size_t n_slots;
    uint32_t n_reserved; /* VUs of the pool that are meant for it, without those grown */
    uint64_t start_ns;
    uint64_t first_ns; /* when it started, on the loop's clock; 0: not yet */
    bool cut;          /* ended by stop */
    bool reported;     /* its end */
};

/* A VU lent to a job. */
struct tt__slot {
    struct tt__job *job;
    uint32_t index;
    struct tt_vu *vu;    /* NULL while retired */
    struct tt_timer pad; /* min_iteration_duration, pacing */
    uint64_t next_ns;    /* pacing: when the next iteration is due; 0: none yet */
    bool parked;         /* its iteration ended while the test was paused */
};

/* --- letters
 * ---------------------------------------------------------------------------------------- */

enum tt__order_kind {
    ORDER_GO,    /* the scenarios' zero */
    ORDER_BEGIN, /* a scenario that waited for another one */
    ORDER_TICK,
    ORDER_STOP,
    ORDER_PAUSE,
    ORDER_RESUME,
    ORDER_SCALE,
    ORDER_CALL,
    ORDER_CUT_CALL,
    ORDER_QUIT
};
struct tt__order { /* coordinator -> worker */
    struct tt_letter letter;
    struct tt__lane *lane;
    enum tt__order_kind kind;
    uint64_t zero_ns;         /* GO, BEGIN: the scenarios' zero */
    size_t scenario;          /* BEGIN, SCALE */
    struct tt_scale scale;    /* SCALE */
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
    REPORT_FAIL,
    REPORT_FINISHED, /* a scenario on this worker */
    REPORT_SCALED,
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
    size_t scenario;         /* FINISHED */
    bool failed;             /* READY, CALLED, SCALED */
    struct tt_err err;
};

/* A number that one thread writes and any reads. */
typedef atomic_int_fast64_t tt__shown;
static inline void tt__shown_add(tt__shown *n, int64_t by)
{
    int64_t now = atomic_load_explicit(n, memory_order_relaxed);
    atomic_store_explicit(n, now + by, memory_order_relaxed);
}
static inline int64_t tt__shown_get(const tt__shown *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

struct tt__lane {
    struct tt_run *run;
    unsigned index;
    struct tt_thread thread;
    struct tt_loop *loop;        /* made by the coordinator, run by the worker */
    struct tt_stripe vus_stripe; /* of the whole test's VUs; immutable once the worker runs */
    size_t n_planned;            /* VUs to make at first */
    /* worker's */
    struct tt_worker *w;
    struct tt_vu **vus;
    size_t n_vus, cap_vus;
    struct tt_vu **idle; /* stack, lowest id on top */
    size_t n_idle;
    struct tt_vu *service;
    struct tt__job *jobs;
    size_t n_jobs;
    tt__shown complete, interrupted, active, made; /* iterations, VUs */
    uint64_t zero_ns; /* the scenarios' zero on their clock; 0: not yet */
    bool stopping, started, calling, paused;
    uint64_t pause_began_ns, paused_ns; /* the scenarios' clock stands still while paused */
    /* coordinator's: from its last reports */
    struct tt__report *last;
    struct tt_batch *spare;
    bool gone;
};

/* --- coordinator's side
 * ------------------------------------------------------------------------------- */

enum tt__phase {
    PHASE_INIT,
    PHASE_PAUSED, /* option paused: nothing has begun */
    PHASE_SETUP,
    PHASE_RUN,
    PHASE_TEARDOWN,
    PHASE_LINGER, /* option linger: all is over, the control API still answers */
    PHASE_SUMMARY,
    PHASE_QUIT
};

/* A scenario, as the coordinator sees it. */
struct tt__part {
    bool begun;
    uint64_t start_ns; /* once begun */
    uint64_t paused_before_ns;
    unsigned lanes_finished;
};

struct tt_run {
    struct tt_plan *plan;
    struct tt_registry *registry;
    struct tt_script *script;
    const struct tt_own_script *own; /* only while it is prepared; NULL: the script is a file */
    struct tt_log_output *log;
    bool has_setup, has_teardown, has_summary, has_default;
    struct tt_arena arena;
    uint64_t vu_bytes;            /* memory of one VU after init; 0: not measured */
    struct tt_stripe machine;     /* this process's part of the VUs */
    struct tt__share *shares;     /* by scenario; shared */
    atomic_uint_fast64_t next_vu; /* index of the process's next VU beyond the planned ones */
    struct tt__part *parts;       /* by scenario */
    /* only while it goes */
    const struct tt_run_view *view;
    struct tt_loop *loop;
    struct tt__lane *lanes;
    unsigned n_lanes;
    enum tt__phase phase;
    struct tt_totals *totals;
    struct tt_tagpool *tags;
    struct tt_shard *shard; /* vus, vus_max */
    struct tt_outputs *outputs;
    const struct tt_sample_feed *feed; /* theirs; read by the workers when they start */
    const struct tt_tags *run_tags;
    struct tt_batch *spare;
    struct tt_timer tick, call_timeout;
    uv_signal_t sigint, sigterm;
    unsigned signals;
    uint64_t start_ns, zero_ns, end_ns;
    uint64_t wall_offset_ns; /* wall clock less monotonic; before GO */
    struct tt_buf setup;     /* flat copy of setup's result; read by workers after GO */
    cJSON *setup_json;
    bool stop_asked, teardown_due, call_timed_out, last_tick_wanted;
    unsigned ready, ticks_due;
    uint64_t tick_number;
    struct tt_threshold_result *verdicts;
    size_t n_verdicts;
    bool thresholds_failed;
    int exit_code;      /* of the first reason that ended the run badly; 0 */
    bool marked_failed; /* by the script; counts when nothing else has gone wrong */
    struct tt_err err;
    struct tt_run_scenario *shown;
    struct tt_run_progress progress; /* of the last tick */
    struct tt_control *control;
    char id[16];
    bool paused;
    uint64_t pause_began_ns, paused_ns; /* while the scenarios run */
    cJSON *timeline;
    struct tt_intervention *scaling;   /* at the workers */
    unsigned scale_due, scale_refused; /* workers */
    cJSON *summary;
};

/* lane.c: the worker's thread */
bool tt__lane_open(struct tt__lane *lane, struct tt_err *err); /* its worker and its planned VUs */
void tt__lane_close(struct tt__lane *lane);
void *tt__lane_main(void *lane);
extern const struct tt_services tt__services;
/* share.c */
void tt__shares_init(struct tt_run *r);
void tt__shares_free(struct tt_run *r);
bool tt__share_take(struct tt__share *s, unsigned lane);
void tt__share_give(struct tt__share *s, unsigned lane);
uint32_t tt__share_grow(struct tt__share *s, uint32_t n); /* how many of n may be made */
bool tt__share_enqueue(struct tt__share *s, uint64_t intended_ns);
bool tt__share_unqueue(struct tt__share *s, uint64_t *intended_ns);
uint64_t tt__share_discard(struct tt__share *s);
/* The process's index (from 0) of the VU that is local index k of the lane's planned ones, and of a
 * further one. */
uint64_t tt__planned_vu(const struct tt_run *r, unsigned lane, size_t k);
uint64_t tt__extra_vu(struct tt_run *r);
/* job.c */
void tt__jobs_start(struct tt__lane *lane, uint64_t zero_ns);
void tt__job_begin(struct tt__lane *lane, size_t scenario, uint64_t zero_ns);
void tt__jobs_pause(struct tt__lane *lane);
void tt__jobs_resume(struct tt__lane *lane);
bool tt__job_scale(struct tt__lane *lane, size_t scenario, const struct tt_scale *s,
                   struct tt_err *err);
uint64_t tt__jobs_now(const struct tt__lane *lane); /* the scenarios' clock */
struct tt_vu *tt__lane_add_vu(struct tt__lane *lane, uint64_t index, struct tt_err *err);
void tt__jobs_stop(struct tt__lane *lane);
void tt__jobs_free(struct tt__lane *lane);
/* facts.c: what the script may ask */
void tt__instance_facts(const struct tt_worker *w, struct tt_instance_facts *out);
void tt__scenario_facts(const struct tt_vu *vu, struct tt_scenario_facts *out);
/* coordinator.c */
void tt__post_all(struct tt_run *r, struct tt__order o);
void tt__enter_phase(struct tt_run *r, enum tt__phase phase);
void tt__end_badly(struct tt_run *r, int exit_code);
void tt__stop_scenarios(struct tt_run *r);
/* progress.c */
void tt__show(struct tt_run *r);
/* control.c */
bool tt__control_open(struct tt_run *r, struct tt_err *err);
void tt__control_publish(struct tt_run *r);
void tt__control_scaled(struct tt_run *r, struct tt__report *rep);
void tt__control_close(struct tt_run *r);
void tt__timeline_add(struct tt_run *r, const char *what, const char *by);
/* judge.c */
/* The time over which samples were counted: the run's, less a warm-up that all scenarios share. */
uint64_t tt__measured_ns(const struct tt_run *r, uint64_t now_ns);
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
/* connections.c */
/* Raises the limit of open files and logs a warning when files or ports may not suffice. */
void tt__check_connections(int64_t vus, uint64_t source_addresses);
bool tt__connections_short(int64_t vus, uint64_t files, uint64_t ports, char *text, size_t size);
/* memory.c */
uint64_t tt__vu_bytes(struct tt_worker *w, struct tt_err *err); /* 0: not known */
bool tt__memory_left(struct tt_err *err); /* enough to go on making virtual users */
bool tt__memory_suffices(int64_t vus, uint64_t vu_bytes, struct tt_err *err);
