/* SPDX-License-Identifier: MIT */
/* Messages of tunnel agents, and their tokens. */
#include "base/memory.h"
#include "target/tunnel/message.h"
#include "target/tunnel/token.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tt__message m;
    tt__message_read(&m, (const char *)data, size);
    tt__message_fini(&m);
    char *text = tt_xmalloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    tt__token_valid(text, "secret", 1e9);
    tt_free(text);
    return 0;
}
