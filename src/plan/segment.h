/* SPDX-License-Identifier: MIT */
/* Execution segments: how load is divided over machines, and over the worker threads of one
 * (k6-semantics 3.8). A segment is (from, to] of exact rationals in [0,1]. Pure; immutable once
 * made; any thread. */
#pragma once
#include "base/err.h"
#include <stdint.h>

struct tt_rational {
    int64_t num, den; /* den > 0, lowest terms */
};
struct tt_segment {
    struct tt_rational from, to;
};
/* One segment of a complete sequence, with its stripe: the global items 0-based it owns are start,
 * start+offsets[0], start+offsets[0]+offsets[1], ... cyclically; the pattern repeats every lcd
 * items. */
struct tt_stripe {
    int64_t start, lcd;
    int64_t *offsets;
    size_t n_offsets; /* 0: nothing is ours */
};

/* One executor's part of the load: VUs and work (iteration numbers, due times) may be divided
 * differently. */
struct tt_portion {
    struct tt_stripe vus, work;
    unsigned n_workers; /* of the process that share the work */
    bool others;        /* workers of the process that have VUs of the scenario */
};

bool tt_segment_parse(const char *text, struct tt_segment *out,
                      struct tt_err *err); /* "" or NULL: the whole */
/* The part sub of the segment base, of the whole. */
struct tt_segment tt_segment_within(const struct tt_segment *base, const struct tt_segment *sub);
/* "0,1/4,1/2,1": at least two rising points. "" or NULL: NULL and 0. The result is freed with
 * tt_free. */
bool tt_sequence_parse(const char *text, struct tt_segment **out, size_t *n, struct tt_err *err);
/* seg inside the sequence seq (n of them, ascending; gaps are filled); n = 0: no sequence known.
 * Free with tt_stripe_fini. */
bool tt_stripe_init(struct tt_stripe *s, const struct tt_segment *seg, const struct tt_segment *seq,
                    size_t n, struct tt_err *err);
/* The stripe of seg in the sequence as it is cut anew for value items, so that every segment's
 * share of them is as fair as can be (k6-semantics 3.8). False, and s owns nothing, when seg gets
 * none. */
bool tt_stripe_recut(struct tt_stripe *s, const struct tt_segment *seg,
                     const struct tt_segment *seq, size_t n, int64_t value);
/* Worker i of n within the process that owns whole; NULL: all. The workers' items are dealt in
 * turn. */
void tt_stripe_worker(struct tt_stripe *s, const struct tt_stripe *whole, unsigned i, unsigned n);
void tt_stripe_fini(struct tt_stripe *s);
/* How many of the global items 0..v-1 are ours. */
int64_t tt_stripe_scale(const struct tt_stripe *s, int64_t v);
/* The global 0-based index of our local 0-based item. */
int64_t tt_stripe_global(const struct tt_stripe *s, int64_t local);
