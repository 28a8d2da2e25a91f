/* SPDX-License-Identifier: MIT */
/* Growing byte buffer with a mandatory maximum. Embedded by its owner; one thread at a time.
 * data is NUL-terminated after every append (the NUL is not counted in len). */
#pragma once
#include "base/err.h"

struct tt_buf {
    char *data; /* NULL until the first append */
    size_t len;
    size_t cap;
    size_t max; /* appends beyond this fail and leave the buffer as it was */
};

void tt_buf_init(struct tt_buf *b, size_t max);
void tt_buf_fini(struct tt_buf *b);
void tt_buf_clear(struct tt_buf *b);                 /* len 0, memory kept */
bool tt_buf_reserve(struct tt_buf *b, size_t extra); /* room for extra more bytes */
bool tt_buf_append(struct tt_buf *b, const void *p, size_t n);
bool tt_buf_puts(struct tt_buf *b, const char *s);
bool tt_buf_putc(struct tt_buf *b, char c);
bool tt_buf_printf(struct tt_buf *b, const char *fmt, ...) TT_PRINTF(2, 3);
void tt_buf_consume(struct tt_buf *b, size_t n); /* drops the first n bytes */
char *tt_buf_take(
    struct tt_buf *b); /* the string, now the caller's (tt_free); never NULL; b is empty */
