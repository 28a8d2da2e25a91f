/* SPDX-License-Identifier: MIT */
/* The registered Lua modules; the build writes the list. Immutable. */
#include "vu/module.h"
#include <stddef.h>

#define TT_ENTRY(symbol) extern const struct tt_module symbol;
#include "modules.inc"
#undef TT_ENTRY

const struct tt_module *const tt_modules[] = {
#define TT_ENTRY(symbol) &symbol,
#include "modules.inc"
#undef TT_ENTRY
    NULL,
};
