/* SPDX-License-Identifier: MIT */
/* Thresholds: "p(95)<500" and friends, parsed and judged. Coordinator thread. Grammar:
 * k6-semantics 4.6. */
#pragma once
#include "metric/shard.h"

enum tt_threshold_op { TT_OP_LT, TT_OP_LE, TT_OP_GT, TT_OP_GE, TT_OP_EQ, TT_OP_NE };

struct tt_threshold {
    const char *source; /* the text as written; borrowed from the caller's arena */
    char method[8];     /* count rate value avg min max med p */
    double arg;         /* p's percentile, 0..100 */
    enum tt_threshold_op op;
    double bound;
    bool abort_on_fail;
    uint64_t delay_abort_ns; /* 0: none */
    bool allow_empty;        /* without it a threshold whose metric has no sample fails */
};
/* Result of one judgement. */
struct tt_verdict {
    bool ok;
    bool no_samples;
    double value; /* the aggregate that was compared; undefined when no_samples */
};

bool tt_threshold_parse(const char *text, struct tt_threshold *out, struct tt_err *err);
/* May this method be used on such a metric? The error lists the valid ones. */
bool tt_threshold_fits(const struct tt_threshold *th, const struct tt_metric *m,
                       struct tt_err *err);
/* The comparison alone. */
bool tt_threshold_compare(const struct tt_threshold *th, double value);
/* duration_ns: of the run so far, for counter rates. */
struct tt_verdict tt_threshold_judge(const struct tt_threshold *th, const struct tt_totals *t,
                                     uint32_t sink, uint64_t duration_ns);
