/* SPDX-License-Identifier: MIT */
/* Time. Everything inside is monotonic nanoseconds; only outputs turn it into wall time. Any
 * thread. */
#pragma once
#include <stdint.h>

#define TT_NS_PER_US UINT64_C(1000)
#define TT_NS_PER_MS UINT64_C(1000000)
#define TT_NS_PER_S  UINT64_C(1000000000)
#define TT_NEVER     UINT64_MAX

uint64_t tt_now_ns(void);        /* CLOCK_MONOTONIC */
uint64_t tt_wall_ns(void);       /* CLOCK_REALTIME, ns since the epoch */
uint64_t tt_thread_cpu_ns(void); /* CPU time of the calling thread */
static inline double tt_ns_to_ms(uint64_t ns)
{
    return (double)ns / 1e6;
}
