/* SPDX-License-Identifier: MIT */
/* Thresholds: k6's grammar and judgements, and our rule that no samples fail. */
#include "metric/threshold.h"
#include "unit.h"
#include "vectors.h"
#include <math.h>

static const char *const ops[] = {"<", "<=", ">", ">=", "==", "!="};

static bool same_op(enum tt_threshold_op op, const char *text)
{
    return strcmp(ops[op], strcmp(text, "===") == 0 ? "==" : text) == 0;
}

static void expressions_are_parsed_as_k6_does(void **state)
{
    (void)state;
    cJSON *all = vectors_read("thresholds.json");
    const cJSON *v;
    cJSON_ArrayForEach(v, field(all, "expressions"))
    {
        struct tt_threshold th;
        struct tt_err err = {0};
        if (cJSON_IsTrue(field(v, "exotic")))
            continue; /* Go's number syntax */
        bool ok = tt_threshold_parse(text(v, "in"), &th, &err);
        if (ok != cJSON_IsTrue(field(v, "ok")))
            fail_msg("'%s': %s", text(v, "in"), ok ? "taken" : err.text);
        if (!ok) {
            assert_true(err.text[0] != '\0');
            continue;
        }
        assert_string_equal(th.method, text(v, "method"));
        assert_true(same_op(th.op, text(v, "op")));
        assert_true(th.bound == number(v, "value"));
        if (cJSON_IsNumber(field(v, "arg")))
            assert_true(th.arg == number(v, "arg"));
    }
    cJSON_Delete(all);
}

static enum tt_metric_type type_of(const char *name)
{
    for (int t = 0; t < 4; t++)
        if (strcmp(tt_metric_type_name((enum tt_metric_type)t), name) == 0)
            return (enum tt_metric_type)t;
    fail_msg("no metric type '%s'", name);
    return TT_COUNTER;
}

static void methods_fit_the_types_that_k6_allows(void **state)
{
    (void)state;
    cJSON *all = vectors_read("thresholds.json");
    const cJSON *v;
    cJSON_ArrayForEach(v, field(all, "validate_method"))
    {
        struct tt_threshold th;
        struct tt_err err = {0};
        char expression[64];
        const struct tt_metric m = {.name = "m", .type = type_of(text(v, "metric_type"))};
        snprintf(expression, sizeof expression, "%s<1", text(v, "method"));
        if (!tt_threshold_parse(expression, &th, &err)) {
            assert_false(cJSON_IsTrue(field(v, "ok")));
            continue;
        }
        if (tt_threshold_fits(&th, &m, &err) != cJSON_IsTrue(field(v, "ok")))
            fail_msg("%s on a %s", expression, text(v, "metric_type"));
    }
    cJSON_Delete(all);
}

static struct tt_verdict judge(enum tt_metric_type type, const cJSON *samples,
                               const char *expression, uint64_t elapsed_ns)
{
    struct tt_registry *r = tt_registry_new();
    struct tt_err err = {0};
    struct tt_threshold th;
    tt_metric_id id;
    uint32_t sink;
    const cJSON *at;
    assert_true(tt_registry_add(r, "mine", type, TT_DEFAULT, &id, &err));
    tt_registry_freeze(r);
    struct tt_shard *shard = tt_shard_new(r);
    struct tt_totals *totals = tt_totals_new(r);
    struct tt_tagpool *tags = tt_tagpool_new(r, 10);
    cJSON_ArrayForEach(at, samples)
        tt_shard_add(shard, id, at->valuedouble, tt_tags_empty(tags), 1);
    struct tt_batch *b = tt_shard_swap(shard, NULL);
    tt_totals_merge(totals, b);
    tt_batch_free(b);
    assert_true(tt_registry_sink(r, "mine", &sink));
    assert_true(tt_threshold_parse(expression, &th, &err));
    struct tt_verdict v = tt_threshold_judge(&th, totals, sink, elapsed_ns);
    tt_tagpool_free(tags);
    tt_totals_free(totals);
    tt_shard_free(shard);
    tt_registry_free(r);
    return v;
}

static void judgements_are_k6s(void **state)
{
    (void)state;
    cJSON *all = vectors_read("thresholds.json");
    const cJSON *v;
    int n = 0;
    cJSON_ArrayForEach(v, field(all, "eval_sinks"))
    {
        const cJSON *exprs = field(v, "exprs"), *pass = field(v, "pass");
        if (!cJSON_GetArraySize(field(v, "samples")))
            continue; /* ours fail, see below */
        for (int i = 0; i < cJSON_GetArraySize(exprs); i++, n++) {
            const char *e = cJSON_GetArrayItem(exprs, i)->valuestring;
            struct tt_verdict got = judge(type_of(text(v, "metric_type")), field(v, "samples"), e,
                                          (uint64_t)(number(v, "elapsed_ms") * 1e6));
            struct tt_threshold th;
            struct tt_err err = {0};
            assert_true(tt_threshold_parse(e, &th, &err));
            if (th.method[0] == 'p' || strcmp(th.method, "med") == 0) {
                double near = fabs(got.value - th.bound);
                if (near <= fabs(th.bound) * 0.001)
                    continue; /* within a bucket's width of the bound */
            }
            if (got.ok != cJSON_IsTrue(cJSON_GetArrayItem(pass, i)))
                fail_msg("%s: %g", e, got.value);
        }
    }
    assert_true(n > 20);
    cJSON_Delete(all);
}

static void no_samples_fail_and_say_so(void **state)
{
    (void)state;
    struct tt_verdict v = judge(TT_TREND, NULL, "p(95)<500", 1000000000);
    assert_false(v.ok);
    assert_true(v.no_samples);
    v = judge(TT_COUNTER, NULL, "count<5", 1000000000);
    assert_false(v.ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_are_parsed_as_k6_does),
        cmocka_unit_test(methods_fit_the_types_that_k6_allows),
        cmocka_unit_test(judgements_are_k6s),
        cmocka_unit_test(no_samples_fail_and_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
