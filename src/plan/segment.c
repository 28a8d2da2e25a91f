/* SPDX-License-Identifier: MIT */
/* Execution segments and their stripes; see segment.h. */
#include "plan/segment.h"
#include "base/exitcode.h"
#include "base/memory.h"
#include "base/str.h"
#include <stdio.h>
#include <string.h>

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a < 0 ? -a : a;
}

static struct tt_rational reduced(int64_t num, int64_t den)
{
    int64_t g = gcd(num, den);
    return g ? (struct tt_rational){num / g, den / g} : (struct tt_rational){0, 1};
}

/* a < b: -1, equal 0, a > b: 1. Products fit: denominators are bounded by the parser. */
static int compare(struct tt_rational a, struct tt_rational b)
{
    __int128 l = (__int128)a.num * b.den, r = (__int128)b.num * a.den;
    return l < r ? -1 : l > r;
}

static struct tt_rational difference(struct tt_rational a, struct tt_rational b)
{
    return reduced(a.num * b.den - b.num * a.den, a.den * b.den);
}

enum { DENOMINATOR_MAX = 1000000 };

/* "10%", "0.25", "1/3" */
static bool parse_point(const char *text, size_t n, struct tt_rational *out)
{
    char s[48];
    if (!n || n >= sizeof s)
        return false;
    memcpy(s, text, n);
    s[n] = '\0';
    int64_t num, den = 1;
    bool percent = s[n - 1] == '%';
    if (percent)
        s[n - 1] = '\0';
    char *slash = strchr(s, '/'), *dot = strchr(s, '.');
    if (percent && dot)
        return false;
    if (slash && !percent && !dot) {
        *slash = '\0';
        if (!tt_parse_i64(s, &num) || !tt_parse_i64(slash + 1, &den) || den <= 0 ||
            den > DENOMINATOR_MAX)
            return false;
    } else if (dot && !slash) {
        for (const char *d = dot + 1; *d; d++)
            den *= den <= DENOMINATOR_MAX ? 10 : 1;
        memmove(dot, dot + 1, strlen(dot));
        if (!tt_parse_i64(s, &num))
            return false;
    } else if (slash || !tt_parse_i64(s, &num)) {
        return false;
    }
    if (percent)
        den *= 100;
    if (num < 0 || num > den || den > 100 * (int64_t)DENOMINATOR_MAX)
        return false;
    *out = reduced(num, den);
    return true;
}

bool tt_segment_parse(const char *text, struct tt_segment *out, struct tt_err *err)
{
    *out = (struct tt_segment){{0, 1}, {1, 1}};
    if (!text || !*text)
        return true;
    const char *colon = strchr(text, ':');
    bool ok = colon ? parse_point(text, (size_t)(colon - text), &out->from) &&
                          parse_point(colon + 1, strlen(colon + 1), &out->to)
                    : parse_point(text, strlen(text), &out->to);
    if (ok && compare(out->from, out->to) < 0)
        return true;
    return tt_err_set(err, TT_EXIT_CONFIG,
                      "'%s' is not an execution segment; expected one like 0:1/4, 25%%:50%% or 0.5",
                      text);
}

/* base.from + length of base * point. */
static struct tt_rational scaled_point(const struct tt_segment *base, struct tt_rational point)
{
    struct tt_rational length = difference(base->to, base->from);
    struct tt_rational offset = reduced(length.num * point.num, length.den * point.den);
    return reduced(base->from.num * offset.den + offset.num * base->from.den,
                   base->from.den * offset.den);
}

struct tt_segment tt_segment_within(const struct tt_segment *base, const struct tt_segment *sub)
{
    return (struct tt_segment){scaled_point(base, sub->from), scaled_point(base, sub->to)};
}

bool tt_sequence_parse(const char *text, struct tt_segment **out, size_t *n, struct tt_err *err)
{
    *out = NULL;
    *n = 0;
    if (!text || !*text)
        return true;
    struct tt_rational before = {0, 1}, point;
    size_t points = 0;
    bool ok = true;
    for (const char *s = text; ok; s++) {
        size_t len = strcspn(s, ",");
        ok = parse_point(s, len, &point) && (!points || compare(before, point) < 0);
        if (ok && points) {
            *out = tt_xreallocarray(*out, *n + 1, sizeof **out);
            (*out)[(*n)++] = (struct tt_segment){before, point};
        }
        before = point;
        points++;
        s += len;
        if (!*s)
            break;
    }
    if (ok && points >= 2)
        return true;
    tt_free(*out);
    *out = NULL;
    *n = 0;
    return tt_err_set(err, TT_EXIT_CONFIG,
                      "'%s' is not an execution segment sequence; expected at least two rising "
                      "points like 0,1/4,1/2,1",
                      text);
}

/* --- stripes
 * ------------------------------------------------------------------------------------------ */

struct piece {
    struct tt_segment seg;
    int64_t numerator; /* of its length over the common denominator */
    int64_t chosen;
};

/* The sequence with its gaps filled, or the segment with its complement. Returns the count; out has
 * room for n + 3. */
static size_t complete(const struct tt_segment *seg, const struct tt_segment *seq, size_t n,
                       struct piece *out)
{
    const struct tt_rational zero = {0, 1}, one = {1, 1};
    const struct tt_segment *parts = n ? seq : seg;
    size_t len = 0;
    n = n ? n : 1;
    if (compare(parts[0].from, zero) > 0)
        out[len++].seg = (struct tt_segment){zero, parts[0].from};
    for (size_t i = 0; i < n; i++)
        out[len++].seg = parts[i];
    if (compare(parts[n - 1].to, one) < 0)
        out[len++].seg = (struct tt_segment){parts[n - 1].to, one};
    return len;
}

static bool same(const struct tt_segment *a, const struct tt_segment *b)
{
    return compare(a->from, b->from) == 0 && compare(a->to, b->to) == 0;
}

/* Element i goes to the largest segment that is not ahead of its share: the first, in falling order
 * of length, whose count c of elements so far satisfies c / length <= i. */
static void deal(struct piece *pieces, size_t n, const struct tt_segment *ours, int64_t lcd,
                 struct tt_stripe *s)
{
    int64_t before = -1;
    for (int64_t i = 0; i < lcd; i++)
        for (size_t k = 0; k < n; k++) {
            struct piece *p = &pieces[k];
            if ((__int128)i * p->numerator < (__int128)p->chosen * lcd)
                continue;
            p->chosen++;
            if (!same(&p->seg, ours))
                break;
            if (before < 0)
                s->start = i;
            else
                s->offsets[s->n_offsets++] = i - before;
            before = i;
            break;
        }
    s->offsets[s->n_offsets++] = s->start + lcd - before;
}

bool tt_stripe_init(struct tt_stripe *s, const struct tt_segment *seg, const struct tt_segment *seq,
                    size_t n, struct tt_err *err)
{
    struct piece *pieces = tt_xcalloc(n + 3, sizeof *pieces);
    size_t len = complete(seg, seq, n, pieces);
    int64_t lcd = 1, ours = 0;
    for (size_t i = 0; i < len; i++) {
        struct tt_rational length = difference(pieces[i].seg.to, pieces[i].seg.from);
        lcd = lcd / gcd(lcd, length.den) * length.den;
        if (lcd > DENOMINATOR_MAX * (int64_t)10)
            break;
    }
    for (size_t i = 0; i < len && lcd <= DENOMINATOR_MAX * (int64_t)10; i++) {
        struct tt_rational length = difference(pieces[i].seg.to, pieces[i].seg.from);
        pieces[i].numerator = length.num * (lcd / length.den);
        if (same(&pieces[i].seg, seg))
            ours = pieces[i].numerator;
    }
    if (!ours) {
        tt_free(pieces);
        return tt_err_set(err, TT_EXIT_CONFIG,
                          "the execution segment is not part of the execution segment sequence");
    }
    for (size_t i = 1; i < len; i++) /* stable, falling */
        for (size_t k = i; k && pieces[k].numerator > pieces[k - 1].numerator; k--) {
            struct piece swap = pieces[k];
            pieces[k] = pieces[k - 1];
            pieces[k - 1] = swap;
        }
    *s = (struct tt_stripe){.lcd = lcd, .offsets = tt_xcalloc((size_t)ours, sizeof(int64_t))};
    deal(pieces, len, seg, lcd, s);
    tt_free(pieces);
    return true;
}

bool tt_stripe_recut(struct tt_stripe *s, const struct tt_segment *seg,
                     const struct tt_segment *seq, size_t n, int64_t value)
{
    struct tt_err err;
    struct tt_stripe own;
    struct piece *pieces = tt_xcalloc(n + 3, sizeof *pieces);
    struct tt_segment *cut = tt_xcalloc(n + 3, sizeof *cut), *ours = NULL;
    size_t len = complete(seg, seq, n, pieces), m = 0;
    int64_t before = 0;
    bool ok = value > 0;
    value = value < DENOMINATOR_MAX ? value : DENOMINATOR_MAX; /* finer cuts change nothing */
    *s = (struct tt_stripe){.lcd = 1};
    for (size_t i = 0; ok && i < len; i++) {
        ok = tt_stripe_init(&own, &pieces[i].seg, n ? seq : seg, n ? n : 1, &err);
        int64_t share = ok ? tt_stripe_scale(&own, value) : 0;
        if (ok)
            tt_stripe_fini(&own);
        if (!share)
            continue;
        cut[m] = (struct tt_segment){reduced(before, value), reduced(before + share, value)};
        before += share;
        if (same(&pieces[i].seg, seg))
            ours = &cut[m];
        m++;
    }
    ok = ok && ours && tt_stripe_init(s, ours, cut, m, &err);
    tt_free(pieces);
    tt_free(cut);
    return ok;
}

void tt_stripe_worker(struct tt_stripe *s, const struct tt_stripe *whole, unsigned i, unsigned n)
{
    int64_t items = whole ? (int64_t)whole->n_offsets : 1;
    *s = (struct tt_stripe){.lcd = 1};
    if (!items)
        return;
    int64_t period = items / gcd(items, n) * n; /* local items after which the pattern repeats */
    s->n_offsets = (size_t)(period / n);
    s->offsets = tt_xcalloc(s->n_offsets, sizeof *s->offsets);
    s->lcd = period / items * (whole ? whole->lcd : 1);
    s->start = whole ? tt_stripe_global(whole, i) : i;
    for (size_t k = 0; k < s->n_offsets; k++) {
        int64_t from = (int64_t)k * n + i, to = from + n;
        s->offsets[k] = whole ? tt_stripe_global(whole, to) - tt_stripe_global(whole, from) : n;
    }
}

void tt_stripe_fini(struct tt_stripe *s)
{
    tt_free(s->offsets);
    s->offsets = NULL;
    s->n_offsets = 0;
}

int64_t tt_stripe_scale(const struct tt_stripe *s, int64_t v)
{
    int64_t count = v / s->lcd * (int64_t)s->n_offsets, at = s->start, rest = v % s->lcd;
    for (size_t i = 0; i < s->n_offsets && at < rest; i++) {
        count++;
        at += s->offsets[i];
    }
    return count;
}

int64_t tt_stripe_global(const struct tt_stripe *s, int64_t local)
{
    int64_t n = (int64_t)s->n_offsets, at = s->start + local / n * s->lcd;
    for (int64_t i = 0; i < local % n; i++)
        at += s->offsets[i];
    return at;
}
