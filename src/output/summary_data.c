/* SPDX-License-Identifier: MIT */
/* The summary's JSON tree, from the totals. */
#include "base/clock.h"
#include "base/digest.h"
#include "base/str.h"
#include "output/summary.h"
#include <stdio.h>
#include <string.h>

/* --- metrics
 * ------------------------------------------------------------------------------------------ */

static double trend_stat(const struct tt_totals *t, uint32_t sink, const struct tt_sink_values *v,
                         const char *stat)
{
    double p;
    char text[32];
    if (strcmp(stat, "avg") == 0)
        return v->count ? v->sum / (double)v->count : 0;
    if (strcmp(stat, "min") == 0)
        return v->min;
    if (strcmp(stat, "max") == 0)
        return v->max;
    if (strcmp(stat, "med") == 0)
        return tt_totals_quantile(t, sink, 0.5);
    if (strcmp(stat, "count") == 0)
        return (double)v->count;
    snprintf(text, sizeof text, "%.*s", (int)strcspn(stat + 2, ")"), stat + 2);
    return tt_parse_double(text, &p) ? tt_totals_quantile(t, sink, p / 100) : 0;
}

static void add_values(cJSON *to, const struct tt_plan *plan, const struct tt_totals *t,
                       uint32_t sink, uint64_t duration_ns)
{
    struct tt_sink_values v = tt_totals_values(t, sink);
    cJSON *values = cJSON_AddObjectToObject(to, "values");
    switch (v.type) {
    case TT_COUNTER:
        cJSON_AddNumberToObject(values, "count", v.sum);
        cJSON_AddNumberToObject(values, "rate",
                                duration_ns ? v.sum / ((double)duration_ns / 1e9) : 0);
        break;
    case TT_GAUGE:
        cJSON_AddNumberToObject(values, "value", v.last);
        cJSON_AddNumberToObject(values, "min", v.min);
        cJSON_AddNumberToObject(values, "max", v.max);
        break;
    case TT_RATE:
        cJSON_AddNumberToObject(values, "rate", v.count ? (double)v.trues / (double)v.count : 0);
        cJSON_AddNumberToObject(values, "passes", (double)v.trues);
        cJSON_AddNumberToObject(values, "fails", (double)(v.count - v.trues));
        break;
    case TT_TREND:
        for (size_t i = 0; i < plan->opt.summary_trend_stats.n; i++) {
            const char *stat = plan->opt.summary_trend_stats.items[i];
            cJSON_AddNumberToObject(values, stat, trend_stat(t, sink, &v, stat));
        }
        break;
    }
}

static void add_thresholds(cJSON *to, const struct tt_plan *plan, const struct tt_registry *r,
                           uint32_t sink, const struct tt_summary_info *info)
{
    cJSON *all = NULL;
    for (size_t i = 0; i < plan->n_thresholds; i++) {
        const struct tt_threshold_set *set = &plan->thresholds[i];
        uint32_t of;
        if (!tt_registry_sink(r, set->metric, &of) || of != sink)
            continue;
        if (!all)
            all = cJSON_AddObjectToObject(to, "thresholds");
        for (size_t k = 0; k < set->n; k++) {
            const struct tt_verdict *v = &info->results[i].verdicts[k];
            cJSON *one = cJSON_AddObjectToObject(all, set->items[k].source);
            cJSON_AddBoolToObject(one, "ok", v->ok);
            if (v->no_samples)
                cJSON_AddTrueToObject(one, "no_samples");
            else
                cJSON_AddNumberToObject(one, "value", v->value);
        }
    }
}

static bool has_threshold(const struct tt_plan *plan, const struct tt_registry *r, uint32_t sink)
{
    uint32_t of;
    for (size_t i = 0; i < plan->n_thresholds; i++)
        if (tt_registry_sink(r, plan->thresholds[i].metric, &of) && of == sink)
            return true;
    return false;
}

static void add_metric(cJSON *metrics, const char *name, const struct tt_metric *m, uint32_t sink,
                       bool always, const struct tt_plan *plan, const struct tt_registry *r,
                       const struct tt_totals *t, const struct tt_summary_info *info)
{
    if (!tt_totals_seen(t, sink) && !always && !has_threshold(plan, r, sink))
        return;
    cJSON *o = cJSON_AddObjectToObject(metrics, name);
    cJSON_AddStringToObject(o, "type", tt_metric_type_name(m->type));
    cJSON_AddStringToObject(o, "contains", tt_metric_contains_name(m->contains));
    add_values(o, plan, t, sink, info->measured_ns ? info->measured_ns : info->duration_ns);
    add_thresholds(o, plan, r, sink, info);
}

/* --- groups and checks
 * ----------------------------------------------------------------------------------- */

static void add_id(cJSON *to, const char *path)
{
    uint8_t digest[64];
    size_t n;
    struct tt_buf hex;
    tt_buf_init(&hex, 256);
    if (tt_digest("MD5", path, strlen(path), digest, &n))
        tt_hex_encode(&hex, digest, n);
    cJSON_AddStringToObject(to, "id", hex.data ? hex.data : "");
    tt_buf_fini(&hex);
}

static cJSON *group_new(const char *name, const char *path)
{
    cJSON *g = cJSON_CreateObject();
    cJSON_AddStringToObject(g, "name", name);
    cJSON_AddStringToObject(g, "path", path);
    add_id(g, path);
    cJSON_AddArrayToObject(g, "groups");
    cJSON_AddArrayToObject(g, "checks");
    return g;
}

/* The group of this path below root, made with its parents when new. */
static cJSON *group_at(cJSON *root, const char *path)
{
    cJSON *at = root;
    for (const char *s = path; strncmp(s, "::", 2) == 0;) {
        const char *name = s + 2, *end = strstr(name, "::");
        size_t n = end ? (size_t)(end - name) : strlen(name);
        cJSON *groups = cJSON_GetObjectItem(at, "groups"), *found = NULL;
        for (cJSON *g = groups->child; g && !found; g = g->next) {
            const char *other = cJSON_GetObjectItem(g, "name")->valuestring;
            if (strlen(other) == n && memcmp(other, name, n) == 0)
                found = g;
        }
        if (!found) {
            char *own = tt_xstrndup(name, n), *whole = tt_xstrndup(path, (size_t)(name + n - path));
            found = group_new(own, whole);
            cJSON_AddItemToArray(groups, found);
            tt_free(own);
            tt_free(whole);
        }
        at = found;
        s = name + n;
    }
    return at;
}

static cJSON *root_group(const struct tt_totals *t)
{
    cJSON *root = group_new("", "");
    for (size_t i = 0; i < tt_totals_group_count(t); i++)
        group_at(root, tt_totals_group(t, i));
    for (size_t i = 0; i < tt_totals_check_count(t); i++) {
        struct tt_check_total c = tt_totals_check(t, i);
        struct tt_buf path;
        tt_buf_init(&path, SIZE_MAX);
        tt_buf_printf(&path, "%s::%s", c.group_path, c.name);
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "name", c.name);
        cJSON_AddStringToObject(o, "path", path.data);
        add_id(o, path.data);
        cJSON_AddNumberToObject(o, "passes", (double)c.passes);
        cJSON_AddNumberToObject(o, "fails", (double)c.fails);
        cJSON_AddItemToArray(cJSON_GetObjectItem(group_at(root, c.group_path), "checks"), o);
        tt_buf_fini(&path);
    }
    return root;
}

/* --- the whole
 * ------------------------------------------------------------------------------------------- */

static bool in_submetrics_option(const struct tt_plan *plan, const struct tt_registry *r,
                                 uint32_t sink)
{
    uint32_t of;
    for (size_t i = 0; i < plan->opt.submetrics.n; i++)
        if (tt_registry_sink(r, plan->opt.submetrics.items[i], &of) && of == sink)
            return true;
    return false;
}

/* A metric is shown above the sub-metrics that were asked for, though it has no sample yet. */
static bool has_kept_submetric(const struct tt_plan *plan, const struct tt_registry *r,
                               tt_metric_id id)
{
    for (size_t i = 0; i < tt_registry_sub_count(r); i++) {
        const struct tt_submetric *s = tt_registry_sub(r, i);
        if (s->parent == id && in_submetrics_option(plan, r, s->sink))
            return true;
    }
    return false;
}

cJSON *tt_summary_data(const struct tt_plan *plan, const struct tt_registry *r,
                       const struct tt_totals *t, const struct tt_summary_info *info)
{
    cJSON *data = cJSON_CreateObject(), *metrics = cJSON_AddObjectToObject(data, "metrics");
    for (tt_metric_id i = 0; i < tt_registry_count(r); i++) {
        const struct tt_metric *m = tt_registry_get(r, i);
        add_metric(metrics, m->name, m, i, has_kept_submetric(plan, r, i), plan, r, t, info);
    }
    for (size_t i = 0; i < tt_registry_sub_count(r); i++) {
        const struct tt_submetric *s = tt_registry_sub(r, i);
        add_metric(metrics, s->name, tt_registry_get(r, s->parent), s->sink,
                   in_submetrics_option(plan, r, s->sink), plan, r, t, info);
    }
    cJSON_AddItemToObject(data, "root_group", root_group(t));
    cJSON *options = cJSON_AddObjectToObject(data, "options");
    cJSON *stats = cJSON_AddArrayToObject(options, "summary_trend_stats");
    for (size_t i = 0; i < plan->opt.summary_trend_stats.n; i++)
        cJSON_AddItemToArray(stats, cJSON_CreateString(plan->opt.summary_trend_stats.items[i]));
    cJSON_AddStringToObject(options, "summary_time_unit",
                            plan->opt.set[TT_OPT_summary_time_unit] ? plan->opt.summary_time_unit
                                                                    : "");
    cJSON_AddBoolToObject(options, "no_color", info->no_color);
    cJSON_AddBoolToObject(options, "insecure_skip_tls_verify", plan->opt.insecure_skip_tls_verify);
    cJSON *state = cJSON_AddObjectToObject(data, "state");
    cJSON_AddBoolToObject(state, "is_stdout_tty", info->stdout_tty);
    cJSON_AddBoolToObject(state, "is_stderr_tty", info->stderr_tty);
    cJSON_AddNumberToObject(state, "test_run_duration_ms", tt_ns_to_ms(info->duration_ns));
    if (info->measured_ns && info->measured_ns != info->duration_ns)
        cJSON_AddNumberToObject(state, "measured_duration_ms", tt_ns_to_ms(info->measured_ns));
    if (info->timeline)
        cJSON_AddItemToObject(data, "timeline", cJSON_Duplicate(info->timeline, true));
    if (info->setup_data && !cJSON_IsNull(info->setup_data))
        cJSON_AddItemToObject(data, "setup_data", cJSON_Duplicate(info->setup_data, true));
    return data;
}
