/* SPDX-License-Identifier: MIT */
/* Thresholds against a run's totals: verdicts, what is logged, when the run is aborted. */
#include "run_rig.h"

static void the_verdicts_are_those_of_each_expression(void **state)
{
    struct run_rig *g = run_rig_new("{\"thresholds\":{"
                                    "\"http_req_duration\":[\"avg<100\",\"max<100\",\"min>=50\"],"
                                    "\"http_reqs\":\"count>2\"}}");
    struct tt_run *r = &g->run;
    (void)state;
    run_rig_add(g, TT_M_http_req_duration, 50, 3);
    run_rig_add(g, TT_M_http_req_duration, 150, 1);
    run_rig_add(g, TT_M_http_reqs, 1, 2);
    tt__judge(r, false);
    assert_true(r->thresholds_failed);
    const struct tt_verdict *v = r->verdicts[0].verdicts;
    assert_true(v[0].ok);
    assert_true(v[0].value == 75);
    assert_false(v[1].ok);
    assert_true(v[1].value == 150);
    assert_true(v[2].ok);
    assert_false(r->verdicts[1].verdicts[0].ok);
    run_rig_free(g);
}

static void a_later_judgement_replaces_an_earlier_one(void **state)
{
    struct run_rig *g = run_rig_new("{\"thresholds\":{\"http_reqs\":\"count>2\"}}");
    (void)state;
    run_rig_add(g, TT_M_http_reqs, 1, 2);
    tt__judge(&g->run, false);
    assert_true(g->run.thresholds_failed);
    run_rig_add(g, TT_M_http_reqs, 1, 1);
    tt__judge(&g->run, false);
    assert_false(g->run.thresholds_failed);
    assert_true(g->run.verdicts[0].verdicts[0].value == 3);
    run_rig_free(g);
}

static void a_counters_rate_is_that_of_the_time_so_far_and_at_the_end_of_the_whole(void **state)
{
    struct run_rig *g = run_rig_new("{\"thresholds\":{\"http_reqs\":\"rate>4\"}}");
    struct tt_run *r = &g->run;
    (void)state;
    run_rig_add(g, TT_M_http_reqs, 1, 10);
    run_rig_pass(g, 2000);
    tt__judge(r, false);
    assert_true(r->verdicts[0].verdicts[0].value == 5);
    r->end_ns = tt_loop_now(r->loop);
    run_rig_pass(g, 98000); /* the summary took its time */
    tt__judge(r, true);
    assert_true(r->verdicts[0].verdicts[0].value == 5);
    run_rig_free(g);
}

static void a_submetric_is_judged_by_its_own_samples(void **state)
{
    struct run_rig *g =
        run_rig_new("{\"thresholds\":{\"checks{kind:a}\":\"rate==1\",\"checks\":\"rate<1\"}}");
    struct tt_run *r = &g->run;
    const struct tt_tag kind = {"kind", "a"};
    (void)state;
    tt_shard_add(r->shard, TT_M_checks, 1, tt_tags_with(r->tags, tt_tags_empty(r->tags), &kind, 1),
                 1);
    run_rig_add(g, TT_M_checks, 0, 1);
    tt__judge(r, false);
    assert_false(r->thresholds_failed);
    assert_true(r->verdicts[0].verdicts[0].value == 1);
    assert_true(r->verdicts[1].verdicts[0].value == 0.5);
    run_rig_free(g);
}

static void a_metric_without_samples_fails_unless_that_is_allowed(void **state)
{
    struct run_rig *g = run_rig_new("{\"thresholds\":{\"http_reqs\":[\"count<5\","
                                    "{\"threshold\":\"count<5\",\"allow_empty\":true}]}}");
    (void)state;
    tt__judge(&g->run, true);
    assert_true(g->run.thresholds_failed);
    assert_false(g->run.verdicts[0].verdicts[0].ok);
    assert_true(g->run.verdicts[0].verdicts[0].no_samples);
    assert_true(g->run.verdicts[0].verdicts[1].ok);
    run_rig_free(g);
}

static void the_report_names_each_failed_metric_once(void **state)
{
    struct run_rig *g = run_rig_new("{\"thresholds\":{"
                                    "\"http_reqs\":[\"count>5\",\"count>6\"],"
                                    "\"checks\":\"rate>0.5\",\"iterations\":\"count>7\"}}");
    (void)state;
    run_rig_add(g, TT_M_checks, 1, 1);
    tt__judge(&g->run, true);
    tt__judge_report(&g->run);
    assert_non_null(strstr(g->log, "thresholds failed on 'http_reqs', 'iterations'"));
    assert_null(strstr(g->log, "checks"));
    run_rig_free(g);
}

static void nothing_is_reported_when_all_hold(void **state)
{
    struct run_rig *g = run_rig_new("{\"thresholds\":{\"checks\":\"rate>0.5\"}}");
    (void)state;
    run_rig_add(g, TT_M_checks, 1, 1);
    tt__judge(&g->run, true);
    tt__judge_report(&g->run);
    assert_false(g->run.thresholds_failed);
    assert_string_equal(g->log, "");
    run_rig_free(g);
}

/* --- abort_on_fail */

static bool aborts(struct run_rig *g)
{
    tt__judge(&g->run, false);
    return tt__judge_abort(&g->run);
}

static void only_thresholds_that_ask_for_it_abort(void **state)
{
    struct run_rig *g = run_rig_new("{\"thresholds\":{\"checks\":[\"rate>0.9\","
                                    "{\"threshold\":\"rate>0.4\",\"abort_on_fail\":true}]}}");
    (void)state;
    run_rig_add(g, TT_M_checks, 1, 1);
    run_rig_add(g, TT_M_checks, 0, 1);
    assert_false(aborts(g)); /* 0.5: the first fails, and does not ask */
    assert_true(g->run.thresholds_failed);
    run_rig_add(g, TT_M_checks, 0, 1);
    assert_true(aborts(g));
    run_rig_free(g);
}

static void a_metric_that_has_no_sample_yet_aborts_nothing(void **state)
{
    struct run_rig *g = run_rig_new(
        "{\"thresholds\":{\"http_reqs\":{\"threshold\":\"count>5\",\"abort_on_fail\":true}}}");
    (void)state;
    assert_false(aborts(g));
    run_rig_add(g, TT_M_http_reqs, 1, 1);
    assert_true(aborts(g));
    run_rig_free(g);
}

static void the_delay_is_counted_from_the_start(void **state)
{
    struct run_rig *g = run_rig_new(
        "{\"thresholds\":{\"checks\":{\"threshold\":\"rate>0.5\",\"abort_on_fail\":true,"
        "\"delay_abort_eval\":\"10s\"}}}");
    (void)state;
    run_rig_add(g, TT_M_checks, 0, 1);
    assert_false(aborts(g));
    run_rig_pass(g, 10000);
    assert_false(aborts(g));
    run_rig_pass(g, 1);
    assert_true(aborts(g));
    run_rig_free(g);
}

static void no_thresholds_means_no_verdicts(void **state)
{
    struct run_rig *g = run_rig_new("{\"vus\":1}");
    (void)state;
    assert_int_equal(g->run.plan->n_thresholds, 0);
    assert_false(aborts(g));
    assert_false(g->run.thresholds_failed);
    run_rig_free(g);
}

/* --- the time that was measured */

static uint64_t measured_s(const char *options, uint64_t at_s)
{
    struct run_rig *g = run_rig_new(options);
    uint64_t ns = tt__measured_ns(&g->run, RUN_BEGIN_NS + at_s * TT_NS_PER_S);
    run_rig_free(g);
    assert_int_equal(ns % TT_NS_PER_S, 0);
    return ns / TT_NS_PER_S;
}

#define SCENARIO(name, more)                                                                       \
    "\"" name "\":{\"executor\":\"constant-vus\",\"vus\":1,\"duration\":\"1m\"" more "}"

static void a_warm_up_that_all_share_is_not_measured(void **state)
{
    (void)state;
    assert_int_equal(measured_s("{\"vus\":1}", 30), 30);
    assert_int_equal(measured_s("{\"scenarios\":{" SCENARIO("a", ",\"warmup\":\"10s\"") "}}", 30),
                     20);
    assert_int_equal(
        measured_s("{\"scenarios\":{" SCENARIO("a", ",\"warmup\":\"10s\"") "," SCENARIO(
                       "b", ",\"warmup\":\"2s\",\"start_time\":\"4s\"") "}}",
                   30),
        24);
    assert_int_equal(
        measured_s(
            "{\"scenarios\":{" SCENARIO("a", ",\"warmup\":\"10s\"") "," SCENARIO("b", "") "}}", 30),
        30);
}

static void during_the_warm_up_all_time_counts(void **state)
{
    (void)state;
    assert_int_equal(measured_s("{\"scenarios\":{" SCENARIO("a", ",\"warmup\":\"10s\"") "}}", 5),
                     5);
}

static void a_scenario_that_waits_for_another_has_no_say(void **state)
{
    (void)state;
    assert_int_equal(
        measured_s("{\"scenarios\":{" SCENARIO("a", ",\"warmup\":\"10s\"") "," SCENARIO(
                       "b", ",\"after\":\"a\"") "}}",
                   30),
        20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdicts_are_those_of_each_expression),
        cmocka_unit_test(a_later_judgement_replaces_an_earlier_one),
        cmocka_unit_test(a_counters_rate_is_that_of_the_time_so_far_and_at_the_end_of_the_whole),
        cmocka_unit_test(a_submetric_is_judged_by_its_own_samples),
        cmocka_unit_test(a_metric_without_samples_fails_unless_that_is_allowed),
        cmocka_unit_test(the_report_names_each_failed_metric_once),
        cmocka_unit_test(nothing_is_reported_when_all_hold),
        cmocka_unit_test(only_thresholds_that_ask_for_it_abort),
        cmocka_unit_test(a_metric_that_has_no_sample_yet_aborts_nothing),
        cmocka_unit_test(the_delay_is_counted_from_the_start),
        cmocka_unit_test(no_thresholds_means_no_verdicts),
        cmocka_unit_test(a_warm_up_that_all_share_is_not_measured),
        cmocka_unit_test(during_the_warm_up_all_time_counts),
        cmocka_unit_test(a_scenario_that_waits_for_another_has_no_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
