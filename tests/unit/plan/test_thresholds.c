/* SPDX-License-Identifier: MIT */
/* options.thresholds and options.submetrics: forms, fields, and what is said about wrong ones. */
#include "base/json.h"
#include "base/memory.h"
#include "plan/plan.h"
#include "unit.h"

struct fixture {
    struct tt_plan *plan;
    struct tt_registry *registry;
    struct tt_err err;
};

static bool any_function(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return true;
}

static bool build(struct fixture *f, const char *options)
{
    *f = (struct fixture){.plan = tt_plan_new(), .registry = tt_registry_new()};
    cJSON *v = tt_json_read(options, strlen(options), 1, &f->err);
    assert_non_null(v);
    bool ok = tt_options_apply_json(&f->plan->opt, &f->plan->arena, v, TT_LAYER_SCRIPT, "options",
                                    &f->err) &&
              tt_plan_build(f->plan, f->registry, any_function, NULL, &f->err);
    cJSON_Delete(v);
    return ok;
}

static void fini(struct fixture *f)
{
    tt_plan_free(f->plan);
    tt_registry_free(f->registry);
}

static struct fixture built(const char *options)
{
    struct fixture f;
    if (!build(&f, options))
        fail_msg("%s", f.err.text);
    return f;
}

/* The exit code is 104 and the message has each of the texts. */
static void refused(const char *options, const char *const *texts, size_t n)
{
    struct fixture f;
    if (build(&f, options))
        fail_msg("%s was taken", options);
    assert_int_equal(f.err.exit_code, 104);
    for (size_t i = 0; i < n; i++)
        if (!strstr(f.err.text, texts[i]))
            fail_msg("'%s' is not in: %s", texts[i], f.err.text);
    fini(&f);
}

static void refused_with(const char *options, const char *text)
{
    refused(options, &text, 1);
}

static void text_list_and_table_say_the_same(void **state)
{
    static const char *const forms[] = {"\"rate>0.9\"", "[\"rate>0.9\"]",
                                        "{\"threshold\":\"rate>0.9\"}",
                                        "[{\"threshold\":\"rate>0.9\"}]"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char options[128];
        snprintf(options, sizeof options, "{\"thresholds\":{\"checks\":%s}}", forms[i]);
        struct fixture f = built(options);
        assert_int_equal(f.plan->n_thresholds, 1);
        const struct tt_threshold_set *set = &f.plan->thresholds[0];
        assert_string_equal(set->metric, "checks");
        assert_int_equal(set->n, 1);
        assert_string_equal(set->items[0].source, "rate>0.9");
        assert_int_equal(set->items[0].op, TT_OP_GT);
        assert_true(set->items[0].bound == 0.9);
        assert_false(set->items[0].abort_on_fail || set->items[0].allow_empty);
        assert_int_equal(set->items[0].delay_abort_ns, 0);
        fini(&f);
    }
}

static void the_fields_of_a_threshold_are_read(void **state)
{
    struct fixture f = built("{\"thresholds\":{\"checks\":[\"rate>0\","
                             "{\"threshold\":\"rate>0.1\",\"abort_on_fail\":true,"
                             "\"delay_abort_eval\":\"1m30s\",\"allow_empty\":true},"
                             "{\"threshold\":\"rate>0.2\",\"delay_abort_eval\":2.5,"
                             "\"abort_on_fail\":false}]}}");
    const struct tt_threshold *t = f.plan->thresholds[0].items;
    (void)state;
    assert_int_equal(f.plan->thresholds[0].n, 3);
    assert_false(t[0].abort_on_fail);
    assert_true(t[1].abort_on_fail && t[1].allow_empty);
    assert_int_equal(t[1].delay_abort_ns, 90000000000);
    assert_false(t[2].abort_on_fail || t[2].allow_empty);
    assert_int_equal(t[2].delay_abort_ns, 2500000000);
    fini(&f);
}

static void the_order_is_that_of_the_script(void **state)
{
    struct fixture f = built("{\"thresholds\":{\"http_reqs\":[\"rate>2\",\"count>1\"],"
                             "\"checks\":\"rate>0\"}}");
    (void)state;
    assert_int_equal(f.plan->n_thresholds, 2);
    assert_string_equal(f.plan->thresholds[0].metric, "http_reqs");
    assert_string_equal(f.plan->thresholds[0].items[0].source, "rate>2");
    assert_string_equal(f.plan->thresholds[0].items[1].source, "count>1");
    assert_string_equal(f.plan->thresholds[1].metric, "checks");
    fini(&f);
}

static void an_empty_list_is_no_threshold_and_no_error(void **state)
{
    static const char *const empty[] = {"{\"thresholds\":{}}", "{\"thresholds\":[]}",
                                        "{\"thresholds\":{\"checks\":[]}}"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct fixture f = built(empty[i]);
        for (size_t k = 0; k < f.plan->n_thresholds; k++)
            assert_int_equal(f.plan->thresholds[k].n, 0);
        fini(&f);
    }
}

static void a_threshold_of_a_submetric_makes_it_known(void **state)
{
    struct fixture f = built("{\"thresholds\":{\"checks{ kind : a }\":\"rate>0\","
                             "\"checks{kind:a}\":\"rate<1\"},\"submetrics\":[\"http_reqs{a:b}\"]}");
    uint32_t one, other;
    (void)state;
    assert_int_equal(tt_registry_sub_count(f.registry), 2); /* written twice, it is the same */
    assert_string_equal(tt_registry_sub(f.registry, 0)->name, "checks{kind:a}");
    assert_string_equal(tt_registry_sub(f.registry, 1)->name, "http_reqs{a:b}");
    tt_registry_freeze(f.registry);
    assert_true(tt_registry_sink(f.registry, f.plan->thresholds[0].metric, &one));
    assert_true(tt_registry_sink(f.registry, f.plan->thresholds[1].metric, &other));
    assert_int_equal(one, other);
    fini(&f);
}

static void no_thresholds_neither_parses_nor_keeps_them(void **state)
{
    struct fixture f = {.plan = tt_plan_new(), .registry = tt_registry_new()};
    static const char options[] = "{\"thresholds\":{\"nonsense\":\"x\",\"checks{a:b}\":\"rate>0\"},"
                                  "\"submetrics\":[\"checks{c:d}\"]}";
    cJSON *v = tt_json_read(options, strlen(options), 1, &f.err);
    (void)state;
    assert_true(
        tt_options_apply_json(&f.plan->opt, &f.plan->arena, v, TT_LAYER_SCRIPT, "options", &f.err));
    f.plan->opt.no_thresholds = true;
    assert_true(tt_plan_build(f.plan, f.registry, any_function, NULL, &f.err));
    assert_int_equal(f.plan->n_thresholds, 0);
    assert_int_equal(tt_registry_sub_count(f.registry), 1);
    cJSON_Delete(v);
    fini(&f);
}

/* --- wrong ones */

static void every_problem_is_told_with_its_place(void **state)
{
    static const char *const texts[] = {
        "thresholds['checks'][2]: threshold 'fast'", "no metric 'http_req_duratoin'",
        "did you mean 'http_req_duration'?", "thresholds['http_reqs'][1]",
        "submetrics[2]: no metric 'mine'"};
    (void)state;
    refused("{\"thresholds\":{\"checks\":[\"rate>0\",\"fast\",\"rate<2\"],"
            "\"http_req_duratoin\":\"avg<1\",\"http_reqs\":[\"p(95)<1\"]},"
            "\"submetrics\":[\"checks{a:b}\",\"mine{a:b}\"]}",
            texts, sizeof texts / sizeof *texts);
}

static void methods_that_do_not_fit_name_those_that_do(void **state)
{
    (void)state;
    refused_with("{\"thresholds\":{\"http_reqs\":\"avg<1\"}}", "it has: count rate");
    refused_with("{\"thresholds\":{\"http_req_duration\":\"count<1\"}}",
                 "it has: avg min max med p(N)");
    refused_with("{\"thresholds\":{\"vus\":\"max<1\"}}", "it has: value");
    refused_with("{\"thresholds\":{\"checks{a:b}\":\"value<1\"}}", "the rate 'checks'");
}

static void wrong_forms_say_what_is_expected(void **state)
{
    (void)state;
    static const char *const bad[] = {"5",
                                      "true",
                                      "null",
                                      "[5]",
                                      "[[\"rate>0\"]]",
                                      "{}",
                                      "{\"abort_on_fail\":true}",
                                      "{\"threshold\":5}",
                                      "[null]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char options[128];
        snprintf(options, sizeof options, "{\"thresholds\":{\"checks\":%s}}", bad[i]);
        refused_with(options, "thresholds['checks'][1]: expected text like \"p(95)<500\"");
    }
}

static void wrong_fields_are_named(void **state)
{
    (void)state;
#define ONE(field) "{\"thresholds\":{\"checks\":{\"threshold\":\"rate>0\"," field "}}}"
    refused_with(ONE("\"abort_on_fail\":\"yes\""),
                 "thresholds['checks'][1].abort_on_fail: expected true or false");
    refused_with(ONE("\"allow_empty\":1"), "allow_empty: expected true or false");
    refused_with(ONE("\"delay_abort_eval\":\"soon\""), "thresholds['checks'][1].delay_abort_eval");
    refused_with(ONE("\"delay_abort_eval\":-1"), "delay_abort_eval");
    refused_with(ONE("\"abort_on_fial\":true"), "did you mean 'abort_on_fail'?");
    refused_with(ONE("\"abortOnFail\":true"), "did you mean 'abort_on_fail'?");
#undef ONE
}

static void thresholds_are_a_table_by_metric(void **state)
{
    static const char *const bad[] = {"{\"thresholds\":[\"rate>0\"]}", "{\"thresholds\":5}",
                                      "{\"thresholds\":\"rate>0\"}", "{\"thresholds\":true}"};
    (void)state;
    for (size_t i = 0; i < 4; i++)
        refused_with(bad[i], "thresholds");
}

static void bad_submetric_names_are_refused(void **state)
{
    static const char *const bad[] = {"checks{",  "checks}",      "checks{a}", "checks{a:b",
                                      "checks{}", "checks{a:b}c", "checks{:b}"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char options[128];
        snprintf(options, sizeof options, "{\"thresholds\":{\"%s\":\"rate>0\"}}", bad[i]);
        refused_with(options, "metric{tag:value");
        snprintf(options, sizeof options, "{\"submetrics\":[\"%s\"]}", bad[i]);
        refused_with(options, "submetrics[1]: '");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_list_and_table_say_the_same),
        cmocka_unit_test(the_fields_of_a_threshold_are_read),
        cmocka_unit_test(the_order_is_that_of_the_script),
        cmocka_unit_test(an_empty_list_is_no_threshold_and_no_error),
        cmocka_unit_test(a_threshold_of_a_submetric_makes_it_known),
        cmocka_unit_test(no_thresholds_neither_parses_nor_keeps_them),
        cmocka_unit_test(every_problem_is_told_with_its_place),
        cmocka_unit_test(methods_that_do_not_fit_name_those_that_do),
        cmocka_unit_test(wrong_forms_say_what_is_expected),
        cmocka_unit_test(wrong_fields_are_named),
        cmocka_unit_test(thresholds_are_a_table_by_metric),
        cmocka_unit_test(bad_submetric_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
