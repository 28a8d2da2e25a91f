/* SPDX-License-Identifier: MIT */
/* Mergeable log-linear histogram of doubles. The bucket of a value is its sign, exponent and
 * leading 9 mantissa bits: one layout for ever (it is a wire format), any value within 0.1 %.
 * Counts are integers, so merging is lossless and order does not matter. Pages of 512 buckets, one
 * per sign and exponent, are made when first used. One thread at a time. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TT_HIST_PAGE_BUCKETS = 512, TT_HIST_PAGES = 4096 };

struct tt_hist_page {
    uint16_t number; /* sign and exponent: the double's 12 high bits */
    bool used;       /* any count since it was cleared */
    uint32_t counts[TT_HIST_PAGE_BUCKETS];
    uint32_t *high; /* upper halves of counts, made on overflow of one; NULL mostly */
};

struct tt_hist {
    uint64_t count;
    double sum, min, max;        /* exact; min and max are undefined while count is 0 */
    struct tt_hist_page **pages; /* sorted by value, lowest first */
    size_t n_pages;
    struct tt_hist_page *last; /* the page of the last value */
};

void tt_hist_init(struct tt_hist *h);
void tt_hist_fini(struct tt_hist *h);
void tt_hist_add(struct tt_hist *h, double v); /* NaN is not a value: the caller refuses it */
void tt_hist_merge(struct tt_hist *h, const struct tt_hist *from);
void tt_hist_clear(struct tt_hist *h); /* empty, pages kept */
/* q in [0,1]: linear interpolation between the order statistics around q*(n-1); each is known to
 * its bucket's width, the extremes exactly. 0 when empty. */
double tt_hist_quantile(const struct tt_hist *h, double q);
