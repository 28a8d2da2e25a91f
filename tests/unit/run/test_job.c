/* SPDX-License-Identifier: MIT */
/* Scenarios on real workers and VUs, on a fake clock: pacing, shortest iterations, warm-up, pauses,
 * growth, starts that travel, late starts. */
#include "lane_rig.h"

#define SCENARIO(fields) "{\"workers\":1,\"scenarios\":{\"s\":{" fields "}}}"
#define LOOP(vus, duration, more)                                                                  \
    SCENARIO("\"executor\":\"constant-vus\",\"vus\":" vus ",\"duration\":\"" duration              \
             "\",\"graceful_stop\":\"0s\"" more)
#define ARRIVAL(rate, duration, vus, more)                                                         \
    "\"executor\":\"constant-arrival-rate\",\"rate\":" rate ",\"duration\":\"" duration            \
    "\",\"graceful_stop\":\"30s\",\"pre_allocated_vus\":" vus more

static uint64_t started_ns(const struct lane_rig *f)
{
    return f->r->lanes[0].vus[0]->started_ns - RUN_BEGIN_NS;
}

/* --- closed models */

static void paced_iterations_begin_on_a_grid(void **state)
{
    struct lane_rig *f = lane_rig_new(LOOP("2", "10s", ",\"pacing\":\"2s\""), "", "tt.sleep(0.5)");
    (void)state;
    for (int i = 0; i < 5; i++) {
        lane_rig_until(f, i * 2000 + 1999);
        assert_int_equal(started_ns(f), (uint64_t)i * 2 * TT_NS_PER_S);
        assert_int_equal(lane_rig_complete(f), 2 * (i + 1));
    }
    lane_rig_until(f, 10000); /* no waiting for one that would not begin any more */
    assert_true(lane_rig_finished(f, 0));
    assert_int_equal(lane_rig_interrupted(f), 0);
    assert_true(lane_rig_values(f, "pacing_overruns").sum == 0);
    lane_rig_free(f);
}

static void an_iteration_longer_than_the_pace_is_counted_and_begins_a_new_grid(void **state)
{
    struct lane_rig *f =
        lane_rig_new(LOOP("1", "20s", ",\"pacing\":\"2s\""), "local n = 0",
                     "n = n + 1 tt.sleep(n == 2 and 2.5 or 0.1)"); /* the second: 2 s to 4.5 s */
    const uint64_t starts_ms[] = {0, 2000, 4500, 6500, 8500};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        lane_rig_until(f, (double)starts_ms[i]);
        assert_int_equal(started_ns(f), starts_ms[i] * TT_NS_PER_MS);
    }
    assert_true(lane_rig_values(f, "pacing_overruns").sum == 1);
    lane_rig_free(f);
}

static void a_day_of_paced_iterations_has_no_drift(void **state)
{
    struct lane_rig *f =
        lane_rig_new(LOOP("1", "24h", ",\"pacing\":\"1s\""), "", "tt.sleep(0.123456789)");
    const uint64_t last_s = 24 * 3600 - 1;
    (void)state;
    lane_rig_until(f, (double)last_s * 1000);
    assert_int_equal(started_ns(f), last_s * TT_NS_PER_S);
    assert_int_equal(lane_rig_complete(f), last_s);
    lane_rig_free(f);
}

static void iterations_last_as_long_as_the_shortest(void **state)
{
    struct lane_rig *f = lane_rig_new(
        "{\"workers\":1,\"min_iteration_duration\":\"1s\",\"scenarios\":{\"s\":{\"executor\":"
        "\"per-vu-iterations\",\"vus\":1,\"iterations\":3}}}",
        "", "tt.sleep(0.25)");
    (void)state;
    lane_rig_until(f, 1999);
    assert_int_equal(started_ns(f), TT_NS_PER_S);
    lane_rig_until(f, 2999);
    assert_false(lane_rig_finished(f, 0));
    lane_rig_until(f, 3000);
    assert_true(lane_rig_finished(f, 0));
    assert_true(lane_rig_values(f, "iteration_duration").max == 250); /* the wait is not measured */
    lane_rig_free(f);
}

/* --- warm-up */

static void a_warm_up_runs_and_counts_for_nothing(void **state)
{
    struct lane_rig *f = lane_rig_new(
        "{\"workers\":1,\"submetrics\":[\"checks{warmup:true}\"],\"scenarios\":{\"s\":{" ARRIVAL(
            "10", "4s", "1", ",\"warmup\":\"2s\"") "}}}",
        "", "tt.check(1, { ok = true }) tt.sleep(0.15)"); /* every other start is dropped */
    (void)state;
    lane_rig_until(f, 10000);
    assert_true(lane_rig_finished(f, 0));
    assert_int_equal(lane_rig_complete(f), 20);
    assert_true(lane_rig_values(f, "iterations").sum == 10);
    assert_true(lane_rig_values(f, "dropped_iterations").sum == 10);
    assert_int_equal(lane_rig_values(f, "checks").count, 10);
    assert_int_equal(lane_rig_values(f, "iteration_start_lateness").count, 10);
    assert_int_equal(lane_rig_values(f, "checks{warmup:true}").count, 0);
    lane_rig_free(f);
}

/* --- pauses */

static void a_pause_moves_the_schedule(void **state)
{
    struct lane_rig *f = lane_rig_new(SCENARIO(ARRIVAL("10", "2s", "3", "")), "", "tt.sleep(0.25)");
    struct tt__lane *lane = f->r->lanes;
    (void)state;
    lane_rig_until(f, 950);
    tt__jobs_pause(lane);
    lane_rig_until(f, 60950); /* what runs ends; nothing begins, nothing is dropped */
    assert_int_equal(lane_rig_complete(f), 10);
    assert_int_equal(tt__shown_get(&lane->active), 2); /* they wait with what they have done */
    tt__jobs_resume(lane);
    lane_rig_until(f, 61999);
    assert_false(lane_rig_finished(f, 0));
    lane_rig_until(f, 63000);
    assert_true(lane_rig_finished(f, 0));
    assert_int_equal(lane_rig_complete(f), 20);
    assert_true(lane_rig_values(f, "dropped_iterations").sum == 0);
    assert_true(lane_rig_values(f, "iteration_start_lateness").max == 0);
    lane_rig_free(f);
}

static void the_scenarios_clock_stands_still_while_paused(void **state)
{
    struct lane_rig *f = lane_rig_new(LOOP("1", "10s", ""), "", "tt.sleep(1)");
    struct tt__lane *lane = f->r->lanes;
    struct tt_instance_facts i = {0}, k = {0};
    struct tt_scenario_facts s = {0};
    (void)state;
    lane_rig_until(f, 2500);
    tt__jobs_pause(lane);
    lane_rig_until(f, 9500);
    tt__instance_facts(lane->w, &i);
    tt__scenario_facts(lane->vus[0], &s);
    assert_int_equal(i.elapsed_ns, 2500 * TT_NS_PER_MS);
    assert_true(s.progress == 0.25);
    assert_int_equal(s.start_wall_ns, RUN_BEGIN_NS); /* the rig's clocks are one */
    tt__jobs_resume(lane);
    lane_rig_until(f, 10500);
    tt__instance_facts(lane->w, &k);
    assert_int_equal(k.elapsed_ns, 3500 * TT_NS_PER_MS);
    assert_int_equal(k.complete, 4); /* 1, 2, 3 (parked at 3), 4 */
    assert_int_equal(k.vus_active, 1);
    lane_rig_free(f);
}

/* --- open models */

static void starts_travel_to_the_worker_with_an_idle_vu(void **state)
{
    int64_t complete[2];
    (void)state;
    for (int workers = 1; workers <= 2; workers++) {
        char options[512];
        snprintf(options, sizeof options,
                 "{\"workers\":%d,\"scenarios\":{\"s\":{" ARRIVAL("10", "20s", "3", "") "}}}",
                 workers);
        struct lane_rig *f = lane_rig_new(options, "", "tt.sleep(0.29)");
        assert_int_equal(f->r->n_lanes, workers);
        lane_rig_until(f, 25000);
        assert_true(lane_rig_finished(f, 0));
        assert_true(lane_rig_values(f, "dropped_iterations").sum == 0);
        assert_true(lane_rig_values(f, "iteration_start_lateness").max < 1); /* ms: the letter */
        complete[workers - 1] = lane_rig_complete(f);
        /* with two, one has a single VU for half of the starts: some must have travelled */
        assert_true(workers == 1 || tt__shown_get(&f->r->lanes[0].complete) > 110 ||
                    tt__shown_get(&f->r->lanes[1].complete) > 110);
        lane_rig_free(f);
    }
    assert_int_equal(complete[0], 200);
    assert_int_equal(complete[1], 200);
}

static void late_starts_are_measured_from_their_intended_time(void **state)
{
    struct lane_rig *f = lane_rig_new(
        SCENARIO(ARRIVAL("10", "2s", "1", ",\"on_overload\":\"queue\"")), "", "tt.sleep(0.15)");
    (void)state;
    lane_rig_until(f, 10000);
    struct tt_sink_values late = lane_rig_values(f, "iteration_start_lateness");
    assert_int_equal(late.count, 14); /* start k at 150 k ms instead of 100 k */
    assert_true(late.min == 0);
    assert_true(late.max == 13 * 50);
    assert_true(late.sum == 50 * 13 * 14 / 2);
    assert_true(lane_rig_values(f, "dropped_iterations").sum == 6);
    lane_rig_free(f);
}

/* The init of each takes longer than the time that is spent on growing at once: others go between.
 */
static void growth_makes_one_slow_vu_at_a_time(void **state)
{
    struct lane_rig *f =
        lane_rig_new(SCENARIO(ARRIVAL("1000", "1s", "1", ",\"max_vus\":20")),
                     "local t = tt.now() while tt.now() - t < 0.6 do end", "tt.sleep(60)");
    (void)state;
    int64_t made = lane_rig_made(f);
    for (int ms = 1; made < 20 && ms < 50; ms++) /* each start that finds nobody asks for a batch */
        for (int turn = 0; turn < 12; turn++) {
            lane_rig_until(f, ms + turn * 1e-6);
            int64_t now = lane_rig_made(f);
            assert_true(now - made <= 1);
            made = now;
        }
    assert_int_equal(made, 20);
    lane_rig_free(f);
}

static void growth_takes_up_the_load_in_batches_or_singly(void **state)
{
    double dropped[2];
    (void)state;
    for (int one = 0; one <= 1; one++) {
        struct lane_rig *f = lane_rig_new(
            one ? SCENARIO(ARRIVAL("100", "2s", "1", ",\"max_vus\":40,\"vu_growth\":\"one\""))
                : SCENARIO(ARRIVAL("100", "2s", "1", ",\"max_vus\":40")),
            "", "tt.sleep(0.2)");
        lane_rig_until(f, 40000);
        assert_true(lane_rig_finished(f, 0));
        dropped[one] = lane_rig_values(f, "dropped_iterations").sum;
        assert_true(lane_rig_made(f) >= 20 && lane_rig_made(f) <= 40);
        assert_true((double)lane_rig_complete(f) + dropped[one] == 200);
        lane_rig_free(f);
    }
    assert_true(dropped[0] < dropped[1]);
}

static void a_failing_init_costs_one_vu_and_not_the_growth(void **state)
{
    char bad[64], top[256];
    (void)state;
    snprintf(bad, sizeof bad, "/tmp/ttload-bad-%d", (int)getpid());
    snprintf(top, sizeof top, "if io.open('%s') then error('not now') end", bad);
    struct lane_rig *f =
        lane_rig_new(SCENARIO(ARRIVAL("100", "1s", "1", ",\"max_vus\":20,\"vu_growth\":\"one\"")),
                     top, "tt.sleep(60)");
    FILE *file = fopen(bad, "w");
    assert_non_null(file);
    fclose(file);
    lane_rig_until(f, 35); /* three starts find nobody, three inits fail */
    unlink(bad);
    assert_int_equal(lane_rig_made(f), 1);
    assert_non_null(strstr(f->g->log, "not now"));
    lane_rig_until(f, 500);
    assert_int_equal(lane_rig_made(f), 17); /* those that failed count towards max_vus */
    lane_rig_free(f);
}

static void a_stop_cuts_what_runs_and_drops_nothing_silently(void **state)
{
    struct lane_rig *f = lane_rig_new(
        SCENARIO(ARRIVAL("10", "1m", "2", ",\"on_overload\":\"queue\"")), "", "tt.sleep(1)");
    (void)state;
    lane_rig_until(f, 2450); /* 25 starts: 4 done, 2 run, 19 wait */
    tt__jobs_stop(f->r->lanes);
    assert_true(lane_rig_finished(f, 0));
    assert_int_equal(lane_rig_complete(f), 4);
    assert_int_equal(lane_rig_interrupted(f), 2);
    assert_true(lane_rig_values(f, "dropped_iterations").sum == 19);
    assert_int_equal(tt__shown_get(&f->r->lanes[0].active), 0);
    lane_rig_free(f);
}

/* --- changes from outside */

#define TWO_LOOPS                                                                                  \
    "{\"workers\":1,\"scenarios\":{\"now\":{\"executor\":\"constant-vus\",\"vus\":2,"              \
    "\"duration\":\"20s\"},\"soon\":{\"executor\":\"constant-vus\",\"vus\":3,\"duration\":\"5s\"," \
    "\"start_time\":\"10s\"}}}"

static bool scale_now(struct lane_rig *f, int64_t vus, struct tt_err *err)
{
    const struct tt_scale change = {vus, -1, -1};
    *err = (struct tt_err){0};
    return tt__job_scale(&f->r->lanes[0], 0, &change, err); /* scenarios are in order of start */
}

static void a_change_leaves_the_vus_of_scenarios_to_come(void **state)
{
    struct lane_rig *f = lane_rig_new(TWO_LOOPS, "", "tt.sleep(1)");
    struct tt_err err;
    (void)state;
    assert_int_equal(lane_rig_made(f), 5);
    lane_rig_until(f, 500);
    assert_true(scale_now(f, 5, &err));
    assert_int_equal(lane_rig_made(f), 8);
    assert_true(scale_now(f, 1, &err)); /* and back: they are kept */
    lane_rig_until(f, 1500);
    assert_true(scale_now(f, 5, &err));
    assert_int_equal(lane_rig_made(f), 8);
    lane_rig_until(f, 10500);
    assert_int_equal(tt__shown_get(&f->r->lanes[0].active), 5 + 3);
    lane_rig_until(f, 21000);
    assert_true(lane_rig_finished(f, 0) && lane_rig_finished(f, 1));
    assert_int_equal(lane_rig_made(f), 8);
    lane_rig_free(f);
}

static void a_change_whose_init_fails_is_refused(void **state)
{
    char bad[64], top[256];
    struct tt_err err;
    (void)state;
    snprintf(bad, sizeof bad, "/tmp/ttload-bad-%d", (int)getpid());
    snprintf(top, sizeof top, "if io.open('%s') then error('not now') end", bad);
    struct lane_rig *f = lane_rig_new(TWO_LOOPS, top, "tt.sleep(1)");
    lane_rig_until(f, 500);
    FILE *file = fopen(bad, "w");
    assert_non_null(file);
    fclose(file);
    assert_false(scale_now(f, 5, &err));
    unlink(bad);
    assert_non_null(strstr(err.text, "scenario now: init of a further virtual user: "));
    assert_non_null(strstr(err.text, "not now"));
    assert_int_equal(tt__shown_get(&f->r->lanes[0].active), 2);
    lane_rig_until(f, 41000);
    assert_true(lane_rig_finished(f, 0) && lane_rig_finished(f, 1));
    lane_rig_free(f);
}

static void a_scenario_that_would_begin_on_a_stopped_worker_is_reported_over(void **state)
{
    struct lane_rig *f =
        lane_rig_new("{\"workers\":1,\"scenarios\":{\"first\":{\"executor\":\"per-vu-iterations\"},"
                     "\"second\":{\"executor\":\"per-vu-iterations\",\"after\":\"first\"}}}",
                     "", "tt.sleep(1)");
    struct tt__lane *lane = f->r->lanes;
    (void)state;
    lane_rig_until(f, 500);
    tt__jobs_stop(lane); /* the script's abort(): the coordinator hears of it later */
    tt__job_begin(lane, 1, RUN_BEGIN_NS);
    assert_null(lane->jobs[1].exec);
    assert_true(lane->jobs[1].reported);
    lane_rig_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paced_iterations_begin_on_a_grid),
        cmocka_unit_test(an_iteration_longer_than_the_pace_is_counted_and_begins_a_new_grid),
        cmocka_unit_test(a_day_of_paced_iterations_has_no_drift),
        cmocka_unit_test(iterations_last_as_long_as_the_shortest),
        cmocka_unit_test(a_warm_up_runs_and_counts_for_nothing),
        cmocka_unit_test(a_pause_moves_the_schedule),
        cmocka_unit_test(the_scenarios_clock_stands_still_while_paused),
        cmocka_unit_test(starts_travel_to_the_worker_with_an_idle_vu),
        cmocka_unit_test(late_starts_are_measured_from_their_intended_time),
        cmocka_unit_test(growth_makes_one_slow_vu_at_a_time),
        cmocka_unit_test(growth_takes_up_the_load_in_batches_or_singly),
        cmocka_unit_test(a_failing_init_costs_one_vu_and_not_the_growth),
        cmocka_unit_test(a_stop_cuts_what_runs_and_drops_nothing_silently),
        cmocka_unit_test(a_change_leaves_the_vus_of_scenarios_to_come),
        cmocka_unit_test(a_change_whose_init_fails_is_refused),
        cmocka_unit_test(a_scenario_that_would_begin_on_a_stopped_worker_is_reported_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
