/* SPDX-License-Identifier: MIT */
/* Where samples go. A worker adds to its shard (its thread only, no lock, no malloc once a
 * histogram's pages exist); once a tick it takes a batch out and posts it; the coordinator merges
 * batches into totals. Batches hold differences since the last one, so merging is addition and
 * nothing is lost or counted twice. */
#pragma once
#include "metric/sample.h"

struct tt_shard;
struct tt_batch;
struct tt_totals;

struct tt_shard *tt_shard_new(const struct tt_registry *r); /* r frozen, outlives it */
void tt_shard_free(struct tt_shard *s);
/* One sample. v in the metric's unit (time: milliseconds; rate: non-zero is true). at_ns:
 * monotonic, orders gauges. */
void tt_shard_add(struct tt_shard *s, tt_metric_id m, double v, const struct tt_tags *tags,
                  uint64_t at_ns);
/* From now on every sample also goes to the feed, one by one; f outlives the shard. */
void tt_shard_feed(struct tt_shard *s, const struct tt_sample_feed *f);
/* What the samples to come carry for the feed, until it is changed (NULL: nothing). */
void tt_shard_attach(struct tt_shard *s, struct tt_metadata *m);
/* A sample for the feed alone: it counts for no figure. */
void tt_shard_pass(struct tt_shard *s, tt_metric_id m, double v, const struct tt_tags *tags,
                   uint64_t at_ns);
/* A named check's outcome for the list of checks (the checks metric is added by the caller through
 * tt_shard_add). */
void tt_shard_check(struct tt_shard *s, const char *group_path, const char *name, bool ok,
                    uint64_t at_ns);
/* Makes a group known ("::a::b"), in order of first use. */
void tt_shard_group(struct tt_shard *s, const char *group_path, uint64_t at_ns);
/* Takes what has come in since the last call, and gives the feed what it has not got yet. spare (a
 * batch given back by the coordinator, or NULL) becomes the new one. */
struct tt_batch *tt_shard_swap(struct tt_shard *s, struct tt_batch *spare);
void tt_batch_free(struct tt_batch *b);

/* The coordinator's side. */
struct tt_totals *tt_totals_new(const struct tt_registry *r);
void tt_totals_free(struct tt_totals *t);
void tt_totals_merge(struct tt_totals *t,
                     struct tt_batch *b); /* b is emptied and may be given back as a spare */

/* Reading a sink, by tt_registry_sink's index. */
bool tt_totals_seen(const struct tt_totals *t, uint32_t sink); /* any sample yet */
struct tt_sink_values {
    enum tt_metric_type type;
    uint64_t count;             /* trend, rate: samples */
    double sum, min, max, last; /* counter: sum; gauge: last, min, max; trend: sum, min, max */
    uint64_t trues;             /* rate */
};
struct tt_sink_values tt_totals_values(const struct tt_totals *t, uint32_t sink);
double tt_totals_quantile(const struct tt_totals *t, uint32_t sink,
                          double q); /* trend; q in [0,1]; 0 when empty */

struct tt_check_total {
    const char *group_path; /* "" = root */
    const char *name;
    uint64_t passes, fails;
};
size_t tt_totals_check_count(const struct tt_totals *t); /* in order of first execution */
struct tt_check_total tt_totals_check(const struct tt_totals *t, size_t i);
size_t tt_totals_group_count(const struct tt_totals *t);
const char *tt_totals_group(const struct tt_totals *t, size_t i);
