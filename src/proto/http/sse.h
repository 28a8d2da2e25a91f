/* SPDX-License-Identifier: MIT */
/* Server-sent events: a text/event-stream read as it arrives (HTML Living Standard, 9.2.6). Pure.
 */
#pragma once
#include "base/buf.h"
#include <stdint.h>

enum { TT_SSE_EVENT_MAX = 16 * 1024 * 1024 };

struct tt_sse {
    struct tt_buf line, data, type;
    struct tt_buf id; /* the last that was sent; survives tt_sse_begin, for Last-Event-ID */
    uint64_t retry_ms;
    bool has_retry;
    bool after_cr, first_line, ready;
};

void tt_sse_init(struct tt_sse *s);
void tt_sse_fini(struct tt_sse *s);
void tt_sse_begin(struct tt_sse *s); /* another connection */
/* Reads up to the end of the next event: *used bytes of p. True when there is one: type ("" means
 * "message"), data and id are it until the next call. False: all are used, or *why is not NULL. */
bool tt_sse_next(struct tt_sse *s, const char *p, size_t n, size_t *used, const char **why);
