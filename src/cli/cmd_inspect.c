/* SPDX-License-Identifier: MIT */
/* `ttload inspect SCRIPT.lua [options]`: what a run with these options would do, as JSON. */
#include "base/exitcode.h"
#include "base/json.h"
#include "cli/command.h"
#include "run/run.h"
#include <stdio.h>
#include <string.h>

extern char **environ;

static const char requirements_flag[] = "--execution-requirements";

/* Takes our own flag out of the words. */
static bool take_flag(int *argc, char **argv)
{
    int n = 0, before = *argc;
    bool literal = false;
    for (int i = 0; i < before; i++) {
        literal |= strcmp(argv[i], "--") == 0;
        if (literal || strcmp(argv[i], requirements_flag) != 0)
            argv[n++] = argv[i];
    }
    *argc = n;
    return n < before;
}

static int run(int argc, char **argv, struct tt_err *err)
{
    bool requirements = take_flag(&argc, argv);
    struct tt_buf text;
    struct tt_run *r = tt_run_prepare(argc - 1, argv + 1, environ,
                                      requirements ? TT_RUN_MEASURE : TT_RUN_SHOW, err);
    if (!r)
        return -1;
    cJSON *out = requirements ? tt_run_requirements(r) : tt_plan_json(tt_run_plan(r));
    tt_run_free(r);
    tt_buf_init(&text, 1 << 30);
    tt_json_write(&text, out, true);
    cJSON_Delete(out);
    puts(text.data);
    tt_buf_fini(&text);
    return 0;
}

static void help(void)
{
    printf(
        "\nPrints the resolved plan as JSON: the options as they are after defaults, config file,"
        " script,\nenvironment and flags, and the scenarios with all their fields. The output is"
        " a valid config file.\n\n  %s  instead: duration, VUs over time, expected iterations,"
        " memory\n\nThe other options are those of `ttload run`.\n",
        requirements_flag);
}

extern const struct tt_command tt_command_inspect;
const struct tt_command tt_command_inspect = {
    .name = "inspect",
    .usage = "inspect SCRIPT.lua [--execution-requirements] [options]",
    .summary = "print what a run would do, as JSON",
    .run = run,
    .help = help,
};
