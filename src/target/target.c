/* SPDX-License-Identifier: MIT */
/* Embedded servers' common part: options from text, start, stop. See target.h. */
#include "target/target.h"
#include "base/exitcode.h"
#include "base/memory.h"
#include "base/str.h"
#include <string.h>

extern const struct tt_target_class tt_target_http, tt_target_tunnel, tt_target_ws;
const struct tt_target_class *const tt_target_classes[] = {&tt_target_tunnel, &tt_target_http,
                                                           &tt_target_ws, NULL};

struct tt_target_settings {
    const struct tt_target_class *class;
    struct tt_arena texts;
    void *config;
};

enum { OPTIONS_MAX = 64 };

#define OPT(field) offsetof(struct tt_target_common, field)
static const struct tt_target_option common_options[] = {
    {"port", TT_TARGET_COUNT, OPT(port), "TCP port, 0 = a free one", .max = 65535},
    {"host", TT_TARGET_TEXT, OPT(host), "IP address to listen on (127.0.0.1)"},
    {"tls_cert", TT_TARGET_TEXT, OPT(tls_cert), "PEM file: certificate chain; turns TLS on"},
    {"tls_key", TT_TARGET_TEXT, OPT(tls_key), "PEM file: its key"},
};
enum { N_COMMON = sizeof common_options / sizeof *common_options };

const struct tt_target_class *tt_target_class_find(const char *name)
{
    for (size_t i = 0; tt_target_classes[i]; i++)
        if (strcmp(tt_target_classes[i]->name, name) == 0)
            return tt_target_classes[i];
    return NULL;
}

const struct tt_target_option *tt_target_option(const struct tt_target_class *class,
                                                const char *name)
{
    for (size_t i = 0; i < class->n_options; i++)
        if (strcmp(class->options[i].name, name) == 0)
            return &class->options[i];
    for (size_t i = 0; i < N_COMMON; i++)
        if (strcmp(common_options[i].name, name) == 0)
            return &common_options[i];
    return NULL;
}

size_t tt_target_option_names(const struct tt_target_class *class, const char **out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < class->n_options && n < max; i++)
        out[n++] = class->options[i].name;
    for (size_t i = 0; i < N_COMMON && n < max; i++)
        out[n++] = common_options[i].name;
    return n;
}

struct tt_target_settings *tt_target_settings_new(const struct tt_target_class *class)
{
    struct tt_target_settings *s = tt_xcalloc(1, sizeof *s);
    s->class = class;
    tt_arena_init(&s->texts);
    s->config = tt_xcalloc(1, class->config_size);
    if (class->defaults)
        class->defaults(s->config);
    return s;
}

void tt_target_settings_free(struct tt_target_settings *s)
{
    if (!s)
        return;
    tt_arena_fini(&s->texts);
    tt_free(s->config);
    tt_free(s);
}

static bool set_choice(const struct tt_target_option *o, const char *value, uint64_t *out,
                       struct tt_err *err)
{
    size_t n = 0;
    char list[256] = "";
    for (; o->choices[n]; n++) {
        if (strcmp(o->choices[n], value) == 0) {
            *out = n;
            return true;
        }
        strncat(list, n ? ", " : "", sizeof list - strlen(list) - 1);
        strncat(list, o->choices[n], sizeof list - strlen(list) - 1);
    }
    return tt_err_set(err, TT_EXIT_CONFIG, "%s: '%s' is none of %s", o->name, value, list);
}

static bool set_bool(const struct tt_target_option *o, const char *value, bool *out,
                     struct tt_err *err)
{
    *out = strcmp(value, "true") == 0;
    if (!*out && strcmp(value, "false") != 0)
        return tt_err_set(err, TT_EXIT_CONFIG, "%s: '%s' is neither true nor false", o->name,
                          value);
    return true;
}

static bool unknown_option(const struct tt_target_class *class, const char *name,
                           struct tt_err *err)
{
    const char *names[OPTIONS_MAX];
    size_t n = tt_target_option_names(class, names, OPTIONS_MAX);
    const char *near = tt_suggest(name, names, n);
    if (near)
        return tt_err_set(err, TT_EXIT_CONFIG, "%s: unknown option '%s' (did you mean '%s'?)",
                          class->name, name, near);
    return tt_err_set(err, TT_EXIT_CONFIG, "%s: unknown option '%s'", class->name, name);
}

bool tt_target_set(struct tt_target_settings *s, const char *name, const char *value,
                   struct tt_err *err)
{
    const struct tt_target_option *o = tt_target_option(s->class, name);
    if (!o)
        return unknown_option(s->class, name, err);
    void *at = (char *)s->config + o->offset;
    uint64_t max = o->max ? o->max : UINT32_MAX;
    uint64_t count;
    double chance;
    switch (o->kind) {
    case TT_TARGET_BOOL:
        return set_bool(o, value, at, err);
    case TT_TARGET_CHOICE:
        return set_choice(o, value, at, err);
    case TT_TARGET_COUNT:
        if (!tt_parse_u64(value, &count) || count > max)
            return tt_err_set(err, TT_EXIT_CONFIG, "%s: '%s' is no whole number from 0 to %llu",
                              name, value, (unsigned long long)max);
        memcpy(at, &count, sizeof count);
        return true;
    case TT_TARGET_CHANCE:
        if (!tt_parse_double(value, &chance) || chance < 0 || chance > 1)
            return tt_err_set(err, TT_EXIT_CONFIG, "%s: '%s' is no number from 0 to 1", name,
                              value);
        memcpy(at, &chance, sizeof chance);
        return true;
    default:
        *(const char **)at = tt_arena_strdup(&s->texts, value);
        return true;
    }
}

static void write_endpoint(struct tt_target *t, const char *host)
{
    bool v6 = strchr(host, ':') != NULL;
    snprintf(t->endpoint, sizeof t->endpoint, "%s%s://%s%s%s:%u", t->class->scheme,
             tt_server_secure(t->server) ? "s" : "", v6 ? "[" : "", host, v6 ? "]" : "",
             tt_server_port(t->server));
}

static void free_target(struct tt_target *t)
{
    if (t->class->cleanup)
        t->class->cleanup(t);
    tt_free(t->state);
    tt_free(t->counters);
    tt_target_settings_free(t->settings);
    tt_free(t);
}

struct tt_target *tt_target_start(struct tt_target_settings *s, struct tt_err *err)
{
    const struct tt_target_class *class = s->class;
    const struct tt_target_common *common = s->config;
    struct tt_target *t = tt_xcalloc(1, sizeof *t);
    t->class = class;
    t->settings = s;
    t->config = s->config;
    t->state = tt_xcalloc(1, class->state_size ? class->state_size : 1);
    t->counters = tt_xcalloc(class->n_counters, sizeof *t->counters);
    struct tt_server_config server = {
        .name = class->name,
        .host = common->host,
        .port = (uint16_t)common->port,
        .tls_cert = common->tls_cert,
        .tls_key = common->tls_key,
        .body_max = 10 << 20,
        .handler = class->handler,
        .user = t,
    };
    if (class->prepare && !class->prepare(t, &server, err))
        goto fail;
    t->server = tt_server_start(&server, err);
    if (!t->server)
        goto fail;
    write_endpoint(t, common->host ? common->host : "127.0.0.1");
    return t;
fail:
    free_target(t);
    return NULL;
}

void tt_target_stop(struct tt_target *t)
{
    if (!t)
        return;
    tt_server_stop(t->server);
    free_target(t);
}

uint64_t tt_target_counter(const struct tt_target *t, size_t counter)
{
    return atomic_load_explicit(&t->counters[counter], memory_order_relaxed);
}
