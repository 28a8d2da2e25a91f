/* SPDX-License-Identifier: MIT */
/* Durations and sizes. Bare numbers are seconds here, milliseconds in k6: those cases are ours. */
#include "base/units.h"
#include "unit.h"
#include "vectors.h"

static void durations_are_k6s(void **state)
{
    (void)state;
    cJSON *all = vectors_read("durations.json");
    const cJSON *v;
    int n = 0;
    cJSON_ArrayForEach(v, field(all, "parse"))
    {
        uint64_t ns = 0;
        struct tt_err err = {0};
        const char *in = text(v, "in");
        bool want = cJSON_IsTrue(field(v, "ok"));
        if (cJSON_IsTrue(field(v, "exotic")) || !strpbrk(in, "hmsnud") || strpbrk(in, "-+"))
            continue; /* no unit: seconds; no time is negative */
        bool ok = tt_parse_duration(in, &ns, &err);
        if (ok != want || (ok && ns != strtoull(text(v, "ns"), NULL, 10)))
            fail_msg("'%s' -> %s %llu", in, ok ? "ok" : err.text, (unsigned long long)ns);
        n++;
    }
    assert_true(n > 40);
    cJSON_Delete(all);
}

static void bare_numbers_are_seconds(void **state)
{
    (void)state;
    uint64_t ns;
    struct tt_err err = {0};
    assert_true(tt_parse_duration("90", &ns, &err));
    assert_int_equal(ns, 90000000000);
    assert_true(tt_parse_duration("0.25", &ns, &err));
    assert_int_equal(ns, 250000000);
    assert_true(tt_seconds_to_ns(1.5, &ns, &err));
    assert_int_equal(ns, 1500000000);
}

static void what_is_no_time_is_refused_with_a_message(void **state)
{
    (void)state;
    static const char *const bad[] = {"",  "x",   "1x",    "-1s", "1s2",
                                      "s", "1 s", "1h-1m", "nan", "inf"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t ns;
        struct tt_err err = {0};
        if (tt_parse_duration(bad[i], &ns, &err))
            fail_msg("'%s' was taken", bad[i]);
        assert_true(err.text[0] != '\0');
    }
    uint64_t ns;
    struct tt_err err = {0};
    assert_false(tt_seconds_to_ns(-1, &ns, &err));
    assert_false(tt_seconds_to_ns(1e300, &ns, &err));
    assert_false(tt_seconds_to_ns(0.0 / 0.0, &ns, &err));
}

static void formatted_durations_read_back(void **state)
{
    (void)state;
    static const uint64_t times[] = {0,
                                     1,
                                     999,
                                     1000,
                                     1500000,
                                     1000000000,
                                     61500000000,
                                     3600000000000,
                                     90061001001001,
                                     3600000000002,
                                     UINT64_C(9223372036854775807)};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char buf[48];
        uint64_t ns;
        struct tt_err err = {0};
        tt_format_duration(buf, sizeof buf, times[i]);
        if (!tt_parse_duration(buf, &ns, &err) || ns != times[i])
            fail_msg("%llu -> '%s'", (unsigned long long)times[i], buf);
    }
}

static void sizes_have_units(void **state)
{
    (void)state;
    uint64_t n;
    struct tt_err err = {0};
    assert_true(tt_parse_size("16MiB", &n, &err));
    assert_int_equal(n, 16 << 20);
    assert_true(tt_parse_size("10kB", &n, &err));
    assert_int_equal(n, 10000);
    assert_true(tt_parse_size("4096", &n, &err));
    assert_int_equal(n, 4096);
    assert_false(tt_parse_size("4 apples", &n, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_k6s),
        cmocka_unit_test(bare_numbers_are_seconds),
        cmocka_unit_test(what_is_no_time_is_refused_with_a_message),
        cmocka_unit_test(formatted_durations_read_back),
        cmocka_unit_test(sizes_have_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
