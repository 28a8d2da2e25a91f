/* SPDX-License-Identifier: MIT */
/* The program: finds the subcommand, prints its error, ends with its exit code. Main thread. */
#include "base/exitcode.h"
#include "base/memory.h"
#include "base/str.h"
#include "cli/command.h"
#include "plan/options.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { COMMANDS_MAX = 32 };

static const struct tt_command *find(const char *name)
{
    for (size_t i = 0; tt_commands[i]; i++)
        if (strcmp(tt_commands[i]->name, name) == 0)
            return tt_commands[i];
    return NULL;
}

static void usage(FILE *out)
{
    fputs("ttload " TT_VERSION ": a load tester whose scenarios are Lua files\n\nUsage:\n", out);
    for (size_t i = 0; tt_commands[i]; i++)
        fprintf(out, "  ttload %-34s %s\n", tt_commands[i]->usage, tt_commands[i]->summary);
    fputs("  ttload help [COMMAND or 'options']         explain a command, or list all options\n"
          "  ttload version                             print the version\n\n"
          "Start: ttload run script.lua\n",
          out);
}

static bool unknown(const char *name, struct tt_err *err)
{
    const char *names[COMMANDS_MAX + 2] = {"help", "version"};
    size_t n = 2;
    for (size_t i = 0; tt_commands[i] && n < COMMANDS_MAX; i++)
        names[n++] = tt_commands[i]->name;
    const char *near = tt_suggest(name, names, n);
    if (near)
        return tt_err_set(err, TT_EXIT_OTHER, "unknown command '%s' (did you mean '%s'?)", name,
                          near);
    if (tt_ends_with(name, ".lua"))
        return tt_err_set(err, TT_EXIT_OTHER,
                          "unknown command '%s' (to run a script: ttload run %s)", name, name);
    return tt_err_set(err, TT_EXIT_OTHER, "unknown command '%s' (see: ttload help)", name);
}

static int help(int argc, char **argv, struct tt_err *err)
{
    if (argc < 2) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "options") == 0) {
        tt_options_markdown(stdout);
        return 0;
    }
    const struct tt_command *c = find(argv[1]);
    if (!c) {
        unknown(argv[1], err);
        return -1;
    }
    printf("Usage: ttload %s\n\n%s\n", c->usage, c->summary);
    if (c->help)
        c->help();
    return 0;
}

static bool is_any(const char *s, const char *a, const char *b, const char *c)
{
    return strcmp(s, a) == 0 || strcmp(s, b) == 0 || strcmp(s, c) == 0;
}

static int dispatch(int argc, char **argv, struct tt_err *err)
{
    if (argc < 2) {
        usage(stderr);
        return TT_EXIT_OTHER;
    }
    if (is_any(argv[1], "help", "--help", "-h"))
        return help(argc - 1, argv + 1, err);
    if (is_any(argv[1], "version", "--version", "-V")) {
        puts("ttload " TT_VERSION);
        return 0;
    }
    const struct tt_command *c = find(argv[1]);
    if (!c) {
        unknown(argv[1], err);
        return -1;
    }
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (is_any(argv[i], "--help", "-h", "--help")) {
            char *words[] = {argv[0], argv[1]};
            return help(2, words, err);
        }
    return c->run(argc - 1, argv + 1, err);
}

static void on_abort(int number)
{
    static const char text[] = "ttload: internal error: please report it with what was run\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)number;
    (void)ignored;
    _exit(TT_EXIT_INTERNAL);
}

/* A broken invariant ends with an exit code of its own, unless a core file is wanted. */
static void handle_aborts(void)
{
    const struct sigaction act = {.sa_handler = on_abort};
    struct rlimit core;
    if (getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0)
        sigaction(SIGABRT, &act, NULL);
}

int main(int argc, char **argv)
{
    struct tt_err err = {.exit_code = TT_EXIT_OTHER};
    tt_memory_init();
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    handle_aborts();
    /* libuv's, of which look-ups of names may hold half; with its 4, two slow names stop all
     * others. */
    setenv("UV_THREADPOOL_SIZE", "16", 0);
    int rc = dispatch(argc, argv, &err);
    if (err.text[0])
        fprintf(stderr, "ttload: %s\n", err.text);
    fflush(stdout);
    return rc < 0 ? err.exit_code : rc;
}
