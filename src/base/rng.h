/* SPDX-License-Identifier: MIT */
/* xoshiro256** (Blackman, Vigna 2018, public domain algorithm), seeded by splitmix64. One thread
 * per struct. */
#pragma once
#include <stdint.h>

struct tt_rng {
    uint64_t s[4];
};
void tt_rng_seed(struct tt_rng *r, uint64_t seed);
uint64_t tt_rng_next(struct tt_rng *r);
double tt_rng_double(struct tt_rng *r);              /* [0,1) with 53 bits */
uint64_t tt_rng_below(struct tt_rng *r, uint64_t n); /* [0,n), unbiased; n > 0 */
uint64_t tt_rng_mix(uint64_t x); /* every bit of x decides every bit: for seeds of several parts */
uint64_t tt_random_seed(void);   /* from getrandom(2) */
