/* SPDX-License-Identifier: MIT */
/* Interned tag sets; see tags.h. One allocation a set: header, tags, text, and the bitmap of the
 * sub-metrics that its samples belong to. Worker thread. */
#include "base/memory.h"
#include "base/str.h"
#include "metric/metric_int.h"
#include <string.h>

enum { TAGS_MAX = 64, TEMPORARIES = 64, SYSTEM_MAX = 16 };

struct tt_tagpool {
    const struct tt_registry *registry;
    struct tt_tags **table; /* open hashing by chain */
    size_t n_buckets, count, capacity, overflow;
    size_t words; /* of a match bitmap */
    struct tt_tags *temporary[TEMPORARIES];
    size_t next_temporary;
    const struct tt_tags *empty;
    tt_system_tag_set chosen;
};

struct tt_tagpool *tt_tagpool_new(const struct tt_registry *r, size_t capacity)
{
    struct tt_tagpool *p = tt_xcalloc(1, sizeof *p);
    TT_ASSERT(tt_registry_frozen(r));
    p->registry = r;
    p->capacity = capacity;
    p->chosen = tt_system_tags_default;
    p->n_buckets = 64;
    p->table = tt_xcalloc(p->n_buckets, sizeof *p->table);
    p->words = (tt_registry_sub_count(r) + 63) / 64;
    p->empty = tt_tags_with(p, NULL, NULL, 0);
    return p;
}

static void drop(struct tt_tags *t)
{
    if (t && atomic_fetch_sub_explicit(&t->holders, 1, memory_order_acq_rel) == 1)
        tt_free(t);
}

void tt_tagpool_choose(struct tt_tagpool *p, tt_system_tag_set chosen)
{
    p->chosen = chosen;
}

tt_system_tag_set tt_tagpool_chosen(const struct tt_tagpool *p)
{
    return p->chosen;
}

void tt_tagpool_free(struct tt_tagpool *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_buckets; i++)
        for (struct tt_tags *t = p->table[i], *next; t; t = next) {
            next = t->next;
            tt_free(t);
        }
    for (size_t i = 0; i < TEMPORARIES; i++)
        drop(p->temporary[i]);
    tt_free(p->table);
    tt_free(p);
}

size_t tt_tagpool_overflow(const struct tt_tagpool *p)
{
    return p->overflow;
}

const struct tt_tags *tt_tags_empty(struct tt_tagpool *p)
{
    return p->empty;
}

/* base and tags merged, sorted by key. Returns the number. */
static size_t merge(const struct tt_tags *base, const struct tt_tag *tags, size_t n,
                    struct tt_tag *out)
{
    size_t len = base ? base->n : 0;
    if (len)
        memcpy(out, base->tags, len * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        int order = 1;
        while (at < len && (order = strcmp(out[at].key, tags[i].key)) < 0)
            at++;
        bool same = at < len && order == 0;
        if (same && !tags[i].value) {
            memmove(out + at, out + at + 1, (--len - at) * sizeof *out);
        } else if (same) {
            out[at].value = tags[i].value;
        } else if (tags[i].value && len < TAGS_MAX) {
            memmove(out + at + 1, out + at, (len++ - at) * sizeof *out);
            out[at] = tags[i];
        }
    }
    return len;
}

static bool same_tags(const struct tt_tags *t, const struct tt_tag *tags, size_t n)
{
    if (t->n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(t->tags[i].key, tags[i].key) != 0 ||
            strcmp(t->tags[i].value, tags[i].value) != 0)
            return false;
    return true;
}

static struct tt_tags *make(struct tt_tagpool *p, const struct tt_tag *tags, size_t n,
                            uint64_t hash)
{
    size_t text = 0;
    for (size_t i = 0; i < n; i++)
        text += strlen(tags[i].key) + strlen(tags[i].value) + 2;
    struct tt_tags *t =
        tt_xcalloc(1, sizeof *t + p->words * sizeof(uint64_t) + n * sizeof *tags + text);
    t->hash = hash;
    t->n = n;
    struct tt_tag *own = (struct tt_tag *)(void *)(t->match + p->words);
    char *s = (char *)(own + n);
    for (size_t i = 0; i < n; i++) {
        size_t key = strlen(tags[i].key) + 1, value = strlen(tags[i].value) + 1;
        own[i].key = memcpy(s, tags[i].key, key);
        own[i].value = memcpy(s + key, tags[i].value, value);
        s += key + value;
    }
    t->tags = own;
    for (size_t i = 0; i < tt_registry_sub_count(p->registry); i++) {
        const struct tt_submetric *sub = tt_registry_sub(p->registry, i);
        bool all = true;
        for (size_t k = 0; k < sub->n_tags && all; k++)
            all = tt_streq(tt_tags_get(t, sub->tags[k].key), sub->tags[k].value);
        if (all)
            t->match[i / 64] |= UINT64_C(1) << i % 64;
    }
    return t;
}

static void grow(struct tt_tagpool *p)
{
    size_t n = p->n_buckets * 2;
    struct tt_tags **table = tt_xcalloc(n, sizeof *table);
    for (size_t i = 0; i < p->n_buckets; i++)
        for (struct tt_tags *t = p->table[i], *next; t; t = next) {
            next = t->next;
            t->next = table[t->hash & (n - 1)];
            table[t->hash & (n - 1)] = t;
        }
    tt_free(p->table);
    p->table = table;
    p->n_buckets = n;
}

const struct tt_tags *tt_tags_with(struct tt_tagpool *p, const struct tt_tags *base,
                                   const struct tt_tag *tags, size_t n)
{
    struct tt_tag all[TAGS_MAX];
    size_t len = merge(base, tags, n, all);
    uint64_t hash = len;
    for (size_t i = 0; i < len; i++) {
        hash = tt_hash_bytes(all[i].key, strlen(all[i].key), hash);
        hash = tt_hash_bytes(all[i].value, strlen(all[i].value), hash);
    }
    for (struct tt_tags *t = p->table[hash & (p->n_buckets - 1)]; t; t = t->next)
        if (t->hash == hash && same_tags(t, all, len))
            return t;
    struct tt_tags *t = make(p, all, len, hash);
    if (p->count < p->capacity) {
        if (p->count++ >= p->n_buckets)
            grow(p);
        t->next = p->table[hash & (p->n_buckets - 1)];
        p->table[hash & (p->n_buckets - 1)] = t;
        return t;
    }
    p->overflow++;
    struct tt_tags **place = &p->temporary[p->next_temporary++ % TEMPORARIES];
    drop(*place);
    t->temporary = true;
    atomic_init(&t->holders, 1);
    return *place = t;
}

const struct tt_tags *tt_tags_system(struct tt_tagpool *p, const struct tt_tags *base,
                                     const struct tt_tag *tags, size_t n)
{
    struct tt_tag chosen[SYSTEM_MAX];
    size_t len = 0;
    TT_ASSERT(n <= SYSTEM_MAX);
    for (size_t i = 0; i < n; i++) {
        int id = tt_system_tag_find(tags[i].key, NULL);
        TT_ASSERT(id >= 0);
        if (tt_system_tags_has(p->chosen, (enum tt_system_tag)id))
            chosen[len++] = tags[i];
    }
    return tt_tags_with(p, base, chosen, len);
}

const char *tt_tags_get(const struct tt_tags *t, const char *key)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->tags[i].key, key) == 0)
            return t->tags[i].value;
    return NULL;
}

size_t tt_tags_count(const struct tt_tags *t)
{
    return t->n;
}

struct tt_tag tt_tags_at(const struct tt_tags *t, size_t i)
{
    return t->tags[i];
}

/* The count is the one thing about a set that changes. */
static struct tt_tags *counted(const struct tt_tags *t)
{
    return (struct tt_tags *)(uintptr_t)t;
}

void tt_tags_keep(const struct tt_tags *t)
{
    if (t->temporary)
        atomic_fetch_add_explicit(&counted(t)->holders, 1, memory_order_relaxed);
}

void tt_tags_drop(const struct tt_tags *t)
{
    if (t->temporary)
        drop(counted(t));
}

void tt_tags_hold(const struct tt_tags **place, const struct tt_tags *t)
{
    const struct tt_tags *before = *place;
    if (t)
        tt_tags_keep(t);
    *place = t;
    if (before)
        tt_tags_drop(before);
}
