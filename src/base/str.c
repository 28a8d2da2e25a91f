/* SPDX-License-Identifier: MIT */
/* Text helpers. */
#include "base/str.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool tt_streq(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool tt_strnieq(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
            return false;
        if (!a[i])
            return true;
    }
    return true;
}

bool tt_strieq(const char *a, const char *b)
{
    return a && b ? tt_strnieq(a, b, SIZE_MAX) : a == b;
}

bool tt_starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool tt_ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && strcmp(s + n - m, suffix) == 0;
}

bool tt_parse_u64(const char *s, uint64_t *out)
{
    uint64_t v = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

bool tt_parse_i64(const char *s, int64_t *out)
{
    bool negative = *s == '-';
    uint64_t v;
    if (!tt_parse_u64(s + (*s == '-' || *s == '+'), &v) || v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool tt_parse_double(const char *s, double *out)
{
    char *end;
    if (!*s || s[strspn(s, "0123456789+-.eE")] || !strpbrk(s, "0123456789"))
        return false;
    *out = strtod(s, &end); /* the program never leaves the C locale */
    return *end == '\0' && isfinite(*out);
}

enum { EDIT_MAX = 64 };

unsigned tt_edit_distance(const char *a, const char *b)
{
    unsigned d[3][EDIT_MAX + 1];
    size_t n = strnlen(a, EDIT_MAX), m = strnlen(b, EDIT_MAX);
    for (size_t j = 0; j <= m; j++)
        d[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *row = d[i % 3], *up = d[(i - 1) % 3], *up2 = d[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned v = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1 < v)
                v = up[j] + 1;
            if (row[j - 1] + 1 < v)
                v = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < v)
                v = up2[j - 2] + 1;
            row[j] = v;
        }
    }
    return d[n % 3][m];
}

static void to_snake(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; name[i] && n + 2 < size; i++) {
        bool upper = name[i] >= 'A' && name[i] <= 'Z';
        if (upper && i && !(name[i - 1] >= 'A' && name[i - 1] <= 'Z'))
            out[n++] = '_';
        out[n++] = name[i] == '-' ? '_' : lower(name[i]);
    }
    out[n] = '\0';
}

const char *tt_suggest(const char *name, const char *const *candidates, size_t n)
{
    char snake[2 * EDIT_MAX];
    const char *best = NULL;
    to_snake(name, snake, sizeof snake);
    unsigned limit = (unsigned)strlen(snake) / 3, best_distance = (limit > 1 ? limit : 1) + 1;
    for (size_t i = 0; i < n; i++) {
        char other[2 * EDIT_MAX];
        to_snake(candidates[i], other, sizeof other);
        unsigned d = tt_edit_distance(snake, other);
        if (d < best_distance) {
            best_distance = d;
            best = candidates[i];
        }
    }
    return best;
}

/* The first byte of a character. */
static bool utf8_begin(struct tt_utf8 *u, unsigned c)
{
    u->low = 0x80;
    u->high = 0xBF;
    if (c < 0x80) {
        u->need = 0;
    } else if (c >= 0xC2 && c <= 0xDF) {
        u->need = 1;
    } else if (c >= 0xE0 && c <= 0xEF) {
        u->need = 2;
        u->low = c == 0xE0 ? 0xA0 : 0x80;  /* no overlong forms */
        u->high = c == 0xED ? 0x9F : 0xBF; /* no surrogates */
    } else if (c >= 0xF0 && c <= 0xF4) {
        u->need = 3;
        u->low = c == 0xF0 ? 0x90 : 0x80;
        u->high = c == 0xF4 ? 0x8F : 0xBF; /* up to U+10FFFF */
    } else {
        return false;
    }
    return true;
}

typedef uint64_t wide __attribute__((vector_size(16), aligned(1), may_alias));

/* How many of the leading bytes are ASCII, in blocks. */
static size_t ascii_blocks(const unsigned char *p, size_t n)
{
    size_t at = 0;
    for (; n - at >= 4 * sizeof(wide); at += 4 * sizeof(wide)) {
        const wide *w = (const wide *)(const void *)(p + at);
        wide all = w[0] | w[1] | w[2] | w[3];
        if ((all[0] | all[1]) & UINT64_C(0x8080808080808080))
            break;
    }
    return at;
}

bool tt_utf8_feed(struct tt_utf8 *u, const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t at = 0;
    while (at < n) {
        if (!u->need) {
            at += ascii_blocks(p + at, n - at);
            if (at < n && !utf8_begin(u, p[at++]))
                return false;
            /* a run of one-byte characters, or the head of a longer one */
            while (at < n && !u->need && p[at] < 0x80 && at % 64)
                at++;
            continue;
        }
        if (p[at] < u->low || p[at] > u->high)
            return false;
        u->low = 0x80;
        u->high = 0xBF;
        u->need--;
        at++;
    }
    return true;
}

bool tt_utf8_valid(const char *s, size_t n)
{
    struct tt_utf8 u = {0};
    return tt_utf8_feed(&u, s, n) && !u.need;
}

char *tt_format_double(char *buf, size_t size, double v)
{
    if (v == floor(v) && fabs(v) < 1e17) {
        snprintf(buf, size, "%.0f", v);
        return buf;
    }
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(buf, size, "%.*g", precision, v);
        if (strtod(buf, NULL) == v)
            break;
    }
    return buf;
}

uint64_t tt_hash_bytes(const void *p, size_t n, uint64_t seed)
{
    const unsigned char *s = p;
    uint64_t h = seed ^ (n * UINT64_C(0x9e3779b97f4a7c15)), v;
    for (; n >= 8; n -= 8, s += 8) {
        memcpy(&v, s, 8);
        h = (h ^ v) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
    }
    v = 0;
    memcpy(&v, s, n);
    h = (h ^ v) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 29;
}
