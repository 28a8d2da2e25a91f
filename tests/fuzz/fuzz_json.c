/* SPDX-License-Identifier: MIT */
/* What is read as JSON is written as JSON that reads the same. */
#include "base/json.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tt_err err = {0};
    struct tt_buf text;
    cJSON *v = tt_json_read((const char *)data, size, 1, &err);
    if (!v)
        return 0;
    tt_buf_init(&text, 64 << 20);
    if (tt_json_write(&text, v, false)) {
        cJSON *again = tt_json_read(text.data, text.len, 1, &err);
        if (!again)
            __builtin_trap();
        cJSON_Delete(again);
    }
    cJSON_Delete(v);
    tt_buf_fini(&text);
    return 0;
}
