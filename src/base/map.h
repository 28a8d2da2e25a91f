/* SPDX-License-Identifier: MIT */
/* Hash map from text to pointer (uthash inside), kept in order of insertion. Owns its keys, never
 * its values. One thread at a time. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct tt_map_entry;
struct tt_map {
    struct tt_map_entry *head;
};

void tt_map_init(struct tt_map *m);
/* free_value may be NULL. */
void tt_map_fini(struct tt_map *m, void (*free_value)(void *));
void *tt_map_get(const struct tt_map *m, const char *key); /* NULL when absent */
void *tt_map_getn(const struct tt_map *m, const char *key, size_t n);
void *tt_map_put(struct tt_map *m, const char *key,
                 void *value);                          /* returns the value it replaced, or NULL */
void *tt_map_remove(struct tt_map *m, const char *key); /* returns the value, or NULL */
size_t tt_map_count(const struct tt_map *m);

/* for (struct tt_map_iter it = tt_map_first(m); tt_map_next(&it);) use it.key, it.value. No changes
 * to the map meanwhile. */
struct tt_map_iter {
    const struct tt_map_entry *at;
    const char *key;
    void *value;
};
struct tt_map_iter tt_map_first(const struct tt_map *m);
bool tt_map_next(struct tt_map_iter *it);
