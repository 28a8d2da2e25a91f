/* SPDX-License-Identifier: MIT */
/* Text -> pointer maps on uthash. */
#include "base/map.h"
#include "base/memory.h"
#include <string.h>

#define uthash_malloc(n)  tt_xmalloc(n)
#define uthash_free(p, n) tt_free(p)
#define HASH_NONFATAL_OOM 0
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion" /* uthash's own arithmetic */
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <uthash.h>

struct tt_map_entry {
    UT_hash_handle hh;
    void *value;
    char key[];
};

void tt_map_init(struct tt_map *m)
{
    m->head = NULL;
}

void tt_map_fini(struct tt_map *m, void (*free_value)(void *))
{
    struct tt_map_entry *e, *next;
    HASH_ITER(hh, m->head, e, next)
    {
        HASH_DEL(m->head, e);
        if (free_value)
            free_value(e->value);
        tt_free(e);
    }
}

static struct tt_map_entry *find(const struct tt_map *m, const char *key, size_t n)
{
    struct tt_map_entry *e;
    HASH_FIND(hh, m->head, key, n, e);
    return e;
}

void *tt_map_getn(const struct tt_map *m, const char *key, size_t n)
{
    struct tt_map_entry *e = find(m, key, n);
    return e ? e->value : NULL;
}

void *tt_map_get(const struct tt_map *m, const char *key)
{
    return tt_map_getn(m, key, strlen(key));
}

void *tt_map_put(struct tt_map *m, const char *key, void *value)
{
    size_t n = strlen(key);
    struct tt_map_entry *e = find(m, key, n);
    if (e) {
        void *old = e->value;
        e->value = value;
        return old;
    }
    e = tt_xcalloc(1, sizeof *e + n + 1);
    e->value = value;
    memcpy(e->key, key, n + 1);
    HASH_ADD(hh, m->head, key, n, e);
    return NULL;
}

void *tt_map_remove(struct tt_map *m, const char *key)
{
    struct tt_map_entry *e = find(m, key, strlen(key));
    if (!e)
        return NULL;
    void *value = e->value;
    HASH_DEL(m->head, e);
    tt_free(e);
    return value;
}

size_t tt_map_count(const struct tt_map *m)
{
    return HASH_COUNT(m->head);
}
#pragma GCC diagnostic pop

struct tt_map_iter tt_map_first(const struct tt_map *m)
{
    return (struct tt_map_iter){.at = m->head};
}

bool tt_map_next(struct tt_map_iter *it)
{
    if (!it->at)
        return false;
    it->key = it->at->key;
    it->value = it->at->value;
    it->at = it->at->hh.next;
    return true;
}
