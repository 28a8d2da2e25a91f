/* SPDX-License-Identifier: MIT */
/* Durations: what is read is written as the same time. */
#include "base/memory.h"
#include "base/units.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tt_err err = {0};
    char buf[48];
    uint64_t ns, again;
    char *text = tt_xmalloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    if (tt_parse_duration(text, &ns, &err)) {
        tt_format_duration(buf, sizeof buf, ns);
        if (!tt_parse_duration(buf, &again, &err) || again != ns)
            __builtin_trap();
    }
    tt_parse_size(text, &ns, &err);
    tt_free(text);
    return 0;
}
