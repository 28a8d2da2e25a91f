/* SPDX-License-Identifier: MIT */
/* The end-of-test summary: one JSON tree in the field's usual shape (what handle_summary gets), and
 * the text and files made from it. Any thread; the tree is the caller's. */
#pragma once
#include "metric/shard.h"
#include "plan/plan.h"

/* What was judged for plan->thresholds[i]: one verdict per threshold of the set. */
struct tt_threshold_result {
    struct tt_verdict *verdicts;
};

struct tt_summary_info {
    uint64_t measured_ns; /* without warm-up: what rates per second refer to; 0: duration_ns */
    uint64_t duration_ns; /* of the run, setup and teardown included */
    const struct tt_threshold_result *results; /* by index of plan->thresholds */
    const cJSON *setup_data;                   /* or NULL */
    const cJSON *timeline;                     /* interventions from outside, or NULL */
    bool stdout_tty, stderr_tty, no_color;
};

cJSON *tt_summary_data(const struct tt_plan *plan, const struct tt_registry *r,
                       const struct tt_totals *t, const struct tt_summary_info *info);

enum tt_summary_mode { TT_SUMMARY_COMPACT, TT_SUMMARY_FULL };
/* The text for people; the caller frees it (tt_free). */
char *tt_summary_text(const cJSON *data, bool color, enum tt_summary_mode mode);
/* JSON with exact numbers (cJSON prints some doubles with 15 digits only), indented; the caller
 * frees it. */
char *tt_summary_json(const cJSON *data);
/* The older export format (--summary-export): a threshold's value is true when it FAILED. */
char *tt_summary_export(const cJSON *data);
/* To a file, whose folders are made, or to "stdout" or "stderr". */
bool tt_summary_write(const char *path, const char *text, size_t n, struct tt_err *err);

/* Number formats of the summary (buf >= 48 bytes, returned). unit: "s", "ms", "us" or NULL for the
 * fitting one. */
char *tt_summary_duration(char *buf, size_t size, double ms, const char *unit);
char *tt_summary_bytes(char *buf, size_t size, double bytes);
char *tt_summary_rate(char *buf, size_t size, double fraction);
char *tt_summary_number(char *buf, size_t size, double v);
