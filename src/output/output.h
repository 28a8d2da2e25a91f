/* SPDX-License-Identifier: MIT */
/* Outputs: where the measurements of a run go beside the summary (option `out`). Each is a folder
 * here with a const struct tt_output; a line in meson.build registers it. A running one has a
 * thread of its own: whatever it waits for, the test does not. */
#pragma once
#include "metric/sample.h"
#include "plan/plan.h"

struct tt_loop;

struct tt_output_context {
    const struct tt_plan *plan;
    const struct tt_registry *registry; /* frozen */
    struct tt_loop *loop;               /* of the output's thread; for those that need a network */
    int64_t wall_ns;                    /* what to add to a sample's time for the wall clock's */
};

struct tt_output {
    const char *name;     /* --out NAME[=ARGUMENT] */
    const char *argument; /* what ARGUMENT is, for the list of outputs; "" = none is taken */
    const char *summary;
    /* Coordinator, before the workers start. argument: the text after '=', NULL without one. c
     * outlives the state. NULL with err when it cannot begin: the test does not either. */
    void *(*open)(const struct tt_output_context *c, const char *argument, struct tt_err *err);
    /* The output's thread, all of them. After a failure only close is called. */
    bool (*samples)(void *state, const struct tt_sample *s, size_t n, struct tt_err *err);
    bool (*tick)(void *state, struct tt_err *err); /* once a second: what is buffered goes out */
    /* Everything has been given: writes the rest and frees the state. Always called, once. */
    bool (*close)(void *state, struct tt_err *err);
};

extern const struct tt_output *const tt_output_list[]; /* NULL-terminated */

/* The outputs of a run. Coordinator thread. */
struct tt_outputs;
/* items: "NAME" or "NAME=ARGUMENT". NULL with err. plan and registry outlive them. */
struct tt_outputs *tt_outputs_open(const struct tt_text_list *items, const struct tt_plan *plan,
                                   const struct tt_registry *registry, struct tt_err *err);
/* For the shards; NULL when nobody wants samples. Its blocks wait in a queue of bounded length per
 * output; what does not fit is lost, and counted. */
const struct tt_sample_feed *tt_outputs_feed(struct tt_outputs *o);
/* Waits until each has written what it was given; failures and losses are logged. What comes later
 * is lost. The shards' tag pools must still exist. Once; further calls do nothing. */
void tt_outputs_close(struct tt_outputs *o);
void tt_outputs_free(struct tt_outputs *o); /* closes; NULL is fine */
