/* SPDX-License-Identifier: MIT */
/* Responses of HTTP/1, in pieces of every size. */
#include "proto/http/h1_reader.h"
#include "unit.h"
#include <string.h>

struct result {
    enum tt_h1_event last; /* of the reading, or of the end */
    struct tt_h1_reader r;
    struct tt_buf head, body;
    size_t left; /* bytes after the response */
    int heads;
};

static void result_fini(struct result *o)
{
    tt_buf_fini(&o->head);
    tt_buf_fini(&o->body);
}

/* One piece; what it leaves for the next response is counted. */
static void feed(struct result *o, const char *p, size_t n)
{
    size_t at = 0;
    struct tt_slice part;
    for (;;) {
        o->last = tt_h1_read(&o->r, p, n, &at, &part);
        if (o->last == TT_H1_HEAD)
            o->heads++;
        else if (o->last == TT_H1_BODY)
            assert_true(part.n && tt_buf_append(&o->body, part.p, part.n));
        else
            break;
    }
    if (o->last == TT_H1_MORE)
        assert_int_equal(at, n);
    o->left = n - at;
}

/* In pieces of step bytes; then, when it wants more, the end of the connection. */
static void read_text(struct result *o, const char *text, size_t n, size_t step, bool head_request)
{
    *o = (struct result){.last = TT_H1_MORE};
    tt_buf_init(&o->head, 4096);
    tt_buf_init(&o->body, 1 << 20);
    tt_h1_reader_init(&o->r, &o->head, head_request);
    size_t at = 0;
    while (at < n && o->last == TT_H1_MORE) {
        size_t piece = step < n - at ? step : n - at;
        feed(o, text + at, piece);
        at += piece - o->left;
    }
    o->left = n - at;
    if (o->last == TT_H1_MORE)
        o->last = tt_h1_end(&o->r);
}

static void is_complete(const char *text, int status, const char *body, bool reusable, size_t left)
{
    for (size_t step = 1; step <= strlen(text); step++) {
        struct result o;
        read_text(&o, text, strlen(text), step, false);
        if (o.last != TT_H1_DONE)
            fail_msg("'%s' by %zu: %s", text, step, o.r.error ? o.r.error : "not done");
        assert_int_equal(o.r.status, status);
        assert_int_equal(o.heads, 1);
        assert_string_equal(o.body.len ? o.body.data : "", body);
        assert_int_equal(o.r.reusable, reusable);
        assert_int_equal(o.left, left);
        result_fini(&o);
    }
}

static void is_bad(const char *text, const char *error)
{
    for (size_t step = 1; step <= strlen(text); step++) {
        struct result o;
        read_text(&o, text, strlen(text), step, false);
        if (o.last != TT_H1_BAD || !strstr(o.r.error, error))
            fail_msg("'%s' by %zu: %d '%s' instead of '%s'", text, step, o.last,
                     o.r.error ? o.r.error : "", error);
        result_fini(&o);
    }
}

static void a_length_ends_the_body(void **state)
{
    (void)state;
    is_complete("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true, 0);
    is_complete("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true, 0);
    is_complete("HTTP/1.1 404\r\ncontent-length:  2  \r\n\r\nhiHTTP/1.1", 404, "hi", true, 8);
    is_complete("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2, 2\r\n\r\nhi", 200, "hi",
                true, 0);
}

static void lines_may_end_without_a_carriage_return(void **state)
{
    (void)state;
    is_complete("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", 200, "hi", true, 0);
    is_complete("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\n\n2\nhi\n0\n\n", 200, "hi", true,
                0);
}

static void chunks_lose_their_framing(void **state)
{
    (void)state;
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
    is_complete(CHUNKED "5\r\nhello\r\n0\r\n\r\n", 200, "hello", true, 0);
    is_complete(CHUNKED "0\r\n\r\nnext", 200, "", true, 4);
    is_complete(CHUNKED "003;a=\"b\"\r\nabc\r\nA \r\n0123456789\r\n0;z\r\n\r\n", 200,
                "abc0123456789", true, 0);
    is_complete(CHUNKED "1\r\na\r\n0\r\nX-Sum: 1\r\nX: \r\n\r\n", 200, "a", true, 0);
}

static void the_end_of_the_connection_ends_a_body_without_length(void **state)
{
    (void)state;
    is_complete("HTTP/1.1 200 OK\r\n\r\nall of it", 200, "all of it", false, 0);
    is_complete("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", 200, "", false, 0);
}

static void some_answers_have_no_body(void **state)
{
    (void)state;
    struct result o;
    is_complete("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, "", true, 0);
    is_complete("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, "", true,
                0);
    is_complete("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nraw", 101, "", false, 3);
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    read_text(&o, text, strlen(text), 7, true);
    assert_int_equal(o.last, TT_H1_DONE);
    assert_true(o.r.reusable);
    result_fini(&o);
}

static void interim_answers_are_dropped(void **state)
{
    (void)state;
    static const char text[] =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n"
        "Content-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    is_complete(text, 200, "hi", true, 0);
    struct result o;
    read_text(&o, text, strlen(text), strlen(text), false);
    assert_string_equal(o.head.data, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    result_fini(&o);
}

static void connection_says_whether_it_is_kept(void **state)
{
    (void)state;
#define EMPTY "Content-Length: 0\r\n\r\n"
    is_complete("HTTP/1.1 200 OK\r\nConnection: close\r\n" EMPTY, 200, "", false, 0);
    is_complete("HTTP/1.1 200 OK\r\nConnection: x, Close\r\n" EMPTY, 200, "", false, 0);
    is_complete("HTTP/1.1 200 OK\r\nConnection: closed\r\n" EMPTY, 200, "", true, 0);
    is_complete("HTTP/1.0 200 OK\r\n" EMPTY, 200, "", false, 0);
    is_complete("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n" EMPTY, 200, "", true, 0);
    is_complete("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n"
                "1\r\na\r\n0\r\n\r\n",
                200, "a", false, 0); /* whoever else reads it may see another end */
}

static void folded_lines_are_joined(void **state)
{
    (void)state;
    static const char text[] = "HTTP/1.1 200 OK\r\nX: a\r\n  b\r\nContent-Length:\r\n 2\r\n\r\nhi";
    is_complete(text, 200, "hi", true, 0);
    struct result o;
    read_text(&o, text, strlen(text), 3, false);
    assert_non_null(strstr(o.head.data, "X: a  b\r\n"));
    result_fini(&o);
    is_bad("HTTP/1.1 200 OK\r\n folded\r\n\r\n", "folded");
}

static void what_is_not_http_is_bad_at_once(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "220 mail.test ESMTP\r\n",
        "\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200OK\r\nX: 1\r\n\r\n",
        "SSH-2.0-x\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        is_bad(texts[i], "does not begin with an HTTP/1 status line");
}

static void framing_that_can_be_read_in_two_ways_is_bad(void **state)
{
    (void)state;
    static const char *const lengths[] = {"-1", "+1",   "1x",  "",    "1,",
                                          ",1", "1, 2", "0x1", "1 1", "99999999999999999999"};
    char text[128];
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\nx", lengths[i]);
        is_bad(text, "Content-Length is not a number");
    }
    is_bad("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "differ");
    is_bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "Transfer-Encoding");
    is_bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
           "Transfer-Encoding");
}

static void chunks_that_are_none_are_bad(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "not hex\r\n",  "\r\n",         ";x\r\n",       "-1\r\n",
        "1\r\nabc\r\n", "1\r\na\r\r\n", "2\r\nab2\r\n", "fffffffffffffffff\r\n",
    };
    char text[128];
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        snprintf(text, sizeof text, CHUNKED "%s", bodies[i]);
        is_bad(text, "chunked encoding is broken");
    }
}

static void an_end_too_early_is_bad(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        CHUNKED,
        CHUNKED "2\r\nab",
        CHUNKED "2\r\nab\r\n",
        CHUNKED "2\r\nab\r\n0\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        is_bad(texts[i], tt_h1_truncated);
    is_bad("HTTP/1.1 200", tt_h1_nothing);
    is_bad("HTTP/1.1 100 Continue\r\n\r\n", tt_h1_nothing);
}

static void heads_extensions_and_trailers_are_bounded(void **state)
{
    (void)state;
    static const char *const begins[] = {"HTTP/1.1 200 OK\r\nX: ", CHUNKED "1;",
                                         CHUNKED "0\r\nX: "};
    static const char *const errors[] = {"headers are too large", "chunked", "chunked"};
    enum { SIZE = 70 * 1024 };
    static char text[SIZE];
    for (size_t i = 0; i < 3; i++) {
        struct result o;
        memset(text, 'a', SIZE);
        memcpy(text, begins[i], strlen(begins[i]));
        read_text(&o, text, SIZE, 1000, false);
        assert_int_equal(o.last, TT_H1_BAD);
        assert_non_null(strstr(o.r.error, errors[i]));
        result_fini(&o);
    }
}

static void a_line_without_a_colon_is_bad(void **state)
{
    (void)state;
    is_bad("HTTP/1.1 200 OK\r\nX\r\nY: 1\r\n\r\n", "without a colon");
    is_bad("HTTP/1.1 200 OK\r\nY: 1\r\nX\r\n\r\n", "without a colon");
    is_bad("HTTP/1.1 200 OK\r\nX\r\n\r\n", "without a colon");
}

static void a_nul_in_the_head_is_bad(void **state)
{
    (void)state;
    static const char text[] = "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n";
    struct result o;
    read_text(&o, text, sizeof text - 1, 4, false);
    assert_int_equal(o.last, TT_H1_BAD);
    assert_non_null(strstr(o.r.error, "NUL"));
    result_fini(&o);
}

static void words_are_found_in_lists(void **state)
{
    (void)state;
    const struct tt_slice list = {" a,\tClose ,,b", 13};
    assert_true(tt_h1_list_has(list, "close"));
    assert_true(tt_h1_list_has(list, "B"));
    assert_false(tt_h1_list_has(list, "clos"));
    assert_false(tt_h1_list_has((struct tt_slice){"", 0}, "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_ends_the_body),
        cmocka_unit_test(lines_may_end_without_a_carriage_return),
        cmocka_unit_test(chunks_lose_their_framing),
        cmocka_unit_test(the_end_of_the_connection_ends_a_body_without_length),
        cmocka_unit_test(some_answers_have_no_body),
        cmocka_unit_test(interim_answers_are_dropped),
        cmocka_unit_test(connection_says_whether_it_is_kept),
        cmocka_unit_test(folded_lines_are_joined),
        cmocka_unit_test(what_is_not_http_is_bad_at_once),
        cmocka_unit_test(framing_that_can_be_read_in_two_ways_is_bad),
        cmocka_unit_test(chunks_that_are_none_are_bad),
        cmocka_unit_test(an_end_too_early_is_bad),
        cmocka_unit_test(heads_extensions_and_trailers_are_bounded),
        cmocka_unit_test(a_line_without_a_colon_is_bad),
        cmocka_unit_test(a_nul_in_the_head_is_bad),
        cmocka_unit_test(words_are_found_in_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
