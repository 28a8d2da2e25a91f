/* SPDX-License-Identifier: MIT */
/* One scenario from JSON: fields by table, every problem noted with its path. Coordinator thread.
 */
#include "base/clock.h"
#include "base/str.h"
#include "plan/options_int.h"
#include <stdarg.h>
#include <string.h>

enum {
    CONSTANT = 1,
    RAMPING = 2,
    SHARED = 4,
    PER_VU = 8,
    ARRIVAL = 16,
    RAMPING_ARRIVAL = 32,
    EXTERNAL = 64,
    OPEN = ARRIVAL | RAMPING_ARRIVAL,
    CLOSED = CONSTANT | RAMPING | SHARED | PER_VU | EXTERNAL,
    ALL = OPEN | CLOSED
};

static const struct {
    const char *name;
    unsigned bit;
} executors[] = {{"constant-vus", CONSTANT},         {"ramping-vus", RAMPING},
                 {"shared-iterations", SHARED},      {"per-vu-iterations", PER_VU},
                 {"constant-arrival-rate", ARRIVAL}, {"ramping-arrival-rate", RAMPING_ARRIVAL},
                 {"externally-controlled", EXTERNAL}};
enum { N_EXECUTORS = sizeof executors / sizeof *executors };

enum field_type {
    FIELD_TEXT,
    FIELD_INT,
    FIELD_RATE,
    FIELD_DURATION,
    FIELD_STAGES,
    FIELD_TAGS,
    FIELD_OVERLOAD,
    FIELD_GROWTH
};

#define AT(member) offsetof(struct tt_scenario, member)
static const struct {
    const char *name;
    enum field_type type;
    unsigned executors, required;
    size_t offset, count_offset;
} fields[] = {
    {"executor", FIELD_TEXT, ALL, ALL, AT(executor), 0},
    {"exec", FIELD_TEXT, ALL, 0, AT(exec), 0},
    {"start_time", FIELD_DURATION, ALL, 0, AT(start_time_ns), 0},
    {"after", FIELD_TEXT, ALL, 0, AT(after), 0},
    {"warmup", FIELD_DURATION, ALL, 0, AT(warmup_ns), 0},
    {"graceful_stop", FIELD_DURATION, ALL & ~(unsigned)EXTERNAL, 0, AT(graceful_stop_ns), 0},
    {"env", FIELD_TAGS, ALL, 0, AT(env), AT(n_env)},
    {"tags", FIELD_TAGS, ALL, 0, AT(tags), AT(n_tags)},
    {"vus", FIELD_INT, CONSTANT | SHARED | PER_VU | EXTERNAL, 0, AT(vus), 0},
    {"duration", FIELD_DURATION, CONSTANT | ARRIVAL | EXTERNAL, CONSTANT | ARRIVAL | EXTERNAL,
     AT(duration_ns), 0},
    {"start_vus", FIELD_INT, RAMPING, 0, AT(start_vus), 0},
    {"stages", FIELD_STAGES, RAMPING | RAMPING_ARRIVAL, RAMPING | RAMPING_ARRIVAL, 0, 0},
    {"graceful_ramp_down", FIELD_DURATION, RAMPING, 0, AT(graceful_ramp_down_ns), 0},
    {"iterations", FIELD_INT, SHARED | PER_VU, 0, AT(iterations), 0},
    {"max_duration", FIELD_DURATION, SHARED | PER_VU, 0, AT(max_duration_ns), 0},
    {"pacing", FIELD_DURATION, CLOSED, 0, AT(pacing_ns), 0},
    {"rate", FIELD_RATE, ARRIVAL, ARRIVAL, AT(rate), 0},
    {"start_rate", FIELD_RATE, RAMPING_ARRIVAL, 0, AT(start_rate), 0},
    {"time_unit", FIELD_DURATION, OPEN, 0, AT(time_unit_ns), 0},
    {"pre_allocated_vus", FIELD_INT, OPEN, OPEN, AT(pre_allocated_vus), 0},
    {"max_vus", FIELD_INT, OPEN | EXTERNAL, 0, AT(max_vus), 0},
    {"on_overload", FIELD_OVERLOAD, OPEN, 0, AT(queue_overload), 0},
    {"vu_growth", FIELD_GROWTH, OPEN, 0, AT(grow_one_by_one), 0},
};
enum {
    N_FIELDS = sizeof fields / sizeof *fields,
    VUS_MAX = 100000000,
    POOL_MAX =
        1000000000 /* VUs that an open model may keep ready: mere numbers until they are made */
};

void tt__problem(struct tt__problems *p, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    tt_buf_printf(&p->text, "%s%s", p->n ? "\n  " : "", line);
    p->n++;
}

static unsigned executor_bit(const char *name)
{
    for (size_t i = 0; i < N_EXECUTORS; i++)
        if (tt_streq(executors[i].name, name))
            return executors[i].bit;
    return 0;
}

void tt__scenario_defaults(struct tt_scenario *sc, const char *name, const char *executor)
{
    *sc = (struct tt_scenario){
        .name = name,
        .executor = executor,
        .exec = "default",
        .graceful_stop_ns = 30 * TT_NS_PER_S,
        .graceful_ramp_down_ns = 30 * TT_NS_PER_S,
        .vus = 1,
        .start_vus = 1,
        .iterations = 1,
        .max_duration_ns = 600 * TT_NS_PER_S,
        .max_vus = -1,
        .time_unit_ns = executor_bit(executor) & OPEN ? TT_NS_PER_S : 0,
    };
}

/* The field of obj, NULL when absent or null. */
static const cJSON *get(const cJSON *obj, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(obj, name);
    return v && !cJSON_IsNull(v) ? v : NULL;
}

static bool parse_rate(const cJSON *v, double *out, struct tt_err *err)
{
    return tt__json_number(v, out, err) &&
           ((*out >= 0 && *out <= 1e9) ||
            tt_err_set(err, 0, "expected a number of iterations per time_unit, from 0 to 1e9"));
}

/* rates: the target is a rate, not a number of VUs. */
static bool parse_target(const cJSON *v, bool rates, struct tt_stage *out, struct tt_err *err)
{
    if (rates)
        return parse_rate(v, &out->rate, err);
    return tt__json_int(v, &out->target, err) &&
           ((out->target >= 0 && out->target <= VUS_MAX) ||
            tt_err_set(err, 0, "expected a number from 0 to 100000000, found %lld",
                       (long long)out->target));
}

static bool parse_stage(const cJSON *v, const char *path, bool rates, struct tt_stage *out,
                        struct tt__problems *problems)
{
    struct tt_err err;
    static const char *const names[] = {"duration", "target"};
    size_t before = problems->n;
    if (!cJSON_IsObject(v)) {
        tt__problem(problems, "%s: expected { duration = \"30s\", target = 5 }", path);
        return false;
    }
    for (const cJSON *c = v->child; c; c = c->next)
        if (strcmp(c->string, "duration") != 0 && strcmp(c->string, "target") != 0) {
            tt__unknown("field", c->string, names, 2, &err);
            tt__problem(problems, "%s: %s", path, err.text);
        }
    const cJSON *duration = get(v, "duration"), *target = get(v, "target");
    if (!duration)
        tt__problem(problems, "%s.duration: missing", path);
    else if (!tt__json_duration(duration, &out->duration_ns, &err))
        tt__problem(problems, "%s.duration: %s", path, err.text);
    if (!target)
        tt__problem(problems, "%s.target: missing", path);
    else if (!parse_target(target, rates, out, &err))
        tt__problem(problems, "%s.target: %s", path, err.text);
    return problems->n == before;
}

bool tt__stages_parse(struct tt_arena *a, const char *path, const cJSON *list,
                      struct tt_scenario *out, struct tt__problems *problems)
{
    size_t n = (size_t)cJSON_GetArraySize(list), i = 0, before = problems->n;
    if (!cJSON_IsArray(list) || !n) {
        tt__problem(problems,
                    "%s: expected a list of at least one { duration = \"30s\", target = 5 }", path);
        return false;
    }
    struct tt_stage *stages = tt_arena_alloc(a, n * sizeof *stages);
    for (const cJSON *c = list->child; c; c = c->next, i++) {
        char at[320];
        snprintf(at, sizeof at, "%s[%zu]", path, i + 1);
        if (parse_stage(c, at, out->time_unit_ns > 0, &stages[i], problems))
            out->duration_ns += stages[i].duration_ns;
    }
    out->stages = stages;
    out->n_stages = n;
    return problems->n == before;
}

static bool parse_choice(const cJSON *v, const char *no, const char *yes, bool *out,
                         struct tt_err *err)
{
    const char *text = cJSON_IsString(v) ? v->valuestring : "";
    *out = strcmp(text, yes) == 0;
    return *out || strcmp(text, no) == 0 || tt_err_set(err, 0, "expected '%s' or '%s'", no, yes);
}

static void parse_field(struct tt_arena *a, const char *path, size_t f, const cJSON *v,
                        struct tt_scenario *out, struct tt__problems *problems)
{
    struct tt_err err;
    struct tt_tag_list tags;
    bool ok = true;
    void *at = (char *)out + fields[f].offset;
    switch (fields[f].type) {
    case FIELD_TEXT:
        if (cJSON_IsString(v) && v->valuestring[0])
            *(const char **)at = tt_arena_strdup(a, v->valuestring);
        else
            tt__problem(problems, "%s.%s: expected text, not empty", path, fields[f].name);
        return;
    case FIELD_INT:
        ok = tt__json_int(v, at, &err);
        break;
    case FIELD_RATE:
        ok = parse_rate(v, at, &err);
        break;
    case FIELD_DURATION:
        ok = tt__json_duration(v, at, &err);
        break;
    case FIELD_OVERLOAD:
        ok = parse_choice(v, "drop", "queue", at, &err);
        break;
    case FIELD_GROWTH:
        ok = parse_choice(v, "batch", "one", at, &err);
        break;
    case FIELD_TAGS:
        ok = tt__json_tags(v, a, &tags, &err);
        if (ok) {
            *(const struct tt_tag **)at = tags.items;
            *(size_t *)(void *)((char *)out + fields[f].count_offset) = tags.n;
        }
        break;
    case FIELD_STAGES: {
        char at_path[272];
        snprintf(at_path, sizeof at_path, "%s.stages", path);
        tt__stages_parse(a, at_path, v, out, problems);
        return;
    }
    }
    if (!ok)
        tt__problem(problems, "%s.%s: %s", path, fields[f].name, err.text);
}

static void check_range(const char *path, const char *field, int64_t value, int64_t least,
                        int64_t most, struct tt__problems *problems)
{
    if (value < least || value > most)
        tt__problem(problems, "%s.%s: expected a number from %lld to %lld, found %lld", path, field,
                    (long long)least, (long long)most, (long long)value);
}

/* Where the load has no use for it, a stage list or rate of nothing but zeros is a mistake. */
static void check_open(const char *path, unsigned bit, struct tt_scenario *sc,
                       struct tt__problems *problems)
{
    if (sc->max_vus < 0)
        sc->max_vus = sc->pre_allocated_vus;
    check_range(path, "pre_allocated_vus", sc->pre_allocated_vus, 0, POOL_MAX, problems);
    check_range(path, "max_vus", sc->max_vus, sc->pre_allocated_vus > 0 ? sc->pre_allocated_vus : 0,
                POOL_MAX, problems);
    if (!sc->time_unit_ns)
        tt__problem(problems, "%s.time_unit: expected more than 0", path);
    if (bit != ARRIVAL)
        return;
    if (sc->rate <= 0)
        tt__problem(problems, "%s.rate: expected more than 0", path);
    if (sc->duration_ns < TT_NS_PER_S)
        tt__problem(problems, "%s.duration: expected at least 1s", path);
}

static void check_external(const char *path, struct tt_scenario *sc, struct tt__problems *problems)
{
    if (sc->max_vus < 0)
        sc->max_vus = sc->vus;
    sc->until_stopped = sc->duration_ns == 0;
    check_range(path, "vus", sc->vus, 0, VUS_MAX, problems);
    check_range(path, "max_vus", sc->max_vus, sc->vus > 1 ? sc->vus : 1, VUS_MAX, problems);
}

/* The executor's rules over the fields (k6's, with snake_case names). */
void tt__scenario_check(const char *path, struct tt_scenario *sc, struct tt__problems *problems)
{
    unsigned bit = executor_bit(sc->executor);
    if (bit & (CONSTANT | SHARED | PER_VU))
        check_range(path, "vus", sc->vus, 1, VUS_MAX, problems);
    if (bit == CONSTANT && sc->duration_ns < TT_NS_PER_S)
        tt__problem(problems, "%s.duration: expected at least 1s", path);
    if ((bit & (SHARED | PER_VU)) && sc->iterations <= 0)
        tt__problem(problems, "%s.iterations: expected at least 1, found %lld", path,
                    (long long)sc->iterations);
    if (bit == SHARED && sc->iterations > 0 && sc->iterations < sc->vus)
        tt__problem(problems, "%s.iterations: expected at least as many as vus (%lld), found %lld",
                    path, (long long)sc->vus, (long long)sc->iterations);
    if ((bit & (SHARED | PER_VU)) && sc->max_duration_ns < TT_NS_PER_S)
        tt__problem(problems, "%s.max_duration: expected at least 1s", path);
    if (bit & OPEN)
        check_open(path, bit, sc, problems);
    if (bit == EXTERNAL)
        check_external(path, sc, problems);
    if (bit != RAMPING)
        return;
    bool any = sc->start_vus > 0;
    check_range(path, "start_vus", sc->start_vus, 0, VUS_MAX, problems);
    for (size_t i = 0; i < sc->n_stages; i++)
        any |= sc->stages[i].target > 0;
    if (!any && sc->n_stages)
        tt__problem(problems, "%s: start_vus or one of the stages' targets must be above 0", path);
}

static bool name_valid(const char *name)
{
    return *name &&
           !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")];
}

/* The executor's name, checked; 0 when it is not one. */
static unsigned parse_executor(const char *path, const cJSON *obj, const char **name,
                               struct tt__problems *problems)
{
    const cJSON *v = get(obj, "executor");
    const char *known[N_EXECUTORS];
    for (size_t i = 0; i < N_EXECUTORS; i++)
        known[i] = executors[i].name;
    *name = cJSON_IsString(v) ? v->valuestring : "";
    unsigned bit = executor_bit(*name);
    if (bit)
        return bit;
    const char *near = tt_suggest(*name, known, N_EXECUTORS);
    tt__problem(problems,
                "%s.executor: %s%s%s%s%s%s; expected constant-vus, ramping-vus, shared-iterations, "
                "per-vu-iterations, constant-arrival-rate, ramping-arrival-rate or "
                "externally-controlled",
                path, v ? "unknown executor '" : "missing", *name, v ? "'" : "",
                near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    return 0;
}

bool tt__scenario_parse(struct tt_arena *a, const char *name, const cJSON *obj,
                        struct tt_scenario *out, struct tt__problems *problems)
{
    char path[256];
    const char *executor, *known[N_FIELDS];
    size_t before = problems->n, n_known = 0;
    snprintf(path, sizeof path, "scenarios.%.200s", name);
    if (!name_valid(name))
        tt__problem(problems, "%s: a scenario's name has letters, digits, - and _ only", path);
    if (!cJSON_IsObject(obj)) {
        tt__problem(problems, "%s: expected a table with an executor", path);
        return false;
    }
    unsigned bit = parse_executor(path, obj, &executor, problems);
    if (!bit)
        return false;
    tt__scenario_defaults(out, tt_arena_strdup(a, name), executor);
    for (size_t f = 0; f < N_FIELDS; f++)
        if (fields[f].executors & bit)
            known[n_known++] = fields[f].name;
    for (const cJSON *c = obj->child; c; c = c->next) {
        size_t f = 0;
        while (f < N_FIELDS &&
               (strcmp(fields[f].name, c->string) != 0 || !(fields[f].executors & bit)))
            f++;
        struct tt_err err;
        if (f < N_FIELDS)
            continue;
        tt__unknown("field", c->string, known, n_known, &err);
        tt__problem(problems, "%s: %s for the executor %s", path, err.text, executor);
    }
    for (size_t f = 0; f < N_FIELDS; f++) {
        const cJSON *v = get(obj, fields[f].name);
        if (v && (fields[f].executors & bit))
            parse_field(a, path, f, v, out, problems);
        else if (!v && (fields[f].required & bit))
            tt__problem(problems, "%s.%s: missing; %s needs it", path, fields[f].name, executor);
    }
    if (problems->n == before)
        tt__scenario_check(path, out, problems);
    return problems->n == before;
}

cJSON *tt__scenario_json(const struct tt_scenario *sc)
{
    cJSON *out = cJSON_CreateObject(), *stages;
    unsigned bit = executor_bit(sc->executor);
    for (size_t f = 0; f < N_FIELDS; f++) {
        const void *at = (const char *)sc + fields[f].offset;
        const char *name = fields[f].name;
        if (!(fields[f].executors & bit))
            continue;
        switch (fields[f].type) {
        case FIELD_TEXT:
            if (*(const char *const *)at)
                cJSON_AddStringToObject(out, name, *(const char *const *)at);
            break;
        case FIELD_INT:
            cJSON_AddNumberToObject(out, name, (double)*(const int64_t *)at);
            break;
        case FIELD_RATE:
            cJSON_AddNumberToObject(out, name, *(const double *)at);
            break;
        case FIELD_DURATION:
            tt__json_add_duration(out, name, *(const uint64_t *)at);
            break;
        case FIELD_OVERLOAD:
            cJSON_AddStringToObject(out, name, sc->queue_overload ? "queue" : "drop");
            break;
        case FIELD_GROWTH:
            cJSON_AddStringToObject(out, name, sc->grow_one_by_one ? "one" : "batch");
            break;
        case FIELD_TAGS:
            tt__json_add_tags(
                out, name, *(const struct tt_tag *const *)at,
                *(const size_t *)(const void *)((const char *)sc + fields[f].count_offset));
            break;
        case FIELD_STAGES:
            stages = cJSON_AddArrayToObject(out, name);
            for (size_t i = 0; i < sc->n_stages; i++) {
                cJSON *stage = cJSON_CreateObject();
                tt__json_add_duration(stage, "duration", sc->stages[i].duration_ns);
                cJSON_AddNumberToObject(stage, "target",
                                        bit == RAMPING ? (double)sc->stages[i].target
                                                       : sc->stages[i].rate);
                cJSON_AddItemToArray(stages, stage);
            }
            break;
        }
    }
    return out;
}
