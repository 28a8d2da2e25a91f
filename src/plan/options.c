/* SPDX-License-Identifier: MIT */
/* The table of options at work: layer upon layer. Coordinator thread. */
#include "base/exitcode.h"
#include "base/log.h"
#include "base/str.h"
#include "plan/options_int.h"
#include <stdio.h>
#include <string.h>

const struct tt__option tt__options[TT_OPT_COUNT] = {
#define OPT(type, field, deflt, flag, short_, metavar, group, help)                                \
    {                                                                                              \
        TT_OPT_##type, offsetof(struct tt_options, field),                                         \
        #field,        deflt,                                                                      \
        flag,          short_,                                                                     \
        metavar,       group,                                                                      \
        help},
#include "plan/options.def"
#undef OPT
};

void *tt__option_at(struct tt_options *o, enum tt_opt_id id)
{
    return (char *)o + tt__options[id].offset;
}

static const char *layer_name(enum tt_opt_layer layer)
{
    static const char *const names[] = {"the defaults", "the config file", "the script",
                                        "the environment", "the command line"};
    return names[layer];
}

/* Is it one of those that say how much load there is? */
static bool is_load(enum tt_opt_id id)
{
    return id == TT_OPT_vus || id == TT_OPT_duration || id == TT_OPT_iterations ||
           id == TT_OPT_stages || id == TT_OPT_scenarios;
}

static void unset(struct tt_options *o, enum tt_opt_id id)
{
    if (tt__options[id].type == TT_OPT_JSON || tt__options[id].type == TT_OPT_SPEC) {
        cJSON **v = tt__option_at(o, id);
        cJSON_Delete(*v);
        *v = NULL;
    }
    o->set[id] = false;
}

/* One of duration, iterations, stages, scenarios in a higher layer replaces all four of the lower
 * ones. */
static void wipe_lower_shortcuts(struct tt_options *o, enum tt_opt_id id, enum tt_opt_layer layer)
{
    static const enum tt_opt_id shortcuts[] = {TT_OPT_duration, TT_OPT_iterations, TT_OPT_stages,
                                               TT_OPT_scenarios};
    bool is_shortcut = false;
    for (size_t i = 0; i < 4; i++)
        is_shortcut |= shortcuts[i] == id;
    for (size_t i = 0; is_shortcut && i < 4; i++) {
        enum tt_opt_id other = shortcuts[i];
        if (other == id || !o->set[other] || o->layer[other] >= layer)
            continue;
        if (other == TT_OPT_scenarios)
            tt_log(TT_LOG_WARN, "'%s' from %s replaces the scenarios from %s", tt__options[id].name,
                   layer_name(layer), layer_name(o->layer[other]));
        unset(o, other);
    }
}

static void mark(struct tt_options *o, enum tt_opt_id id, enum tt_opt_layer layer)
{
    wipe_lower_shortcuts(o, id, layer);
    o->set[id] = true;
    o->layer[id] = (uint8_t)layer;
}

bool tt__option_from_text(struct tt_options *o, struct tt_arena *a, enum tt_opt_id id,
                          const char *text, enum tt_opt_layer layer, bool append,
                          struct tt_err *err)
{
    bool ok = tt__value_from_text(o, a, id, text, layer, append, err);
    if (ok)
        mark(o, id, layer);
    return ok;
}

bool tt__unknown(const char *what, const char *name, const char *const *names, size_t n,
                 struct tt_err *err)
{
    const char *near = tt_suggest(name, names, n);
    return tt_err_set(err, TT_EXIT_CONFIG, "unknown %s '%s'%s%s%s", what, name,
                      near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static bool env_name_of(enum tt_opt_id id, char *out, size_t size)
{
    int n = snprintf(out, size, "TTLOAD_%s", tt__options[id].name);
    for (int i = 7; i < n; i++)
        if (out[i] >= 'a' && out[i] <= 'z')
            out[i] = (char)(out[i] - 'a' + 'A');
    return tt__options[id].type != TT_OPT_ENV;
}

static int find_name(const char *name)
{
    for (int i = 0; i < TT_OPT_COUNT; i++)
        if (strcmp(tt__options[i].name, name) == 0)
            return i;
    return -1;
}

/* The option that c sets in a layer; -1 with err. */
static int option_of(const cJSON *c, enum tt_opt_layer layer, struct tt_err *err)
{
    const char *names[TT_OPT_COUNT];
    size_t n = 0;
    int id = find_name(c->string);
    if (id >= 0 && (layer != TT_LAYER_SCRIPT || strcmp(tt__options[id].group, "run") != 0))
        return id;
    if (id >= 0) {
        char variable[96];
        env_name_of((enum tt_opt_id)id, variable, sizeof variable);
        tt_err_set(err, TT_EXIT_CONFIG, "'%s' cannot be set by a script; use --%s or %s", c->string,
                   tt__options[id].flag, variable);
        return -1;
    }
    for (int i = 0; i < TT_OPT_COUNT; i++)
        names[n++] = tt__options[i].name;
    tt__unknown("option", c->string, names, n, err);
    return -1;
}

bool tt_options_apply_json(struct tt_options *o, struct tt_arena *a, const cJSON *obj,
                           enum tt_opt_layer layer, const char *where, struct tt_err *err)
{
    struct tt_err all = {0};
    if (!cJSON_IsObject(obj) && !(cJSON_IsArray(obj) && !obj->child)) {
        tt__wrong_type(obj, "a table of options", err);
        return tt_err_wrap(err, "%s", where);
    }
    for (const cJSON *c = obj->child; c; c = c->next) {
        struct tt_err why;
        int id = option_of(c, layer, &why);
        if (id >= 0 && cJSON_IsNull(c))
            continue;
        if (id >= 0 && tt__value_from_json(o, a, (enum tt_opt_id)id, c, &why)) {
            mark(o, (enum tt_opt_id)id, layer);
            continue;
        }
        o->load_unknown |= id < 0 || is_load((enum tt_opt_id)id);
        if (id < 0)
            tt_err_wrap(&why, "%s", where);
        else
            tt_err_wrap(&why, layer == TT_LAYER_SCRIPT ? "%s.%s" : "%s: %s", where, c->string);
        tt_err_join(&all, &why);
    }
    return tt_err_none(&all, err);
}

/* --- the environment
 * ----------------------------------------------------------------------------------------- */

/* The option that the n bytes name; -1: none. */
static int env_option(const char *s, size_t n)
{
    char name[96];
    for (int i = 0; i < TT_OPT_COUNT; i++)
        if (env_name_of((enum tt_opt_id)i, name, sizeof name) && strlen(name) == n &&
            memcmp(name, s, n) == 0)
            return i;
    return -1;
}

static void warn_of_variable(const char *s, size_t n)
{
    char *text = tt_xcalloc(TT_OPT_COUNT, 96), *given = tt_xstrndup(s, n);
    const char *names[TT_OPT_COUNT];
    size_t len = 0;
    for (int i = 0; i < TT_OPT_COUNT; i++)
        if (env_name_of((enum tt_opt_id)i, text + (size_t)i * 96, 96))
            names[len++] = text + (size_t)i * 96;
    const char *near = tt_suggest(given, names, len);
    tt_log(TT_LOG_WARN, "the environment variable %s is no option of ttload%s%s%s", given,
           near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
    tt_free(given);
    tt_free(text);
}

void tt_options_warn_env(char **environment)
{
    for (char **e = environment; *e; e++) {
        size_t n = strcspn(*e, "=");
        if (tt_starts_with(*e, "TTLOAD_") && !tt_starts_with(*e, "TTLOAD_PATH=") &&
            env_option(*e, n) < 0)
            warn_of_variable(*e, n);
    }
}

bool tt_options_apply_env(struct tt_options *o, struct tt_arena *a, char **environment,
                          struct tt_err *err)
{
    struct tt_err all = {0};
    for (char **e = environment; *e; e++) {
        size_t n = strcspn(*e, "=");
        const char *eq = *e + n;
        int found = tt_starts_with(*e, "TTLOAD_") && *eq ? env_option(*e, n) : -1;
        struct tt_err why;
        if (found < 0 || !eq[1] ||
            tt__option_from_text(o, a, (enum tt_opt_id)found, eq + 1, TT_LAYER_ENV, false, &why))
            continue;
        tt_err_wrap(&why, "environment variable %.*s", (int)n, *e);
        o->load_unknown |= is_load((enum tt_opt_id)found);
        tt_err_join(&all, &why);
    }
    return tt_err_none(&all, err);
}

void tt_options_init(struct tt_options *o, struct tt_arena *a)
{
    memset(o, 0, sizeof *o);
    for (int i = 0; i < TT_OPT_COUNT; i++) {
        struct tt_err err;
        bool parses = !tt__options[i].deflt[0] ||
                      tt__option_from_text(o, a, (enum tt_opt_id)i, tt__options[i].deflt,
                                           TT_LAYER_DEFAULT, false, &err);
        TT_ASSERT(parses);
    }
}

void tt_options_fini(struct tt_options *o)
{
    for (int i = 0; i < TT_OPT_COUNT; i++)
        unset(o, (enum tt_opt_id)i);
}
