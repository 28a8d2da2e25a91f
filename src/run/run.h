/* SPDX-License-Identifier: MIT */
/* One test run, from the command line's words to the exit code. The coordinator is the thread that
 * calls tt_run_*; workers are its threads. For cli/. */
#pragma once
#include "exec/exec.h"
#include "metric/shard.h"
#include "plan/plan.h"

struct tt_run;

/* What a run shows of one scenario. */
struct tt_run_scenario {
    const struct tt_scenario *sc;
    enum {
        TT_SCENARIO_WAITING,
        TT_SCENARIO_RUNNING,
        TT_SCENARIO_STOPPING,
        TT_SCENARIO_DONE,
        TT_SCENARIO_CUT
    } state;
    struct tt_exec_progress progress; /* summed over the workers */
    uint64_t elapsed_ns;              /* since its start time; 0 while waiting */
    uint64_t waiting_ns;
};
struct tt_run_progress {
    const char *phase; /* "init", "setup", "running", "teardown" */
    uint64_t elapsed_ns;
    int64_t vus_active, vus_max;
    uint64_t iterations_complete, iterations_interrupted;
    const struct tt_run_scenario *scenarios;
    size_t n_scenarios;
    const struct tt_totals *totals;
    const struct tt_registry *registry;
    const struct tt_plan *plan;
};

/* How cli/ watches: called on the coordinator's thread. Any may be NULL. */
struct tt_run_view {
    void *arg;
    void (*start)(void *arg, const struct tt_plan *plan);
    void (*tick)(void *arg,
                 const struct tt_run_progress *p); /* about once a second, and at the end */
    void (*end)(void *arg);                        /* before the summary is printed */
};

enum tt_run_purpose {
    TT_RUN_GO,     /* run it: a plan that this machine's memory cannot hold is refused */
    TT_RUN_SHOW,   /* the plan is all that is wanted */
    TT_RUN_MEASURE /* and what a virtual user of this script takes, for tt_run_requirements */
};

/* Reads the script, runs its first init, settles the options and the plan. argv: the words after
 * "run". NULL with err on failure: all that is wrong, a line each. environ: the process's. */
struct tt_run *tt_run_prepare(int argc, char **argv, char **environ, enum tt_run_purpose purpose,
                              struct tt_err *err);
/* A script of the program itself, not of a file. */
struct tt_own_script {
    const char *name, *text;
    size_t size;
};
/* The same for such a script, to be run; words of argv that are no options are passed over. */
struct tt_run *tt_run_prepare_own(const struct tt_own_script *own, int argc, char **argv,
                                  char **environ, struct tt_err *err);
/* tt_plan_requirements_json with memory_per_vu_bytes and estimated_memory_bytes: of virtual users
 * after init, without connections and what iterations allocate. The caller's (cJSON_Delete). */
cJSON *tt_run_requirements(const struct tt_run *r);
const struct tt_plan *tt_run_plan(const struct tt_run *r);
/* Runs the test, prints and writes the summary. Returns the exit code; err is filled when something
 * went wrong that the user must hear about. Once only. */
int tt_run_go(struct tt_run *r, const struct tt_run_view *view, struct tt_err *err);
void tt_run_free(struct tt_run *r);
