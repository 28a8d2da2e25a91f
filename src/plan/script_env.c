/* SPDX-License-Identifier: MIT */
/* The variables that scripts see. Coordinator thread. */
#include "base/exitcode.h"
#include "base/str.h"
#include "plan/options_int.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef TT_VEC(struct tt_tag) tag_vec;

static void set(tag_vec *v, struct tt_arena *a, const char *name, size_t n, const char *value)
{
    struct tt_tag t = {tt_arena_strndup(a, name, n), tt_arena_strdup(a, value)};
    for (size_t i = 0; i < v->len; i++)
        if (strcmp(v->items[i].key, t.key) == 0) {
            v->items[i].value = t.value;
            return;
        }
    tt_vec_push(v, t);
}

static char *trim(char *s)
{
    s += strspn(s, " \t");
    size_t n = strlen(s);
    while (n && strchr(" \t\r\n", s[n - 1]))
        s[--n] = '\0';
    return s;
}

static bool read_env_file(tag_vec *v, struct tt_arena *a, const char *path, struct tt_err *err)
{
    char *line = NULL;
    size_t cap = 0;
    unsigned number = 0;
    bool ok = true;
    FILE *f = fopen(path, "r");
    if (!f)
        return tt_err_sys(err, TT_EXIT_CONFIG, errno, "--env-file: cannot read '%s'", path);
    while (ok && getline(&line, &cap, f) > 0) {
        char *s = trim(line);
        number++;
        if (!*s || *s == '#')
            continue;
        if (tt_starts_with(s, "export "))
            s = trim(s + 7);
        char *eq = strchr(s, '=');
        if (!eq || !tt__env_name_valid(s, (size_t)(eq - s))) {
            ok = tt_err_set(err, TT_EXIT_CONFIG, "%s:%u: expected NAME=VALUE", path, number);
            break;
        }
        char *value = eq + 1;
        size_t n = strlen(value);
        if (n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0]) {
            value[n - 1] = '\0';
            value++;
        }
        set(v, a, s, (size_t)(eq - s), value);
    }
    free(line); /* getline's */
    fclose(f);
    return ok;
}

bool tt_options_script_env(const struct tt_options *o, struct tt_arena *a, char **environment,
                           struct tt_tag_list *out, struct tt_err *err)
{
    tag_vec v = {0};
    bool ok = true;
    for (char **e = environment; o->include_system_env_vars && *e; e++) {
        const char *eq = strchr(*e, '=');
        if (eq && eq != *e)
            set(&v, a, *e, (size_t)(eq - *e), eq + 1);
    }
    for (size_t i = 0; i < o->env_file.n && ok; i++)
        ok = read_env_file(&v, a, o->env_file.items[i], err);
    for (size_t i = 0; i < o->env.n; i++)
        set(&v, a, o->env.items[i].key, strlen(o->env.items[i].key), o->env.items[i].value);
    struct tt_tag *items = tt_arena_alloc(a, (v.len + 1) * sizeof *items);
    if (v.len)
        memcpy(items, v.items, v.len * sizeof *items);
    *out = (struct tt_tag_list){items, v.len};
    tt_vec_fini(&v);
    return ok;
}
