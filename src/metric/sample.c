/* SPDX-License-Identifier: MIT */
/* Blocks of samples; see sample.h. Any thread. */
#include "metric/sample.h"
#include "base/memory.h"
#include <string.h>

struct tt_sample_block *tt_sample_block_new(void)
{
    struct tt_sample_block *b = tt_xmalloc(sizeof *b);
    atomic_init(&b->holders, 1);
    b->n = 0;
    return b;
}

void tt_sample_block_hold(struct tt_sample_block *b)
{
    atomic_fetch_add_explicit(&b->holders, 1, memory_order_relaxed);
}

void tt_sample_block_drop(struct tt_sample_block *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->holders, 1, memory_order_acq_rel) > 1)
        return;
    for (uint32_t i = 0; i < b->n; i++) {
        tt_tags_drop(b->items[i].tags);
        tt_metadata_drop(b->items[i].metadata);
    }
    tt_free(b);
}

/* --- metadata */

static size_t text_bytes(const struct tt_tag *t)
{
    return strlen(t->key) + strlen(t->value) + 2;
}

static struct tt_metadata *metadata_new(const struct tt_tag *items, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += text_bytes(&items[i]);
    struct tt_metadata *m = tt_xmalloc(sizeof *m + n * sizeof *items + bytes);
    atomic_init(&m->holders, 1);
    m->n = n;
    char *text = (char *)(m->items + n);
    for (size_t i = 0; i < n; i++) {
        size_t key = strlen(items[i].key) + 1, value = strlen(items[i].value) + 1;
        m->items[i].key = memcpy(text, items[i].key, key);
        m->items[i].value = memcpy(text + key, items[i].value, value);
        text += key + value;
    }
    return m;
}

struct tt_metadata *tt_metadata_with(const struct tt_metadata *base, const char *key,
                                     const char *value)
{
    size_t n = base ? base->n : 0, at = 0;
    struct tt_tag *items = tt_xreallocarray(NULL, n + 1, sizeof *items);
    for (size_t i = 0; i < n; i++)
        items[i] = base->items[i];
    while (at < n && strcmp(items[at].key, key) < 0)
        at++;
    bool known = at < n && strcmp(items[at].key, key) == 0;
    if (known && !value) {
        memmove(items + at, items + at + 1, (--n - at) * sizeof *items);
    } else if (value) {
        if (!known)
            memmove(items + at + 1, items + at, (n++ - at) * sizeof *items);
        items[at] = (struct tt_tag){key, value};
    }
    struct tt_metadata *m = n ? metadata_new(items, n) : NULL;
    tt_free(items);
    return m;
}

void tt_metadata_hold(struct tt_metadata *m)
{
    if (m)
        atomic_fetch_add_explicit(&m->holders, 1, memory_order_relaxed);
}

void tt_metadata_drop(struct tt_metadata *m)
{
    if (m && atomic_fetch_sub_explicit(&m->holders, 1, memory_order_acq_rel) == 1)
        tt_free(m);
}
