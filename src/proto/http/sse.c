/* SPDX-License-Identifier: MIT */
/* Lines end with LF, CR or CRLF; an empty one ends the event. */
#include "proto/http/sse.h"
#include <string.h>

void tt_sse_init(struct tt_sse *s)
{
    *s = (struct tt_sse){.first_line = true};
    tt_buf_init(&s->line, TT_SSE_EVENT_MAX);
    tt_buf_init(&s->data, TT_SSE_EVENT_MAX);
    tt_buf_init(&s->type, TT_SSE_EVENT_MAX);
    tt_buf_init(&s->id, TT_SSE_EVENT_MAX);
}

void tt_sse_fini(struct tt_sse *s)
{
    tt_buf_fini(&s->line);
    tt_buf_fini(&s->data);
    tt_buf_fini(&s->type);
    tt_buf_fini(&s->id);
}

void tt_sse_begin(struct tt_sse *s)
{
    tt_buf_clear(&s->line);
    tt_buf_clear(&s->data);
    tt_buf_clear(&s->type);
    s->after_cr = s->ready = false;
    s->first_line = true;
}

static bool is(const char *p, size_t n, const char *name)
{
    return n == strlen(name) && memcmp(p, name, n) == 0;
}

static void set(struct tt_buf *b, const char *p, size_t n)
{
    tt_buf_clear(b);
    tt_buf_append(b, p, n);
}

static void read_retry(struct tt_sse *s, const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9' || v > UINT32_MAX)
            return;
        v = v * 10 + (uint64_t)(p[i] - '0');
    }
    s->retry_ms = v;
    s->has_retry = n != 0 || s->has_retry;
}

/* "name: value", ": comment", "name". False when the event grows too large. */
static bool read_field(struct tt_sse *s, const char *p, size_t n)
{
    const char *colon = memchr(p, ':', n);
    size_t name = colon ? (size_t)(colon - p) : n;
    const char *value = p + name, *end = p + n;
    if (colon)
        value++;
    if (value < end && *value == ' ')
        value++;
    size_t len = (size_t)(end - value);
    if (is(p, name, "data"))
        return tt_buf_append(&s->data, value, len) && tt_buf_putc(&s->data, '\n');
    if (is(p, name, "event"))
        set(&s->type, value, len);
    else if (is(p, name, "id") && !memchr(value, '\0', len))
        set(&s->id, value, len);
    else if (is(p, name, "retry"))
        read_retry(s, value, len);
    return true;
}

/* The line is complete. */
static bool end_line(struct tt_sse *s)
{
    const char *p = s->line.data ? s->line.data : "";
    size_t n = s->line.len;
    if (s->first_line && n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
        n -= 3;
    }
    s->first_line = false;
    bool ok = true;
    if (n) {
        ok = read_field(s, p, n);
    } else if (s->data.len) {
        s->data.data[--s->data.len] = '\0'; /* the last line's end */
        s->ready = true;
    } else {
        tt_buf_clear(&s->type); /* an event without data is none */
    }
    tt_buf_clear(&s->line);
    return ok;
}

bool tt_sse_next(struct tt_sse *s, const char *p, size_t n, size_t *used, const char **why)
{
    size_t at = 0;
    bool ok = true;
    *why = NULL;
    if (s->ready) {
        tt_buf_clear(&s->data);
        tt_buf_clear(&s->type);
        s->ready = false;
    }
    while (ok && at < n && !s->ready) {
        if (s->after_cr && p[at] == '\n') {
            s->after_cr = false;
            at++;
            continue;
        }
        s->after_cr = false;
        size_t len = 0;
        while (at + len < n && p[at + len] != '\n' && p[at + len] != '\r')
            len++;
        ok = tt_buf_append(&s->line, p + at, len);
        at += len;
        if (!ok || at == n)
            break;
        s->after_cr = p[at++] == '\r';
        ok = end_line(s);
    }
    *used = at;
    if (!ok)
        *why = "an event is over 16 MiB";
    return ok && s->ready;
}
