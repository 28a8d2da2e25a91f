/* SPDX-License-Identifier: MIT */
/* Allocation that cannot fail (exhaustion aborts with a message) and arenas. Any thread; an arena
 * has one user at a time. */
#pragma once
#include <stddef.h>

void *tt_xmalloc(size_t n);
void *tt_xcalloc(size_t count, size_t size); /* zeroed; aborts on overflow */
void *tt_xrealloc(void *p, size_t n);
void *tt_xreallocarray(void *p, size_t count, size_t size);
char *tt_xstrdup(const char *s); /* NULL gives NULL */
char *tt_xstrndup(const char *s, size_t n);
void *tt_xmemdup(const void *p, size_t n);
void tt_free(void *p); /* NULL is fine */
/* Tells the allocator how this program uses memory; once, before there are threads. */
void tt_memory_init(void);
/* Gives unused pages in the middle of the heap back to the system. Takes milliseconds. */
void tt_memory_give_back(void);

/* Many small things that die together. Pointers stay valid until tt_arena_fini. */
struct tt_arena {
    struct tt_arena_block *head;
};
void tt_arena_init(struct tt_arena *a);
void tt_arena_fini(struct tt_arena *a);
void *tt_arena_alloc(struct tt_arena *a, size_t n); /* zeroed, 16-byte aligned */
char *tt_arena_strdup(struct tt_arena *a, const char *s);
char *tt_arena_strndup(struct tt_arena *a, const char *s, size_t n);
