/* SPDX-License-Identifier: MIT */
/* The executors on a fake clock: whole runs compared with k6's own (tests/vectors), and what the
 * interface promises. */
#include "sim.h"
#include "vectors.h"

/* Lengths of iterations as a case gives them. */
struct lengths {
    const cJSON *ms;
    char by; /* c: constant, g: global iteration, v: VU id */
};

static uint64_t length_of(const struct sim *s, uint32_t slot, uint64_t number)
{
    const struct lengths *l = s->length_arg;
    int n = cJSON_GetArraySize(l->ms), at = 0;
    if (l->by == 'g')
        at = (int)(number % (uint64_t)n);
    else if (l->by == 'v')
        at = (int)slot % n;
    return (uint64_t)(cJSON_GetArrayItem(l->ms, at)->valuedouble * 1e6 + 0.5);
}

/* --- k6's runs ----------------------------------------------------------------------------------
 */

static uint64_t ms(const cJSON *config, const char *name)
{
    return field(config, name) ? (uint64_t)(number(config, name) * 1e6) : 0;
}

static int64_t whole(const cJSON *config, const char *name)
{
    return field(config, name) ? (int64_t)number(config, name) : 0;
}

static void read_stages(struct sim *r, const cJSON *list)
{
    struct tt_stage *stages = tt_xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *stages);
    const cJSON *at;
    cJSON_ArrayForEach(at, list)
    {
        stages[r->sc.n_stages].duration_ns = (uint64_t)cJSON_GetArrayItem(at, 0)->valuedouble;
        stages[r->sc.n_stages].target = (int64_t)cJSON_GetArrayItem(at, 1)->valuedouble;
        stages[r->sc.n_stages].rate = cJSON_GetArrayItem(at, 1)->valuedouble;
        r->sc.duration_ns += stages[r->sc.n_stages++].duration_ns;
    }
    r->sc.stages = stages;
}

static void read_case(struct sim *r, const cJSON *v)
{
    const cJSON *config = field(v, "config");
    r->sc.vus = whole(config, "vus");
    r->sc.start_vus = whole(config, "startVUs");
    r->sc.iterations = whole(config, "iterations");
    r->sc.duration_ns = ms(config, "duration_ms") + (uint64_t)whole(config, "duration_ns");
    r->sc.max_duration_ns = ms(config, "maxDuration_ms");
    r->sc.graceful_stop_ns = ms(config, "gracefulStop_ms");
    r->sc.graceful_ramp_down_ns = ms(config, "gracefulRampDown_ms");
    r->sc.rate = (double)whole(config, "rate");
    r->sc.start_rate = (double)whole(config, "startRate");
    r->sc.time_unit_ns = ms(config, "timeUnit_ms");
    r->sc.pre_allocated_vus = whole(config, "preAllocatedVUs");
    r->sc.max_vus = whole(config, "maxVUs");
    r->init_ns = ms(v, "unplanned_init_ms");
    if (field(config, "stages_ns_target"))
        read_stages(r, field(config, "stages_ns_target"));
    assert_true(sim_segment(r, text(v, "seg"), text(v, "seq")));
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void assert_list(const cJSON *want, uint64_t *got, size_t n, uint64_t tolerance)
{
    size_t i = 0;
    const cJSON *at;
    qsort(got, n, sizeof *got, by_value);
    assert_int_equal(n, cJSON_GetArraySize(want));
    cJSON_ArrayForEach(at, want)
    {
        uint64_t w = (uint64_t)at->valuedouble;
        assert_true((w > got[i] ? w - got[i] : got[i] - w) <= tolerance);
        i++;
    }
}

static void compare(struct sim *r, const cJSON *want)
{
    uint64_t *at = tt_xcalloc(r->n_starts + 1, sizeof *at);
    uint64_t *numbers = tt_xcalloc(r->n_starts + 1, sizeof *numbers);
    for (size_t i = 0; i < r->n_starts; i++) {
        at[i] = r->starts[i].at;
        numbers[i] = r->starts[i].number;
    }
    assert_list(field(want, "starts_ns"), at, r->n_starts, 1000);
    assert_list(field(want, "global_iters"), numbers, r->n_starts, 0);
    tt_free(at);
    tt_free(numbers);
    assert_int_equal(r->full, number(want, "full"));
    assert_int_equal(r->interrupted, number(want, "interrupted"));
    if (cJSON_IsNumber(field(want, "dropped")))
        assert_int_equal(r->dropped, number(want, "dropped"));
    assert_true(llabs((long long)r->now - (long long)number(want, "end_ns")) <= 1000);
    assert_int_equal(r->made, number(want, "initialized_vus"));
    if (field(want, "insufficient_vus_warning"))
        assert_int_equal(r->refused_growth, cJSON_IsTrue(field(want, "insufficient_vus_warning")));
}

static void runs_of(const char *executor, const char *file)
{
    cJSON *all = vectors_read(file);
    const cJSON *v;
    int n = 0;
    cJSON_ArrayForEach(v, field(all, "runs"))
    {
        const char *by = text(v, "iteration_by");
        struct lengths lengths = {field(v, "iteration_ms"), 'c'};
        lengths.by = strcmp(by, "vu_id") == 0 ? 'v' : strcmp(by, "global_iter") == 0 ? 'g' : 'c';
        struct sim *r = sim_new(executor);
        if (getenv("TTLOAD_TRACE"))
            print_message("%s %d: %s\n", file, n, cJSON_PrintUnformatted(v));
        read_case(r, v);
        r->length = length_of;
        r->length_arg = &lengths;
        sim_begin(r);
        sim_run(r, UINT64_MAX - 1);
        compare(r, field(v, "expect"));
        sim_free(r);
        n++;
    }
    assert_true(n > 5);
    cJSON_Delete(all);
}

static void constant_vus_runs_as_k6s(void **state)
{
    (void)state;
    runs_of("constant-vus", "constant-vus.json");
}

static void ramping_vus_runs_as_k6s(void **state)
{
    (void)state;
    runs_of("ramping-vus", "ramping-vus.json");
}

static void shared_iterations_runs_as_k6s(void **state)
{
    (void)state;
    runs_of("shared-iterations", "shared-iterations.json");
}

static void per_vu_iterations_runs_as_k6s(void **state)
{
    (void)state;
    runs_of("per-vu-iterations", "per-vu-iterations.json");
}

static void constant_arrival_rate_runs_as_k6s(void **state)
{
    (void)state;
    runs_of("constant-arrival-rate", "constant-arrival-rate.json");
}

static void ramping_arrival_rate_runs_as_k6s(void **state)
{
    (void)state;
    runs_of("ramping-arrival-rate", "ramping-arrival-rate.json");
}

static void slices_have_as_many_vus_as_k6s(void **state)
{
    (void)state;
    static const char *const files[][2] = {{"constant-vus", "constant-vus.json"},
                                           {"shared-iterations", "shared-iterations.json"},
                                           {"per-vu-iterations", "per-vu-iterations.json"}};
    for (size_t i = 0; i < 3; i++) {
        cJSON *all = vectors_read(files[i][1]);
        const cJSON *v;
        cJSON_ArrayForEach(v, field(all, "cases"))
        {
            struct tt_stripe stripe;
            struct tt_scenario sc = {.vus = (int64_t)number(v, "vus"), .iterations = 1};
            if (!field(v, "scaled_vus") || !stripe_of(v, &stripe))
                continue;
            assert_int_equal(tt_exec_find(files[i][0])->max_slots(&sc, &stripe),
                             number(v, "scaled_vus"));
            tt_stripe_fini(&stripe);
        }
        cJSON_Delete(all);
    }
}

static void ramps_need_as_many_vus_as_k6s(void **state)
{
    (void)state;
    cJSON *all = vectors_read("ramping-vus.json");
    const cJSON *v;
    cJSON_ArrayForEach(v, field(all, "steps"))
    {
        struct sim *r = sim_new("ramping-vus");
        struct tt_stripe stripe;
        r->sc.start_vus = (int64_t)number(v, "startVUs");
        read_stages(r, field(v, "stages"));
        if (stripe_of(v, &stripe)) {
            assert_int_equal(r->cls->max_slots(&r->sc, &stripe), number(v, "max_vus"));
            tt_stripe_fini(&stripe);
        }
        r->n_lanes = 0;
        sim_free(r);
    }
    cJSON_Delete(all);
}

/* --- the interface ------------------------------------------------------------------------------
 */

static struct sim *constant(int64_t vus, uint64_t duration_ms, const uint64_t *iteration_ns)
{
    struct sim *r = sim_new("constant-vus");
    r->sc.vus = vus;
    r->sc.duration_ns = duration_ms * 1000000;
    r->sc.graceful_stop_ns = 30000000000;
    r->length_arg = iteration_ns;
    return r;
}

static void nothing_happens_before_the_start_time(void **state)
{
    (void)state;
    struct sim *r = constant(2, 1000, &(uint64_t){100000000});
    r->sc.start_time_ns = 500000000;
    sim_begin(r);
    sim_run(r, 499999999);
    assert_int_equal(r->n_starts, 0);
    sim_run(r, UINT64_MAX - 1);
    assert_int_equal(r->starts[0].at, 500000000);
    assert_int_equal(r->now, 1500000000);
    sim_free(r);
}

static void stop_cuts_at_once_and_retires_every_vu(void **state)
{
    (void)state;
    struct sim *r = constant(3, 10000, &(uint64_t){700000000});
    sim_begin(r);
    sim_run(r, 1000000000);
    r->cls->stop(r->lanes[0].e, r->now);
    assert_true(r->cls->finished(r->lanes[0].e));
    assert_int_equal(r->interrupted, 3);
    assert_int_equal(r->full, 3);
    sim_free(r);
}

static void progress_counts_what_has_been_done(void **state)
{
    (void)state;
    struct sim *r = constant(2, 1000, &(uint64_t){100000000});
    sim_begin(r);
    sim_run(r, 550000000);
    struct tt_exec_progress p = r->cls->progress(r->lanes[0].e, r->now);
    assert_int_equal(p.done, 10);
    assert_int_equal(p.vus_active, 2);
    assert_true(p.fraction > 0.54 && p.fraction < 0.56);
    sim_run(r, UINT64_MAX - 1);
    sim_free(r);
}

static void workers_of_a_process_share_all_vus(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 5; workers++) {
        int64_t sum = 0;
        for (unsigned i = 0; i < workers; i++) {
            struct tt_stripe s;
            struct tt_scenario sc = {.vus = 17};
            tt_stripe_worker(&s, NULL, i, workers);
            sum += tt_exec_find("constant-vus")->max_slots(&sc, &s);
            tt_stripe_fini(&s);
        }
        assert_int_equal(sum, 17);
    }
}

/* A worker whose last VU has been retired still has its ramp to go on with. */
static void a_ramp_to_nobody_comes_back_and_ends(void **state)
{
    (void)state;
    struct sim *r = constant(1, 0, &(uint64_t){1000000});
    struct tt_stage *stages = tt_xcalloc(3, sizeof *stages);
    r->cls = tt_exec_find("ramping-vus");
    r->sc.start_vus = 2;
    r->sc.n_stages = 3;
    r->sc.stages = stages;
    r->sc.duration_ns = 3000000000;
    stages[0] = (struct tt_stage){1000000000, 0};
    stages[1] = (struct tt_stage){1000000000, 0};
    stages[2] = (struct tt_stage){1000000000, 2};
    sim_begin(r);
    sim_run(r, 1500000000);
    assert_false(r->cls->finished(r->lanes[0].e));
    assert_int_equal(r->cls->progress(r->lanes[0].e, r->now).vus_active, 0);
    uint64_t before = r->full;
    sim_run(r, UINT64_MAX - 1);
    assert_true(r->full > before);
    assert_true(r->now >= 3000000000 && r->now < 3002000000);
    sim_free(r);
}

static void an_unknown_executor_is_not_found(void **state)
{
    (void)state;
    assert_null(tt_exec_find("constant-vuss"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_vus_runs_as_k6s),
        cmocka_unit_test(ramping_vus_runs_as_k6s),
        cmocka_unit_test(shared_iterations_runs_as_k6s),
        cmocka_unit_test(per_vu_iterations_runs_as_k6s),
        cmocka_unit_test(constant_arrival_rate_runs_as_k6s),
        cmocka_unit_test(ramping_arrival_rate_runs_as_k6s),
        cmocka_unit_test(slices_have_as_many_vus_as_k6s),
        cmocka_unit_test(ramps_need_as_many_vus_as_k6s),
        cmocka_unit_test(nothing_happens_before_the_start_time),
        cmocka_unit_test(stop_cuts_at_once_and_retires_every_vu),
        cmocka_unit_test(progress_counts_what_has_been_done),
        cmocka_unit_test(workers_of_a_process_share_all_vus),
        cmocka_unit_test(a_ramp_to_nobody_comes_back_and_ends),
        cmocka_unit_test(an_unknown_executor_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
