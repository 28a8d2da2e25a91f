/* SPDX-License-Identifier: MIT */
/* From options to a plan: shortcuts become scenarios, everything is checked, all problems are told
 * at once. Coordinator thread. */
#include "plan/plan.h"
#include "base/clock.h"
#include "base/exitcode.h"
#include "base/log.h"
#include "base/str.h"
#include "plan/options_int.h"
#include "plan/tls_options.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct build {
    struct tt_plan *p;
    struct tt__problems problems;
};

static struct tt_scenario *add_default(struct tt_plan *p, const char *executor)
{
    p->scenarios = tt_arena_alloc(&p->arena, sizeof *p->scenarios);
    p->n_scenarios = 1;
    tt__scenario_defaults(p->scenarios, "default", executor);
    return p->scenarios;
}

static void conflict(struct build *b, const char *shortcut, bool stages)
{
    const struct tt_options *o = &b->p->opt;
    stages = stages && o->set[TT_OPT_stages] && o->stages->child;
    if (stages || o->set[TT_OPT_scenarios])
        tt__problem(&b->problems, "'%s' and '%s' are set together; use one of them", shortcut,
                    stages ? "stages" : "scenarios");
}

static void read_scenarios(struct build *b)
{
    struct tt_plan *p = b->p;
    const cJSON *all = p->opt.scenarios;
    size_t n = (size_t)cJSON_GetArraySize(all);
    p->scenarios = tt_arena_alloc(&p->arena, (n + 1) * sizeof *p->scenarios);
    for (const cJSON *c = all->child; c; c = c->next)
        if (tt__scenario_parse(&p->arena, c->string, c, &p->scenarios[p->n_scenarios],
                               &b->problems))
            p->n_scenarios++;
}

/* One VU, one iteration: what is left when nothing says more. */
static struct tt_scenario *derive_nothing(struct build *b)
{
    const struct tt_options *o = &b->p->opt;
    if (o->set[TT_OPT_stages] || o->set[TT_OPT_scenarios])
        tt_log(TT_LOG_WARN, "'%s' is empty: one virtual user runs one iteration of default",
               o->set[TT_OPT_stages] ? "stages" : "scenarios");
    if (o->set[TT_OPT_vus] && o->vus != 1)
        tt_log(TT_LOG_WARN, "'vus' has no effect with empty stages");
    return add_default(b->p, "per-vu-iterations");
}

/* k6's order of shortcuts: iterations, duration, stages, vus alone, scenarios, nothing. */
static void derive(struct build *b)
{
    struct tt_plan *p = b->p;
    const struct tt_options *o = &p->opt;
    struct tt_scenario *sc = NULL;
    bool scenarios = o->set[TT_OPT_scenarios] && o->scenarios->child;
    if (o->set[TT_OPT_scenarios] && !cJSON_IsObject(o->scenarios)) {
        tt__problem(&b->problems, "scenarios: expected a table name = { executor = ... }");
        return;
    }
    int64_t vus = o->set[TT_OPT_vus] ? o->vus : 1;
    if (o->set[TT_OPT_iterations]) {
        conflict(b, "iterations", true);
        sc = add_default(p, "shared-iterations");
        sc->iterations = o->iterations;
        sc->vus = vus;
        if (o->set[TT_OPT_duration])
            sc->max_duration_ns = o->duration;
    } else if (o->set[TT_OPT_duration]) {
        conflict(b, "duration", true);
        sc = add_default(p, "constant-vus");
        sc->vus = vus;
        sc->duration_ns = o->duration;
    } else if (o->set[TT_OPT_stages] && o->stages->child) {
        conflict(b, "stages", false);
        sc = add_default(p, "ramping-vus");
        sc->start_vus = vus;
        tt__stages_parse(&p->arena, "stages", o->stages, sc, &b->problems);
    } else if (o->set[TT_OPT_vus] && !o->set[TT_OPT_stages]) {
        if (scenarios)
            tt_log(TT_LOG_WARN, "'vus' alone replaces the scenarios: every virtual user runs one "
                                "iteration of default");
        sc = add_default(p, "shared-iterations");
        sc->vus = sc->iterations = vus;
    } else if (scenarios) {
        read_scenarios(b);
    } else {
        sc = derive_nothing(b);
    }
    if (sc && !b->problems.n)
        tt__scenario_check("options", sc, &b->problems);
}

static void read_segments(struct build *b)
{
    struct tt_plan *p = b->p;
    struct tt_stripe stripe;
    struct tt_err err;
    const struct tt_options *o = &p->opt;
    if (!tt_segment_parse(o->set[TT_OPT_execution_segment] ? o->execution_segment : "", &p->segment,
                          &err))
        tt__problem(&b->problems, "execution_segment: %s", err.text);
    else if (!tt_sequence_parse(
                 o->set[TT_OPT_execution_segment_sequence] ? o->execution_segment_sequence : "",
                 &p->sequence, &p->n_sequence, &err))
        tt__problem(&b->problems, "execution_segment_sequence: %s", err.text);
    else if (!tt_stripe_init(&stripe, &p->segment, p->sequence, p->n_sequence, &err))
        tt__problem(&b->problems, "execution_segment: %s", err.text);
    else
        tt_stripe_fini(&stripe);
}

/* Resolves `after`; the scenarios are in their final order. */
static void link_scenarios(struct build *b)
{
    struct tt_plan *p = b->p;
    for (size_t i = 0; i < p->n_scenarios; i++) {
        struct tt_scenario *sc = &p->scenarios[i];
        size_t k = 0;
        while (sc->after && k < p->n_scenarios && strcmp(p->scenarios[k].name, sc->after) != 0)
            k++;
        sc->after_index = k;
        if (sc->after && k == p->n_scenarios)
            tt__problem(&b->problems, "scenarios.%s.after: there is no scenario '%s'", sc->name,
                        sc->after);
    }
    for (size_t i = 0; i < p->n_scenarios && !b->problems.n; i++) {
        const struct tt_scenario *at = &p->scenarios[i];
        for (size_t steps = 0; at->after; at = &p->scenarios[at->after_index])
            if (steps++ > p->n_scenarios) {
                tt__problem(&b->problems, "scenarios.%s.after: the scenarios wait for each other",
                            p->scenarios[i].name);
                return;
            }
    }
}

static int by_start(const void *a, const void *b)
{
    const struct tt_scenario *x = a, *y = b;
    if (x->start_time_ns != y->start_time_ns)
        return x->start_time_ns < y->start_time_ns ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void network_problem(void *arg, const char *text)
{
    struct build *b = arg;
    tt__problem(&b->problems, "%s", text);
}

static void choose_system_tags(struct build *b)
{
    struct tt_err err;
    const struct tt_text_list *list = &b->p->opt.system_tags;
    b->p->system_tags = 0;
    for (size_t i = 0; i < list->n; i++) {
        int id = tt_system_tag_find(list->items[i], &err);
        if (id < 0)
            tt__problem(&b->problems, "system_tags[%zu]: %s", i + 1, err.text);
        else
            b->p->system_tags |= (tt_system_tag_set)1 << id;
    }
}

static void check_choices(struct build *b)
{
    const struct tt_options *o = &b->p->opt;
    struct tt_err err;
    if (o->http_debug && *o->http_debug && !tt_streq(o->http_debug, "headers") &&
        !tt_streq(o->http_debug, "full"))
        tt__problem(&b->problems, "http_debug: expected headers or full, found '%s'",
                    o->http_debug);
    if (!tt_streq(o->summary_mode, "compact") && !tt_streq(o->summary_mode, "full") &&
        !tt_streq(o->summary_mode, "disabled"))
        tt__problem(&b->problems, "summary_mode: expected compact, full or disabled, found '%s'",
                    o->summary_mode);
    if (o->set[TT_OPT_summary_time_unit] && !tt_streq(o->summary_time_unit, "s") &&
        !tt_streq(o->summary_time_unit, "ms") && !tt_streq(o->summary_time_unit, "us"))
        tt__problem(&b->problems, "summary_time_unit: expected s, ms or us, found '%s'",
                    o->summary_time_unit);
    for (size_t i = 0; i < o->summary_trend_stats.n; i++) {
        char text[64];
        struct tt_threshold th;
        const char *stat = o->summary_trend_stats.items[i];
        snprintf(text, sizeof text, "%.40s<1", stat);
        if (tt_streq(stat, "count"))
            continue;
        if (!tt_threshold_parse(text, &th, &err) || tt_streq(stat, "p") ||
            tt_streq(th.method, "rate") || tt_streq(th.method, "value") ||
            tt_streq(th.method, "count"))
            tt__problem(&b->problems,
                        "summary_trend_stats: '%s': expected avg, min, med, max, count or p(N)",
                        stat);
    }
    if (o->set[TT_OPT_workers] && (o->workers < 1 || o->workers > 1024))
        tt__problem(&b->problems, "workers: expected 1 to 1024, found %lld", (long long)o->workers);
    if (o->max_redirects < 0)
        tt__problem(&b->problems, "max_redirects: expected 0 or more, found %lld",
                    (long long)o->max_redirects);
    if (o->batch < 0 || o->batch_per_host < 0)
        tt__problem(&b->problems, "batch and batch_per_host: expected 0 (no limit) or more");
    if (o->max_idle_connections < 0 || o->max_idle_per_host < 0)
        tt__problem(&b->problems,
                    "max_idle_connections and max_idle_per_host: expected 0 (no limit) or more");
    if (o->set[TT_OPT_rps] && o->rps != 0 && !(o->rps >= 1e-6 && o->rps <= 1e9))
        tt__problem(&b->problems, "rps: expected 0 (no limit), or 1e-6 to 1e9");
    if (o->max_url_names < 0)
        tt__problem(&b->problems, "max_url_names: expected 0 (no limit) or more");
    if (o->max_decompression_ratio < 0)
        tt__problem(&b->problems, "max_decompression_ratio: expected 0 (no limit) or more");
}

static void check_times(struct build *b)
{
    const struct tt_options *o = &b->p->opt;
    const struct {
        const char *name;
        uint64_t ns;
    } times[] = {{"setup_timeout", o->setup_timeout},
                 {"teardown_timeout", o->teardown_timeout},
                 {"handle_summary_timeout", o->handle_summary_timeout},
                 {"max_cpu_time", o->max_cpu_time}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (!times[i].ns)
            tt__problem(&b->problems, "%s: expected more than 0; for no limit give a long time",
                        times[i].name);
}

static void check_tls(struct build *b)
{
    struct tt_tls_options t;
    struct tt_err err;
    if (!tt_tls_options_read(&t, &b->p->arena, &b->p->opt, &err))
        tt__problem(&b->problems, "%s", err.text);
    tt_tls_options_fini(&t);
}

static void limit_rate(struct tt_plan *p)
{
    if (!p->opt.set[TT_OPT_rps] || !(p->opt.rps > 0))
        return;
    p->rate_limit = tt_arena_alloc(&p->arena, sizeof *p->rate_limit);
    p->rate_limit->interval_ns = (uint64_t)((double)TT_NS_PER_S / p->opt.rps);
}

static void settle_workers(struct tt_plan *p)
{
    struct tt_stripe whole;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t want = p->opt.set[TT_OPT_workers] ? p->opt.workers : cores > 0 ? cores : 1;
    struct tt_err err;
    if (!tt_stripe_init(&whole, &p->segment, p->sequence, p->n_sequence, &err))
        return;
    int64_t vus = tt_plan_max_vus(p, &whole);
    tt_stripe_fini(&whole);
    p->workers = (unsigned)(want < vus ? want : vus > 0 ? vus : 1);
}

bool tt_plan_build(struct tt_plan *p, struct tt_registry *r,
                   bool (*has_function)(void *arg, const char *name), void *arg, struct tt_err *err)
{
    struct build b = {.p = p};
    size_t n_before;
    tt_buf_init(&b.problems.text, 64 * 1024);
    if (!p->opt.load_unknown)
        derive(&b);
    read_segments(&b);
    if (p->n_scenarios)
        qsort(p->scenarios, p->n_scenarios, sizeof *p->scenarios, by_start);
    link_scenarios(&b);
    tt__thresholds_parse(p, r, &b.problems);
    tt_network_read(&p->network, &p->arena, &p->opt, network_problem, &b);
    check_choices(&b);
    check_times(&b);
    choose_system_tags(&b);
    limit_rate(p);
    check_tls(&b);
    n_before = b.problems.n;
    for (size_t i = 0; i < p->n_scenarios; i++) {
        const struct tt_scenario *sc = &p->scenarios[i];
        if (!has_function(arg, sc->exec))
            tt__problem(&b.problems, "scenarios.%s.exec: the script's table has no function '%s'",
                        sc->name, sc->exec);
    }
    if (b.problems.n) /* as k6 has it: a function that is missing is no matter of options */
        tt_err_set(err, n_before ? TT_EXIT_CONFIG : TT_EXIT_OTHER, "%s", b.problems.text.data);
    bool ok = b.problems.n == 0;
    tt_buf_fini(&b.problems.text);
    if (!ok)
        return false;
    if (p->opt.dry_run)
        tt__plan_dry_run(p);
    p->run_tags = p->opt.tags.items;
    p->n_run_tags = p->opt.tags.n;
    settle_workers(p);
    return true;
}

/* --- how much a plan needs
 * --------------------------------------------------------------------------- */

static bool is(const struct tt_scenario *sc, const char *executor)
{
    return strcmp(sc->executor, executor) == 0;
}

uint64_t tt_scenario_regular_ns(const struct tt_scenario *sc)
{
    if (sc->until_stopped)
        return TT_NEVER;
    bool iterations = is(sc, "shared-iterations") || is(sc, "per-vu-iterations");
    return iterations ? sc->max_duration_ns : sc->duration_ns;
}

static uint64_t later(uint64_t at_ns, uint64_t by_ns)
{
    return at_ns == TT_NEVER || by_ns == TT_NEVER || at_ns + by_ns < at_ns ? TT_NEVER
                                                                           : at_ns + by_ns;
}

static uint64_t end_ns(const struct tt_plan *p, const struct tt_scenario *sc);

uint64_t tt_plan_latest_start_ns(const struct tt_plan *p, const struct tt_scenario *sc)
{
    uint64_t start = sc->after ? end_ns(p, &p->scenarios[sc->after_index]) : 0;
    return later(start, sc->start_time_ns);
}

static uint64_t end_ns(const struct tt_plan *p, const struct tt_scenario *sc)
{
    uint64_t end = later(tt_plan_latest_start_ns(p, sc), tt_scenario_regular_ns(sc));
    return is(sc, "externally-controlled") ? end : later(end, sc->graceful_stop_ns);
}

/* A scenario that waits for another one can start as soon as that one has. */
static uint64_t earliest_start_ns(const struct tt_plan *p, const struct tt_scenario *sc)
{
    uint64_t start = sc->after ? earliest_start_ns(p, &p->scenarios[sc->after_index]) : 0;
    return later(start, sc->start_time_ns);
}

static bool waits_for(const struct tt_plan *p, const struct tt_scenario *sc,
                      const struct tt_scenario *other)
{
    for (; sc->after; sc = &p->scenarios[sc->after_index])
        if (&p->scenarios[sc->after_index] == other)
            return true;
    return false;
}

/* Most VUs of the scenario at any time, over the whole test. */
static int64_t most_vus(const struct tt_scenario *sc, bool grown)
{
    if (is(sc, "externally-controlled"))
        return sc->max_vus;
    if (sc->time_unit_ns)
        return grown ? sc->max_vus : sc->pre_allocated_vus;
    if (!is(sc, "ramping-vus"))
        return sc->vus;
    int64_t most = sc->start_vus;
    for (size_t i = 0; i < sc->n_stages; i++)
        if (sc->stages[i].target > most)
            most = sc->stages[i].target;
    return most;
}

/* The sum of scenarios that may run together can only rise where one of them starts. */
static int64_t sum_vus(const struct tt_plan *p, const struct tt_stripe *s, bool grown)
{
    int64_t most = 0;
    for (size_t i = 0; i < p->n_scenarios; i++) {
        const struct tt_scenario *at = &p->scenarios[i];
        uint64_t at_ns = earliest_start_ns(p, at);
        int64_t sum = 0;
        for (size_t k = 0; k < p->n_scenarios; k++) {
            const struct tt_scenario *sc = &p->scenarios[k];
            if (earliest_start_ns(p, sc) <= at_ns && at_ns <= end_ns(p, sc) &&
                !waits_for(p, sc, at) && !waits_for(p, at, sc))
                sum += tt_stripe_scale(s, most_vus(sc, grown));
        }
        if (sum > most)
            most = sum;
    }
    return most;
}

int64_t tt_plan_planned_vus(const struct tt_plan *p, const struct tt_stripe *s)
{
    return sum_vus(p, s, false);
}

int64_t tt_plan_max_vus(const struct tt_plan *p, const struct tt_stripe *s)
{
    return sum_vus(p, s, true);
}

uint64_t tt_plan_max_duration_ns(const struct tt_plan *p)
{
    uint64_t longest = 0;
    for (size_t i = 0; i < p->n_scenarios; i++)
        if (end_ns(p, &p->scenarios[i]) > longest)
            longest = end_ns(p, &p->scenarios[i]);
    return longest;
}

struct tt_plan *tt_plan_new(void)
{
    struct tt_plan *p = tt_xcalloc(1, sizeof *p);
    tt_arena_init(&p->arena);
    tt_options_init(&p->opt, &p->arena);
    p->system_tags = tt_system_tags_default;
    return p;
}

void tt_plan_free(struct tt_plan *p)
{
    if (!p)
        return;
    tt_network_fini(&p->network);
    tt_options_fini(&p->opt);
    tt_free(p->sequence);
    tt_arena_fini(&p->arena);
    tt_free(p);
}
