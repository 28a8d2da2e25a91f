/* SPDX-License-Identifier: MIT */
/* `ttload run SCRIPT.lua [options]`. */
#include "base/exitcode.h"
#include "cli/command.h"
#include "cli/live.h"
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

static int run(int argc, char **argv, struct tt_err *err)
{
    struct tt_run *r = tt_run_prepare(argc - 1, argv + 1, environ, TT_RUN_GO, err);
    if (!r)
        return -1;
    const struct tt_options *opt = &tt_run_plan(r)->opt;
    bool terminal = isatty(STDERR_FILENO) != 0;
    bool color = terminal && !opt->no_color && !getenv("NO_COLOR");
    struct tt_live *live = opt->quiet ? NULL : tt_live_new(terminal, color);
    struct tt_run_view view = tt_live_view;
    view.arg = live;
    int rc = tt_run_go(r, live ? &view : NULL, err);
    tt_live_free(live);
    tt_run_free(r);
    return rc;
}

static void help(void)
{
    tt_options_help(stdout);
}

extern const struct tt_command tt_command_run;
const struct tt_command tt_command_run = {
    .name = "run",
    .usage = "run SCRIPT.lua [options]",
    .summary = "run the load test that a script describes",
    .run = run,
    .help = help,
};
