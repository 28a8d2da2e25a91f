/* SPDX-License-Identifier: MIT */
/* The registry of metrics; see metric.h. Coordinator thread until frozen. */
#include "base/buf.h"
#include "base/exitcode.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "metric/metric.h"
#include <ctype.h>
#include <string.h>

struct tt_registry {
    struct tt_arena arena;
    TT_VEC(struct tt_metric) metrics;
    TT_VEC(struct tt_submetric) subs;
    struct tt_map by_name;  /* -> id + 1 */
    struct tt_map sub_text; /* sub-metrics as written and canonical -> index + 1 */
    bool frozen;
};

static const char *const type_names[] = {"counter", "gauge", "rate", "trend"};
static const char *const contains_names[] = {"default", "time", "data"};

const char *tt_metric_type_name(enum tt_metric_type t)
{
    return type_names[t];
}

const char *tt_metric_contains_name(enum tt_metric_contains c)
{
    return contains_names[c];
}

static tt_metric_id put(struct tt_registry *r, const char *name, enum tt_metric_type type,
                        enum tt_metric_contains contains, bool builtin)
{
    struct tt_metric m = {tt_arena_strdup(&r->arena, name), (tt_metric_id)r->metrics.len, type,
                          contains, builtin};
    tt_vec_push(&r->metrics, m);
    tt_map_put(&r->by_name, name, (void *)(uintptr_t)(m.id + 1));
    return m.id;
}

struct tt_registry *tt_registry_new(void)
{
    struct tt_registry *r = tt_xcalloc(1, sizeof *r);
    tt_arena_init(&r->arena);
    tt_map_init(&r->by_name);
    tt_map_init(&r->sub_text);
#define X(name, type, contains) put(r, #name, type, contains, true);
    TT_BUILTIN_METRICS(X)
#undef X
    return r;
}

void tt_registry_free(struct tt_registry *r)
{
    if (!r)
        return;
    tt_map_fini(&r->by_name, NULL);
    tt_map_fini(&r->sub_text, NULL);
    tt_vec_fini(&r->metrics);
    tt_vec_fini(&r->subs);
    tt_arena_fini(&r->arena);
    tt_free(r);
}

/* A letter or underscore, then 1 to 127 letters, digits, underscores. */
bool tt_metric_name_valid(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return n >= 2 && n <= 129 && !name[n] && !(name[0] >= '0' && name[0] <= '9');
}

const struct tt_metric *tt_registry_find(const struct tt_registry *r, const char *name)
{
    uintptr_t id = (uintptr_t)tt_map_get(&r->by_name, name);
    return id ? &r->metrics.items[id - 1] : NULL;
}

bool tt_registry_add(struct tt_registry *r, const char *name, enum tt_metric_type type,
                     enum tt_metric_contains contains, tt_metric_id *id, struct tt_err *err)
{
    const struct tt_metric *m = tt_registry_find(r, name);
    if (!tt_metric_name_valid(name))
        return tt_err_set(err, TT_EXIT_SCRIPT,
                          "bad metric name '%s': expected 2 to 129 letters, digits and "
                          "underscores, not starting with a digit",
                          name);
    if (m && (m->type != type || m->contains != contains))
        return tt_err_set(
            err, TT_EXIT_SCRIPT,
            "metric '%s' exists already as a %s of %s values, it cannot also be a %s of %s values",
            name, type_names[m->type], contains_names[m->contains], type_names[type],
            contains_names[contains]);
    if (!m && r->frozen)
        return tt_err_set(err, TT_EXIT_SCRIPT,
                          "metric '%s' was not declared by the first init; every virtual user "
                          "must declare the same metrics",
                          name);
    *id = m ? m->id : put(r, name, type, contains, false);
    return true;
}

const struct tt_metric *tt_registry_get(const struct tt_registry *r, tt_metric_id id)
{
    TT_ASSERT(id < r->metrics.len);
    return &r->metrics.items[id];
}

size_t tt_registry_count(const struct tt_registry *r)
{
    return r->metrics.len;
}

/* --- sub-metrics
 * ------------------------------------------------------------------------------------- */

static char *trimmed(struct tt_arena *a, const char *s, size_t n)
{
    static const char strip[] = " \t\r\n\"'";
    while (n && strchr(strip, *s)) {
        s++;
        n--;
    }
    while (n && strchr(strip, s[n - 1]))
        n--;
    return tt_arena_strndup(a, s, n);
}

/* "k:v,k2:v2": split at commas, then at the first colon. */
static bool parse_tags(struct tt_registry *r, const char *text, const char *s, size_t n,
                       struct tt_submetric *out, struct tt_err *err)
{
    TT_VEC(struct tt_tag) tags = {0};
    const char *end = s + n;
    while (s <= end) {
        const char *comma = memchr(s, ',', (size_t)(end - s));
        const char *stop = comma ? comma : end;
        const char *colon = memchr(s, ':', (size_t)(stop - s));
        struct tt_tag t = {0};
        if (colon) {
            t.key = trimmed(&r->arena, s, (size_t)(colon - s));
            t.value = trimmed(&r->arena, colon + 1, (size_t)(stop - colon - 1));
        }
        if (!colon || !*t.key) {
            tt_vec_fini(&tags);
            return tt_err_set(err, TT_EXIT_CONFIG, "'%s': expected metric{tag:value,...}", text);
        }
        tt_vec_push(&tags, t);
        s = stop + 1;
    }
    out->n_tags = tags.len;
    struct tt_tag *kept = tt_arena_alloc(&r->arena, tags.len * sizeof *kept);
    memcpy(kept, tags.items, tags.len * sizeof *kept);
    out->tags = kept;
    tt_vec_fini(&tags);
    return true;
}

static void name_submetric(struct tt_registry *r, struct tt_submetric *s)
{
    struct tt_buf b;
    tt_buf_init(&b, SIZE_MAX);
    for (size_t i = 0; i < s->n_tags; i++)
        tt_buf_printf(&b, "%s%s:%s", i ? "," : "", s->tags[i].key, s->tags[i].value);
    s->suffix = tt_arena_strdup(&r->arena, b.data);
    tt_buf_clear(&b);
    tt_buf_printf(&b, "%s{%s}", r->metrics.items[s->parent].name, s->suffix);
    s->name = tt_arena_strdup(&r->arena, b.data);
    tt_buf_fini(&b);
}

static bool unknown_metric(const struct tt_registry *r, const char *name, struct tt_err *err)
{
    const char **names = tt_xcalloc(r->metrics.len, sizeof *names);
    for (size_t i = 0; i < r->metrics.len; i++)
        names[i] = r->metrics.items[i].name;
    const char *near = tt_suggest(name, names, r->metrics.len);
    tt_free(names);
    return tt_err_set(
        err, TT_EXIT_CONFIG,
        "no metric '%s'%s%s%s; custom metrics must be declared at the top level of the script",
        name, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

bool tt_registry_add_sub(struct tt_registry *r, const char *text, struct tt_err *err)
{
    size_t n = strlen(text), name_len = strcspn(text, "{}");
    char name[192];
    TT_ASSERT(!r->frozen);
    /* a value may have braces: http.url's names do */
    if (name_len >= sizeof name || (name_len < n && (text[name_len] != '{' || text[n - 1] != '}')))
        return tt_err_set(err, TT_EXIT_CONFIG, "'%s': expected metric or metric{tag:value,...}",
                          text);
    memcpy(name, text, name_len);
    name[name_len] = '\0';
    const struct tt_metric *m = tt_registry_find(r, name);
    if (!m)
        return unknown_metric(r, name, err);
    if (name_len == n || tt_map_get(&r->sub_text, text))
        return true;
    struct tt_submetric s = {.parent = m->id};
    if (!parse_tags(r, text, text + name_len + 1, n - name_len - 2, &s, err))
        return false;
    name_submetric(r, &s);
    uintptr_t at = (uintptr_t)tt_map_get(&r->sub_text, s.name);
    if (!at) {
        tt_vec_push(&r->subs, s);
        at = r->subs.len;
        tt_map_put(&r->sub_text, s.name, (void *)at);
    }
    tt_map_put(&r->sub_text, text, (void *)at);
    return true;
}

void tt_registry_freeze(struct tt_registry *r)
{
    for (size_t i = 0; i < r->subs.len; i++)
        r->subs.items[i].sink = (uint32_t)(r->metrics.len + i);
    r->frozen = true;
}

bool tt_registry_frozen(const struct tt_registry *r)
{
    return r->frozen;
}

size_t tt_registry_sink_count(const struct tt_registry *r)
{
    TT_ASSERT(r->frozen);
    return r->metrics.len + r->subs.len;
}

bool tt_registry_sink(const struct tt_registry *r, const char *text, uint32_t *sink)
{
    TT_ASSERT(r->frozen);
    const struct tt_metric *m = tt_registry_find(r, text);
    uintptr_t sub = (uintptr_t)tt_map_get(&r->sub_text, text);
    if (!m && !sub)
        return false;
    *sink = m ? m->id : r->subs.items[sub - 1].sink;
    return true;
}

size_t tt_registry_sub_count(const struct tt_registry *r)
{
    return r->subs.len;
}

const struct tt_submetric *tt_registry_sub(const struct tt_registry *r, size_t i)
{
    TT_ASSERT(i < r->subs.len);
    return &r->subs.items[i];
}
