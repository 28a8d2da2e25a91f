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

static void workers_cover_every_item_once(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 7; n++) {
        bool seen[100] = {false};
        for (unsigned i = 0; i < n; i++) {
            struct tt_stripe s;
            tt_stripe_worker(&s, i, n);
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
        cmocka_unit_test(workers_cover_every_item_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
