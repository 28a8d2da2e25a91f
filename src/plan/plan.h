/* SPDX-License-Identifier: MIT */
/* The frozen plan of a run: options after precedence, scenarios, thresholds. Made by the
 * coordinator before any worker starts, then immutable and read by all. Everything in it lives in
 * its arena. */
#pragma once
#include "metric/system_tags.h"
#include "metric/threshold.h"
#include "plan/network.h"
#include "plan/options.h"
#include "plan/rate_limit.h"
#include "plan/segment.h"

struct tt_stage {
    uint64_t duration_ns;
    int64_t target; /* VUs */
    double rate;    /* the same as a rate, fractions allowed: arrival-rate executors */
};

struct tt_scenario {
    const char *name;
    const char *executor; /* "constant-vus", ... a name in the executors' registry */
    const char *exec;     /* function of the script's table, default "default" */
    uint64_t start_time_ns;
    uint64_t graceful_stop_ns;
    const struct tt_tag *env; /* merged over the run's env for this scenario's VUs */
    size_t n_env;
    const struct tt_tag *tags; /* merged over the run's tags */
    size_t n_tags;
    /* closed models */
    int64_t vus;       /* constant-vus, shared-iterations, per-vu-iterations */
    int64_t start_vus; /* ramping-vus */
    uint64_t graceful_ramp_down_ns;
    int64_t iterations;
    uint64_t duration_ns;     /* constant-vus; ramping: sum of the stages */
    uint64_t max_duration_ns; /* iterations executors */
    const struct tt_stage *stages;
    size_t n_stages;
    const char *after; /* starts when the scenario of this name has ended; NULL: at start_time */
    size_t after_index;
    uint64_t
        pacing_ns; /* closed models: an iteration of a VU begins every so often; 0: no pacing */
    uint64_t warmup_ns; /* samples of iterations that begin earlier are kept out of the figures */
    /* open models */
    double rate, start_rate; /* iterations per time_unit */
    uint64_t time_unit_ns;
    int64_t pre_allocated_vus;
    int64_t max_vus;      /* also externally-controlled */
    bool queue_overload;  /* on_overload = "queue": a start without an idle VU waits */
    bool grow_one_by_one; /* vu_growth = "one": k6's way */
    bool until_stopped;   /* externally-controlled without a duration */
};

/* Thresholds of one metric or sub-metric. */
struct tt_threshold_set {
    const char *metric; /* as written: "m" or "m{tag:value}" */
    struct tt_threshold *items;
    size_t n;
};

struct tt_plan {
    struct tt_arena arena;
    struct tt_options opt;
    struct tt_network network;        /* of the options */
    struct tt_rate_limit *rate_limit; /* of the option rps; NULL: none */
    struct tt_scenario *scenarios;    /* sorted by (start_time, name) */
    size_t n_scenarios;
    struct tt_threshold_set *thresholds;
    size_t n_thresholds;
    const struct tt_tag *env; /* the script's env: system (if included), then --env */
    size_t n_env;
    const struct tt_tag *run_tags;
    size_t n_run_tags;
    struct tt_segment segment;   /* this process's part of the load */
    struct tt_segment *sequence; /* of all processes; n_sequence 0: not known */
    size_t n_sequence;
    unsigned workers; /* resolved: min(--workers or online cores, most VUs the plan can need), at
                         least 1 */
    const char *script_path;
    tt_system_tag_set system_tags; /* that samples carry */
};

/* An empty plan with the options' defaults; fill plan->opt layer by layer, then build. */
struct tt_plan *tt_plan_new(void);
/* Derives the scenarios from the options, parses thresholds and sub-metrics (into r, not yet
 * frozen), checks everything. has_function: does the script's table have this function? False with
 * every problem, each with its path, in err (exit code 104). */
bool tt_plan_build(struct tt_plan *p, struct tt_registry *r,
                   bool (*has_function)(void *arg, const char *name), void *arg,
                   struct tt_err *err);
/* VUs that slice s of the plan must have from the start: most at one time, summed over scenarios
 * that may overlap. */
int64_t tt_plan_planned_vus(const struct tt_plan *p, const struct tt_stripe *s);
/* Most VUs that slice s may come to need, those of open models' growth included. */
int64_t tt_plan_max_vus(const struct tt_plan *p, const struct tt_stripe *s);
/* How long after its start a scenario begins iterations; TT_NEVER: until it is stopped. */
uint64_t tt_scenario_regular_ns(const struct tt_scenario *sc);
/* When the scenario starts, from the run's start; one with `after` as late as that can be.
 * TT_NEVER: perhaps never. */
uint64_t tt_plan_latest_start_ns(const struct tt_plan *p, const struct tt_scenario *sc);
/* Longest possible run in ns including graceful stops, from the scenarios' zero. */
uint64_t tt_plan_max_duration_ns(const struct tt_plan *p);
/* The options that are set and the scenarios, in the words of a config file. The caller's
 * (cJSON_Delete). */
cJSON *tt_plan_json(const struct tt_plan *p);
/* { max_duration, planned_vus, max_vus, vus_over_time = list of [seconds, planned, unplanned],
 * expected_iterations, workers } of this process's part; expected_iterations: of the whole test,
 * null when only time decides. */
cJSON *tt_plan_requirements_json(const struct tt_plan *p);
void tt_plan_free(struct tt_plan *p);
