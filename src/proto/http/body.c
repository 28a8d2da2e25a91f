/* SPDX-License-Identifier: MIT */
/* The way of a body. A compressed one is guarded twice: by the limit on what is kept, and by the
 * ratio of what it becomes to what came, because a stream or a discarded body has no limit. */
#include "proto/http/body.h"
#include "base/str.h"
#include "proto/http/decode.h"
#include "proto/http/headers.h"
#include <inttypes.h>
#include <stdio.h>

/* Small bodies of zeros have any ratio and hurt nobody. */
#define RATIO_FROM_BYTES (UINT64_C(4) << 20)

void tt_http_body_reset(struct tt_http_exchange *x)
{
    tt_buf_clear(&x->body);
    tt_http_decoder_free(x->decoder);
    x->decoder = NULL;
    x->body_begun = false;
    x->wire_bytes = x->decoded_bytes = 0;
}

static void begin(struct tt_http_exchange *x)
{
    struct tt_http_header h;
    size_t at = 0;
    x->body_begun = true;
    while (!x->decoder && tt_http_headers_next(x->head.data, x->head.len, &at, &h))
        if (h.name.n == 16 && tt_strnieq(h.name.p, "Content-Encoding", 16))
            x->decoder = tt_http_decoder_new(h.value);
}

static bool too_large(struct tt_http_exchange *x)
{
    char text[160];
    snprintf(text, sizeof text,
             "response body over %" PRIu64 " bytes (option max_response_body_size)", x->max_body);
    tt_http_error_set(&x->error, TT_HTTP_E_TOO_LARGE, text);
    return false;
}

/* Bytes of the body as the script will see them. */
static bool take(void *arg, const char *p, size_t n)
{
    struct tt_http_exchange *x = arg;
    x->decoded_bytes += n;
    if (x->decoder && x->max_ratio && x->decoded_bytes > RATIO_FROM_BYTES &&
        x->decoded_bytes / x->max_ratio > x->wire_bytes) {
        char text[160];
        snprintf(text, sizeof text,
                 "decompression: the body grows more than %" PRIu64
                 " times (option max_decompression_ratio)",
                 x->max_ratio);
        tt_http_error_set(&x->error, TT_HTTP_E_DECODE, text);
        return false;
    }
    if (x->max_body && x->keep == TT_HTTP_KEEP_BODY && x->decoded_bytes > x->max_body)
        return too_large(x);
    if (tt_buf_append(&x->body, p, n))
        return true;
    tt_http_error_set(&x->error, TT_HTTP_E_TOO_LARGE, "response body too large");
    return false;
}

bool tt_http_body_put(struct tt_http_exchange *x, const char *p, size_t n)
{
    x->wire_bytes += n;
    if (x->keep == TT_HTTP_DISCARD_BODY)
        return true;
    if (!x->body_begun)
        begin(x);
    const char *why = NULL;
    bool ok = x->decoder ? tt_http_decoder_put(x->decoder, p, n, take, x, &why) : take(x, p, n);
    if (why) {
        char text[96];
        snprintf(text, sizeof text, "decompression: %s", why);
        tt_http_error_set(&x->error, TT_HTTP_E_DECODE, text);
    }
    if (ok && x->keep == TT_HTTP_STREAM_BODY && x->body.len)
        x->arrived(x);
    return ok;
}

bool tt_http_body_end(struct tt_http_exchange *x)
{
    if (!x->decoder || tt_http_decoder_complete(x->decoder))
        return true;
    tt_http_error_set(&x->error, TT_HTTP_E_DECODE, "decompression: unexpected EOF");
    return false;
}

bool tt_http_body_full(const struct tt_http_exchange *x)
{
    return x->keep == TT_HTTP_STREAM_BODY && x->body.len >= TT_HTTP_STREAM_WINDOW;
}
