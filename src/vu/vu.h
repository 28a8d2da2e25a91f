/* SPDX-License-Identifier: MIT */
/* A virtual user: an isolated instance of the script in its worker's Lua state, with its fibers.
 * Worker thread only. */
#pragma once
#include "vu/worker.h"

enum tt_stage_kind {
    TT_STAGE_INIT,
    TT_STAGE_SETUP,
    TT_STAGE_ITERATION,
    TT_STAGE_TEARDOWN,
    TT_STAGE_SUMMARY
};

struct tt_vu {
    struct tt_worker *w;
    uint64_t id; /* in the test, from 1; 0 = the service VU of setup, teardown, handle_summary */
    uint64_t id_in_instance;
    const struct tt_scenario *scenario; /* while activated, else NULL */
    const struct tt_tags *tags; /* run, scenario and group "" tags: the base of its fibers' tags */
    enum tt_stage_kind stage;
    bool warming; /* the iteration began in its scenario's warm-up: its samples count for nothing */
    uint64_t iteration; /* of this VU over all scenarios, from 0 */
    uint64_t iteration_in_scenario, iteration_in_test;
    uint64_t intended_ns, started_ns; /* of the running iteration */
    double data_sent,
        data_received; /* bytes since the iteration began; added by net code, emitted at its end */
    bool
        by_clock; /* its scenario starts iterations by the clock: how late they start is measured */
    /* what the script attached to its samples for raw outputs, beside the tags; until the next
     * activation */
    struct tt_metadata *metadata;
    struct tt_vu_int *in; /* vu/'s own */
};

void *tt_vu_state(struct tt_vu *vu, const struct tt_module *m);
/* The stream of random numbers of its script. With option seed each iteration has its own. */
struct tt_rng *tt_vu_rng(struct tt_vu *vu);
void tt_vu_seed(struct tt_vu *vu, uint64_t seed); /* by the script: from here on it is one stream */
/* A tag, or metadata, of all later samples of the VU until its next activation; value NULL removes
 * it. False when there are too many tags, or too many sets of them on the worker. */
bool tt_vu_set_tag(struct tt_vu *vu, const char *key, const char *value);
void tt_vu_set_metadata(struct tt_vu *vu, const char *key, const char *value);
/* The VU on whose behalf Lua is running; NULL at worker level. Raises nothing. */
struct tt_vu *tt_vu_current(lua_State *L);
/* The same for functions that need a run: raises "<what> is not allowed in init" at the script's
 * line during init. */
struct tt_vu *tt_vu_running(lua_State *L, const char *what);
/* Adds a sample with the current fiber's tags plus extra ones. No-op in handle_summary and during
 * warm-up.
 */
void tt_vu_sample(struct tt_vu *vu, tt_metric_id m, double v, const struct tt_tags *tags,
                  uint64_t at_ns);
