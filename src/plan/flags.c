/* SPDX-License-Identifier: MIT */
/* Options from the command line, and the texts about them. Main thread. */
#include "base/exitcode.h"
#include "base/str.h"
#include "plan/options_int.h"
#include <stdio.h>
#include <string.h>

struct parse {
    struct tt_options *o;
    struct tt_arena *a;
    bool seen[TT_OPT_COUNT]; /* given on this command line: a repeatable one appends */
    struct tt_err *err;
};

static bool unknown_flag(const char *name, struct tt_err *err)
{
    const char *names[TT_OPT_COUNT];
    size_t n = 0;
    for (int i = 0; i < TT_OPT_COUNT; i++)
        if (tt__options[i].flag[0])
            names[n++] = tt__options[i].flag;
    const char *near = tt_suggest(name, names, n);
    return tt_err_set(err, TT_EXIT_OTHER, "unknown flag --%s%s%s%s; see ttload help run", name,
                      near ? " (did you mean --" : "", near ? near : "", near ? "?)" : "");
}

static int find_flag(const char *name, size_t n)
{
    for (int i = 0; i < TT_OPT_COUNT; i++)
        if (strlen(tt__options[i].flag) == n && n && memcmp(tt__options[i].flag, name, n) == 0)
            return i;
    return -1;
}

static int find_short(char c)
{
    for (int i = 0; i < TT_OPT_COUNT; i++)
        if (c && tt__options[i].short_flag == c)
            return i;
    return -1;
}

static bool give(struct parse *p, int id, const char *value)
{
    const struct tt__option *opt = &tt__options[id];
    if (!tt__option_from_text(p->o, p->a, (enum tt_opt_id)id, value, TT_LAYER_FLAG, p->seen[id],
                              p->err)) {
        p->err->exit_code = TT_EXIT_OTHER;
        return tt_err_wrap(p->err, "--%s", opt->flag);
    }
    p->seen[id] = true;
    return true;
}

static bool needs_value(const char *word, int id, struct tt_err *err)
{
    return tt_err_set(err, TT_EXIT_OTHER, "%s needs a value (%s)", word, tt__options[id].metavar);
}

/* "-u5", "-u 5", "-qv" */
static bool short_flags(struct parse *p, const char *word, const char *next, bool *took_next)
{
    for (const char *s = word + 1; *s; s++) {
        int id = find_short(*s);
        if (id < 0)
            return tt_err_set(p->err, TT_EXIT_OTHER, "unknown flag -%c; see ttload help run", *s);
        if (tt__options[id].type == TT_OPT_BOOL) {
            if (!give(p, id, "true"))
                return false;
            continue;
        }
        *took_next = !s[1];
        if (!s[1] && !next)
            return needs_value(word, id, p->err);
        return give(p, id, s[1] ? s + 1 + (s[1] == '=') : next);
    }
    return true;
}

static bool long_flag(struct parse *p, const char *word, const char *next, bool *took_next)
{
    const char *name = word + 2, *eq = strchr(name, '=');
    int id = find_flag(name, eq ? (size_t)(eq - name) : strlen(name));
    if (id < 0) {
        char bare[64];
        snprintf(bare, sizeof bare, "%.*s", eq ? (int)(eq - name) : (int)strlen(name), name);
        return unknown_flag(bare, p->err);
    }
    if (eq)
        return give(p, id, eq + 1);
    if (tt__options[id].type == TT_OPT_BOOL)
        return give(p, id, "true");
    if (tt__options[id].metavar[0] == '[') /* its value is optional, and after = only */
        return give(p, id, "headers");
    if (!next)
        return needs_value(word, id, p->err);
    *took_next = true;
    return give(p, id, next);
}

bool tt_options_apply_flags(struct tt_options *o, struct tt_arena *a, int argc, char **argv,
                            struct tt_text_list *positional, struct tt_err *err)
{
    struct tt_err one = {0}, all = {0};
    struct parse p = {.o = o, .a = a, .err = &one};
    bool only_positional = false;
    const char **words = tt_arena_alloc(a, ((size_t)argc + 1) * sizeof *words);
    *positional = (struct tt_text_list){words, 0};
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        bool took_next = false;
        if (only_positional || word[0] != '-' || !word[1])
            words[positional->n++] = word;
        else if (strcmp(word, "--") == 0)
            only_positional = true;
        else if (!(word[1] == '-' ? long_flag(&p, word, next, &took_next)
                                  : short_flags(&p, word, next, &took_next)))
            tt_err_join(&all, &one);
        i += took_next;
    }
    return tt_err_none(&all, err);
}

bool tt_option_info(size_t i, struct tt_option_info *out)
{
    if (i >= TT_OPT_COUNT)
        return false;
    const struct tt__option *o = &tt__options[i];
    *out = (struct tt_option_info){o->name, o->flag, o->metavar, o->help, o->short_flag};
    return true;
}

void tt_options_help(FILE *out)
{
    static const char *const groups[][2] = {
        {"execution", "Load"},  {"http", "HTTP"},     {"tls", "TLS"},      {"network", "Network"},
        {"metrics", "Metrics"}, {"output", "Output"}, {"run", "This run"},
    };
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        fprintf(out, "\n%s:\n", groups[g][1]);
        for (int i = 0; i < TT_OPT_COUNT; i++) {
            const struct tt__option *o = &tt__options[i];
            char left[64], shown[8] = "    ";
            if (!o->flag[0] || strcmp(o->group, groups[g][0]) != 0)
                continue;
            if (o->short_flag)
                snprintf(shown, sizeof shown, "-%c, ", o->short_flag);
            snprintf(left, sizeof left, "%s--%s%s%s", shown, o->flag,
                     o->metavar[0] && o->metavar[0] != '[' ? " " : "", o->metavar);
            fprintf(out, "  %-40s %s%s%s%s\n", left, o->help,
                    o->deflt[0] && strcmp(o->deflt, "false") ? " [" : "",
                    strcmp(o->deflt, "false") ? o->deflt : "",
                    o->deflt[0] && strcmp(o->deflt, "false") ? "]" : "");
        }
    }
}

void tt_options_markdown(FILE *out)
{
    fputs(
        "# Options\n\nMade from src/plan/options.def by `ttload help options`; the test suite "
        "compares.\n\n"
        "Precedence, per option: defaults < config file < script (`M.options`) < environment < "
        "flags. One of duration, "
        "iterations,\nstages, scenarios in a higher layer replaces all four of the lower ones. "
        "Durations are `\"30s\"` "
        "or a number of seconds.\nOptions of the group *run* cannot be set by a script. In the "
        "environment lists and `hosts` have commas between their items, tags\nare `NAME:VALUE`, "
        "stages `30s:5,1m:20`; other tables are JSON.\n\n"
        "| option | flag | environment | default | group | meaning |\n|---|---|---|---|---|---|\n",
        out);
    for (int i = 0; i < TT_OPT_COUNT; i++) {
        const struct tt__option *o = &tt__options[i];
        fprintf(out, "| `%s` | ", o->name);
        if (o->flag[0])
            fprintf(out, "`--%s%s%s`", o->flag, o->metavar[0] && o->metavar[0] != '[' ? " " : "",
                    o->metavar);
        if (o->short_flag)
            fprintf(out, " `-%c`", o->short_flag);
        fputs(" | ", out);
        if (o->type != TT_OPT_ENV) {
            fputs("`TTLOAD_", out);
            for (const char *s = o->name; *s; s++)
                fputc(*s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s, out);
            fputc('`', out);
        }
        fprintf(out, " | %s | %s | %s |\n", o->deflt, o->group, o->help);
    }
}
