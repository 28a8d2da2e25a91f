/* SPDX-License-Identifier: MIT */
/* The summary's text: what is shown, where, in which order; numbers at the edges of their units. */
#include "output/summary.h"
#include "unit.h"
#include "vectors.h"

static char *text_of(const char *json, bool color, enum tt_summary_mode mode)
{
    struct tt_err err = {0};
    cJSON *data = tt_json_read(json, strlen(json), 1, &err);
    if (!data)
        fail_msg("%s", err.text);
    char *out = tt_summary_text(data, color, mode);
    cJSON_Delete(data);
    return out;
}

#define COUNTER(count)                                                                             \
    "{\"type\":\"counter\",\"contains\":\"default\",\"values\":{\"count\":" count ",\"rate\":1}}"
#define TREND(contains, value)                                                                     \
    "{\"type\":\"trend\",\"contains\":\"" contains "\",\"values\":{\"avg\":" value "}}"
#define DATA(metrics, more)                                                                        \
    "{\"metrics\":{" metrics "},\"options\":{\"summary_trend_stats\":[\"avg\"]" more "},"          \
    "\"state\":{\"test_run_duration_ms\":2000}}"

static void has(const char *out, const char *part)
{
    if (!strstr(out, part))
        fail_msg("'%s' is not in: %s", part, out ? out : "nothing");
}

/* The parts follow each other. */
static void in_order(const char *out, const char *const *parts, size_t n)
{
    const char *at = out;
    for (size_t i = 0; i < n; i++) {
        at = strstr(at, parts[i]);
        if (!at)
            fail_msg("'%s' is not at its place in: %s", parts[i], out ? out : "nothing");
    }
}

static void submetrics_follow_their_own_metric(void **state)
{
    static const char *const order[] = {"mine.", "{ a:b }", "mine_too."};
    char *out = text_of(
        DATA("\"mine_too\":" COUNTER("1") ",\"mine{a:b}\":" COUNTER("2") ",\"mine\":" COUNTER("3"),
             ""),
        false, TT_SUMMARY_COMPACT);
    (void)state;
    in_order(out, order, 3);
    tt_free(out);
}

static void thresholds_are_listed_in_the_same_order(void **state)
{
#define WITH_THRESHOLD                                                                             \
    "{\"type\":\"counter\",\"contains\":\"default\",\"values\":{\"count\":1,\"rate\":1},"          \
    "\"thresholds\":{\"count>1\":{\"ok\":true,\"value\":2}}}"
    static const char *const order[] = {"THRESHOLDS", "    mine\n", "    mine{a:b}\n",
                                        "    mine_too\n", "TOTAL RESULTS"};
    char *out = text_of(DATA("\"mine_too\":" WITH_THRESHOLD ",\"mine{a:b}\":" WITH_THRESHOLD
                             ",\"mine\":" WITH_THRESHOLD,
                             ""),
                        false, TT_SUMMARY_COMPACT);
    (void)state;
    in_order(out, order, 5);
    tt_free(out);
}

static void sections_come_in_their_order_and_only_with_metrics(void **state)
{
    static const char *const order[] = {"CUSTOM",    "mine",       "HTTP",    "http_reqs",
                                        "EXECUTION", "iterations", "NETWORK", "data_sent",
                                        "WEBSOCKET", "ws_sessions"};
    char *out = text_of(
        DATA("\"ws_sessions\":" COUNTER("1") ",\"data_sent\":" COUNTER(
                 "1") ",\"iterations\":" COUNTER("1") ",\"http_reqs\":" COUNTER("1") ",\"mine\""
                                                                                     ":" COUNTER(
                                                                                         "1"),
             ""),
        false, TT_SUMMARY_COMPACT);
    (void)state;
    in_order(out, order, 10);
    tt_free(out);
    out = text_of(DATA("\"mine\":" COUNTER("1"), ""), false, TT_SUMMARY_COMPACT);
    assert_null(strstr(out, "HTTP"));
    assert_null(strstr(out, "WEBSOCKET"));
    assert_null(strstr(out, "THRESHOLDS"));
    assert_null(strstr(out, "INTERVENTIONS"));
    tt_free(out);
}

static void names_like_ours_do_not_make_a_metric_of_the_script_ours(void **state)
{
    static const char *const order[] = {"CUSTOM", "http_request_time", "ws_lag", "HTTP",
                                        "http_reqs"};
    char *out = text_of(DATA("\"http_reqs\":" COUNTER("1") ",\"ws_lag\":" COUNTER(
                                 "1") ",\"http_request_time\":" COUNTER("1"),
                             ""),
                        false, TT_SUMMARY_COMPACT);
    (void)state;
    in_order(out, order, 5);
    assert_null(strstr(out, "WEBSOCKET"));
    tt_free(out);
}

static void phases_of_requests_are_in_the_full_summary_only(void **state)
{
    static const char json[] =
        DATA("\"http_req_waiting\":" TREND("time", "1") ",\"http_req_duration\":" TREND(
                 "time", "1") ",\"http_req_waiting{a:b}\":" TREND("time", "1"),
             "");
    char *out = text_of(json, false, TT_SUMMARY_COMPACT);
    (void)state;
    assert_null(strstr(out, "http_req_waiting"));
    assert_null(strstr(out, "{ a:b }"));
    has(out, "http_req_duration");
    tt_free(out);
    out = text_of(json, false, TT_SUMMARY_FULL);
    has(out, "http_req_waiting");
    has(out, "{ a:b }");
    tt_free(out);
}

static void unverified_certificates_are_shouted(void **state)
{
    char *out = text_of(DATA("", ",\"insecure_skip_tls_verify\":true"), false, TT_SUMMARY_COMPACT);
    (void)state;
    has(out, "CERTIFICATES WERE NOT VERIFIED");
    tt_free(out);
    out = text_of(DATA("", ",\"insecure_skip_tls_verify\":false"), false, TT_SUMMARY_COMPACT);
    assert_null(strstr(out, "CERTIFICATES"));
    tt_free(out);
}

static void a_time_unit_holds_for_times_alone(void **state)
{
    char *out = text_of(DATA("\"t\":" TREND("time", "1500") ",\"d\":" TREND(
                                 "data", "1500") ",\"n\":" TREND("default", "1500"),
                             ",\"summary_time_unit\":\"s\""),
                        false, TT_SUMMARY_COMPACT);
    (void)state;
    has(out, "avg=1.50s");
    has(out, "avg=1.5 kB");
    has(out, "avg=1500\n");
    tt_free(out);
}

static void interventions_say_when_what_and_by_whom(void **state)
{
    char *out = text_of("{\"metrics\":{},\"timeline\":[{\"at_s\":61.26,\"what\":\"scale vus=5\","
                        "\"by\":\"unix\"},{\"at_s\":70,\"what\":\"stop\",\"by\":\"127.0.0.1\"}]}",
                        false, TT_SUMMARY_COMPACT);
    static const char *const order[] = {"INTERVENTIONS", "61.3s  scale vus=5 (unix)\n",
                                        "70.0s  stop (127.0.0.1)\n"};
    (void)state;
    in_order(out, order, 3);
    tt_free(out);
}

static void checks_per_second_leave_out_the_warm_up(void **state)
{
    char *out = text_of("{\"metrics\":{},\"root_group\":{\"path\":\"\",\"groups\":[],\"checks\":"
                        "[{\"name\":\"c\",\"passes\":8,\"fails\":0}]},"
                        "\"state\":{\"test_run_duration_ms\":8000,\"measured_duration_ms\":4000}}",
                        false, TT_SUMMARY_COMPACT);
    (void)state;
    has(out, "checks_total.......: 8       2/s\n");
    has(out, "checks_succeeded...: 100.00% 8 out of 8\n");
    assert_null(strstr(out, "\xE2\x86\xB3")); /* no line of failures */
    tt_free(out);
}

static void color_changes_no_text(void **state)
{
    static const char json[] = DATA("\"t\":" TREND("time", "1500") ",\"mine\":" COUNTER("3"), "");
    char *plain = text_of(json, false, TT_SUMMARY_FULL), *at = plain;
    char *colored = text_of(json, true, TT_SUMMARY_FULL);
    (void)state;
    assert_non_null(strchr(colored, '\x1b'));
    for (const char *s = colored; *s; s++) {
        if (*s == '\x1b') {
            s += strcspn(s, "m");
            continue;
        }
        assert_int_equal(*s, *at);
        at++;
    }
    assert_int_equal(*at, '\0');
    tt_free(plain);
    tt_free(colored);
}

/* A handle_summary may hand any table to summary_text. */
static void data_that_lack_everything_are_an_empty_summary(void **state)
{
    (void)state;
    static const char *const scraps[] = {
        "{}",
        "{\"metrics\":{\"m\":{}}}",
        "{\"metrics\":[{\"type\":\"rate\"}]}",
        "{\"metrics\":\"m\"}",
        "{\"metrics\":{\"m\":{\"type\":5,\"thresholds\":{}}}}",
        "{\"metrics\":{\"m\":{\"thresholds\":[true]}}}",
        "{\"metrics\":{\"m\":{\"thresholds\":{\"x\":true}}}}",
        "{\"metrics\":{\"m{\":{\"type\":\"trend\"}}}",
        "{\"metrics\":{\"m\":{\"type\":\"trend\"}},\"options\":{\"summary_trend_stats\":[5]}}",
        "{\"root_group\":{}}",
        "{\"root_group\":5}",
        "{\"root_group\":{\"checks\":[5],\"groups\":[{}]}}",
        "{\"root_group\":{\"checks\":[{\"passes\":1}],\"path\":\"x\"}}",
        "{\"timeline\":[5],\"state\":[],\"options\":5}",
    };
    for (size_t i = 0; i < sizeof scraps / sizeof *scraps; i++) {
        char *out = text_of(scraps[i], false, TT_SUMMARY_COMPACT);
        has(out, "TOTAL RESULTS");
        tt_free(out);
    }
}

/* --- numbers */

static void numbers_have_six_decimals_and_no_loose_point(void **state)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {{0, "0"},
                 {7, "7"},
                 {-7, "-7"},
                 {0.5, "0.5"},
                 {1.0 / 3, "0.333333"},
                 {1e-7, "0"},
                 {2.0000001, "2"},
                 {1e14, "100000000000000"},
                 {1e15, "1e+15"},
                 {1e300, "1e+300"},
                 {1e45, "1e+45"},
                 {-0.0000001, "0"},
                 {100.25, "100.25"}};
    char b[48];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(tt_summary_number(b, sizeof b, cases[i].v), cases[i].text);
}

static void durations_change_unit_at_its_edge(void **state)
{
    static const struct {
        double ms;
        const char *text;
    } cases[] = {{0, "0ns"},
                 {0.000999, "999ns"},
                 {0.001, "1\xC2\xB5s"},
                 {0.999999, "999.99\xC2\xB5s"},
                 {1, "1ms"},
                 {999.999, "999.99ms"},
                 {1000, "1s"},
                 {59999.9, "59.99s"},
                 {60000, "1m0s"},
                 {3599999, "59m59s"},
                 {3600000, "1h0m0s"},
                 {90061000, "25h1m1s"},
                 {10.5, "10.5ms"},
                 {100, "100ms"},
                 {-0.5, "-500000ns"}};
    char b[48];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(tt_summary_duration(b, sizeof b, cases[i].ms, NULL), cases[i].text);
    assert_string_equal(tt_summary_duration(b, sizeof b, 1.5, "us"), "1500.00\xC2\xB5s");
    assert_string_equal(tt_summary_duration(b, sizeof b, 90000, "s"), "90.00s");
}

static void sizes_change_unit_at_its_edge(void **state)
{
    static const struct {
        double bytes;
        const char *text;
    } cases[] = {{0, "0 B"},         {9.9, "9 B"},     {999, "999 B"},
                 {1000, "1.0 kB"},   {9949, "9.9 kB"}, {9950, "10 kB"},
                 {999000, "999 kB"}, {1e6, "1.0 MB"},  {123400000, "123 MB"},
                 {1e15, "1.0 PB"},   {1e18, "1000 PB"}};
    char b[48];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(tt_summary_bytes(b, sizeof b, cases[i].bytes), cases[i].text);
}

static void rates_are_cut_not_rounded(void **state)
{
    char b[48];
    (void)state;
    assert_string_equal(tt_summary_rate(b, sizeof b, 0), "0.00%");
    assert_string_equal(tt_summary_rate(b, sizeof b, 1), "100.00%");
    assert_string_equal(tt_summary_rate(b, sizeof b, 0.29), "29.00%"); /* 0.29 * 100 < 29 */
    assert_string_equal(tt_summary_rate(b, sizeof b, 0.00009), "0.00%");
    assert_string_equal(tt_summary_rate(b, sizeof b, 0.99999), "99.99%");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(submetrics_follow_their_own_metric),
        cmocka_unit_test(thresholds_are_listed_in_the_same_order),
        cmocka_unit_test(sections_come_in_their_order_and_only_with_metrics),
        cmocka_unit_test(names_like_ours_do_not_make_a_metric_of_the_script_ours),
        cmocka_unit_test(phases_of_requests_are_in_the_full_summary_only),
        cmocka_unit_test(unverified_certificates_are_shouted),
        cmocka_unit_test(a_time_unit_holds_for_times_alone),
        cmocka_unit_test(interventions_say_when_what_and_by_whom),
        cmocka_unit_test(checks_per_second_leave_out_the_warm_up),
        cmocka_unit_test(color_changes_no_text),
        cmocka_unit_test(data_that_lack_everything_are_an_empty_summary),
        cmocka_unit_test(numbers_have_six_decimals_and_no_loose_point),
        cmocka_unit_test(durations_change_unit_at_its_edge),
        cmocka_unit_test(sizes_change_unit_at_its_edge),
        cmocka_unit_test(rates_are_cut_not_rounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
