/* SPDX-License-Identifier: MIT */
/* A subcommand: one file, one line in this folder's meson.build. Main thread. */
#pragma once
#include "base/err.h"

struct tt_command {
    const char *name;
    const char *usage;   /* after "ttload ": "serve tunnel [--port N] ..." */
    const char *summary; /* one line for `ttload help` */
    /* argv[0] is the subcommand's name. Returns the process's exit code; prints its own output; on
     * failure fills err (the caller prints it and uses err->exit_code when the result is negative).
     */
    int (*run)(int argc, char **argv, struct tt_err *err);
    void (*help)(void); /* `ttload help NAME`: prints the rest after usage; may be NULL */
};
extern const struct tt_command *const tt_commands[]; /* NULL at the end */
