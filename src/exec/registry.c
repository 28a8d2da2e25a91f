/* SPDX-License-Identifier: MIT */
/* The registered executors; the build writes the list. Immutable. */
#include "exec/exec.h"
#include <string.h>

#define TT_ENTRY(symbol) extern const struct tt_exec_class symbol;
#include "executors.inc"
#undef TT_ENTRY

const struct tt_exec_class *const tt_exec_classes[] = {
#define TT_ENTRY(symbol) &symbol,
#include "executors.inc"
#undef TT_ENTRY
    NULL,
};

const struct tt_exec_class *tt_exec_find(const char *name)
{
    for (size_t i = 0; tt_exec_classes[i]; i++)
        if (strcmp(tt_exec_classes[i]->name, name) == 0)
            return tt_exec_classes[i];
    return NULL;
}
