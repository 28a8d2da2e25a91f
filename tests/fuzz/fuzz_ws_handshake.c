/* SPDX-License-Identifier: MIT */
/* The reader of a handshake's response. */
#include "proto/ws/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tt_ws_response r;
    size_t at = 0, cut = size ? data[size - 1] : 0;
    enum tt_ws_answer a = TT_WS_MORE;
    const struct tt_ws_deflate deflate = {.on = true};
    const struct tt_ws_offer offer = {"dGhlIHNhbXBsZSBub25jZQ==", "a, b", &deflate};
    tt_ws_response_init(&r);
    while (a == TT_WS_MORE && at < size) {
        size_t n = cut && cut < size - at ? cut : size - at, used;
        a = tt_ws_response_read(&r, (const char *)data + at, n, &offer, &used);
        at += used;
        if (a == TT_WS_MORE && used < n)
            __builtin_trap();
    }
    if (a == TT_WS_MORE)
        tt_ws_response_eof(&r);
    tt_ws_response_fini(&r);
    return 0;
}
