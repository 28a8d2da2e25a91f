/* SPDX-License-Identifier: MIT */
/* Execution segments. */
#include "base/memory.h"
#include "plan/segment.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tt_segment s;
    struct tt_err err = {0};
    char *text = tt_xmalloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    if (tt_segment_parse(text, &s, &err) && (s.from.den <= 0 || s.to.den <= 0))
        __builtin_trap();
    tt_free(text);
    return 0;
}
