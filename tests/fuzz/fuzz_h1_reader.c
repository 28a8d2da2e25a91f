/* SPDX-License-Identifier: MIT */
/* Responses of HTTP/1. The last byte says how large the pieces are: the outcome must not depend on
 * it. */
#include "proto/http/h1_reader.h"

struct outcome {
    enum tt_h1_event end;
    int status;
    bool reusable;
    uint64_t body_bytes, body_sum;
};

static struct outcome read_by(const char *data, size_t size, size_t step, bool head_request)
{
    struct tt_h1_reader r;
    struct tt_buf head;
    struct outcome o = {0};
    size_t at = 0;
    tt_buf_init(&head, 4096);
    tt_h1_reader_init(&r, &head, head_request);
    o.end = TT_H1_MORE;
    while (o.end == TT_H1_MORE && at < size) {
        size_t n = step < size - at ? step : size - at, used = 0;
        struct tt_slice part;
        do {
            o.end = tt_h1_read(&r, data + at, n, &used, &part);
            for (size_t i = 0; o.end == TT_H1_BODY && i < part.n; i++)
                o.body_sum = o.body_sum * 31 + (unsigned char)part.p[i];
            o.body_bytes += o.end == TT_H1_BODY ? part.n : 0;
        } while (o.end == TT_H1_HEAD || o.end == TT_H1_BODY);
        if (o.end == TT_H1_MORE && used != n)
            __builtin_trap();
        at += used;
    }
    if (o.end == TT_H1_MORE)
        o.end = tt_h1_end(&r);
    o.status = r.status;
    o.reusable = o.end == TT_H1_DONE && r.reusable;
    tt_buf_fini(&head);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    size_t n = size - 1, step = (data[n] >> 1) + 1u;
    bool head_request = data[n] & 1;
    struct outcome whole = read_by((const char *)data, n, n ? n : 1, head_request),
                   pieces = read_by((const char *)data, n, step, head_request);
    if (whole.end != pieces.end || whole.status != pieces.status ||
        whole.reusable != pieces.reusable)
        __builtin_trap();
    if (whole.end == TT_H1_DONE &&
        (whole.body_bytes != pieces.body_bytes || whole.body_sum != pieces.body_sum))
        __builtin_trap();
    return 0;
}
