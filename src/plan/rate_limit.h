/* SPDX-License-Identifier: MIT */
/* The option rps: a token bucket of one token that all workers share. The one thing in a plan that
 * changes during a run; any thread. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

struct tt_rate_limit {
    _Atomic uint64_t next_ns; /* when the next token is there */
    uint64_t interval_ns;
};

/* Takes the next token; gives when it may be used, now_ns at the earliest. */
static inline uint64_t tt_rate_limit_take(struct tt_rate_limit *r, uint64_t now_ns)
{
    uint64_t next = atomic_load_explicit(&r->next_ns, memory_order_relaxed), due;
    do
        due = next > now_ns ? next : now_ns;
    while (!atomic_compare_exchange_weak_explicit(&r->next_ns, &next, due + r->interval_ns,
                                                  memory_order_relaxed, memory_order_relaxed));
    return due;
}
