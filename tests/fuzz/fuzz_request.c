/* SPDX-License-Identifier: MIT */
/* Requests as the embedded servers read them, and chunked bodies. */
#include "serve/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tt_http_request r = {0};
    struct tt_chunked c = {0};
    struct tt_buf body;
    size_t used;
    int status;
    bool too_large = false;
    char value[64];
    if (tt_http_request_parse(&r, (const char *)data, size, &used, &status) == TT_PARSE_DONE) {
        if (used > size)
            __builtin_trap();
        tt_http_request_header(&r, "host");
        tt_query_get(r.query, "a", value, sizeof value);
    }
    tt_http_request_fini(&r);
    tt_buf_init(&body, 4096);
    tt_chunked_take(&c, (const char *)data, size, &body, &used, &too_large);
    tt_buf_clear(&body);
    tt_url_decode(&body, (const char *)data, size, true);
    tt_buf_fini(&body);
    return 0;
}
