/* SPDX-License-Identifier: MIT */
/* The summary's JSON tree from totals: which metrics, which values, groups, thresholds; exact JSON;
 * the export. */
#include "output/summary.h"
#include "unit.h"
#include "vectors.h"
#include <math.h>

struct fixture {
    struct tt_plan *plan;
    struct tt_registry *registry;
    struct tt_totals *totals;
    struct tt_tagpool *tags;
    struct tt_shard *shard;
    struct tt_threshold_result results[8];
    tt_metric_id mine; /* a trend of bytes */
};

static bool any_function(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return true;
}

static struct fixture *fixture_new(const char *options)
{
    struct fixture *f = tt_xcalloc(1, sizeof *f);
    struct tt_err err = {0};
    f->plan = tt_plan_new();
    f->registry = tt_registry_new();
    assert_true(tt_registry_add(f->registry, "mine", TT_TREND, TT_DATA, &f->mine, &err));
    cJSON *v = tt_json_read(options, strlen(options), 1, &err);
    if (!v ||
        !tt_options_apply_json(&f->plan->opt, &f->plan->arena, v, TT_LAYER_SCRIPT, "options",
                               &err) ||
        !tt_plan_build(f->plan, f->registry, any_function, NULL, &err))
        fail_msg("%s", err.text);
    cJSON_Delete(v);
    tt_registry_freeze(f->registry);
    f->totals = tt_totals_new(f->registry);
    f->tags = tt_tagpool_new(f->registry, 16);
    f->shard = tt_shard_new(f->registry);
    return f;
}

static void fixture_free(struct fixture *f)
{
    for (size_t i = 0; i < f->plan->n_thresholds; i++)
        tt_free(f->results[i].verdicts);
    tt_shard_free(f->shard);
    tt_tagpool_free(f->tags);
    tt_totals_free(f->totals);
    tt_plan_free(f->plan);
    tt_registry_free(f->registry);
    tt_free(f);
}

static void add(struct fixture *f, tt_metric_id m, double v)
{
    tt_shard_add(f->shard, m, v, tt_tags_empty(f->tags), 1);
}

static void add_tagged(struct fixture *f, tt_metric_id m, double v, const char *key,
                       const char *value)
{
    const struct tt_tag tag = {key, value};
    tt_shard_add(f->shard, m, v, tt_tags_with(f->tags, tt_tags_empty(f->tags), &tag, 1), 1);
}

static cJSON *data_with(struct fixture *f, struct tt_summary_info info)
{
    struct tt_batch *b = tt_shard_swap(f->shard, NULL);
    tt_totals_merge(f->totals, b);
    tt_batch_free(b);
    for (size_t i = 0; i < f->plan->n_thresholds; i++) {
        const struct tt_threshold_set *set = &f->plan->thresholds[i];
        uint32_t sink;
        assert_true(tt_registry_sink(f->registry, set->metric, &sink));
        f->results[i].verdicts = tt_xcalloc(set->n + 1, sizeof(struct tt_verdict));
        for (size_t k = 0; k < set->n; k++)
            f->results[i].verdicts[k] =
                tt_threshold_judge(&set->items[k], f->totals, sink, info.duration_ns);
    }
    info.results = f->results;
    return tt_summary_data(f->plan, f->registry, f->totals, &info);
}

static cJSON *data_after_10s(struct fixture *f)
{
    return data_with(f, (struct tt_summary_info){.duration_ns = 10000000000});
}

static const cJSON *metric(const cJSON *data, const char *name)
{
    return field(field(data, "metrics"), name);
}

static const cJSON *values(const cJSON *data, const char *name)
{
    return field(metric(data, name), "values");
}

/* --- metrics */

static void each_type_has_its_values(void **state)
{
    struct fixture *f = fixture_new("{\"summary_trend_stats\":[\"avg\",\"min\",\"max\",\"med\","
                                    "\"count\",\"p(0)\",\"p(100)\"]}");
    (void)state;
    add(f, TT_M_http_reqs, 3);
    add(f, TT_M_http_reqs, 2);
    add(f, TT_M_vus, 4);
    add(f, TT_M_vus, 2);
    add(f, TT_M_http_req_failed, 1);
    for (int i = 0; i < 3; i++)
        add(f, TT_M_http_req_failed, 0);
    for (int i = 1; i <= 4; i++)
        add(f, f->mine, i);
    cJSON *d = data_after_10s(f);
    assert_string_equal(text(metric(d, "http_reqs"), "type"), "counter");
    assert_true(number(values(d, "http_reqs"), "count") == 5);
    assert_true(number(values(d, "http_reqs"), "rate") == 0.5);
    assert_string_equal(text(metric(d, "vus"), "type"), "gauge");
    assert_true(number(values(d, "vus"), "value") == 2);
    assert_true(number(values(d, "vus"), "min") == 2);
    assert_true(number(values(d, "vus"), "max") == 4);
    assert_true(number(values(d, "http_req_failed"), "rate") == 0.25);
    assert_true(number(values(d, "http_req_failed"), "passes") == 1);
    assert_true(number(values(d, "http_req_failed"), "fails") == 3);
    const cJSON *mine = values(d, "mine");
    assert_string_equal(text(metric(d, "mine"), "type"), "trend");
    assert_string_equal(text(metric(d, "mine"), "contains"), "data");
    assert_true(number(mine, "avg") == 2.5);
    assert_true(number(mine, "min") == 1 && number(mine, "p(0)") == 1);
    assert_true(number(mine, "max") == 4 && number(mine, "p(100)") == 4);
    assert_true(number(mine, "count") == 4);
    assert_true(fabs(number(mine, "med") - 2.5) < 0.01);
    cJSON_Delete(d);
    fixture_free(f);
}

static void a_trend_has_the_columns_that_were_asked_for(void **state)
{
    struct fixture *f = fixture_new("{\"summary_trend_stats\":[\"p(99.9)\",\"count\"]}");
    (void)state;
    add(f, f->mine, 7);
    cJSON *d = data_after_10s(f);
    assert_int_equal(cJSON_GetArraySize(values(d, "mine")), 2);
    assert_true(number(values(d, "mine"), "p(99.9)") == 7);
    assert_true(number(values(d, "mine"), "count") == 1);
    const cJSON *stats = field(field(d, "options"), "summary_trend_stats");
    assert_string_equal(cJSON_GetArrayItem(stats, 0)->valuestring, "p(99.9)");
    cJSON_Delete(d);
    fixture_free(f);
}

static void metrics_without_samples_are_left_out_unless_asked_for(void **state)
{
    struct fixture *f = fixture_new("{\"thresholds\":{\"checks\":\"rate>0\"},"
                                    "\"submetrics\":[\"http_reqs{a:b}\"]}");
    (void)state;
    add(f, TT_M_iterations, 1);
    cJSON *d = data_after_10s(f);
    assert_int_equal(cJSON_GetArraySize(field(d, "metrics")), 4);
    assert_non_null(metric(d, "iterations"));
    assert_non_null(metric(d, "checks"));
    assert_true(number(values(d, "checks"), "rate") == 0);
    assert_non_null(metric(d, "http_reqs")); /* above its sub-metric */
    assert_true(number(values(d, "http_reqs{a:b}"), "count") == 0);
    cJSON_Delete(d);
    fixture_free(f);
}

static void a_submetric_has_its_own_samples(void **state)
{
    struct fixture *f = fixture_new("{\"submetrics\":[\"http_reqs{a:b}\"]}");
    (void)state;
    add_tagged(f, TT_M_http_reqs, 1, "a", "b");
    add_tagged(f, TT_M_http_reqs, 1, "a", "c");
    add(f, TT_M_http_reqs, 1);
    cJSON *d = data_after_10s(f);
    assert_true(number(values(d, "http_reqs"), "count") == 3);
    assert_true(number(values(d, "http_reqs{a:b}"), "count") == 1);
    assert_string_equal(text(metric(d, "http_reqs{a:b}"), "type"), "counter");
    cJSON_Delete(d);
    fixture_free(f);
}

static void a_run_without_time_has_no_rates(void **state)
{
    struct fixture *f = fixture_new("{}");
    (void)state;
    add(f, TT_M_http_reqs, 3);
    cJSON *d = data_with(f, (struct tt_summary_info){0});
    assert_true(number(values(d, "http_reqs"), "rate") == 0);
    cJSON_Delete(d);
    fixture_free(f);
}

static void rates_leave_out_the_warm_up(void **state)
{
    struct fixture *f = fixture_new("{}");
    (void)state;
    add(f, TT_M_http_reqs, 8);
    cJSON *d = data_with(
        f, (struct tt_summary_info){.duration_ns = 10000000000, .measured_ns = 4000000000});
    assert_true(number(values(d, "http_reqs"), "rate") == 2);
    assert_true(number(field(d, "state"), "test_run_duration_ms") == 10000);
    assert_true(number(field(d, "state"), "measured_duration_ms") == 4000);
    cJSON_Delete(d);
    d = data_with(f,
                  (struct tt_summary_info){.duration_ns = 10000000000, .measured_ns = 10000000000});
    assert_null(field(field(d, "state"), "measured_duration_ms"));
    cJSON_Delete(d);
    fixture_free(f);
}

/* --- thresholds */

static void verdicts_are_beside_the_values_they_judged(void **state)
{
    struct fixture *f = fixture_new(
        "{\"thresholds\":{\"http_reqs\":[\"count>2\",\"count>5\"],\"checks\":\"rate>0.9\","
        "\"http_reqs{ a : b }\":\"count>0\"}}");
    (void)state;
    add_tagged(f, TT_M_http_reqs, 3, "a", "b");
    cJSON *d = data_after_10s(f);
    const cJSON *t = field(metric(d, "http_reqs"), "thresholds");
    assert_int_equal(cJSON_GetArraySize(t), 2);
    assert_true(cJSON_IsTrue(field(field(t, "count>2"), "ok")));
    assert_true(cJSON_IsFalse(field(field(t, "count>5"), "ok")));
    assert_true(number(field(t, "count>5"), "value") == 3);
    t = field(field(metric(d, "checks"), "thresholds"), "rate>0.9");
    assert_true(cJSON_IsFalse(field(t, "ok")));
    assert_true(cJSON_IsTrue(field(t, "no_samples")));
    assert_null(field(t, "value")); /* there is none */
    t = field(metric(d, "http_reqs{a:b}"),
              "thresholds"); /* as it is called, not as it was written */
    assert_true(cJSON_IsTrue(field(field(t, "count>0"), "ok")));
    cJSON_Delete(d);
    fixture_free(f);
}

static void metrics_without_thresholds_have_no_such_field(void **state)
{
    struct fixture *f = fixture_new("{\"thresholds\":{\"http_reqs{a:b}\":\"count>0\"}}");
    (void)state;
    add(f, TT_M_http_reqs, 3);
    cJSON *d = data_after_10s(f);
    assert_null(field(metric(d, "http_reqs"), "thresholds"));
    cJSON_Delete(d);
    fixture_free(f);
}

/* --- groups and checks */

static void groups_nest_in_order_with_their_checks(void **state)
{
    struct fixture *f = fixture_new("{}");
    (void)state;
    tt_shard_group(f->shard, "::b::inner", 1); /* its parent is made with it */
    tt_shard_group(f->shard, "::a", 2);
    tt_shard_group(f->shard, "::b", 3);
    tt_shard_check(f->shard, "::b::inner", "deep", true, 4);
    tt_shard_check(f->shard, "", "top", false, 5);
    tt_shard_check(f->shard, "", "top", true, 6);
    tt_shard_check(f->shard, "", "top", true, 7);
    cJSON *d = data_after_10s(f);
    const cJSON *root = field(d, "root_group"), *groups = field(root, "groups");
    assert_string_equal(text(root, "name"), "");
    assert_string_equal(text(root, "id"), "d41d8cd98f00b204e9800998ecf8427e"); /* MD5 of nothing */
    assert_int_equal(cJSON_GetArraySize(groups), 2);
    const cJSON *b = cJSON_GetArrayItem(groups, 0);
    assert_string_equal(text(b, "name"), "b");
    assert_string_equal(text(cJSON_GetArrayItem(groups, 1), "name"), "a");
    const cJSON *inner = cJSON_GetArrayItem(field(b, "groups"), 0);
    assert_string_equal(text(inner, "path"), "::b::inner");
    const cJSON *deep = cJSON_GetArrayItem(field(inner, "checks"), 0);
    assert_string_equal(text(deep, "path"), "::b::inner::deep");
    const cJSON *top = cJSON_GetArrayItem(field(root, "checks"), 0);
    assert_true(number(top, "passes") == 2 && number(top, "fails") == 1);
    assert_int_equal(strlen(text(top, "id")), 32);
    assert_int_equal(cJSON_GetArraySize(field(root, "checks")), 1);
    cJSON_Delete(d);
    fixture_free(f);
}

/* --- what else is in it */

static void setup_data_and_timeline_are_there_when_there_are_any(void **state)
{
    struct fixture *f = fixture_new("{\"summary_time_unit\":\"ms\"}");
    cJSON *setup = cJSON_CreateString("s"), *none = cJSON_CreateNull();
    cJSON *timeline = cJSON_CreateArray();
    (void)state;
    cJSON *d = data_with(f, (struct tt_summary_info){.setup_data = setup, .timeline = timeline});
    assert_string_equal(text(d, "setup_data"), "s");
    assert_true(cJSON_IsArray(field(d, "timeline")));
    assert_string_equal(text(field(d, "options"), "summary_time_unit"), "ms");
    cJSON_Delete(d);
    d = data_with(f, (struct tt_summary_info){.setup_data = none, .stdout_tty = true});
    assert_null(field(d, "setup_data"));
    assert_null(field(d, "timeline"));
    assert_true(cJSON_IsTrue(field(field(d, "state"), "is_stdout_tty")));
    assert_true(cJSON_IsFalse(field(field(d, "state"), "is_stderr_tty")));
    cJSON_Delete(d);
    cJSON_Delete(setup);
    cJSON_Delete(none);
    cJSON_Delete(timeline);
    fixture_free(f);
}

/* --- JSON */

static void json_keeps_every_bit_of_a_number(void **state)
{
    static const double numbers[] = {
        0.1, 1.0 / 3, 123456789.12345679, 5e-324, 1.7976931348623157e308, 9007199254740991};
    cJSON *v = cJSON_CreateArray();
    struct tt_err err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        cJSON_AddItemToArray(v, cJSON_CreateNumber(numbers[i]));
    char *out = tt_summary_json(v);
    assert_int_equal(out[strlen(out) - 1], '\n');
    cJSON *back = tt_json_read(out, strlen(out), 1, &err);
    assert_non_null(back);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_true(cJSON_GetArrayItem(back, (int)i)->valuedouble == numbers[i]);
    cJSON_Delete(back);
    cJSON_Delete(v);
    tt_free(out);
}

static void the_export_names_groups_checks_and_rates_its_own_way(void **state)
{
    struct fixture *f = fixture_new("{\"thresholds\":{\"checks\":[\"rate>0.9\",\"rate>0.1\"]}}");
    struct tt_err err = {0};
    cJSON *setup = cJSON_CreateNumber(5);
    (void)state;
    add(f, TT_M_checks, 1);
    add(f, TT_M_checks, 0);
    add(f, TT_M_http_reqs, 1);
    tt_shard_check(f->shard, "::a::b", "deep", true, 4);
    cJSON *d = data_with(f, (struct tt_summary_info){.duration_ns = 1, .setup_data = setup});
    char *out = tt_summary_export(d);
    cJSON *v = tt_json_read(out, strlen(out), 1, &err);
    const cJSON *checks = metric(v, "checks");
    assert_true(number(checks, "value") == 0.5);
    assert_null(field(checks, "rate"));
    assert_true(number(checks, "passes") == 1);
    assert_true(cJSON_IsTrue(field(field(checks, "thresholds"), "rate>0.9"))); /* failed */
    assert_true(cJSON_IsFalse(field(field(checks, "thresholds"), "rate>0.1")));
    assert_non_null(field(metric(v, "http_reqs"), "rate"));
    assert_null(field(metric(v, "http_reqs"), "thresholds"));
    const cJSON *b = field(field(field(field(v, "root_group"), "groups"), "a"), "groups");
    const cJSON *deep = field(field(field(b, "b"), "checks"), "deep");
    assert_true(number(deep, "passes") == 1);
    assert_string_equal(text(deep, "path"), "::a::b::deep");
    assert_true(number(v, "setup_data") == 5);
    cJSON_Delete(v);
    tt_free(out);
    cJSON_Delete(d);
    cJSON_Delete(setup);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_values),
        cmocka_unit_test(a_trend_has_the_columns_that_were_asked_for),
        cmocka_unit_test(metrics_without_samples_are_left_out_unless_asked_for),
        cmocka_unit_test(a_submetric_has_its_own_samples),
        cmocka_unit_test(a_run_without_time_has_no_rates),
        cmocka_unit_test(rates_leave_out_the_warm_up),
        cmocka_unit_test(verdicts_are_beside_the_values_they_judged),
        cmocka_unit_test(metrics_without_thresholds_have_no_such_field),
        cmocka_unit_test(groups_nest_in_order_with_their_checks),
        cmocka_unit_test(setup_data_and_timeline_are_there_when_there_are_any),
        cmocka_unit_test(json_keeps_every_bit_of_a_number),
        cmocka_unit_test(the_export_names_groups_checks_and_rates_its_own_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
