/* SPDX-License-Identifier: MIT */
/* Histogram, sinks of all types by shard, batch and totals, against k6's sinks. */
#include "metric/hist.h"
#include "metric/shard.h"
#include "unit.h"
#include "vectors.h"
#include <math.h>

static void assert_near(double got, double want, double relative)
{
    double slack = fabs(want) * relative + 1e-12;
    if (fabs(got - want) > slack)
        fail_msg("%.17g is not %.17g within %g", got, want, relative);
}

static void trends_are_k6s_within_a_bucket(void **state)
{
    (void)state;
    cJSON *all = vectors_read("trend-sink.json");
    const cJSON *v, *at;
    cJSON_ArrayForEach(v, field(all, "trend"))
    {
        struct tt_hist h;
        tt_hist_init(&h);
        cJSON_ArrayForEach(at, field(v, "samples")) tt_hist_add(&h, at->valuedouble);
        assert_int_equal(h.count, number(v, "count"));
        if (h.count) {
            double span = fmax(fabs(number(v, "min")), fabs(number(v, "max")));
            assert_near(h.sum, number(v, "sum"), 1e-9);
            assert_true(h.min == number(v, "min") && h.max == number(v, "max"));
            cJSON_ArrayForEach(at, field(v, "p"))
            {
                double q = cJSON_GetArrayItem(at, 0)->valuedouble / 100;
                double want = cJSON_GetArrayItem(at, 1)->valuedouble;
                double got = tt_hist_quantile(&h, q);
                if (fabs(got - want) > span * 0.001)
                    fail_msg("quantile %g: %g, k6 has %g", q, got, want);
            }
        }
        tt_hist_fini(&h);
    }
    cJSON_Delete(all);
}

static void the_extremes_are_exact(void **state)
{
    (void)state;
    struct tt_hist h;
    tt_hist_init(&h);
    tt_hist_add(&h, 1.23456789);
    tt_hist_add(&h, 9876.54321);
    assert_true(tt_hist_quantile(&h, 0) == 1.23456789);
    assert_true(tt_hist_quantile(&h, 1) == 9876.54321);
    tt_hist_fini(&h);
}

static void merging_in_any_order_is_adding_everything(void **state)
{
    (void)state;
    struct tt_hist whole, a, b, ab, ba;
    struct tt_hist *const all[] = {&whole, &a, &b, &ab, &ba};
    for (size_t i = 0; i < 5; i++)
        tt_hist_init(all[i]);
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        double v = ldexp((double)(seed >> 40), (int)(seed & 31) - 20) * (seed & 64 ? 1 : -1);
        tt_hist_add(&whole, v);
        tt_hist_add(i % 3 ? &a : &b, v);
    }
    tt_hist_merge(&ab, &a);
    tt_hist_merge(&ab, &b);
    tt_hist_merge(&ba, &b);
    tt_hist_merge(&ba, &a);
    for (double q = 0; q <= 1; q += 0.01) {
        assert_true(tt_hist_quantile(&whole, q) == tt_hist_quantile(&ab, q));
        assert_true(tt_hist_quantile(&ba, q) == tt_hist_quantile(&ab, q));
    }
    assert_int_equal(ab.count, 20000);
    tt_hist_clear(&ab);
    assert_int_equal(ab.count, 0);
    assert_true(tt_hist_quantile(&ab, 0.5) == 0);
    for (size_t i = 0; i < 5; i++)
        tt_hist_fini(all[i]);
}

static void any_value_is_kept_within_a_thousandth(void **state)
{
    (void)state;
    static const double values[] = {0,     5e-324, 1e-300, 0.001, 1,    1.001,
                                    999.5, 1e9,    1e300,  -1,    -1e-5};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct tt_hist h;
        tt_hist_init(&h);
        tt_hist_add(&h, -1e308); /* neither is the extreme that is known exactly */
        tt_hist_add(&h, values[i]);
        tt_hist_add(&h, 1e308);
        double got = tt_hist_quantile(&h, 0.5);
        assert_true(fabs(got - values[i]) <= fabs(values[i]) * 0.001 + 1e-307);
        tt_hist_fini(&h);
    }
}

/* --- sinks by way of a shard --------------------------------------------------------------------
 */

struct sinks {
    struct tt_registry *r;
    struct tt_shard *shard;
    struct tt_totals *totals;
    struct tt_tagpool *tags;
    tt_metric_id id;
};

static struct sinks sinks_new(enum tt_metric_type type, const char *sub)
{
    struct sinks s = {.r = tt_registry_new()};
    struct tt_err err = {0};
    assert_true(tt_registry_add(s.r, "m_test", type, TT_DEFAULT, &s.id, &err));
    if (sub)
        assert_true(tt_registry_add_sub(s.r, sub, &err));
    tt_registry_freeze(s.r);
    s.shard = tt_shard_new(s.r);
    s.totals = tt_totals_new(s.r);
    s.tags = tt_tagpool_new(s.r, 100);
    return s;
}

static void sinks_free(struct sinks *s)
{
    tt_tagpool_free(s->tags);
    tt_totals_free(s->totals);
    tt_shard_free(s->shard);
    tt_registry_free(s->r);
}

static void swap(struct sinks *s)
{
    struct tt_batch *b = tt_shard_swap(s->shard, NULL);
    tt_totals_merge(s->totals, b);
    tt_batch_free(b);
}

/* In batches of three, to see that nothing is lost or counted twice. */
static struct tt_sink_values feed(struct sinks *s, const cJSON *samples)
{
    uint32_t sink;
    uint64_t at_ns = 1;
    const cJSON *at;
    cJSON_ArrayForEach(at, samples)
    {
        double v = cJSON_IsBool(at) ? cJSON_IsTrue(at) : at->valuedouble;
        tt_shard_add(s->shard, s->id, v, tt_tags_empty(s->tags), at_ns);
        if (at_ns++ % 3 == 0)
            swap(s);
    }
    swap(s);
    assert_true(tt_registry_sink(s->r, "m_test", &sink));
    return tt_totals_values(s->totals, sink);
}

static void counters_gauges_and_rates_are_k6s(void **state)
{
    (void)state;
    cJSON *all = vectors_read("trend-sink.json");
    const cJSON *v;
    cJSON_ArrayForEach(v, field(all, "counter"))
    {
        struct sinks s = sinks_new(TT_COUNTER, NULL);
        assert_near(feed(&s, field(v, "samples")).sum, number(v, "count"), 1e-9);
        sinks_free(&s);
    }
    cJSON_ArrayForEach(v, field(all, "gauge"))
    {
        struct sinks s = sinks_new(TT_GAUGE, NULL);
        struct tt_sink_values got = feed(&s, field(v, "samples"));
        if (!cJSON_IsTrue(field(v, "empty"))) {
            assert_true(got.last == number(v, "value"));
            assert_true(got.min == number(v, "min") && got.max == number(v, "max"));
        }
        sinks_free(&s);
    }
    cJSON_ArrayForEach(v, field(all, "rate"))
    {
        struct sinks s = sinks_new(TT_RATE, NULL);
        struct tt_sink_values got = feed(&s, field(v, "samples"));
        assert_int_equal(got.count, number(v, "total"));
        assert_int_equal(got.trues, number(v, "trues"));
        sinks_free(&s);
    }
    cJSON_Delete(all);
}

static void a_submetric_gets_what_carries_its_tags(void **state)
{
    (void)state;
    struct sinks s = sinks_new(TT_COUNTER, "m_test{a:1,b:2}");
    const struct tt_tag both[] = {{"b", "2"}, {"a", "1"}, {"c", "3"}}, one[] = {{"a", "1"}};
    const struct tt_tags *empty = tt_tags_empty(s.tags);
    uint32_t sink, parent;
    tt_shard_add(s.shard, s.id, 5, tt_tags_with(s.tags, empty, both, 3), 1);
    tt_shard_add(s.shard, s.id, 7, tt_tags_with(s.tags, empty, one, 1), 1);
    swap(&s);
    assert_true(tt_registry_sink(s.r, "m_test{a:1,b:2}", &sink));
    assert_true(tt_registry_sink(s.r, "m_test", &parent));
    assert_true(tt_totals_values(s.totals, sink).sum == 5);
    assert_true(tt_totals_values(s.totals, parent).sum == 12);
    sinks_free(&s);
}

static void more_tag_sets_than_the_pool_keeps_are_still_counted(void **state)
{
    (void)state;
    struct sinks s = sinks_new(TT_COUNTER, "m_test{odd:yes}");
    uint32_t sink;
    for (int i = 0; i < 1000; i++) {
        char n[16];
        snprintf(n, sizeof n, "%d", i);
        const struct tt_tag tags[] = {{"n", n}, {"odd", i % 2 ? "yes" : "no"}};
        tt_shard_add(s.shard, s.id, 1, tt_tags_with(s.tags, tt_tags_empty(s.tags), tags, 2), 1);
    }
    swap(&s);
    assert_true(tt_tagpool_overflow(s.tags) >= 900);
    assert_true(tt_registry_sink(s.r, "m_test{odd:yes}", &sink));
    assert_true(tt_totals_values(s.totals, sink).sum == 500);
    sinks_free(&s);
}

static void checks_are_listed_in_order_of_first_execution(void **state)
{
    (void)state;
    struct sinks s = sinks_new(TT_COUNTER, NULL);
    tt_shard_check(s.shard, "::g", "late", true, 20);
    tt_shard_check(s.shard, "", "early", false, 10);
    swap(&s);
    tt_shard_check(s.shard, "::g", "late", false, 30);
    swap(&s);
    assert_int_equal(tt_totals_check_count(s.totals), 2);
    struct tt_check_total first = tt_totals_check(s.totals, 0),
                          second = tt_totals_check(s.totals, 1);
    assert_string_equal(first.name, "early");
    assert_int_equal(first.fails, 1);
    assert_string_equal(second.group_path, "::g");
    assert_int_equal(second.passes, 1);
    assert_int_equal(second.fails, 1);
    sinks_free(&s);
}

static void metrics_are_declared_once_and_alike(void **state)
{
    (void)state;
    cJSON *all = vectors_read("thresholds.json");
    const cJSON *v;
    cJSON_ArrayForEach(v, field(all, "metric_name_valid"))
        assert_int_equal(tt_metric_name_valid(text(v, "in")), cJSON_IsTrue(field(v, "ok")));
    cJSON_Delete(all);
    struct tt_registry *r = tt_registry_new();
    struct tt_err err = {0};
    tt_metric_id a, b;
    assert_true(tt_registry_add(r, "mine", TT_TREND, TT_TIME, &a, &err));
    assert_true(tt_registry_add(r, "mine", TT_TREND, TT_TIME, &b, &err));
    assert_int_equal(a, b);
    assert_false(tt_registry_add(r, "mine", TT_RATE, TT_DEFAULT, &b, &err));
    assert_false(tt_registry_add_sub(r, "mnie{a:1}", &err));
    assert_non_null(strstr(err.text, "mine"));
    tt_registry_freeze(r);
    assert_true(tt_registry_add(r, "mine", TT_TREND, TT_TIME, &b, &err));
    assert_false(tt_registry_add(r, "other", TT_TREND, TT_TIME, &b, &err));
    tt_registry_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trends_are_k6s_within_a_bucket),
        cmocka_unit_test(the_extremes_are_exact),
        cmocka_unit_test(merging_in_any_order_is_adding_everything),
        cmocka_unit_test(any_value_is_kept_within_a_thousandth),
        cmocka_unit_test(counters_gauges_and_rates_are_k6s),
        cmocka_unit_test(a_submetric_gets_what_carries_its_tags),
        cmocka_unit_test(more_tag_sets_than_the_pool_keeps_are_still_counted),
        cmocka_unit_test(checks_are_listed_in_order_of_first_execution),
        cmocka_unit_test(metrics_are_declared_once_and_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
