/* SPDX-License-Identifier: MIT */
/* An embedded server to test against: what `ttload serve NAME` and ttload.testserver start. A class
 * is a const struct in its folder, listed in target.c. Settings, start, stop, stats: any thread,
 * one at a time; handlers run on the server's thread. */
#pragma once
#include "serve/server.h"
#include <stdatomic.h>

enum tt_target_kind {
    TT_TARGET_BOOL,   /* bool */
    TT_TARGET_COUNT,  /* uint64_t, at most max */
    TT_TARGET_CHANCE, /* double, 0 to 1 */
    TT_TARGET_TEXT,   /* const char *, NULL = not given */
    TT_TARGET_CHOICE, /* uint64_t, index into choices */
};

struct tt_target_option {
    const char *name; /* snake_case; `ttload serve` takes it with dashes */
    enum tt_target_kind kind;
    size_t offset; /* in the class's config */
    const char *help;
    uint64_t max;               /* COUNT: 0 = UINT32_MAX */
    const char *const *choices; /* NULL at the end */
};

/* Every class's config begins with this. */
struct tt_target_common {
    const char *host, *tls_cert, *tls_key;
    uint64_t port;
};

struct tt_target;
struct tt_target_class {
    const char *name;
    const char *scheme; /* "ws" or "http", without the s */
    const char *summary;
    const struct tt_target_option *options;
    size_t n_options;
    size_t config_size, state_size;
    void (*defaults)(void *config);
    const char *const *counters;
    size_t n_counters;
    const struct tt_server_handler *handler; /* its user is the struct tt_target */
    /* Before the server starts: limits into server, state from config. */
    bool (*prepare)(struct tt_target *t, struct tt_server_config *server, struct tt_err *err);
    void (*cleanup)(struct tt_target *t); /* after it has stopped; may be NULL */
};
extern const struct tt_target_class *const tt_target_classes[]; /* NULL at the end */
const struct tt_target_class *tt_target_class_find(const char *name);

struct tt_target {
    const struct tt_target_class *class;
    struct tt_server *server;
    void *config, *state;
    _Atomic uint64_t *counters;
    struct tt_target_settings *settings;
    char endpoint[96]; /* "ws://127.0.0.1:4711" */
};

/* Options by name and text, as from a command line. */
struct tt_target_settings;
struct tt_target_settings *tt_target_settings_new(const struct tt_target_class *class);
void tt_target_settings_free(struct tt_target_settings *s);
bool tt_target_set(struct tt_target_settings *s, const char *name, const char *value,
                   struct tt_err *err);
/* NULL when the class has none of that name. */
const struct tt_target_option *tt_target_option(const struct tt_target_class *class,
                                                const char *name);
/* All of a class: its own, then the common ones; returns how many there are. */
size_t tt_target_option_names(const struct tt_target_class *class, const char **out, size_t max);

/* Takes the settings, also on failure (NULL). */
struct tt_target *tt_target_start(struct tt_target_settings *s, struct tt_err *err);
void tt_target_stop(struct tt_target *t); /* frees it; NULL is fine */
static inline void tt_target_count(struct tt_target *t, size_t counter)
{
    atomic_fetch_add_explicit(&t->counters[counter], 1, memory_order_relaxed);
}
uint64_t tt_target_counter(const struct tt_target *t, size_t counter);
