/* SPDX-License-Identifier: MIT */
/* Content codings and streams of events: the first byte picks which, the rest comes in two cuts. */
#include "proto/http/body.h"
#include "proto/http/sse.h"
#include <stdint.h>

static void events(const char *p, size_t n)
{
    struct tt_sse s;
    const char *why = NULL;
    size_t used;
    tt_sse_init(&s);
    for (size_t at = 0; at < n && !why; at += used)
        tt_sse_next(&s, p + at, n - at, &used, &why);
    tt_sse_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const codings[] = {"gzip", "deflate", "br", "zstd", "deflate, br"};
    if (size < 2)
        return 0;
    const char *p = (const char *)data + 1;
    size_t n = size - 1, kind = data[0] % 6;
    if (kind == 5) {
        events(p, n);
        return 0;
    }
    struct tt_http_exchange x = {.max_body = 8 << 20, .max_ratio = 250};
    tt_buf_init(&x.head, 256);
    tt_buf_init(&x.body, SIZE_MAX);
    tt_buf_printf(&x.head, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n", codings[kind]);
    if (tt_http_body_put(&x, p, n / 2) && tt_http_body_put(&x, p + n / 2, n - n / 2))
        tt_http_body_end(&x);
    tt_http_body_reset(&x);
    tt_buf_fini(&x.head);
    tt_buf_fini(&x.body);
    return 0;
}
