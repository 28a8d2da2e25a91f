/* SPDX-License-Identifier: MIT */
/* Options: one struct generated from options.def, filled layer by layer (defaults < config file <
 * script < environment < flags). Coordinator thread while it is made; immutable in a plan. Strings
 * live in the plan's arena. */
#pragma once
#include "base/memory.h"
#include "base/vec.h"
#include "metric/metric.h"
#include <cjson/cJSON.h>
#include <stdio.h>

#ifndef TT_VERSION
#define TT_VERSION "0.1.0"
#endif

enum tt_opt_layer {
    TT_LAYER_DEFAULT,
    TT_LAYER_CONFIG,
    TT_LAYER_SCRIPT,
    TT_LAYER_ENV,
    TT_LAYER_FLAG
};

struct tt_text_list {
    const char **items;
    size_t n;
};
struct tt_tag_list {
    const struct tt_tag *items;
    size_t n;
};

#define TT_OPT_CTYPE_BOOL     bool
#define TT_OPT_CTYPE_INT      int64_t
#define TT_OPT_CTYPE_NUMBER   double
#define TT_OPT_CTYPE_DURATION uint64_t /* ns */
#define TT_OPT_CTYPE_SIZE     uint64_t /* bytes */
#define TT_OPT_CTYPE_STRING   const char *
#define TT_OPT_CTYPE_LIST     struct tt_text_list
#define TT_OPT_CTYPE_TEXTS    struct tt_text_list
#define TT_OPT_CTYPE_TAGS     struct tt_tag_list
#define TT_OPT_CTYPE_ENV      struct tt_tag_list
#define TT_OPT_CTYPE_JSON     cJSON * /* owned by the options; tt_options_fini */
#define TT_OPT_CTYPE_SPEC     cJSON * /* text or a table; likewise */

enum tt_opt_id {
#define OPT(type, field, ...) TT_OPT_##field,
#include "plan/options.def"
#undef OPT
    TT_OPT_COUNT
};

struct tt_options {
#define OPT(type, field, ...) TT_OPT_CTYPE_##type field;
#include "plan/options.def"
#undef OPT
    uint8_t layer[TT_OPT_COUNT]; /* enum tt_opt_layer that set it last; TT_LAYER_DEFAULT with ""
                                    default = unset */
    bool set[TT_OPT_COUNT];      /* has a value (given, or a default that is not "") */
    bool
        load_unknown; /* a value of the load was refused: scenarios derived from the rest mislead */
};

void tt_options_init(struct tt_options *o, struct tt_arena *a); /* the defaults */
void tt_options_fini(struct tt_options *o);                     /* what the arena does not own */

/* A layer that is not taken as a whole is told in err: every problem, a line each. */
/* One layer. obj: the options as JSON; unknown names, wrong types and options that a script may not
 * set are errors. where: "options" or the config file's path, for messages. */
bool tt_options_apply_json(struct tt_options *o, struct tt_arena *a, const cJSON *obj,
                           enum tt_opt_layer layer, const char *where, struct tt_err *err);
void tt_options_warn_env(char **environment); /* of TTLOAD_ variables that are no options */
/* TTLOAD_<NAME> variables; empty and unknown ones are passed over. */
bool tt_options_apply_env(struct tt_options *o, struct tt_arena *a, char **environment,
                          struct tt_err *err);
/* argv: the words after the subcommand; flags and positional words in any order. */
bool tt_options_apply_flags(struct tt_options *o, struct tt_arena *a, int argc, char **argv,
                            struct tt_text_list *positional, struct tt_err *err);
/* A row of the table, for those who print it. False: there is no row i. */
struct tt_option_info {
    const char *name, *flag, *metavar, *help; /* flag: "": none; metavar "": takes no value */
    char short_flag;
};
bool tt_option_info(size_t i, struct tt_option_info *out);
void tt_options_help(FILE *out);     /* for --help, by group */
void tt_options_markdown(FILE *out); /* docs/options.md */
/* What ttload.env holds: the system's environment where included, the env files, then --env. */
bool tt_options_script_env(const struct tt_options *o, struct tt_arena *a, char **environment,
                           struct tt_tag_list *out, struct tt_err *err);
