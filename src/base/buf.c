/* SPDX-License-Identifier: MIT */
/* Growing byte buffers. */
#include "base/buf.h"
#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void tt_buf_init(struct tt_buf *b, size_t max)
{
    *b = (struct tt_buf){.max = max};
}

void tt_buf_fini(struct tt_buf *b)
{
    tt_free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

void tt_buf_clear(struct tt_buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

bool tt_buf_reserve(struct tt_buf *b, size_t extra)
{
    if (extra > b->max || b->len > b->max - extra)
        return false;
    size_t need = b->len + extra + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap += cap / 2 + 16;
    b->data = tt_xrealloc(b->data, cap);
    b->data[b->len] = '\0';
    b->cap = cap;
    return true;
}

bool tt_buf_append(struct tt_buf *b, const void *p, size_t n)
{
    if (!tt_buf_reserve(b, n))
        return false;
    if (n)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
    return true;
}

bool tt_buf_puts(struct tt_buf *b, const char *s)
{
    return tt_buf_append(b, s, strlen(s));
}

bool tt_buf_putc(struct tt_buf *b, char c)
{
    return tt_buf_append(b, &c, 1);
}

bool tt_buf_printf(struct tt_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !tt_buf_reserve(b, (size_t)n))
        return false;
    va_start(ap, fmt);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return true;
}

void tt_buf_consume(struct tt_buf *b, size_t n)
{
    TT_ASSERT(n <= b->len);
    if (!n)
        return;
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

char *tt_buf_take(struct tt_buf *b)
{
    char *s = b->data ? b->data : tt_xstrdup("");
    b->data = NULL;
    b->len = b->cap = 0;
    return s;
}
