/* SPDX-License-Identifier: MIT */
/* `ttload serve tunnel|http|ws [--port N] [options]`: an embedded server, until SIGINT or SIGTERM.
 * Prints one line with its endpoint, at the end its counters. */
#include "base/exitcode.h"
#include "base/str.h"
#include "cli/command.h"
#include "target/target.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = 64 };

/* "--req-delay-ms" as "req_delay_ms" in out, up to "=" if there is one. */
static bool option_name(const char *arg, char *out, size_t size)
{
    size_t n = strcspn(arg + 2, "=");
    if (n >= size)
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = arg[2 + i] == '-' ? '_' : arg[2 + i];
    out[n] = '\0';
    return true;
}

static bool parse(struct tt_target_settings *s, const struct tt_target_class *class, int argc,
                  char **argv, struct tt_err *err)
{
    for (int i = 0; i < argc; i++) {
        char name[64];
        if (strncmp(argv[i], "--", 2) != 0 || !option_name(argv[i], name, sizeof name))
            return tt_err_set(err, TT_EXIT_OTHER, "'%s' is no option (see: ttload help serve)",
                              argv[i]);
        const struct tt_target_option *o = tt_target_option(class, name);
        const char *value = strchr(argv[i], '=');
        if (value)
            value++;
        else if (o && o->kind == TT_TARGET_BOOL)
            value = "true";
        else if (o && i + 1 < argc)
            value = argv[++i];
        else if (o)
            return tt_err_set(err, TT_EXIT_OTHER, "%s needs a value", argv[i]);
        if (!tt_target_set(s, name, value ? value : "", err)) {
            err->exit_code = TT_EXIT_OTHER;
            return false;
        }
    }
    return true;
}

static void print_counters(const struct tt_target *t)
{
    for (size_t i = 0; i < t->class->n_counters; i++)
        printf("%s%s=%llu", i ? " " : "", t->class->counters[i],
               (unsigned long long)tt_target_counter(t, i));
    putchar('\n');
}

static bool no_class(const char *name, struct tt_err *err)
{
    const char *names[NAMES_MAX];
    size_t n = 0;
    for (; tt_target_classes[n] && n < NAMES_MAX; n++)
        names[n] = tt_target_classes[n]->name;
    const char *near = name ? tt_suggest(name, names, n) : NULL;
    if (near)
        return tt_err_set(err, TT_EXIT_OTHER, "serve: unknown server '%s' (did you mean '%s'?)",
                          name, near);
    return tt_err_set(err, TT_EXIT_OTHER, "serve: %s%s%s, choose tunnel, http or ws",
                      name ? "unknown server '" : "which server", name ? name : "",
                      name ? "'" : "?");
}

static int run(int argc, char **argv, struct tt_err *err)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    const struct tt_target_class *class = name ? tt_target_class_find(name) : NULL;
    sigset_t signals;
    int caught;
    if (!class) {
        no_class(name, err);
        return -1;
    }
    struct tt_target_settings *s = tt_target_settings_new(class);
    if (!parse(s, class, argc - 2, argv + 2, err)) {
        tt_target_settings_free(s);
        return -1;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* the server's thread inherits it */
    struct tt_target *t = tt_target_start(s, err);
    if (!t)
        return -1;
    printf("%s\n", t->endpoint);
    fflush(stdout);
    sigwait(&signals, &caught);
    print_counters(t);
    tt_target_stop(t);
    return TT_EXIT_OK;
}

static void help(void)
{
    for (size_t c = 0; tt_target_classes[c]; c++) {
        const struct tt_target_class *class = tt_target_classes[c];
        const char *names[NAMES_MAX];
        size_t n = tt_target_option_names(class, names, NAMES_MAX);
        printf("\nserve %s: %s\n", class->name, class->summary);
        for (size_t i = 0; i < n; i++) {
            char dashed[64] = "";
            strncat(dashed, names[i], sizeof dashed - 1);
            for (char *p = dashed; (p = strchr(p, '_'));)
                *p = '-';
            printf("  --%-24s %s\n", dashed, tt_target_option(class, names[i])->help);
        }
    }
}

extern const struct tt_command tt_command_serve;
const struct tt_command tt_command_serve = {
    .name = "serve",
    .usage = "serve tunnel|http|ws [--port N] ...",
    .summary = "run an embedded server to test against",
    .run = run,
    .help = help,
};
