/* SPDX-License-Identifier: MIT */
/* Binary min-heap of embedded nodes ordered by a 64-bit key, ties by insertion. One thread at a
 * time. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct tt_heap_node {
    uint64_t key;
    uint64_t seq; /* set by tt_heap_push */
    size_t index; /* 1-based place in the heap; 0 = not in a heap */
};
struct tt_heap {
    struct tt_heap_node **nodes;
    size_t len, cap;
    uint64_t next_seq;
};
void tt_heap_init(struct tt_heap *h);
void tt_heap_fini(struct tt_heap *h);
void tt_heap_push(struct tt_heap *h, struct tt_heap_node *n, uint64_t key);
void tt_heap_remove(struct tt_heap *h, struct tt_heap_node *n); /* n may be out of the heap */
struct tt_heap_node *tt_heap_min(const struct tt_heap *h);      /* NULL when empty */
