/* SPDX-License-Identifier: MIT */
/* The executors on a fake clock: whole runs compared with k6's own (tests/vectors), and what the
 * interface promises. */
#include "exec/exec.h"
#include "unit.h"
#include "vectors.h"

enum { SLOTS = 64, STARTS = 4096 };

/* The host of a simulated run: time jumps from event to event, an iteration lasts as long as the
 * case says. */
struct rig {
    const struct tt_exec_class *cls;
    struct tt_exec *e;
    struct tt_scenario sc;
    struct tt_stripe stripe;
    uint64_t now, due;    /* when the executor wants to be called */
    uint64_t ends[SLOTS]; /* of the running iteration; 0: none */
    bool active[SLOTS], was_active[SLOTS];
    uint64_t per_slot[SLOTS];
    uint64_t claimed, full, interrupted, dropped;
    uint64_t starts[STARTS], numbers[STARTS];
    size_t n_starts;
    const cJSON *lengths; /* ms */
    char by;              /* c: constant, g: global iteration, v: VU id */
};

static uint64_t length_of(const struct rig *r, uint32_t slot, uint64_t number)
{
    int n = cJSON_GetArraySize(r->lengths), at = 0;
    if (r->by == 'g')
        at = (int)(number % (uint64_t)n);
    else if (r->by == 'v')
        at = (int)slot % n;
    return (uint64_t)(cJSON_GetArrayItem(r->lengths, at)->valuedouble * 1e6 + 0.5);
}

static void activate(void *host, uint32_t slot)
{
    struct rig *r = host;
    assert_true(slot < SLOTS && !r->active[slot]);
    r->active[slot] = r->was_active[slot] = true;
}

static void iterate(void *host, uint32_t slot, uint64_t number, uint64_t intended_ns)
{
    struct rig *r = host;
    assert_true(r->active[slot] && !r->ends[slot]);
    assert_true(intended_ns <= r->now);
    r->ends[slot] = r->now + length_of(r, slot, number);
    r->per_slot[slot]++;
    r->starts[r->n_starts] = r->now;
    r->numbers[r->n_starts++] = number;
    assert_true(r->n_starts < STARTS);
}

static void retire(void *host, uint32_t slot)
{
    struct rig *r = host;
    assert_true(r->active[slot] && !r->ends[slot]);
    r->active[slot] = false;
}

static void interrupt(void *host, uint32_t slot)
{
    struct rig *r = host;
    assert_true(r->ends[slot]);
    r->ends[slot] = 0;
    r->interrupted++;
    r->cls->iteration_done(r->e, slot, r->now, true);
}

static void drop(void *host, uint64_t n)
{
    struct rig *r = host;
    r->dropped += n;
}

static bool claim(void *host, uint64_t limit, uint64_t *number)
{
    struct rig *r = host;
    *number = (uint64_t)tt_stripe_global(&r->stripe, (int64_t)r->claimed);
    if (*number >= limit)
        return false;
    r->claimed++;
    return true;
}

static uint64_t claim_rest(void *host, uint64_t limit)
{
    uint64_t n = 0, number;
    while (claim(host, limit, &number))
        n++;
    return n;
}

static bool hand_over(void *host, uint64_t number, uint64_t intended_ns)
{
    (void)host;
    (void)number;
    (void)intended_ns;
    return false;
}

static const struct tt_exec_host host = {activate, iterate, retire,     interrupt,
                                         drop,     claim,   claim_rest, hand_over};

static struct rig *rig_new(const char *executor)
{
    struct rig *r = tt_xcalloc(1, sizeof *r);
    r->cls = tt_exec_find(executor);
    assert_non_null(r->cls);
    r->sc.name = "s";
    r->sc.executor = executor;
    r->by = 'c';
    return r;
}

static void rig_begin(struct rig *r)
{
    r->e = r->cls->create(&r->sc, &r->stripe, &host, r, r->sc.start_time_ns);
}

/* Runs until nothing is left to happen, or to a moment. As the real host does, it steps only when
 * the executor has asked for it. */
static void rig_run(struct rig *r, uint64_t until)
{
    while (!r->cls->finished(r->e)) {
        uint64_t next = r->due;
        uint32_t slot = SLOTS;
        for (uint32_t i = 0; i < SLOTS; i++)
            if (r->ends[i] && r->ends[i] < next && (slot == SLOTS || r->ends[i] < r->ends[slot]))
                slot = i;
        if (slot < SLOTS)
            next = r->ends[slot];
        assert_true(next != UINT64_MAX); /* it would hang */
        if (next > until) {
            r->now = until;
            return;
        }
        r->now = next > r->now ? next : r->now;
        if (slot == SLOTS) {
            r->due = r->cls->step(r->e, r->now);
            continue;
        }
        r->ends[slot] = 0;
        r->full++;
        r->due = r->cls->iteration_done(r->e, slot, r->now, false);
    }
}

static void rig_free(struct rig *r)
{
    for (uint32_t i = 0; i < SLOTS; i++)
        assert_false(r->active[i]);
    r->cls->destroy(r->e);
    tt_stripe_fini(&r->stripe);
    tt_free((void *)(uintptr_t)r->sc.stages);
    tt_free(r);
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

static void read_stages(struct rig *r, const cJSON *list)
{
    struct tt_stage *stages = tt_xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *stages);
    const cJSON *at;
    cJSON_ArrayForEach(at, list)
    {
        stages[r->sc.n_stages].duration_ns = (uint64_t)cJSON_GetArrayItem(at, 0)->valuedouble;
        stages[r->sc.n_stages].target = (int64_t)cJSON_GetArrayItem(at, 1)->valuedouble;
        r->sc.duration_ns += stages[r->sc.n_stages++].duration_ns;
    }
    r->sc.stages = stages;
}

static void read_case(struct rig *r, const cJSON *v)
{
    const cJSON *config = field(v, "config");
    const char *by = text(v, "iteration_by");
    r->sc.vus = whole(config, "vus");
    r->sc.start_vus = whole(config, "startVUs");
    r->sc.iterations = whole(config, "iterations");
    r->sc.duration_ns = ms(config, "duration_ms");
    r->sc.max_duration_ns = ms(config, "maxDuration_ms");
    r->sc.graceful_stop_ns = ms(config, "gracefulStop_ms");
    r->sc.graceful_ramp_down_ns = ms(config, "gracefulRampDown_ms");
    if (field(config, "stages_ns_target"))
        read_stages(r, field(config, "stages_ns_target"));
    r->lengths = field(v, "iteration_ms");
    r->by = strcmp(by, "vu_id") == 0 ? 'v' : strcmp(by, "global_iter") == 0 ? 'g' : 'c';
    assert_true(stripe_of(v, &r->stripe));
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
    assert_int_equal(cJSON_GetArraySize(want), n);
    cJSON_ArrayForEach(at, want)
    {
        uint64_t w = (uint64_t)at->valuedouble;
        assert_true((w > got[i] ? w - got[i] : got[i] - w) <= tolerance);
        i++;
    }
}

static void compare(struct rig *r, const cJSON *want)
{
    uint64_t used = 0;
    for (size_t i = 0; i < SLOTS; i++)
        used += r->was_active[i];
    assert_int_equal(r->full, number(want, "full"));
    assert_int_equal(r->interrupted, number(want, "interrupted"));
    if (cJSON_IsNumber(field(want, "dropped")))
        assert_int_equal(r->dropped, number(want, "dropped"));
    assert_list(field(want, "starts_ns"), r->starts, r->n_starts, 1000);
    assert_list(field(want, "global_iters"), r->numbers, r->n_starts, 0);
    assert_true(llabs((long long)r->now - (long long)number(want, "end_ns")) <= 1000);
    assert_int_equal(r->cls->max_slots(&r->sc, &r->stripe), number(want, "initialized_vus"));
    assert_true(used <= (uint64_t)number(want, "initialized_vus"));
}

static void runs_of(const char *executor, const char *file)
{
    cJSON *all = vectors_read(file);
    const cJSON *v;
    int n = 0;
    cJSON_ArrayForEach(v, field(all, "runs"))
    {
        /* k6 cuts a slice's share of shared iterations by another sequence, made for its VUs; ours
         * is claimed from all slices. */
        if (strcmp(executor, "shared-iterations") == 0 && *text(v, "seg"))
            continue;
        struct rig *r = rig_new(executor);
        read_case(r, v);
        rig_begin(r);
        rig_run(r, UINT64_MAX - 1);
        compare(r, field(v, "expect"));
        rig_free(r);
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
        struct rig *r = rig_new("ramping-vus");
        r->sc.start_vus = (int64_t)number(v, "startVUs");
        r->sc.graceful_stop_ns = (uint64_t)number(v, "gracefulStop_ns");
        r->sc.graceful_ramp_down_ns = (uint64_t)number(v, "gracefulRampDown_ns");
        read_stages(r, field(v, "stages"));
        if (stripe_of(v, &r->stripe))
            assert_int_equal(r->cls->max_slots(&r->sc, &r->stripe), number(v, "max_vus"));
        tt_stripe_fini(&r->stripe);
        tt_free((void *)(uintptr_t)r->sc.stages);
        tt_free(r);
    }
    cJSON_Delete(all);
}

/* --- the interface ------------------------------------------------------------------------------
 */

static struct rig *constant(int64_t vus, uint64_t duration_ms, double iteration_ms)
{
    struct rig *r = rig_new("constant-vus");
    struct tt_err err = {0};
    struct tt_segment whole_test;
    r->sc.vus = vus;
    r->sc.duration_ns = duration_ms * 1000000;
    r->sc.graceful_stop_ns = 30000000000;
    r->lengths = cJSON_CreateDoubleArray(&iteration_ms, 1);
    assert_true(tt_segment_parse("", &whole_test, &err));
    assert_true(tt_stripe_init(&r->stripe, &whole_test, NULL, 0, &err));
    return r;
}

static void constant_free(struct rig *r)
{
    cJSON_Delete((cJSON *)(uintptr_t)r->lengths);
    rig_free(r);
}

static void nothing_happens_before_the_start_time(void **state)
{
    (void)state;
    struct rig *r = constant(2, 1000, 100);
    r->sc.start_time_ns = 500000000;
    rig_begin(r);
    rig_run(r, 499999999);
    assert_int_equal(r->n_starts, 0);
    rig_run(r, UINT64_MAX - 1);
    assert_int_equal(r->starts[0], 500000000);
    assert_int_equal(r->now, 1500000000);
    constant_free(r);
}

static void stop_cuts_at_once_and_retires_every_vu(void **state)
{
    (void)state;
    struct rig *r = constant(3, 10000, 700);
    rig_begin(r);
    rig_run(r, 1000000000);
    r->cls->stop(r->e, r->now);
    assert_true(r->cls->finished(r->e));
    assert_int_equal(r->interrupted, 3);
    assert_int_equal(r->full, 3);
    constant_free(r);
}

static void progress_counts_what_has_been_done(void **state)
{
    (void)state;
    struct rig *r = constant(2, 1000, 100);
    rig_begin(r);
    rig_run(r, 550000000);
    struct tt_exec_progress p = r->cls->progress(r->e, r->now);
    assert_int_equal(p.done, 10);
    assert_int_equal(p.vus_active, 2);
    assert_true(p.fraction > 0.54 && p.fraction < 0.56);
    rig_run(r, UINT64_MAX - 1);
    constant_free(r);
}

static void workers_of_a_process_share_all_vus(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 5; workers++) {
        int64_t sum = 0;
        for (unsigned i = 0; i < workers; i++) {
            struct tt_stripe s;
            struct tt_scenario sc = {.vus = 17};
            tt_stripe_worker(&s, i, workers);
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
    struct rig *r = constant(1, 0, 1);
    struct tt_stage *stages = tt_xcalloc(3, sizeof *stages);
    r->cls = tt_exec_find("ramping-vus");
    r->sc.start_vus = 2;
    r->sc.n_stages = 3;
    r->sc.stages = stages;
    r->sc.duration_ns = 3000000000;
    stages[0] = (struct tt_stage){1000000000, 0};
    stages[1] = (struct tt_stage){1000000000, 0};
    stages[2] = (struct tt_stage){1000000000, 2};
    rig_begin(r);
    rig_run(r, 1500000000);
    assert_false(r->cls->finished(r->e));
    assert_int_equal(r->cls->progress(r->e, r->now).vus_active, 0);
    uint64_t before = r->full;
    rig_run(r, UINT64_MAX - 1);
    assert_true(r->full > before);
    assert_true(r->now >= 3000000000 && r->now < 3002000000);
    constant_free(r);
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
