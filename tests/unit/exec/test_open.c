/* SPDX-License-Identifier: MIT */
/* Open models and outside control beyond k6's runs: workers that help each other, the line of late
 * starts, growth, whole days, changes while it runs, and machines that together do what one does.
 */
#include "sim.h"
#include <math.h>
#include <stdlib.h>

#define MS 1000000ull
#define S  1000000000ull

static struct sim *arrival(double rate, uint64_t duration_ns, int64_t vus, int64_t max,
                           const uint64_t *iteration_ns)
{
    struct sim *s = sim_new("constant-arrival-rate");
    s->sc.rate = rate;
    s->sc.time_unit_ns = S;
    s->sc.duration_ns = duration_ns;
    s->sc.graceful_stop_ns = 30 * S;
    s->sc.pre_allocated_vus = vus;
    s->sc.max_vus = max;
    s->length_arg = iteration_ns;
    return s;
}

static void run(struct sim *s)
{
    sim_begin(s);
    sim_run(s, UINT64_MAX - 1);
}

/* --- workers ------------------------------------------------------------------------------------
 */

static void workers_drop_nothing_that_one_would_not(void **state)
{
    (void)state;
    /* three VUs are just enough: each start finds exactly one idle */
    for (unsigned workers = 1; workers <= 3; workers++) {
        struct sim *s = arrival(10, 20 * S, 3, 3, &(uint64_t){299 * MS});
        s->n_lanes = workers;
        run(s);
        assert_int_equal(s->dropped, 0);
        assert_int_equal(s->n_starts, 200);
        assert_int_equal(s->full, 200);
        assert_int_equal(s->handed_over > 0, workers == 2);
        sim_free(s);
    }
}

static void workers_drop_as_many_as_one_when_vus_are_short(void **state)
{
    (void)state;
    uint64_t dropped[3];
    for (unsigned workers = 1; workers <= 3; workers++) {
        struct sim *s = arrival(10, 20 * S, 3, 3, &(uint64_t){450 * MS});
        s->n_lanes = workers;
        run(s);
        dropped[workers - 1] = s->dropped;
        assert_int_equal(s->dropped + s->n_starts, 200);
        sim_free(s);
    }
    assert_true(dropped[0] > 0);
    assert_int_equal(dropped[1], dropped[0]);
    assert_int_equal(dropped[2], dropped[0]);
}

static void a_start_handed_over_while_the_test_stops_is_dropped(void **state)
{
    (void)state;
    struct sim *s = arrival(10, 20 * S, 3, 3, &(uint64_t){280 * MS});
    s->n_lanes = 2;
    s->hop_ns = 10 * MS;
    sim_begin(s);
    size_t under_way = 0;
    for (uint64_t at = 0; !under_way && at < 10 * S; at += 5 * MS) {
        sim_run(s, at);
        under_way = s->lanes[0].n_handed + s->lanes[1].n_handed;
    }
    assert_int_equal(under_way, 1);
    for (unsigned i = 0; i < 2; i++)
        s->cls->stop(s->lanes[i].e, s->now);
    assert_false(sim_finished(s)); /* the letter is not lost */
    sim_run(s, UINT64_MAX - 1);
    assert_true(sim_finished(s));
    assert_int_equal(s->dropped, 1);
    sim_free(s);
}

/* --- overload -----------------------------------------------------------------------------------
 */

static void queued_starts_are_late_and_keep_their_intended_time(void **state)
{
    (void)state;
    struct sim *s = arrival(10, 2 * S, 1, 1, &(uint64_t){150 * MS});
    s->sc.queue_overload = true;
    run(s);
    for (size_t i = 0; i < s->n_starts; i++) {
        assert_int_equal(s->starts[i].intended, i * 100 * MS);
        assert_int_equal(s->starts[i].at, i * 150 * MS);
    }
    assert_int_equal(s->n_starts, 14); /* the 14th begins at 1.95 s */
    assert_int_equal(s->dropped, 6);   /* the end gives up the line, and says so */
    sim_free(s);
}

static void queued_starts_of_one_worker_run_on_another(void **state)
{
    (void)state;
    struct sim *s = arrival(10, 4 * S, 1, 1, &(uint64_t){99 * MS});
    s->n_lanes = 2; /* one VU in all: half of the starts are due where it is not */
    s->sc.queue_overload = true;
    run(s);
    assert_int_equal(s->dropped, 0);
    assert_int_equal(s->full, 40);
    sim_free(s);
}

static void vus_grow_in_batches_or_one_by_one(void **state)
{
    (void)state;
    for (int one = 0; one <= 1; one++) {
        struct sim *s = arrival(100, 3 * S, 1, 40, &(uint64_t){200 * MS});
        s->sc.grow_one_by_one = one;
        s->init_ns = 10 * MS;
        run(s);
        assert_true(s->made >= 20 && s->made <= 40);
        assert_true(s->dropped > 0);
        assert_int_equal(s->dropped + s->n_starts, 300);
        sim_free(s);
    }
}

static void growth_ends_at_max_vus(void **state)
{
    (void)state;
    struct sim *s = arrival(100, 2 * S, 0, 5, &(uint64_t){S});
    s->n_lanes = 2;
    s->sc.grow_one_by_one = false;
    run(s);
    assert_int_equal(s->made, 5);
    assert_true(s->refused_growth);
    sim_free(s);
}

/* --- long runs ----------------------------------------------------------------------------------
 */

static void a_day_at_a_constant_rate_has_no_drift(void **state)
{
    (void)state;
    static const double rates[] = {7, 3, 0.3, 12.5};
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
        struct sim *s = arrival(rates[k], 24 * 3600 * S, 2, 2, &(uint64_t){MS});
        run(s);
        assert_int_equal(s->n_starts, (uint64_t)(rates[k] * 24 * 3600 + 0.5));
        assert_int_equal(s->dropped, 0);
        for (size_t i = 0; i < s->n_starts; i++) {
            __int128 exact = (__int128)i * 1000 * S / (uint64_t)(rates[k] * 1000 + 0.5);
            assert_int_equal(s->starts[i].at, (uint64_t)exact);
        }
        sim_free(s);
    }
}

static void a_day_of_ramps_starts_what_the_area_says(void **state)
{
    (void)state;
    struct sim *s = sim_new("ramping-arrival-rate");
    struct tt_stage *stages = tt_xcalloc(24, sizeof *stages);
    double area = 0;
    for (size_t i = 0; i < 24; i++) {
        stages[i] = (struct tt_stage){3600 * S, 0, i % 2 ? 2 : 12};
        area += 3600.0 * (i ? 7 : 6);
    }
    s->sc.stages = stages;
    s->sc.n_stages = 24;
    s->sc.duration_ns = 24 * 3600 * S;
    s->sc.time_unit_ns = S;
    s->sc.pre_allocated_vus = s->sc.max_vus = 2;
    s->length_arg = &(uint64_t){MS};
    run(s);
    assert_true(fabs((double)s->n_starts - area) <= 1);
    for (size_t i = 0; i < s->n_starts; i++)
        assert_int_equal(s->starts[i].at, s->starts[i].intended);
    /* the middle of a full wave: half of its area */
    assert_true(s->starts[3600 * 6 - 1].at > 3600 * S - 200 * MS);
    sim_free(s);
}

static void a_ramp_to_a_hundred_million_is_not_built_ahead(void **state)
{
    (void)state;
    struct sim *s = sim_new("ramping-vus");
    struct tt_stage *stages = tt_xcalloc(1, sizeof *stages);
    stages[0] = (struct tt_stage){3600 * S, 100000000, 1e8};
    s->sc.stages = stages;
    s->sc.n_stages = 1;
    s->sc.duration_ns = 3600 * S;
    s->length_arg = &(uint64_t){7200 * S};
    sim_begin(s);
    sim_run(s, 20 * MS); /* one VU each 36 us */
    assert_int_equal(s->n_starts, 555);
    s->cls->stop(s->lanes[0].e, s->now);
    sim_free(s);
}

/* --- machines -----------------------------------------------------------------------------------
 */

static int by_number(const void *a, const void *b)
{
    const struct sim_start *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static int by_time(const void *a, const void *b)
{
    const struct sim_start *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static struct sim *scenario_of(const char *executor, const uint64_t *iteration_ns)
{
    struct sim *s = sim_new(executor);
    struct tt_stage *stages = tt_xcalloc(3, sizeof *stages);
    stages[0] = (struct tt_stage){S, 12, 12};
    stages[1] = (struct tt_stage){S, 3, 3};
    stages[2] = (struct tt_stage){S, 20, 20};
    s->sc.stages = stages;
    s->sc.n_stages = 3;
    s->sc.duration_ns = s->sc.max_duration_ns = 3 * S;
    s->sc.vus = 12;
    s->sc.start_vus = 1;
    s->sc.iterations = strcmp(executor, "per-vu-iterations") == 0 ? 3 : 60;
    s->sc.rate = 30;
    s->sc.start_rate = 2;
    s->sc.time_unit_ns = S;
    s->sc.pre_allocated_vus = s->sc.max_vus = 20;
    s->length_arg = iteration_ns;
    return s;
}

struct all_starts {
    struct sim_start at[2000];
    size_t n;
};

static void gather(struct all_starts *all, const char *executor, const char *seg, const char *seq,
                   unsigned workers)
{
    struct sim *s = scenario_of(executor, &(uint64_t){100 * MS});
    s->n_lanes = workers;
    assert_true(sim_segment(s, seg, seq));
    run(s);
    assert_int_equal(s->dropped, 0);
    assert_true(all->n + s->n_starts <= 2000);
    memcpy(all->at + all->n, s->starts, s->n_starts * sizeof *s->starts);
    all->n += s->n_starts;
    sim_free(s);
}

/* numbers: whether the numbers' union is compared (looping VUs take numbers as they go, and a
 * machine's own end where its part does). */
static void assert_same(struct all_starts *one, struct all_starts *many, bool numbers)
{
    assert_int_equal(one->n, many->n);
    qsort(one->at, one->n, sizeof *one->at, by_time);
    qsort(many->at, many->n, sizeof *many->at, by_time);
    for (size_t i = 0; i < one->n; i++)
        assert_int_equal(one->at[i].at, many->at[i].at);
    qsort(one->at, one->n, sizeof *one->at, by_number);
    qsort(many->at, many->n, sizeof *many->at, by_number);
    for (size_t i = 1; i < many->n; i++)
        assert_true(many->at[i].number != many->at[i - 1].number);
    for (size_t i = 0; numbers && i < one->n; i++)
        assert_int_equal(one->at[i].number, many->at[i].number);
}

static void machines_together_do_what_one_does(void **state)
{
    (void)state;
    static const struct {
        const char *executor;
        bool numbers;
    } executors[] = {
        {"constant-vus", false},          {"ramping-vus", false},
        {"shared-iterations", true},      {"per-vu-iterations", true},
        {"constant-arrival-rate", true},  {"ramping-arrival-rate", true},
        {"externally-controlled", false},
    };
    for (size_t k = 0; k < sizeof executors / sizeof *executors; k++)
        for (unsigned workers = 1; workers <= 2; workers++) {
            struct all_starts *one = tt_xcalloc(1, sizeof *one),
                              *many = tt_xcalloc(1, sizeof *many);
            const char *name = executors[k].executor, *seq = "0,1/4,1/2,1";
            gather(one, name, "", "", 1);
            gather(many, name, "0:1/4", seq, workers);
            gather(many, name, "1/4:1/2", seq, workers);
            gather(many, name, "1/2:1", seq, workers);
            assert_same(one, many, executors[k].numbers);
            tt_free(one);
            tt_free(many);
        }
}

/* --- changes while it runs ----------------------------------------------------------------------
 */

static bool scale_lane(struct sim *s, unsigned lane, struct tt_scale change, struct tt_err *err)
{
    struct sim_lane *l = &s->lanes[lane];
    *err = (struct tt_err){0};
    bool ok = s->cls->scale(l->e, &change, s->now, err);
    if (ok)
        l->due = s->cls->step(l->e, s->now);
    return ok;
}

static bool scale(struct sim *s, int64_t vus, int64_t max_vus, double rate, struct tt_err *err)
{
    return scale_lane(s, 0, (struct tt_scale){vus, max_vus, rate}, err);
}

/* Iterations of 100 ms. */
static struct sim *scalable(const char *executor, int64_t vus, int64_t max_vus,
                            uint64_t duration_ns, unsigned workers)
{
    struct sim *s = sim_new(executor);
    static const uint64_t length = 100 * MS;
    struct tt_stage *stage = tt_xcalloc(1, sizeof *stage);
    *stage = (struct tt_stage){.duration_ns = duration_ns, .target = vus};
    s->sc.stages = stage;
    s->sc.n_stages = 1;
    s->sc.vus = s->sc.start_vus = vus;
    s->sc.max_vus = max_vus;
    s->sc.iterations = 1000;
    s->sc.pre_allocated_vus = vus;
    s->sc.time_unit_ns = S;
    s->sc.rate = 5;
    s->sc.max_duration_ns = s->sc.duration_ns = duration_ns;
    s->sc.until_stopped = duration_ns == 0;
    s->length_arg = &length;
    s->n_lanes = workers;
    sim_begin(s);
    return s;
}

static struct sim *controlled(uint64_t duration_ns)
{
    return scalable("externally-controlled", 2, 5, duration_ns, 1);
}

static int64_t active(const struct sim *s)
{
    int64_t n = 0;
    for (unsigned i = 0; i < s->n_lanes; i++)
        n += s->cls->progress(s->lanes[i].e, s->now).vus_active;
    return n;
}

static const char *const scalables[] = {"externally-controlled", "constant-vus", "ramping-vus"};

static void vus_are_set_from_outside(void **state)
{
    (void)state;
    struct tt_err err;
    struct sim *s = controlled(10 * S);
    sim_run(s, S);
    assert_int_equal(active(s), 2);
    assert_true(scale(s, 5, -1, -1, &err));
    assert_int_equal(active(s), 5);
    sim_run(s, 2 * S + 50 * MS);
    assert_true(scale(s, 1, -1, -1, &err));
    assert_int_equal(active(s), 1);      /* at once: */
    assert_int_equal(s->interrupted, 4); /* four are cut */
    assert_true(scale(s, 0, -1, -1, &err));
    sim_run(s, 5 * S);
    assert_int_equal(active(s), 0);
    assert_false(sim_finished(s)); /* it waits for the next word */
    assert_true(scale(s, 3, -1, -1, &err));
    sim_run(s, UINT64_MAX - 1);
    assert_int_equal(s->now, 10 * S);
    sim_free(s);
}

static void max_vus_bounds_and_can_be_raised(void **state)
{
    (void)state;
    struct tt_err err;
    struct sim *s = controlled(10 * S);
    sim_run(s, S);
    assert_false(scale(s, 6, -1, -1, &err));
    assert_non_null(strstr(err.text, "max_vus (5)"));
    assert_false(scale(s, -1, 4, -1, &err));
    assert_non_null(strstr(err.text, "below the scenario's own, 5"));
    assert_false(scale(s, -1, -1, 3, &err));
    assert_non_null(strstr(err.text, "no rate"));
    assert_true(scale(s, 80, 100, -1, &err));
    assert_int_equal(active(s), 80);
    sim_run(s, UINT64_MAX - 1);
    assert_false(scale(s, 1, -1, -1, &err));
    assert_non_null(strstr(err.text, "over"));
    sim_free(s);
}

static void a_change_whose_vus_cannot_be_made_changes_nothing(void **state)
{
    (void)state;
    struct tt_err err;
    for (size_t k = 0; k < 3; k++) {
        struct sim *s = scalable(scalables[k], 2, 5, 10 * S, 1);
        s->reservable = 3;
        sim_run(s, S);
        assert_false(scale(s, 4, -1, -1, &err));
        assert_string_equal(err.text, "no VU beyond 3");
        assert_int_equal(active(s), 2);
        assert_true(scale(s, 3, -1, -1, &err));
        assert_int_equal(active(s), 3);
        sim_run(s, UINT64_MAX - 1);
        sim_free(s);
    }
}

static void a_worker_without_vus_is_no_further_than_the_others(void **state)
{
    (void)state;
    for (size_t i = 0; tt_exec_classes[i]; i++) {
        struct sim *s = scalable(tt_exec_classes[i]->name, 1, 1, 10 * S, 2);
        sim_run(s, S);
        for (unsigned k = 0; k < 2; k++) {
            struct tt_exec_progress p = s->cls->progress(s->lanes[k].e, s->now);
            assert_true(p.fraction <= 0.1);
        }
        sim_run(s, UINT64_MAX - 1);
        sim_free(s);
    }
}

static void a_worker_without_vus_of_the_scenario_can_get_some(void **state)
{
    (void)state;
    struct tt_err err;
    for (size_t k = 0; k < 3; k++) {
        struct sim *s = scalable(scalables[k], 1, 6, 10 * S, 3);
        sim_run(s, S);
        assert_int_equal(active(s), 1);
        for (unsigned i = 0; i < 3; i++)
            assert_true(scale_lane(s, i, (struct tt_scale){6, -1, -1}, &err));
        assert_int_equal(active(s), 6);
        sim_run(s, UINT64_MAX - 1);
        assert_true(sim_finished(s));
        assert_int_equal(s->now, 10 * S);
        sim_free(s);
    }
}

static void without_a_duration_it_runs_until_it_is_stopped(void **state)
{
    (void)state;
    struct sim *s = controlled(0);
    sim_run(s, 1000 * S);
    assert_false(sim_finished(s));
    assert_true(s->cls->progress(s->lanes[0].e, s->now).fraction == 0);
    s->cls->stop(s->lanes[0].e, s->now);
    assert_true(sim_finished(s));
    sim_free(s);
}

static void a_rate_changes_from_now_on(void **state)
{
    (void)state;
    struct tt_err err;
    struct sim *s = arrival(10, 4 * S, 5, 5, &(uint64_t){MS});
    sim_begin(s);
    sim_run(s, 2 * S + 50 * MS);
    assert_int_equal(s->n_starts, 21);
    assert_false(scale(s, 3, -1, 20, &err));
    assert_non_null(strstr(err.text, "rate only"));
    assert_true(scale(s, -1, -1, 100, &err));
    sim_run(s, 3 * S + 49 * MS);
    assert_int_equal(s->n_starts, 21 + 100);
    assert_int_equal(s->starts[21].at, 2 * S + 50 * MS);
    assert_true(scale(s, -1, -1, 0, &err)); /* nothing more, until somebody says otherwise */
    sim_run(s, UINT64_MAX - 1);
    assert_int_equal(s->n_starts, 121);
    assert_int_equal(s->now, 4 * S);
    sim_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_drop_nothing_that_one_would_not),
        cmocka_unit_test(workers_drop_as_many_as_one_when_vus_are_short),
        cmocka_unit_test(a_start_handed_over_while_the_test_stops_is_dropped),
        cmocka_unit_test(queued_starts_are_late_and_keep_their_intended_time),
        cmocka_unit_test(queued_starts_of_one_worker_run_on_another),
        cmocka_unit_test(vus_grow_in_batches_or_one_by_one),
        cmocka_unit_test(growth_ends_at_max_vus),
        cmocka_unit_test(a_day_at_a_constant_rate_has_no_drift),
        cmocka_unit_test(a_day_of_ramps_starts_what_the_area_says),
        cmocka_unit_test(a_ramp_to_a_hundred_million_is_not_built_ahead),
        cmocka_unit_test(machines_together_do_what_one_does),
        cmocka_unit_test(vus_are_set_from_outside),
        cmocka_unit_test(max_vus_bounds_and_can_be_raised),
        cmocka_unit_test(a_change_whose_vus_cannot_be_made_changes_nothing),
        cmocka_unit_test(a_worker_without_vus_is_no_further_than_the_others),
        cmocka_unit_test(a_worker_without_vus_of_the_scenario_can_get_some),
        cmocka_unit_test(without_a_duration_it_runs_until_it_is_stopped),
        cmocka_unit_test(a_rate_changes_from_now_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
