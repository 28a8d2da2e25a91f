/* SPDX-License-Identifier: MIT */
/* Text helpers without locale. Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool tt_streq(const char *a, const char *b);  /* NULL equals NULL only */
bool tt_strieq(const char *a, const char *b); /* ASCII case ignored */
bool tt_strnieq(const char *a, const char *b, size_t n);
bool tt_starts_with(const char *s, const char *prefix);
bool tt_ends_with(const char *s, const char *suffix);
/* Whole text is a number: no spaces around, no hex, no inf or nan. */
bool tt_parse_u64(const char *s, uint64_t *out);
bool tt_parse_i64(const char *s, int64_t *out);
bool tt_parse_double(const char *s, double *out);
/* Optimal string alignment distance (Damerau-Levenshtein without overlaps), for "did you mean".
 * Capped at 64 bytes each. */
unsigned tt_edit_distance(const char *a, const char *b);
/* The candidate nearest to name, or NULL when none is near (distance > max(1, len/3)). CamelCase
 * names are compared in snake_case too. */
const char *tt_suggest(const char *name, const char *const *candidates, size_t n);
bool tt_utf8_valid(const char *s, size_t n);
/* UTF-8 that comes in pieces; zero at first. */
struct tt_utf8 {
    unsigned char need;      /* bytes that the last character still lacks: 0 = may end here */
    unsigned char low, high; /* bounds of the next of them */
};
bool tt_utf8_feed(struct tt_utf8 *u, const char *s, size_t n); /* false: it cannot become valid */
/* Shortest text that reads back as the same double ("0.1", "1e+21"); buf of at least 32 bytes;
 * returns buf. */
char *tt_format_double(char *buf, size_t size, double v);
uint64_t tt_hash_bytes(const void *p, size_t n, uint64_t seed);
