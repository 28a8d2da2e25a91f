/* SPDX-License-Identifier: MIT */
/* Threshold expressions. */
#include "base/memory.h"
#include "metric/threshold.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tt_err err = {0};
    struct tt_threshold th;
    char *text = tt_xmalloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    if (tt_threshold_parse(text, &th, &err))
        tt_threshold_compare(&th, 1);
    tt_free(text);
    return 0;
}
