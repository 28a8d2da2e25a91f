/* SPDX-License-Identifier: MIT */
/* An option's value from text and from JSON, by its type. Coordinator thread. */
#include "base/exitcode.h"
#include "base/json.h"
#include "base/str.h"
#include "base/units.h"
#include "plan/options_int.h"
#include <math.h>
#include <string.h>

/* --- lists
 * ------------------------------------------------------------------------------------------- */

static void list_add(struct tt_text_list *l, struct tt_arena *a, const char *s, size_t n)
{
    const char **items = tt_arena_alloc(a, (l->n + 1) * sizeof *items);
    if (l->n)
        memcpy(items, l->items, l->n * sizeof *items);
    items[l->n++] = tt_arena_strndup(a, s, n);
    l->items = items;
}

/* Up to the next comma outside of braces: "checks{a:1,b:2},iterations". */
static size_t item_length(const char *s)
{
    size_t n = strcspn(s, ",{");
    const char *end = s[n] == '{' ? strchr(s + n, '}') : NULL;
    return end ? (size_t)(end - s) + strcspn(end, ",") : n + strcspn(s + n, ",");
}

static void list_split(struct tt_text_list *l, struct tt_arena *a, const char *s)
{
    if (strcmp(s, "\"\"") == 0) /* as env files and quoting shells write an empty one */
        return;
    while (*s) {
        size_t n = item_length(s), blank = strspn(s, " "), len = n;
        while (len > blank && s[len - 1] == ' ')
            len--;
        if (len > blank)
            list_add(l, a, s + blank, len - blank);
        s += n + (s[n] == ',');
    }
}

static void tag_add(struct tt_tag_list *l, struct tt_arena *a, const char *key, size_t n,
                    const char *value)
{
    struct tt_tag *items = tt_arena_alloc(a, (l->n + 1) * sizeof *items);
    if (l->n)
        memcpy(items, l->items, l->n * sizeof *items);
    items[l->n++] = (struct tt_tag){tt_arena_strndup(a, key, n), tt_arena_strdup(a, value)};
    l->items = items;
}

bool tt__env_name_valid(const char *s, size_t n)
{
    return n && !(s[0] >= '0' && s[0] <= '9') &&
           strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") >= n;
}

static bool tag_from_text(struct tt_tag_list *l, struct tt_arena *a, bool env, char separator,
                          const char *text, struct tt_err *err)
{
    const char *eq = strchr(text, separator);
    size_t n = eq ? (size_t)(eq - text) : 0;
    if (env && (!eq || !tt__env_name_valid(text, n)))
        return tt_err_set(err, TT_EXIT_CONFIG,
                          "'%s': expected NAME=VALUE, the name of letters, digits and underscores, "
                          "not starting with a digit",
                          text);
    if (!env && (!n || !eq[1]))
        return tt_err_set(err, TT_EXIT_CONFIG, "'%s': expected NAME%cVALUE, neither of them empty",
                          text, separator);
    tag_add(l, a, text, n, eq + 1);
    return true;
}

/* --- text values
 * --------------------------------------------------------------------------------------- */

/* Days are for files: one typed in a shell is more often a slip than a plan. */
static bool duration_from_text(const char *text, bool typed, uint64_t *ns, struct tt_err *err)
{
    if (typed && strchr(text, 'd') && tt_parse_duration(text, ns, err))
        return tt_err_set(
            err, TT_EXIT_CONFIG,
            "'%s': days are taken in a script or config file only; write hours, as 24h", text);
    return tt_parse_duration(text, ns, err);
}

/* "30s:5" added to a JSON list of stages. */
static bool stage_from_text(cJSON *list, const char *text, struct tt_err *err)
{
    const char *colon = strrchr(text, ':');
    char duration[64];
    uint64_t ns;
    int64_t target;
    if (!colon || (size_t)(colon - text) >= sizeof duration)
        return tt_err_set(err, TT_EXIT_CONFIG, "'%s': expected DURATION:TARGET, like 30s:20", text);
    memcpy(duration, text, (size_t)(colon - text));
    duration[colon - text] = '\0';
    if (!duration_from_text(duration, true, &ns, err))
        return false;
    if (!tt_parse_i64(colon + 1, &target) || target < 0)
        return tt_err_set(err, TT_EXIT_CONFIG,
                          "'%s': the target '%s' is not a whole number from 0 on", text, colon + 1);
    cJSON *stage = cJSON_CreateObject();
    cJSON_AddStringToObject(stage, "duration", duration);
    cJSON_AddNumberToObject(stage, "target", (double)target);
    cJSON_AddItemToArray(list, stage);
    return true;
}

/* "NAME=IP[:PORT]" added to a JSON table of hosts. */
static bool host_from_text(cJSON *hosts, char *text, struct tt_err *err)
{
    char *eq = strchr(text, '=');
    if (!eq || eq == text || !eq[1])
        return tt_err_set(err, TT_EXIT_CONFIG, "'%s': expected NAME=IP[:PORT]", text);
    *eq = '\0';
    cJSON_DeleteItemFromObjectCaseSensitive(hosts, text);
    cJSON_AddStringToObject(hosts, text, eq + 1);
    return true;
}

static bool json_from_text(cJSON **v, enum tt_opt_id id, bool append, const char *text,
                           struct tt_err *err)
{
    cJSON *out = append && *v          ? *v
                 : id == TT_OPT_stages ? cJSON_CreateArray()
                                       : cJSON_CreateObject();
    bool ok = true;
    if (id == TT_OPT_stages) {
        char *copy = tt_xstrdup(text), *rest = copy, *one;
        while (ok && *text && (one = strsep(&rest, ","))) /* "": no stages */
            ok = stage_from_text(out, one, err);
        tt_free(copy);
    } else if (id == TT_OPT_hosts && text[0] != '{') {
        char *copy = tt_xstrdup(text), *rest = copy, *one;
        while (ok && (one = strsep(&rest, ",")))
            ok = host_from_text(out, one, err);
        tt_free(copy);
    } else {
        cJSON_Delete(out);
        out = tt_json_read(text, strlen(text), TT_EXIT_CONFIG, err);
        ok = out != NULL;
    }
    if (!ok) {
        if (out != *v)
            cJSON_Delete(out);
        return false;
    }
    if (out != *v)
        cJSON_Delete(*v);
    *v = out;
    return true;
}

static bool spec_from_text(cJSON **v, const char *text)
{
    cJSON_Delete(*v);
    *v = cJSON_CreateString(text);
    return true;
}

static bool bool_from_text(bool *v, const char *text, struct tt_err *err)
{
    *v = tt_strieq(text, "true") || tt_strieq(text, "t") || tt_streq(text, "1");
    return *v || tt_strieq(text, "false") || tt_strieq(text, "f") || tt_streq(text, "0") ||
           tt_err_set(err, TT_EXIT_CONFIG, "'%s': expected true or false", text);
}

bool tt__value_from_text(struct tt_options *o, struct tt_arena *a, enum tt_opt_id id,
                         const char *text, enum tt_opt_layer layer, bool append, struct tt_err *err)
{
    const struct tt__option *opt = &tt__options[id];
    void *v = tt__option_at(o, id);
    bool ok = true;
    switch (opt->type) {
    case TT_OPT_BOOL:
        ok = bool_from_text(v, text, err);
        break;
    case TT_OPT_INT:
        ok = tt_parse_i64(text, v) ||
             tt_err_set(err, TT_EXIT_CONFIG, "'%s' is not a whole number", text);
        break;
    case TT_OPT_NUMBER:
        ok = tt_parse_double(text, v) ||
             tt_err_set(err, TT_EXIT_CONFIG, "'%s' is not a number", text);
        break;
    case TT_OPT_DURATION:
        ok = duration_from_text(text, layer == TT_LAYER_FLAG, v, err);
        break;
    case TT_OPT_SIZE:
        ok = tt_parse_size(text, v, err);
        break;
    case TT_OPT_STRING:
        *(const char **)v = tt_arena_strdup(a, text);
        break;
    case TT_OPT_LIST:
    case TT_OPT_TEXTS:
        if (!append)
            *(struct tt_text_list *)v = (struct tt_text_list){0};
        if (opt->type == TT_OPT_TEXTS && layer == TT_LAYER_FLAG)
            list_add(v, a, text, strlen(text));
        else
            list_split(v, a, text);
        break;
    case TT_OPT_TAGS:
    case TT_OPT_ENV:
        if (!append)
            *(struct tt_tag_list *)v = (struct tt_tag_list){0};
        if (layer == TT_LAYER_FLAG) {
            ok = tag_from_text(v, a, opt->type == TT_OPT_ENV, '=', text, err);
        } else {
            char *copy = tt_xstrdup(text), *rest = copy, *one;
            while (ok && (one = strsep(&rest, ",")))
                ok = tag_from_text(v, a, false, ':', one, err);
            tt_free(copy);
        }
        break;
    case TT_OPT_JSON:
        ok = json_from_text(v, id, append, text, err);
        break;
    case TT_OPT_SPEC:
        ok = text[0] == '{' ? json_from_text(v, id, false, text, err) : spec_from_text(v, text);
        break;
    }
    return ok;
}

/* --- JSON values
 * ----------------------------------------------------------------------------------------- */

bool tt__wrong_type(const cJSON *v, const char *expected, struct tt_err *err)
{
    char *text = cJSON_PrintUnformatted(v);
    tt_err_set(err, TT_EXIT_CONFIG, "expected %s, found %.80s", expected, text ? text : "?");
    cJSON_free(text);
    return false;
}

bool tt__json_duration(const cJSON *v, uint64_t *ns, struct tt_err *err)
{
    if (cJSON_IsNumber(v))
        return tt_seconds_to_ns(v->valuedouble, ns, err);
    if (cJSON_IsString(v))
        return tt_parse_duration(v->valuestring, ns, err);
    return tt__wrong_type(v, "a duration (\"30s\") or a number of seconds", err);
}

bool tt__json_int(const cJSON *v, int64_t *out, struct tt_err *err)
{
    if (cJSON_IsString(v) && tt_parse_i64(v->valuestring, out)) /* from ttload.env, say */
        return true;
    if (!cJSON_IsNumber(v) || v->valuedouble != floor(v->valuedouble) ||
        fabs(v->valuedouble) > 9e15)
        return tt__wrong_type(v, "a whole number", err);
    *out = (int64_t)v->valuedouble;
    return true;
}

static bool json_size(const cJSON *v, uint64_t *bytes, struct tt_err *err)
{
    int64_t n;
    if (cJSON_IsString(v))
        return tt_parse_size(v->valuestring, bytes, err);
    if (!cJSON_IsNumber(v) || !tt__json_int(v, &n, err) || n < 0)
        return tt__wrong_type(v, "a size (\"16MiB\") or a number of bytes", err);
    *bytes = (uint64_t)n;
    return true;
}

bool tt__json_number(const cJSON *v, double *out, struct tt_err *err)
{
    if (cJSON_IsString(v) && tt_parse_double(v->valuestring, out))
        return true;
    *out = v->valuedouble;
    return cJSON_IsNumber(v) || tt__wrong_type(v, "a number", err);
}

bool tt__json_tags(const cJSON *v, struct tt_arena *a, struct tt_tag_list *out, struct tt_err *err)
{
    *out = (struct tt_tag_list){0};
    if (!cJSON_IsObject(v))
        return tt__wrong_type(v, "a table of text values", err);
    for (const cJSON *c = v->child; c; c = c->next) {
        if (!cJSON_IsString(c)) {
            tt__wrong_type(c, "text", err);
            return tt_err_wrap(err, "%s", c->string);
        }
        tag_add(out, a, c->string, strlen(c->string), c->valuestring);
    }
    return true;
}

static bool json_list(const cJSON *v, struct tt_arena *a, struct tt_text_list *out,
                      struct tt_err *err)
{
    *out = (struct tt_text_list){0};
    if (cJSON_IsString(v)) {
        list_split(out, a, v->valuestring);
        return true;
    }
    if (!cJSON_IsArray(v) && !(cJSON_IsObject(v) && !v->child))
        return tt__wrong_type(v, "a list of texts", err);
    for (const cJSON *c = v->child; c; c = c->next) {
        if (!cJSON_IsString(c))
            return tt__wrong_type(c, "text", err);
        list_add(out, a, c->valuestring, strlen(c->valuestring));
    }
    return true;
}

bool tt__value_from_json(struct tt_options *o, struct tt_arena *a, enum tt_opt_id id,
                         const cJSON *v, struct tt_err *err)
{
    void *at = tt__option_at(o, id);
    switch (tt__options[id].type) {
    case TT_OPT_BOOL:
        *(bool *)at = cJSON_IsTrue(v);
        return cJSON_IsBool(v) || tt__wrong_type(v, "true or false", err);
    case TT_OPT_INT:
        return tt__json_int(v, at, err);
    case TT_OPT_NUMBER:
        return tt__json_number(v, at, err);
    case TT_OPT_DURATION:
        return tt__json_duration(v, at, err);
    case TT_OPT_SIZE:
        return json_size(v, at, err);
    case TT_OPT_STRING:
        if (!cJSON_IsString(v))
            return tt__wrong_type(v, "text", err);
        *(const char **)at = tt_arena_strdup(a, v->valuestring);
        return true;
    case TT_OPT_LIST:
    case TT_OPT_TEXTS:
        return json_list(v, a, at, err);
    case TT_OPT_TAGS:
    case TT_OPT_ENV:
        return tt__json_tags(v, a, at, err);
    case TT_OPT_JSON:
    case TT_OPT_SPEC:
        if (!cJSON_IsArray(v) && !cJSON_IsObject(v) &&
            !(tt__options[id].type == TT_OPT_SPEC && cJSON_IsString(v)))
            return tt__wrong_type(
                v, tt__options[id].type == TT_OPT_SPEC ? "text or a table" : "a table", err);
        cJSON_Delete(*(cJSON **)at);
        *(cJSON **)at = cJSON_Duplicate(v, true);
        return true;
    }
    return false;
}
