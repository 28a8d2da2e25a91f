/* SPDX-License-Identifier: MIT */
/* Binary min-heap; places are 1-based so that 0 can mean "not in a heap". */
#include "base/heap.h"
#include "base/err.h"
#include "base/memory.h"
#include <stdbool.h>

void tt_heap_init(struct tt_heap *h)
{
    *h = (struct tt_heap){0};
}

void tt_heap_fini(struct tt_heap *h)
{
    tt_free(h->nodes);
    h->nodes = NULL;
    h->len = h->cap = 0;
}

static bool before(const struct tt_heap_node *a, const struct tt_heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

static void place(struct tt_heap *h, size_t i, struct tt_heap_node *n)
{
    h->nodes[i - 1] = n;
    n->index = i;
}

static void sift_up(struct tt_heap *h, struct tt_heap_node *n)
{
    size_t i = n->index;
    for (; i > 1 && before(n, h->nodes[i / 2 - 1]); i /= 2)
        place(h, i, h->nodes[i / 2 - 1]);
    place(h, i, n);
}

static void sift_down(struct tt_heap *h, struct tt_heap_node *n)
{
    size_t i = n->index, c;
    for (; (c = 2 * i) <= h->len; i = c) {
        if (c < h->len && before(h->nodes[c], h->nodes[c - 1]))
            c++;
        if (!before(h->nodes[c - 1], n))
            break;
        place(h, i, h->nodes[c - 1]);
    }
    place(h, i, n);
}

void tt_heap_push(struct tt_heap *h, struct tt_heap_node *n, uint64_t key)
{
    TT_ASSERT(n->index == 0);
    if (h->len == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->nodes = tt_xreallocarray(h->nodes, h->cap, sizeof(struct tt_heap_node *));
    }
    n->key = key;
    n->seq = h->next_seq++;
    place(h, ++h->len, n);
    sift_up(h, n);
}

void tt_heap_remove(struct tt_heap *h, struct tt_heap_node *n)
{
    if (n->index == 0)
        return;
    size_t i = n->index;
    struct tt_heap_node *last = h->nodes[--h->len];
    n->index = 0;
    if (last == n)
        return;
    place(h, i, last);
    sift_up(h, last);
    sift_down(h, last);
}

struct tt_heap_node *tt_heap_min(const struct tt_heap *h)
{
    return h->len ? h->nodes[0] : NULL;
}
