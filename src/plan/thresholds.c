/* SPDX-License-Identifier: MIT */
/* options.thresholds and options.submetrics: parsed, and made known to the registry. Coordinator
 * thread. */
#include "base/str.h"
#include "plan/options_int.h"
#include <string.h>

static bool parse_one(struct tt_arena *a, const char *path, const cJSON *v,
                      struct tt_threshold *out, struct tt__problems *problems)
{
    static const char *const names[] = {"threshold", "abort_on_fail", "delay_abort_eval",
                                        "allow_empty"};
    struct tt_err err;
    const cJSON *text = cJSON_IsObject(v) ? cJSON_GetObjectItemCaseSensitive(v, "threshold") : v;
    if (!cJSON_IsString(text)) {
        tt__problem(problems,
                    "%s: expected text like \"p(95)<500\", or { threshold = \"...\", abort_on_fail "
                    "= true }",
                    path);
        return false;
    }
    if (!tt_threshold_parse(tt_arena_strdup(a, text->valuestring), out, &err)) {
        tt__problem(problems, "%s: %s", path, err.text);
        return false;
    }
    for (const cJSON *c = cJSON_IsObject(v) ? v->child : NULL; c; c = c->next) {
        bool ok = true;
        if (strcmp(c->string, "threshold") == 0)
            continue;
        if (strcmp(c->string, "delay_abort_eval") == 0) {
            ok = tt__json_duration(c, &out->delay_abort_ns, &err);
        } else if (strcmp(c->string, "abort_on_fail") == 0 ||
                   strcmp(c->string, "allow_empty") == 0) {
            ok = cJSON_IsBool(c) || tt_err_set(&err, 0, "expected true or false");
            *(c->string[1] == 'b' ? &out->abort_on_fail : &out->allow_empty) = cJSON_IsTrue(c);
        } else {
            tt__unknown("field", c->string, names, 4, &err);
            tt__problem(problems, "%s: %s", path, err.text);
            return false;
        }
        if (!ok) {
            tt__problem(problems, "%s.%s: %s", path, c->string, err.text);
            return false;
        }
    }
    return true;
}

static void parse_set(struct tt_plan *p, struct tt_registry *r, const cJSON *v,
                      struct tt__problems *problems)
{
    struct tt_threshold_set *set = &p->thresholds[p->n_thresholds];
    struct tt_err err;
    char path[256], name[192];
    const cJSON *first = cJSON_IsArray(v) ? v->child : v;
    size_t n = cJSON_IsArray(v) ? (size_t)cJSON_GetArraySize(v) : 1, i = 0;
    *set = (struct tt_threshold_set){.metric = tt_arena_strdup(&p->arena, v->string)};
    set->items = tt_arena_alloc(&p->arena, (n + 1) * sizeof *set->items);
    if (!tt_registry_add_sub(r, v->string, &err)) {
        tt__problem(problems, "thresholds: %s", err.text);
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)strcspn(v->string, "{"), v->string);
    const struct tt_metric *m = tt_registry_find(r, name);
    for (const cJSON *c = first; c && i < n; c = c->next, i++) {
        snprintf(path, sizeof path, "thresholds['%s'][%zu]", v->string, i + 1);
        if (!parse_one(&p->arena, path, c, &set->items[set->n], problems))
            continue;
        if (tt_threshold_fits(&set->items[set->n], m, &err))
            set->n++;
        else
            tt__problem(problems, "%s: %s", path, err.text);
    }
    p->n_thresholds++;
}

void tt__thresholds_parse(struct tt_plan *p, struct tt_registry *r, struct tt__problems *problems)
{
    const cJSON *all = p->opt.set[TT_OPT_thresholds] ? p->opt.thresholds : NULL;
    struct tt_err err;
    if (all && !p->opt.no_thresholds) {
        if (!cJSON_IsObject(all) && all->child) {
            tt__problem(problems, "thresholds: expected a table metric = { \"p(95)<500\" }");
        } else {
            p->thresholds = tt_arena_alloc(&p->arena, ((size_t)cJSON_GetArraySize(all) + 1) *
                                                          sizeof *p->thresholds);
            for (const cJSON *c = all->child; c; c = c->next)
                parse_set(p, r, c, problems);
        }
    }
    for (size_t i = 0; i < p->opt.submetrics.n; i++)
        if (!tt_registry_add_sub(r, p->opt.submetrics.items[i], &err))
            tt__problem(problems, "submetrics[%zu]: %s", i + 1, err.text);
}
