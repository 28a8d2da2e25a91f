/* SPDX-License-Identifier: MIT */
/* What workers share of a scenario: idle VUs, VUs still to be made, the line of late starts, ids.
 */
#include "base/thread.h"
#include "run_rig.h"

enum { THREADS = 4, EACH = 2000 };

#define OPEN_SCENARIO                                                                              \
    "\"s\":{\"executor\":\"constant-arrival-rate\",\"rate\":10,\"duration\":\"1m\","               \
    "\"pre_allocated_vus\":4,\"max_vus\":10}"

static struct run_rig *shared(const char *options)
{
    struct run_rig *g = run_rig_new(options);
    tt__shares_init(&g->run);
    return g;
}

static void shared_free(struct run_rig *g)
{
    tt__shares_free(&g->run);
    run_rig_free(g);
}

static void idle_vus_are_taken_from_their_own_worker_only(void **state)
{
    struct run_rig *g = shared("{\"workers\":2,\"scenarios\":{" OPEN_SCENARIO "}}");
    struct tt__share *s = g->run.shares;
    (void)state;
    assert_int_equal(g->run.plan->workers, 2);
    assert_false(tt__share_take(s, 0));
    tt__share_give(s, 1);
    tt__share_give(s, 1);
    assert_false(tt__share_take(s, 0));
    assert_true(tt__share_take(s, 1));
    assert_true(tt__share_take(s, 1));
    assert_false(tt__share_take(s, 1));
    shared_free(g);
}

struct takers {
    struct tt__share *share;
    atomic_uint taken;
    atomic_uint granted;
};

static void *take_all(void *arg)
{
    struct takers *t = arg;
    while (tt__share_take(t->share, 0))
        atomic_fetch_add(&t->taken, 1);
    return NULL;
}

static void together(void *(*fn)(void *), struct takers *t)
{
    struct tt_thread threads[THREADS] = {0};
    struct tt_err err = {0};
    for (int i = 0; i < THREADS; i++)
        assert_true(tt_thread_start(&threads[i], "taker", fn, t, &err));
    for (int i = 0; i < THREADS; i++)
        tt_thread_join(&threads[i]);
}

static void no_idle_vu_is_given_to_two(void **state)
{
    struct run_rig *g = shared("{\"scenarios\":{" OPEN_SCENARIO "}}");
    struct takers t = {.share = g->run.shares};
    (void)state;
    for (int i = 0; i < THREADS * EACH; i++)
        tt__share_give(t.share, 0);
    together(take_all, &t);
    assert_int_equal(t.taken, THREADS * EACH);
    shared_free(g);
}

static void growth_ends_at_max_vus(void **state)
{
    struct run_rig *g = shared("{\"scenarios\":{" OPEN_SCENARIO "}}");
    struct tt__share *s = g->run.shares;
    (void)state;
    assert_int_equal(tt__share_grow(s, 0), 0);
    assert_int_equal(tt__share_grow(s, 4), 4);
    assert_int_equal(tt__share_grow(s, 4), 2);
    assert_int_equal(tt__share_grow(s, 1), 0);
    shared_free(g);
}

static void growth_is_this_machines_part(void **state)
{
    struct run_rig *g = shared("{\"execution_segment\":\"0:1/2\",\"execution_segment_sequence\":"
                               "\"0,1/2,1\",\"scenarios\":{" OPEN_SCENARIO "}}");
    (void)state;
    assert_int_equal(tt__share_grow(g->run.shares, 100), 3);
    shared_free(g);
}

static void *grow_all(void *arg)
{
    struct takers *t = arg;
    uint32_t n;
    while ((n = tt__share_grow(t->share, 3)))
        atomic_fetch_add(&t->granted, n);
    return NULL;
}

static void workers_that_grow_together_stay_below_max_vus(void **state)
{
    struct run_rig *g = shared("{\"scenarios\":{\"s\":{\"executor\":\"constant-arrival-rate\","
                               "\"rate\":10,\"duration\":\"1m\",\"pre_allocated_vus\":0,"
                               "\"max_vus\":10000}}}");
    struct takers t = {.share = g->run.shares};
    (void)state;
    together(grow_all, &t);
    assert_int_equal(t.granted, 10000);
    shared_free(g);
}

/* --- the line */

static void late_starts_leave_the_line_in_their_order(void **state)
{
    struct run_rig *g = shared("{\"scenarios\":{" OPEN_SCENARIO "}}");
    struct tt__share *s = g->run.shares;
    uint64_t at = 0, in = 1, out = 1;
    (void)state;
    assert_false(tt__share_unqueue(s, &at));
    for (int round = 0; round < 50; round++) { /* the ring wraps around, and grows while it has */
        for (int i = 0; i < 13; i++)
            assert_true(tt__share_enqueue(s, in++));
        for (int i = 0; i < 7; i++) {
            assert_true(tt__share_unqueue(s, &at));
            assert_int_equal(at, out++);
        }
    }
    while (tt__share_unqueue(s, &at))
        assert_int_equal(at, out++);
    assert_int_equal(out, in);
    shared_free(g);
}

static void discarding_empties_the_line_and_counts_it(void **state)
{
    struct run_rig *g = shared("{\"scenarios\":{" OPEN_SCENARIO "}}");
    struct tt__share *s = g->run.shares;
    uint64_t at = 0;
    (void)state;
    for (uint64_t i = 1; i <= 5; i++)
        tt__share_enqueue(s, i);
    assert_true(tt__share_unqueue(s, &at));
    assert_int_equal(tt__share_discard(s), 4);
    assert_int_equal(tt__share_discard(s), 0);
    assert_false(tt__share_unqueue(s, &at));
    tt__share_enqueue(s, 9);
    assert_true(tt__share_unqueue(s, &at));
    assert_int_equal(at, 9);
    shared_free(g);
}

static void a_line_that_is_too_long_takes_no_more(void **state)
{
    struct run_rig *g = shared("{\"scenarios\":{" OPEN_SCENARIO "}}");
    struct tt__share *s = g->run.shares;
    uint64_t n = 0, at = 0;
    (void)state;
    while (n < 2000000 && tt__share_enqueue(s, n))
        n++;
    assert_int_equal(n, 1000000);
    assert_true(tt__share_unqueue(s, &at));
    assert_true(tt__share_enqueue(s, n));
    assert_false(tt__share_enqueue(s, n));
    assert_int_equal(tt__share_discard(s), 1000000);
    shared_free(g);
}

/* --- ids */

static uint64_t vu_id(const struct tt_run *r, uint64_t index)
{
    return (uint64_t)tt_stripe_global(&r->machine, (int64_t)index) + 1;
}

/* Every lane's planned VUs, then one more: which ids there are, each once. */
static size_t collect_ids(struct tt_run *r, const size_t *planned, unsigned lanes, uint64_t *ids)
{
    size_t n = 0;
    r->n_lanes = lanes;
    r->lanes = tt_xcalloc(lanes, sizeof *r->lanes);
    for (unsigned i = 0; i < lanes; i++) {
        r->lanes[i].n_planned = planned[i];
        r->next_vu += planned[i];
    }
    for (unsigned i = 0; i < lanes; i++)
        for (size_t k = 0; k < planned[i]; k++)
            ids[n++] = vu_id(r, tt__planned_vu(r, i, k));
    ids[n++] = vu_id(r, tt__extra_vu(r));
    ids[n++] = vu_id(r, tt__extra_vu(r));
    tt_free(r->lanes);
    return n;
}

static void ids_are_dealt_to_the_workers_in_turn(void **state)
{
    struct run_rig *g = shared("{\"scenarios\":{" OPEN_SCENARIO "}}");
    const size_t planned[] = {3, 1, 2};
    const uint64_t expected[] = {1, 4, 6, 2, 3, 5, 7, 8};
    uint64_t ids[8];
    (void)state;
    assert_int_equal(collect_ids(&g->run, planned, 3, ids), 8);
    assert_memory_equal(ids, expected, sizeof ids);
    shared_free(g);
}

static void machines_number_their_vus_apart(void **state)
{
    static const char *const segments[] = {"0:1/2", "1/2:1"};
    const size_t planned[] = {2, 2};
    bool seen[13] = {0};
    (void)state;
    for (int machine = 0; machine < 2; machine++) {
        char options[512];
        uint64_t ids[6];
        snprintf(options, sizeof options,
                 "{\"execution_segment\":\"%s\",\"execution_segment_sequence\":\"0,1/2,1\","
                 "\"scenarios\":{" OPEN_SCENARIO "}}",
                 segments[machine]);
        struct run_rig *g = shared(options);
        assert_int_equal(collect_ids(&g->run, planned, 2, ids), 6);
        for (int i = 0; i < 6; i++) {
            assert_in_range(ids[i], 1, 12);
            assert_false(seen[ids[i]]);
            seen[ids[i]] = true;
        }
        shared_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_vus_are_taken_from_their_own_worker_only),
        cmocka_unit_test(no_idle_vu_is_given_to_two),
        cmocka_unit_test(growth_ends_at_max_vus),
        cmocka_unit_test(growth_is_this_machines_part),
        cmocka_unit_test(workers_that_grow_together_stay_below_max_vus),
        cmocka_unit_test(late_starts_leave_the_line_in_their_order),
        cmocka_unit_test(discarding_empties_the_line_and_counts_it),
        cmocka_unit_test(a_line_that_is_too_long_takes_no_more),
        cmocka_unit_test(ids_are_dealt_to_the_workers_in_turn),
        cmocka_unit_test(machines_number_their_vus_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
