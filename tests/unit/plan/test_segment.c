/* SPDX-License-Identifier: MIT */
/* Execution segments: k6's arithmetic. */
#include "unit.h"
#include "vectors.h"

static void segments_are_parsed_as_k6_does(void **state)
{
    (void)state;
    cJSON *all = vectors_read("execution-segments.json");
    const cJSON *v;
    cJSON_ArrayForEach(v, field(all, "segment_parse"))
    {
        struct tt_segment s;
        struct tt_err err = {0};
        if (cJSON_IsTrue(field(v, "exotic")) || strcmp(text(v, "in"), "33.3%") == 0)
            continue; /* we take fractions of a percent */
        bool ok = tt_segment_parse(text(v, "in"), &s, &err);
        if (ok != cJSON_IsTrue(field(v, "ok")))
            fail_msg("'%s': %s", text(v, "in"), ok ? "taken" : err.text);
        if (!ok)
            continue;
        double length =
            (double)s.to.num / (double)s.to.den - (double)s.from.num / (double)s.from.den;
        double diff = length - number(v, "float_length");
        assert_true(diff < 1e-9 && diff > -1e-9);
    }
    cJSON_Delete(all);
}

static void stripes_are_k6s(void **state)
{
    (void)state;
    cJSON *all = vectors_read("execution-segments.json");
    const cJSON *v, *at;
    cJSON_ArrayForEach(v, field(all, "striped"))
    {
        struct tt_stripe s;
        bool ok = stripe_of(v, &s);
        assert_int_equal(ok, cJSON_IsTrue(field(v, "ok")));
        if (!ok)
            continue;
        assert_int_equal(s.start, number(v, "start"));
        assert_int_equal(s.lcd, number(v, "lcd"));
        assert_int_equal(s.n_offsets, cJSON_GetArraySize(field(v, "offsets")));
        size_t i = 0;
        cJSON_ArrayForEach(at, field(v, "offsets"))
            assert_int_equal(s.offsets[i++], at->valuedouble);
        tt_stripe_fini(&s);
    }
    cJSON_Delete(all);
}

static void scaling_is_k6s(void **state)
{
    (void)state;
    cJSON *all = vectors_read("execution-segments.json");
    const cJSON *v, *at;
    cJSON_ArrayForEach(v, field(all, "scale_striped"))
    {
        struct tt_stripe s;
        if (!stripe_of(v, &s))
            continue;
        cJSON_ArrayForEach(at, field(v, "pairs"))
            assert_int_equal(tt_stripe_scale(&s, (int64_t)cJSON_GetArrayItem(at, 0)->valuedouble),
                             cJSON_GetArrayItem(at, 1)->valuedouble);
        tt_stripe_fini(&s);
    }
    cJSON_Delete(all);
}

static void local_items_have_k6s_global_numbers(void **state)
{
    (void)state;
    cJSON *all = vectors_read("execution-segments.json");
    const cJSON *v, *at;
    cJSON_ArrayForEach(v, field(all, "vu_ids"))
    {
        struct tt_stripe s;
        if (!stripe_of(v, &s))
            continue;
        cJSON_ArrayForEach(at, field(v, "local_global"))
        {
            int64_t local = (int64_t)cJSON_GetArrayItem(at, 0)->valuedouble;
            assert_int_equal(tt_stripe_global(&s, local - 1) + 1,
                             cJSON_GetArrayItem(at, 1)->valuedouble);
        }
        tt_stripe_fini(&s);
    }
    cJSON_Delete(all);
}

static void sequences_are_cut_anew_as_k6_does(void **state)
{
    (void)state;
    cJSON *all = vectors_read("execution-segments.json");
    const cJSON *v, *at;
    int refused = 0;
    cJSON_ArrayForEach(v, field(all, "resegment"))
    {
        struct tt_err err = {0};
        struct tt_stripe s;
        struct tt_segment seg, *seq = NULL;
        size_t n, i = 0;
        assert_true(tt_segment_parse(text(v, "seg"), &seg, &err));
        assert_true(tt_sequence_parse(text(v, "seq"), &seq, &n, &err));
        bool ok = tt_stripe_recut(&s, &seg, seq, n, (int64_t)number(v, "value"));
        assert_int_equal(ok, cJSON_IsTrue(field(v, "ok")));
        refused += !ok;
        if (ok) {
            assert_int_equal(s.start, number(v, "start"));
            assert_int_equal(s.lcd, number(v, "lcd"));
            assert_int_equal(s.n_offsets, cJSON_GetArraySize(field(v, "offsets")));
            cJSON_ArrayForEach(at, field(v, "offsets"))
                assert_int_equal(s.offsets[i++], at->valuedouble);
            cJSON_ArrayForEach(at, field(v, "pairs")) assert_int_equal(
                tt_stripe_scale(&s, (int64_t)cJSON_GetArrayItem(at, 0)->valuedouble),
                cJSON_GetArrayItem(at, 1)->valuedouble);
            tt_stripe_fini(&s);
        }
        tt_free(seq);
    }
    assert_true(refused > 0);
    cJSON_Delete(all);
}

static void a_worker_has_its_part_of_the_machines_part(void **state)
{
    (void)state;
    struct tt_err err = {0};
    struct tt_segment seg, *seq = NULL;
    struct tt_stripe machine, worker;
    size_t n;
    assert_true(tt_segment_parse("1/3:3/4", &seg, &err));
    assert_true(tt_sequence_parse("0,1/3,3/4,1", &seq, &n, &err));
    assert_true(tt_stripe_init(&machine, &seg, seq, n, &err));
    for (unsigned workers = 1; workers <= 4; workers++)
        for (unsigned i = 0; i < workers; i++) {
            tt_stripe_worker(&worker, &machine, i, workers);
            for (int64_t k = 0; k < 50; k++)
                assert_int_equal(tt_stripe_global(&worker, k),
                                 tt_stripe_global(&machine, k * workers + i));
            tt_stripe_fini(&worker);
        }
    tt_stripe_fini(&machine);
    tt_free(seq);
}

static void bad_sequences_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"0", "0,", ",1", "0,1/2,1/2,1", "0,1/2,1/4", "a,b", "0,2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tt_err err = {0};
        struct tt_segment *seq;
        size_t n;
        assert_false(tt_sequence_parse(bad[i], &seq, &n, &err));
        assert_non_null(strstr(err.text, bad[i]));
        assert_null(seq);
    }
}

static void workers_cover_every_item_once(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 7; n++) {
        bool seen[100] = {false};
        for (unsigned i = 0; i < n; i++) {
            struct tt_stripe s;
            tt_stripe_worker(&s, NULL, i, n);
            for (int64_t k = 0; k < tt_stripe_scale(&s, 100); k++) {
                int64_t g = tt_stripe_global(&s, k);
                assert_false(seen[g]);
                seen[g] = true;
            }
            tt_stripe_fini(&s);
        }
        for (int k = 0; k < 100; k++)
            assert_true(seen[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_parsed_as_k6_does),
        cmocka_unit_test(stripes_are_k6s),
        cmocka_unit_test(scaling_is_k6s),
        cmocka_unit_test(local_items_have_k6s_global_numbers),
        cmocka_unit_test(sequences_are_cut_anew_as_k6_does),
        cmocka_unit_test(a_worker_has_its_part_of_the_machines_part),
        cmocka_unit_test(bad_sequences_are_refused),
        cmocka_unit_test(workers_cover_every_item_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
