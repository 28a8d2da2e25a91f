/* SPDX-License-Identifier: MIT */
/* Request heads, queries and chunked bodies. */
#include "serve/request.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum tt_parse parse(struct tt_http_request *r, const char *text, int *status)
{
    size_t used = 0;
    enum tt_parse p = tt_http_request_parse(r, text, strlen(text), &used, status);
    if (p == TT_PARSE_DONE)
        assert_int_equal(used, strlen(text));
    return p;
}

static void expect_bad(const char *text, int status)
{
    struct tt_http_request r;
    int got;
    assert_int_equal(parse(&r, text, &got), TT_PARSE_BAD);
    assert_int_equal(got, status);
    tt_http_request_fini(&r);
}

static void reads_unknown_headers_and_splits_the_target(void **state)
{
    (void)state;
    struct tt_http_request r;
    int status;
    assert_int_equal(parse(&r,
                           "POST /a/b?x=1&y=%20z HTTP/1.1\r\nHost: h\r\nX-Any-Thing:  v w \r\n"
                           "Content-Length: 5\r\n\r\n",
                           &status),
                     TT_PARSE_DONE);
    assert_string_equal(r.method, "POST");
    assert_string_equal(r.path, "/a/b");
    assert_string_equal(r.query, "x=1&y=%20z");
    assert_string_equal(tt_http_request_header(&r, "X-ANY-thing"), "v w");
    assert_int_equal(r.content_length, 5);
    assert_true(r.keep_alive);
    assert_false(r.wants_websocket);
    tt_http_request_fini(&r);
}

static void waits_for_the_whole_head(void **state)
{
    (void)state;
    const char *text = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for (size_t n = 0; n < strlen(text); n++) {
        struct tt_http_request r;
        size_t used;
        int status;
        assert_int_equal(tt_http_request_parse(&r, text, n, &used, &status), TT_PARSE_MORE);
    }
}

static void refuses_what_is_no_request(void **state)
{
    (void)state;
    expect_bad("GET /\r\n\r\n", 400);
    expect_bad("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505);
    expect_bad("GET / HTTP/1.1\r\n\r\n", 400); /* no Host */
    expect_bad("GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400);
    expect_bad("GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400);
    expect_bad("G T / HTTP/1.1\r\nHost: h\r\n\r\n", 400);
}

static void refuses_contradicting_lengths(void **state)
{
    (void)state;
    expect_bad("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400);
    expect_bad("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400);
    expect_bad("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n"
               "\r\n",
               400);
    expect_bad("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501);
}

static void refuses_a_head_without_end(void **state)
{
    (void)state;
    static char text[TT_HEAD_MAX + 100];
    struct tt_http_request r;
    size_t used;
    int status;
    memset(text, 'a', sizeof text);
    assert_int_equal(tt_http_request_parse(&r, text, sizeof text, &used, &status), TT_PARSE_BAD);
    assert_int_equal(status, 431);
}

static void keeps_alive_by_version_and_header(void **state)
{
    (void)state;
    struct tt_http_request r;
    int status;
    parse(&r, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", &status);
    assert_false(r.keep_alive);
    tt_http_request_fini(&r);
    parse(&r, "GET / HTTP/1.0\r\n\r\n", &status);
    assert_false(r.keep_alive);
    tt_http_request_fini(&r);
    parse(&r, "GET / HTTP/1.0\r\nConnection: x, keep-alive\r\n\r\n", &status);
    assert_true(r.keep_alive);
    tt_http_request_fini(&r);
}

static void knows_an_upgrade_by_all_its_headers(void **state)
{
    (void)state;
    struct tt_http_request r;
    int status;
    parse(&r,
          "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
          &status);
    assert_true(r.wants_websocket);
    tt_http_request_fini(&r);
    parse(&r,
          "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n",
          &status);
    assert_false(r.wants_websocket);
    tt_http_request_fini(&r);
}

static void query_arguments_are_decoded(void **state)
{
    (void)state;
    char out[8];
    assert_true(tt_query_get("ab=1&a=x%2B+y&c", "a", out, sizeof out));
    assert_string_equal(out, "x+ y");
    assert_true(tt_query_get("ab=1&c", "c", out, sizeof out));
    assert_string_equal(out, "");
    assert_false(tt_query_get("ab=1", "a", out, sizeof out));
    assert_false(tt_query_get("a=12345678", "a", out, sizeof out)); /* too long */
}

static enum tt_parse chunks(const char *text, size_t step, struct tt_buf *body, bool *too_large)
{
    struct tt_chunked c = {0};
    enum tt_parse r = TT_PARSE_MORE;
    size_t n = strlen(text);
    for (size_t i = 0; i < n && r == TT_PARSE_MORE;) {
        size_t used, take = n - i < step ? n - i : step;
        r = tt_chunked_take(&c, text + i, take, body, &used, too_large);
        i += used;
    }
    return r;
}

static void chunked_bodies_come_in_any_pieces(void **state)
{
    (void)state;
    for (size_t step = 1; step < 40; step++) {
        struct tt_buf body;
        bool too_large = false;
        tt_buf_init(&body, 100);
        assert_int_equal(chunks("5;x=y\r\nhello\r\nA\r\n, world 12\r\n0\r\nTrailer: t\r\n\r\n",
                                step, &body, &too_large),
                         TT_PARSE_DONE);
        assert_string_equal(body.data, "hello, world 12");
        tt_buf_fini(&body);
    }
}

static void chunked_bodies_are_bounded_and_checked(void **state)
{
    (void)state;
    struct tt_buf body;
    bool too_large = false;
    tt_buf_init(&body, 3);
    assert_int_equal(chunks("5\r\nhello\r\n0\r\n\r\n", 99, &body, &too_large), TT_PARSE_BAD);
    assert_true(too_large);
    too_large = false;
    assert_int_equal(chunks("x\r\n", 99, &body, &too_large), TT_PARSE_BAD);
    assert_int_equal(chunks("\r\n", 99, &body, &too_large), TT_PARSE_BAD);
    assert_int_equal(chunks("FFFFFFFFFFFFFFFFF\r\n", 99, &body, &too_large), TT_PARSE_BAD);
    assert_false(too_large);
    tt_buf_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_unknown_headers_and_splits_the_target),
        cmocka_unit_test(waits_for_the_whole_head),
        cmocka_unit_test(refuses_what_is_no_request),
        cmocka_unit_test(refuses_contradicting_lengths),
        cmocka_unit_test(refuses_a_head_without_end),
        cmocka_unit_test(keeps_alive_by_version_and_header),
        cmocka_unit_test(knows_an_upgrade_by_all_its_headers),
        cmocka_unit_test(query_arguments_are_decoded),
        cmocka_unit_test(chunked_bodies_come_in_any_pieces),
        cmocka_unit_test(chunked_bodies_are_bounded_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
