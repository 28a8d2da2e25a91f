/* SPDX-License-Identifier: MIT */
/* The only callers of malloc and free. Any thread. */
#include "base/memory.h"
#include "base/err.h"
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void exhausted(size_t n)
{
    fprintf(stderr, "ttload: out of memory (%zu bytes asked for)\n", n);
    abort();
}

void *tt_xmalloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        exhausted(n);
    return p;
}

void *tt_xcalloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p)
        exhausted(count * size);
    return p;
}

void *tt_xrealloc(void *p, size_t n)
{
    void *q = realloc(p, n ? n : 1);
    if (!q)
        exhausted(n);
    return q;
}

void *tt_xreallocarray(void *p, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        exhausted(SIZE_MAX);
    return tt_xrealloc(p, n);
}

char *tt_xstrndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *p = tt_xmalloc(len + 1);
    memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *tt_xstrdup(const char *s)
{
    return s ? tt_xstrndup(s, strlen(s)) : NULL;
}

void *tt_xmemdup(const void *p, size_t n)
{
    void *q = tt_xmalloc(n);
    if (n)
        memcpy(q, p, n);
    return q;
}

void tt_free(void *p)
{
    free(p);
}

/* The garbage of scripts comes and goes by the megabyte: with glibc's 128 KB of unused memory at
 * the heap's top, it is given back and faulted in again all the time. The other one only keeps what
 * glibc would find out by itself, which setting the first ends. */
void tt_memory_init(void)
{
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
}

void tt_memory_give_back(void)
{
    malloc_trim(0);
}

/* --- arena ---------------------------------------------------------------------------------------
 */

enum { BLOCK_BYTES = 4096, ALIGN = 16 };

struct tt_arena_block {
    struct tt_arena_block *next;
    size_t used, size;
    _Alignas(ALIGN) char data[];
};

void tt_arena_init(struct tt_arena *a)
{
    a->head = NULL;
}

void tt_arena_fini(struct tt_arena *a)
{
    while (a->head) {
        struct tt_arena_block *next = a->head->next;
        free(a->head);
        a->head = next;
    }
}

void *tt_arena_alloc(struct tt_arena *a, size_t n)
{
    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    struct tt_arena_block *b = a->head;
    if (!b || b->size - b->used < n) {
        size_t size = n > BLOCK_BYTES ? n : BLOCK_BYTES;
        b = tt_xcalloc(1, sizeof *b + size);
        b->size = size;
        b->next = a->head;
        a->head = b;
    }
    void *p = b->data + b->used;
    b->used += n;
    return p;
}

char *tt_arena_strndup(struct tt_arena *a, const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *p = tt_arena_alloc(a, len + 1);
    memcpy(p, s, len);
    return p;
}

char *tt_arena_strdup(struct tt_arena *a, const char *s)
{
    return s ? tt_arena_strndup(a, s, strlen(s)) : NULL;
}
