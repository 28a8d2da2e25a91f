/* SPDX-License-Identifier: MIT */
/* Clocks. */
#include "base/clock.h"
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * TT_NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t tt_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t tt_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t tt_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
