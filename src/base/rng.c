/* SPDX-License-Identifier: MIT */
/* xoshiro256**; see rng.h. */
#include "base/rng.h"
#include "base/clock.h"
#include <sys/random.h>

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t tt_rng_mix(uint64_t x) /* splitmix64's */
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void tt_rng_seed(struct tt_rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = tt_rng_mix(seed += UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t tt_rng_next(struct tt_rng *r)
{
    uint64_t *s = r->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

double tt_rng_double(struct tt_rng *r)
{
    return (double)(tt_rng_next(r) >> 11) * 0x1.0p-53;
}

uint64_t tt_rng_below(struct tt_rng *r, uint64_t n)
{
    uint64_t reject = -n % n, v; /* the lowest values that would favour small remainders */
    do
        v = tt_rng_next(r);
    while (v < reject);
    return v % n;
}

uint64_t tt_random_seed(void)
{
    uint64_t v;
    if (getrandom(&v, sizeof v, 0) != (ssize_t)sizeof v)
        v = tt_now_ns() ^ tt_wall_ns() << 20;
    return v;
}
