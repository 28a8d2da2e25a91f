/* SPDX-License-Identifier: MIT */
/* The frame reader: any bytes, cut at any place; a small maximum finds the size checks. */
#include "proto/ws/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tt_ws_reader r;
    size_t cut = size ? data[0] : 0, at = 0;
    tt_ws_reader_init(&r, 4096);
    while (at < size) {
        size_t n = cut && cut < size - at ? cut : size - at, used;
        struct tt_ws_message m = tt_ws_read(&r, (const char *)data + at, n, &used);
        at += used;
        if (m.kind == TT_WS_GOT_ERROR || m.kind == TT_WS_GOT_CLOSE)
            break;
        if (m.kind == TT_WS_GOT_NOTHING && used < n)
            __builtin_trap();
    }
    tt_ws_reader_fini(&r);
    return 0;
}
