/* SPDX-License-Identifier: MIT */
/* The histogram; see hist.h. */
#include "metric/hist.h"
#include "base/memory.h"
#include <math.h>
#include <string.h>

enum { MANTISSA_SHIFT = 52 - 9 };

static uint64_t bits_of(double v)
{
    uint64_t b;
    memcpy(&b, &v, sizeof b);
    return b;
}

static double from_bits(uint64_t b)
{
    double v;
    memcpy(&v, &b, sizeof v);
    return v;
}

/* Pages in order of value: negative ones by falling number, then positive ones. */
static int page_rank(uint16_t number)
{
    return number & 0x800 ? -(int)(number & 0x7FF) - 1 : (int)number;
}

void tt_hist_init(struct tt_hist *h)
{
    *h = (struct tt_hist){0};
}

void tt_hist_fini(struct tt_hist *h)
{
    for (size_t i = 0; i < h->n_pages; i++) {
        tt_free(h->pages[i]->high);
        tt_free(h->pages[i]);
    }
    tt_free(h->pages);
    tt_hist_init(h);
}

static struct tt_hist_page *find_page(struct tt_hist *h, uint16_t number)
{
    size_t low = 0, high = h->n_pages;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (page_rank(h->pages[mid]->number) < page_rank(number))
            low = mid + 1;
        else
            high = mid;
    }
    if (low < h->n_pages && h->pages[low]->number == number)
        return h->pages[low];
    h->pages = tt_xreallocarray(h->pages, h->n_pages + 1, sizeof(struct tt_hist_page *));
    memmove(h->pages + low + 1, h->pages + low, (h->n_pages - low) * sizeof(struct tt_hist_page *));
    h->n_pages++;
    h->pages[low] = tt_xcalloc(1, sizeof **h->pages);
    h->pages[low]->number = number;
    return h->pages[low];
}

static void bump(struct tt_hist_page *p, size_t bucket, uint64_t n)
{
    uint64_t low = (uint64_t)p->counts[bucket] + (n & UINT32_MAX);
    uint64_t carry = (n >> 32) + (low >> 32);
    p->counts[bucket] = (uint32_t)low;
    p->used = true;
    if (__builtin_expect(carry != 0, 0)) {
        if (!p->high)
            p->high = tt_xcalloc(TT_HIST_PAGE_BUCKETS, sizeof *p->high);
        p->high[bucket] += (uint32_t)carry;
    }
}

static uint64_t bucket_count(const struct tt_hist_page *p, size_t bucket)
{
    return p->counts[bucket] | (p->high ? (uint64_t)p->high[bucket] << 32 : 0);
}

void tt_hist_add(struct tt_hist *h, double v)
{
    v += 0.0; /* -0 becomes 0 */
    uint64_t b = bits_of(v);
    uint16_t number = (uint16_t)(b >> 52);
    if (!h->last || h->last->number != number)
        h->last = find_page(h, number);
    bump(h->last, (size_t)(b >> MANTISSA_SHIFT) & (TT_HIST_PAGE_BUCKETS - 1), 1);
    if (h->count == 0 || v < h->min)
        h->min = v;
    if (h->count == 0 || v > h->max)
        h->max = v;
    h->sum += v;
    h->count++;
}

void tt_hist_merge(struct tt_hist *h, const struct tt_hist *from)
{
    if (!from->count)
        return;
    for (size_t i = 0; i < from->n_pages; i++) {
        const struct tt_hist_page *p = from->pages[i];
        if (!p->used)
            continue;
        struct tt_hist_page *to = find_page(h, p->number);
        for (size_t k = 0; k < TT_HIST_PAGE_BUCKETS; k++)
            if (bucket_count(p, k))
                bump(to, k, bucket_count(p, k));
    }
    if (h->count == 0 || from->min < h->min)
        h->min = from->min;
    if (h->count == 0 || from->max > h->max)
        h->max = from->max;
    h->sum += from->sum;
    h->count += from->count;
}

void tt_hist_clear(struct tt_hist *h)
{
    for (size_t i = 0; i < h->n_pages; i++) {
        struct tt_hist_page *p = h->pages[i];
        if (p->used)
            memset(p->counts, 0, sizeof p->counts);
        if (p->high)
            memset(p->high, 0, TT_HIST_PAGE_BUCKETS * sizeof *p->high);
        p->used = false;
    }
    h->count = 0;
    h->sum = h->min = h->max = 0;
}

/* The bucket's middle, within what was seen. */
static double bucket_value(const struct tt_hist *h, const struct tt_hist_page *p, size_t bucket)
{
    uint64_t first = (uint64_t)p->number << 52 | (uint64_t)bucket << MANTISSA_SHIFT;
    double v = from_bits(first + (UINT64_C(1) << (MANTISSA_SHIFT - 1)));
    if (first == 0)
        v = 0; /* zero itself, not the middle of the smallest numbers */
    return v < h->min ? h->min : v > h->max ? h->max : v;
}

/* The values with rank r and r+1 (from 0) in sorted order. */
static void ranks(const struct tt_hist *h, uint64_t r, double out[2])
{
    uint64_t seen = 0;
    int have = 0;
    for (size_t i = 0; i < h->n_pages && have < 2; i++) {
        const struct tt_hist_page *p = h->pages[i];
        bool negative = p->number & 0x800;
        for (size_t k = 0; p->used && k < TT_HIST_PAGE_BUCKETS && have < 2; k++) {
            size_t bucket = negative ? TT_HIST_PAGE_BUCKETS - 1 - k : k;
            seen += bucket_count(p, bucket);
            while (have < 2 && seen > r + (uint64_t)have)
                out[have++] = bucket_value(h, p, bucket);
        }
    }
    while (have < 2)
        out[have++] = h->max;
    if (r == 0)
        out[0] = h->min;
    if (r + 1 >= h->count)
        out[0] = h->max;
    if (r + 2 >= h->count)
        out[1] = h->max;
}

double tt_hist_quantile(const struct tt_hist *h, double q)
{
    double around[2];
    if (!h->count)
        return 0;
    if (h->count == 1)
        return h->min;
    double at = q * (double)(h->count - 1);
    double low = floor(at);
    ranks(h, (uint64_t)low, around);
    return around[0] + (around[1] - around[0]) * (at - low);
}
