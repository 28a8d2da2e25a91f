/* SPDX-License-Identifier: MIT */
/* What plan/'s files share. Not for other folders. */
#pragma once
#include "base/buf.h"
#include "plan/plan.h"

enum tt__option_type {
    TT_OPT_BOOL,
    TT_OPT_INT,
    TT_OPT_NUMBER,
    TT_OPT_DURATION,
    TT_OPT_SIZE,
    TT_OPT_STRING,
    TT_OPT_LIST,
    TT_OPT_TEXTS,
    TT_OPT_TAGS,
    TT_OPT_ENV,
    TT_OPT_JSON,
    TT_OPT_SPEC
};
struct tt__option {
    enum tt__option_type type;
    size_t offset;
    const char *name, *deflt, *flag;
    char short_flag;
    const char *metavar, *group, *help;
};
extern const struct tt__option tt__options[TT_OPT_COUNT];

void *tt__option_at(struct tt_options *o, enum tt_opt_id id);
/* values.c. append: another value of the same layer for a repeatable option. */
bool tt__value_from_text(struct tt_options *o, struct tt_arena *a, enum tt_opt_id id,
                         const char *text, enum tt_opt_layer layer, bool append,
                         struct tt_err *err);
bool tt__value_from_json(struct tt_options *o, struct tt_arena *a, enum tt_opt_id id,
                         const cJSON *v, struct tt_err *err);
bool tt__wrong_type(const cJSON *v, const char *expected, struct tt_err *err);
/* The same, noted as set by the layer. */
bool tt__option_from_text(struct tt_options *o, struct tt_arena *a, enum tt_opt_id id,
                          const char *text, enum tt_opt_layer layer, bool append,
                          struct tt_err *err);
bool tt__env_name_valid(const char *s, size_t n);
bool tt__json_duration(const cJSON *v, uint64_t *ns, struct tt_err *err);
bool tt__json_int(const cJSON *v, int64_t *out, struct tt_err *err);
bool tt__json_number(const cJSON *v, double *out, struct tt_err *err);
bool tt__json_tags(const cJSON *v, struct tt_arena *a, struct tt_tag_list *out, struct tt_err *err);
/* "unknown <what> 'x' (did you mean 'y'?)" */
bool tt__unknown(const char *what, const char *name, const char *const *names, size_t n,
                 struct tt_err *err);

/* All that is wrong with a plan, one line each, with its path. */
struct tt__problems {
    struct tt_buf text;
    size_t n;
};
void tt__problem(struct tt__problems *p, const char *fmt, ...) TT_PRINTF(2, 3);
/* scenario.c */
bool tt__scenario_parse(struct tt_arena *a, const char *name, const cJSON *obj,
                        struct tt_scenario *out, struct tt__problems *problems);
void tt__scenario_defaults(struct tt_scenario *sc, const char *name, const char *executor);
bool tt__stages_parse(struct tt_arena *a, const char *path, const cJSON *list,
                      struct tt_scenario *out, struct tt__problems *problems);
void tt__scenario_check(const char *path, struct tt_scenario *sc, struct tt__problems *problems);
cJSON *tt__scenario_json(const struct tt_scenario *sc);
/* dry_run.c: makes it a plan of one iteration per scenario */
void tt__plan_dry_run(struct tt_plan *p);
/* inspect.c */
void tt__json_add_duration(cJSON *obj, const char *name, uint64_t ns);
void tt__json_add_tags(cJSON *obj, const char *name, const struct tt_tag *items, size_t n);
/* thresholds.c */
void tt__thresholds_parse(struct tt_plan *p, struct tt_registry *r, struct tt__problems *problems);
