/* SPDX-License-Identifier: MIT */
/* Streams of events, cut anywhere. */
#include "base/memory.h"
#include "proto/http/sse.h"
#include "unit.h"

/* "type|data|id;" of each event, the text cut into pieces of that size */
static void events_are(const char *text, size_t n, size_t piece, const char *want)
{
    struct tt_sse s;
    struct tt_buf got;
    tt_sse_init(&s);
    tt_buf_init(&got, 4096);
    tt_buf_puts(&got, "");
    for (size_t at = 0; at < n; at += piece) {
        size_t len = n - at < piece ? n - at : piece, from = 0, used;
        const char *why;
        while (from < len) {
            if (tt_sse_next(&s, text + at + from, len - from, &used, &why))
                tt_buf_printf(&got, "%s|%s|%s;", s.type.len ? s.type.data : "", s.data.data,
                              s.id.len ? s.id.data : "");
            assert_null(why);
            from += used;
        }
    }
    assert_string_equal(got.data, want);
    tt_buf_fini(&got);
    tt_sse_fini(&s);
}

static void in_any_cut(const char *text, size_t n, const char *want)
{
    for (size_t piece = 1; piece <= n; piece++)
        events_are(text, n, piece, want);
}
#define EVENTS(text, want) in_any_cut(text, sizeof text - 1, want)

static void an_event_ends_with_an_empty_line(void **state)
{
    (void)state;
    EVENTS("data: a\n\ndata: b\n\n", "|a|;|b|;");
    EVENTS("data: a\n", "");
    EVENTS("data: a\n\ndata: b\n", "|a|;");
}

static void lines_end_in_three_ways(void **state)
{
    (void)state;
    EVENTS("data: a\r\n\r\ndata: b\r\rdata: c\n\n", "|a|;|b|;|c|;");
    EVENTS("data: a\r\ndata: b\r\n\r\n", "|a\nb|;");
}

static void fields_lose_one_space_and_may_lack_a_value(void **state)
{
    (void)state;
    EVENTS("data:  two\ndata\ndata:x\n\n", "| two\n\nx|;");
    EVENTS("data\n\n", "||;");
    EVENTS("event: e\nid: 1\ndata: a\nunknown: x\n: comment\n\n", "e|a|1;");
}

static void an_event_without_data_is_none_but_its_id_stays(void **state)
{
    (void)state;
    EVENTS("event: e\nid: 1\n\ndata: a\n\n", "|a|1;");
    EVENTS("id: 1\ndata: a\n\nid\ndata: b\n\n", "|a|1;|b|;");
}

static void an_id_with_nul_is_ignored(void **state)
{
    (void)state;
    EVENTS("id: 1\nid: 2\0x\ndata: a\n\n", "|a|1;");
}

static void a_byte_order_mark_may_begin_it(void **state)
{
    (void)state;
    EVENTS("\xef\xbb\xbf"
           "data: a\n\n\xef\xbb\xbf"
           "data: b\n\n",
           "|a|;");
}

static void retry_is_digits_only(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool has;
        uint64_t ms;
    } cases[] = {{"retry: 1500\n", true, 1500},
                 {"retry: 1s\n", false, 0},
                 {"retry\n", false, 0},
                 {"retry: 99999999999999999999\n", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tt_sse s;
        size_t used;
        const char *why;
        tt_sse_init(&s);
        assert_false(tt_sse_next(&s, cases[i].text, strlen(cases[i].text), &used, &why));
        assert_int_equal(s.has_retry, cases[i].has);
        if (cases[i].has)
            assert_int_equal(s.retry_ms, cases[i].ms);
        tt_sse_fini(&s);
    }
}

static void another_connection_keeps_the_id_only(void **state)
{
    (void)state;
    struct tt_sse s;
    size_t used;
    const char *why, *text = "id: 9\ndata: a\n\ndata: half";
    tt_sse_init(&s);
    assert_true(tt_sse_next(&s, text, strlen(text), &used, &why));
    assert_false(tt_sse_next(&s, text + used, strlen(text) - used, &used, &why));
    tt_sse_begin(&s);
    text = "\ndata: b\n\n";
    assert_true(tt_sse_next(&s, text, strlen(text), &used, &why));
    assert_string_equal(s.data.data, "b");
    assert_string_equal(s.id.data, "9");
    tt_sse_fini(&s);
}

static void an_event_has_a_largest_size(void **state)
{
    (void)state;
    struct tt_sse s;
    size_t used, n = TT_SSE_EVENT_MAX + 1;
    const char *why;
    char *text = tt_xcalloc(1, n);
    memset(text, 'x', n);
    tt_sse_init(&s);
    assert_false(tt_sse_next(&s, text, n, &used, &why));
    assert_non_null(why);
    tt_sse_fini(&s);
    tt_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_ends_with_an_empty_line),
        cmocka_unit_test(lines_end_in_three_ways),
        cmocka_unit_test(fields_lose_one_space_and_may_lack_a_value),
        cmocka_unit_test(an_event_without_data_is_none_but_its_id_stays),
        cmocka_unit_test(an_id_with_nul_is_ignored),
        cmocka_unit_test(a_byte_order_mark_may_begin_it),
        cmocka_unit_test(retry_is_digits_only),
        cmocka_unit_test(another_connection_keeps_the_id_only),
        cmocka_unit_test(an_event_has_a_largest_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
