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
    size_t n_offsets;
};

bool tt_segment_parse(const char *text, struct tt_segment *out,
                      struct tt_err *err); /* "" or NULL: the whole */
/* seg inside the sequence seq (n of them, ascending; gaps are filled); n = 0: no sequence known.
 * Free with tt_stripe_fini. */
bool tt_stripe_init(struct tt_stripe *s, const struct tt_segment *seg, const struct tt_segment *seq,
                    size_t n, struct tt_err *err);
/* Worker i of n within this process: the same arithmetic. */
void tt_stripe_worker(struct tt_stripe *s, unsigned i, unsigned n);
void tt_stripe_fini(struct tt_stripe *s);
/* How many of the global items 0..v-1 are ours. */
int64_t tt_stripe_scale(const struct tt_stripe *s, int64_t v);
/* The global 0-based index of our local 0-based item. */
int64_t tt_stripe_global(const struct tt_stripe *s, int64_t local);
