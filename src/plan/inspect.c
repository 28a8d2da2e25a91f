/* SPDX-License-Identifier: MIT */
/* A resolved plan as JSON, in the words of options and config file; see plan.h. */
#include "base/clock.h"
#include "base/units.h"
#include "plan/needs.h"
#include "plan/options_int.h"
#include <math.h>
#include <string.h>

void tt__json_add_duration(cJSON *obj, const char *name, uint64_t ns)
{
    char text[48];
    cJSON_AddStringToObject(obj, name, tt_format_duration(text, sizeof text, ns));
}

void tt__json_add_tags(cJSON *obj, const char *name, const struct tt_tag *items, size_t n)
{
    cJSON *list = n ? cJSON_AddObjectToObject(obj, name) : NULL;
    for (size_t i = 0; i < n; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(list, items[i].key);
        cJSON_AddStringToObject(list, items[i].key, items[i].value);
    }
}

static void add_option(cJSON *out, struct tt_options *o, enum tt_opt_id id)
{
    const struct tt__option *opt = &tt__options[id];
    const void *v = tt__option_at(o, id);
    cJSON *list;
    switch (opt->type) {
    case TT_OPT_BOOL:
        cJSON_AddBoolToObject(out, opt->name, *(const bool *)v);
        break;
    case TT_OPT_INT:
        cJSON_AddNumberToObject(out, opt->name, (double)*(const int64_t *)v);
        break;
    case TT_OPT_NUMBER:
        cJSON_AddNumberToObject(out, opt->name, *(const double *)v);
        break;
    case TT_OPT_SIZE:
        cJSON_AddNumberToObject(out, opt->name, (double)*(const uint64_t *)v);
        break;
    case TT_OPT_DURATION:
        tt__json_add_duration(out, opt->name, *(const uint64_t *)v);
        break;
    case TT_OPT_STRING:
        cJSON_AddStringToObject(out, opt->name, *(const char *const *)v);
        break;
    case TT_OPT_LIST:
    case TT_OPT_TEXTS:
        list = cJSON_AddArrayToObject(out, opt->name);
        for (size_t i = 0; i < ((const struct tt_text_list *)v)->n; i++)
            cJSON_AddItemToArray(list,
                                 cJSON_CreateString(((const struct tt_text_list *)v)->items[i]));
        break;
    case TT_OPT_TAGS:
    case TT_OPT_ENV:
        tt__json_add_tags(out, opt->name, ((const struct tt_tag_list *)v)->items,
                          ((const struct tt_tag_list *)v)->n);
        break;
    case TT_OPT_JSON:
    case TT_OPT_SPEC:
        cJSON_AddItemToObject(out, opt->name, cJSON_Duplicate(*(cJSON *const *)v, true));
        break;
    }
}

/* The shortcuts have become scenarios. Options of the run itself are not part of what is run, and
 * may hold secrets. */
static bool shown(enum tt_opt_id id)
{
    return id != TT_OPT_vus && id != TT_OPT_duration && id != TT_OPT_iterations &&
           id != TT_OPT_stages && id != TT_OPT_tls_auth && id != TT_OPT_scenarios &&
           strcmp(tt__options[id].group, "run") != 0;
}

cJSON *tt_plan_json(const struct tt_plan *p)
{
    struct tt_options copy = p->opt; /* add_option only reads */
    cJSON *out = cJSON_CreateObject();
    for (int id = 0; id < TT_OPT_COUNT; id++)
        if (copy.set[id] && shown((enum tt_opt_id)id))
            add_option(out, &copy, (enum tt_opt_id)id);
    cJSON *list = cJSON_AddObjectToObject(out, "scenarios");
    for (size_t i = 0; i < p->n_scenarios; i++)
        cJSON_AddItemToObject(list, p->scenarios[i].name, tt__scenario_json(&p->scenarios[i]));
    return out;
}

/* --- what it takes ------------------------------------------------------------------------------
 */

/* The area below the rate of arrivals. */
static double arrivals(const struct tt_scenario *sc)
{
    double unit = (double)sc->time_unit_ns, sum = 0, from = sc->start_rate;
    if (!sc->n_stages) /* the first is due at once */
        return ceil(sc->rate * (double)sc->duration_ns / unit);
    for (size_t i = 0; i < sc->n_stages; i++) {
        sum += (from + sc->stages[i].rate) / 2 * ((double)sc->stages[i].duration_ns / unit);
        from = sc->stages[i].rate;
    }
    return floor(sum);
}

/* Of n items of the whole test those of this process, as they are divided for a number of VUs. */
static double share(const struct tt_plan *p, double n, int64_t vus)
{
    struct tt_stripe work;
    if (!tt_stripe_recut(&work, &p->segment, p->sequence, p->n_sequence, vus))
        return 0;
    double ours = n < 9e18 ? (double)tt_stripe_scale(&work, (int64_t)n) : n;
    tt_stripe_fini(&work);
    return ours;
}

/* Iterations that this process's executors start when no VU is missing; negative: nobody knows. */
static double expected_iterations(const struct tt_plan *p, const struct tt_stripe *vus,
                                  const struct tt_scenario *sc)
{
    if (strcmp(sc->executor, "shared-iterations") == 0)
        return share(p, (double)sc->iterations, sc->vus);
    if (strcmp(sc->executor, "per-vu-iterations") == 0)
        return (double)sc->iterations * (double)tt_stripe_scale(vus, sc->vus);
    return sc->time_unit_ns ? share(p, arrivals(sc), sc->max_vus) : -1;
}

static void add_expected(cJSON *out, const struct tt_plan *p, const struct tt_stripe *vus)
{
    double sum = 0;
    bool known = p->n_scenarios > 0;
    for (size_t i = 0; i < p->n_scenarios; i++) {
        double n = expected_iterations(p, vus, &p->scenarios[i]);
        known &= n >= 0;
        sum += n;
    }
    if (known)
        cJSON_AddNumberToObject(out, "expected_iterations", sum);
    else
        cJSON_AddNullToObject(out, "expected_iterations");
}

static void add_needs(cJSON *out, const struct tt_plan *p, const struct tt_stripe *s)
{
    struct tt_needs needs = {0};
    uint64_t end_ns = tt_plan_max_duration_ns(p);
    int64_t planned = tt_plan_planned_vus(p, s), most = tt_plan_max_vus(p, s);
    cJSON *steps = cJSON_CreateArray();
    if (tt_plan_needs(p, s, &needs)) {
        planned = most = 0;
        for (size_t i = 0; i < needs.len; i++) {
            const struct tt_need *n = &needs.items[i];
            const double row[] = {(double)n->at_ns / 1e9, (double)n->planned, (double)n->unplanned};
            planned = n->planned > planned ? n->planned : planned;
            most = n->planned + n->unplanned > most ? n->planned + n->unplanned : most;
            cJSON_AddItemToArray(steps, cJSON_CreateDoubleArray(row, 3));
        }
        if (end_ns != TT_NEVER && needs.len) /* a ramp may end before its last stage does */
            end_ns = needs.items[needs.len - 1].at_ns;
    }
    tt_vec_fini(&needs);
    if (end_ns == TT_NEVER)
        cJSON_AddNullToObject(out, "max_duration");
    else
        tt__json_add_duration(out, "max_duration", end_ns);
    cJSON_AddNumberToObject(out, "planned_vus", (double)planned);
    cJSON_AddNumberToObject(out, "max_vus", (double)most);
    cJSON_AddItemToObject(out, "vus_over_time", steps); /* empty: more than a million steps */
}

cJSON *tt_plan_requirements_json(const struct tt_plan *p)
{
    struct tt_stripe s;
    struct tt_err err;
    cJSON *out = cJSON_CreateObject();
    if (tt_stripe_init(&s, &p->segment, p->sequence, p->n_sequence, &err)) {
        add_needs(out, p, &s);
        add_expected(out, p, &s);
        tt_stripe_fini(&s);
    }
    cJSON_AddNumberToObject(out, "workers", p->workers);
    return out;
}
