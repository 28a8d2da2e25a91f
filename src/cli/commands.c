/* SPDX-License-Identifier: MIT */
/* The registered subcommands; the build writes the list. Immutable. */
#include "cli/command.h"

#define TT_ENTRY(symbol) extern const struct tt_command symbol;
#include "commands.inc"
#undef TT_ENTRY

const struct tt_command *const tt_commands[] = {
#define TT_ENTRY(symbol) &symbol,
#include "commands.inc"
#undef TT_ENTRY
    NULL,
};
