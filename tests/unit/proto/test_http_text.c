/* SPDX-License-Identifier: MIT */
/* The pure parts of HTTP: URLs, header blocks, phases, error codes. */
#include "proto/http/errors.h"
#include "proto/http/headers.h"
#include "proto/http/timing.h"
#include "proto/http/url.h"
#include "unit.h"
#include <errno.h>

static struct tt_http_url parse(const char *text)
{
    struct tt_http_url u = {0};
    const char *why = "";
    if (!tt_http_url_parse(text, strlen(text), &u, &why))
        fail_msg("'%s': %s", text, why);
    return u;
}

#define SLICE_IS(s, expected)                                                                      \
    do {                                                                                           \
        assert_int_equal((s).n, strlen(expected));                                                 \
        assert_memory_equal((s).p, expected, (s).n);                                               \
    } while (0)

static void a_url_has_its_parts(void **state)
{
    (void)state;
    struct tt_http_url u = parse("https://me:pw@Example.test:8443/a/b?q=1#f");
    assert_true(u.https && u.has_userinfo && u.has_password);
    assert_int_equal(u.port, 8443);
    SLICE_IS(u.userinfo, "me:pw");
    SLICE_IS(u.host, "Example.test");
    SLICE_IS(u.authority, "Example.test:8443");
    SLICE_IS(u.rest, "/a/b?q=1#f");
    u = parse("http://[::1]");
    SLICE_IS(u.host, "::1");
    SLICE_IS(u.authority, "[::1]");
    assert_int_equal(u.port, 80);
    assert_int_equal(parse("https://h").port, 443);
}

static void what_is_no_url_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        int fault;
    } bad[] = {
        {"", TT_HTTP_URL_SCHEME},
        {"h", TT_HTTP_URL_SCHEME},
        {"h/a:b", TT_HTTP_URL_SCHEME},
        {"/a", TT_HTTP_URL_SCHEME},
        {"ftp://h/", TT_HTTP_URL_SCHEME},
        {"h:80/", TT_HTTP_URL_SCHEME},
        {"http:/h", TT_HTTP_URL_SCHEME},
        {"http://", TT_HTTP_URL_SCHEME},
        {"http:///x", TT_HTTP_URL_SCHEME},
        {"http://:80/x", TT_HTTP_URL_SCHEME},
        {"http://h:65536", TT_HTTP_URL_PORT},
        {"http://h:99999999999999999999", TT_HTTP_URL_PORT},
        {"127.0.0.1:80/", TT_HTTP_URL_BAD},
        {"://h", TT_HTTP_URL_BAD},
        {"a b:c", TT_HTTP_URL_BAD},
        {"http://h:x", TT_HTTP_URL_BAD},
        {"http://[::1", TT_HTTP_URL_BAD},
        {"http://[::1]x", TT_HTTP_URL_BAD},
        {"http://h:0x50", TT_HTTP_URL_BAD},
        {"http:// h", TT_HTTP_URL_BAD},
        {"http://h/\n", TT_HTTP_URL_BAD},
        {"http://h/%zz", TT_HTTP_URL_BAD},
        {"http://%zz/", TT_HTTP_URL_BAD},
        {"http://h/%4", TT_HTTP_URL_BAD},
        {"http://h/?%41#%4g", TT_HTTP_URL_BAD},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tt_http_url u;
        const char *why = NULL;
        if (tt_http_url_parse(bad[i].url, strlen(bad[i].url), &u, &why))
            fail_msg("'%s' was taken", bad[i].url);
        if ((int)u.fault != bad[i].fault)
            fail_msg("'%s': fault %d, not %d", bad[i].url, (int)u.fault, bad[i].fault);
        assert_non_null(why);
    }
}

static void tags_and_the_wire_show_no_secrets(void **state)
{
    (void)state;
    static const struct {
        const char *url, *clean, *wire;
    } cases[] = {
        {"http://u:p@h/x", "http://****:****@h/x", "http://h/x"},
        {"http://u@h/x", "http://****@h/x", "http://h/x"},
        {"http://h/a b#frag", "http://h/a b#frag", "http://h/a%20b"},
        {"http://h/\xc3\xa9", "http://h/\xc3\xa9", "http://h/%C3%A9"},
        {"http://h/{a|b}?{%zz \xc3\xa9?#f", "http://h/{a|b}?{%zz \xc3\xa9?#f",
         "http://h/%7Ba%7Cb%7D?{%zz%20\xc3\xa9?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tt_http_url u = parse(cases[i].url);
        struct tt_buf b;
        tt_buf_init(&b, 1000);
        assert_true(tt_http_url_clean(&u, &b));
        assert_string_equal(b.data, cases[i].clean);
        tt_buf_clear(&b);
        assert_true(tt_http_url_wire(&u, &b));
        assert_string_equal(b.data, cases[i].wire);
        assert_false(tt_http_url_plain(&u, cases[i].url, strlen(cases[i].url)));
        tt_buf_fini(&b);
    }
    struct tt_http_url u = parse("http://h/x?y");
    assert_true(tt_http_url_plain(&u, "http://h/x?y", 12));
}

static void userinfo_becomes_basic_auth(void **state)
{
    (void)state;
    struct tt_http_url u = parse("http://Aladdin:open%20sesame@h/");
    struct tt_buf b;
    tt_buf_init(&b, 1000);
    assert_true(tt_http_url_basic_auth(&u, &b));
    assert_string_equal(b.data, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="); /* RFC 7617 2 */
    tt_buf_fini(&b);
}

static void credentials_go_to_the_same_host_and_its_subdomains_only(void **state)
{
    (void)state;
    struct tt_http_url from = parse("http://example.test/");
    static const struct {
        const char *to;
        bool trusted;
    } cases[] = {{"http://example.test/x", true},
                 {"https://EXAMPLE.test:81/", true},
                 {"http://sub.example.test/", true},
                 {"http://notexample.test/", false},
                 {"http://test/", false}};
    for (size_t i = 0; i < 5; i++) {
        struct tt_http_url to = parse(cases[i].to);
        if (tt_http_url_trusts(&from, &to) != cases[i].trusted)
            fail_msg("%s", cases[i].to);
    }
}

/* --- headers ------------------------------------------------------------------------------------
 */

static void add(struct tt_buf *b, const char *line)
{
    assert_true(tt_http_headers_add(b, line, strlen(line)));
}

static void a_new_status_line_begins_a_new_block(void **state)
{
    (void)state;
    struct tt_buf b;
    struct tt_http_status s;
    struct tt_http_header h;
    size_t at = 0;
    tt_buf_init(&b, 1000);
    add(&b, "HTTP/1.1 100 Continue\r\n");
    add(&b, "X-Early: 1\r\n");
    add(&b, "HTTP/1.1 200 OK\r\n");
    add(&b, "Content-Type:  text/plain \r\n");
    add(&b, "X-Folded: a\r\n");
    add(&b, " b\r\n");
    assert_true(tt_http_headers_status(b.data, b.len, &s));
    assert_int_equal(s.code, 200);
    assert_string_equal(s.proto, "HTTP/1.1");
    SLICE_IS(s.text, "200 OK");
    assert_true(tt_http_headers_next(b.data, b.len, &at, &h));
    SLICE_IS(h.name, "Content-Type");
    SLICE_IS(h.value, "text/plain");
    assert_true(tt_http_headers_next(b.data, b.len, &at, &h));
    SLICE_IS(h.value, "a b");
    assert_false(tt_http_headers_next(b.data, b.len, &at, &h));
    tt_buf_fini(&b);
}

static void names_are_shown_in_canonical_case(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"content-type", "Content-Type"},
                                           {"X-REQUEST-ID", "X-Request-Id"},
                                           {"etag", "Etag"},
                                           {"bad name", "bad name"}};
    for (size_t i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s", cases[i][0]);
        tt_http_header_canonical(name, strlen(name));
        assert_string_equal(name, cases[i][1]);
    }
    assert_string_equal(tt_http_status_phrase(404), "Not Found");
    assert_string_equal(tt_http_status_phrase(799), "");
}

/* --- phases -------------------------------------------------------------------------------------
 */

static void phases_add_up(void **state)
{
    (void)state;
    const struct tt_http_stamps s = {.begin = 1000000,
                                     .looked_up = 3000000,
                                     .ready = 10000000,
                                     .sent = 11000000,
                                     .first_byte = 31000000,
                                     .end = 36000000,
                                     .connect_ns = 2000000,
                                     .tls_ns = 4000000};
    struct tt_http_timings t = tt_http_timings_of(&s);
    assert_true(t.looking_up == 2 && t.connecting == 2 && t.tls_handshaking == 4);
    assert_true(t.blocked == 9);
    assert_true(t.sending == 1 && t.waiting == 20 && t.receiving == 5);
    assert_true(t.duration == t.sending + t.waiting + t.receiving);
    assert_true(t.first_byte == 30 && t.last_byte == 35);
}

static void without_a_response_there_are_no_bytes(void **state)
{
    (void)state;
    const struct tt_http_stamps s = {
        .begin = 1000000, .ready = 2000000, .sent = 3000000, .end = 9000000};
    struct tt_http_timings t = tt_http_timings_of(&s);
    assert_true(t.first_byte == 0 && t.last_byte == 0);
}

static void no_phase_is_negative(void **state)
{
    (void)state;
    const struct tt_http_stamps cases[] = {
        {0},
        {.begin = 5, .end = 9},
        {.begin = 5, .looked_up = 6, .end = 9},
        {.begin = 5, .ready = 6, .end = 9},
        {.begin = 5, .ready = 6, .sent = 9, .first_byte = 7, .end = 9}, /* answered while sending */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tt_http_timings t = tt_http_timings_of(&cases[i]);
        assert_true(t.blocked >= 0 && t.sending >= 0 && t.waiting >= 0 && t.receiving >= 0);
        assert_true(t.duration >= 0 && t.duration <= 10e-6);
    }
}

/* --- errors -------------------------------------------------------------------------------------
 */

static void system_errors_have_k6s_codes(void **state)
{
    (void)state;
    static const struct {
        enum tt_http_op op;
        int err, code;
    } cases[] = {{TT_HTTP_OP_DIAL, ECONNREFUSED, TT_HTTP_E_REFUSED},
                 {TT_HTTP_OP_DIAL, ETIMEDOUT, TT_HTTP_E_DIAL_TIMEOUT},
                 {TT_HTTP_OP_READ, ECONNRESET, TT_HTTP_E_RESET},
                 {TT_HTTP_OP_WRITE, EPIPE, TT_HTTP_E_BROKEN_PIPE}};
    for (size_t i = 0; i < 4; i++) {
        struct tt_http_error e = {0};
        tt_http_error_syscall(&e, cases[i].op, cases[i].err);
        assert_int_equal(e.code, cases[i].code);
        assert_true(e.text[0] != '\0');
    }
}

static void transfers_errors_have_k6s_codes(void **state)
{
    (void)state;
    static const struct {
        CURLcode rc;
        int code;
    } cases[] = {{CURLE_COULDNT_RESOLVE_HOST, TT_HTTP_E_NO_HOST},
                 {CURLE_OPERATION_TIMEDOUT, TT_HTTP_E_TIMEOUT},
                 {CURLE_SSL_CACERT_BADFILE, TT_HTTP_E_UNKNOWN_CA},
                 {CURLE_URL_MALFORMAT, TT_HTTP_E_BAD_URL}};
    for (size_t i = 0; i < 4; i++) {
        struct tt_http_error e = {0};
        tt_http_error_curl(&e, cases[i].rc, 0, 0, "");
        assert_int_equal(e.code, cases[i].code);
    }
}

static void statuses_are_expected_from_200_to_399(void **state)
{
    (void)state;
    assert_int_equal(tt_http_status_error_code(404), 1404);
    assert_int_equal(tt_http_status_error_code(399), 0);
}

static void a_location_is_seen_from_where_it_was_said(void **state)
{
    (void)state;
    static const struct {
        const char *base, *location, *url;
    } cases[] = {
        {"http://h:1/a/b?q", "c", "http://h:1/a/c"},
        {"http://h:1/a/b", "/c?d#e", "http://h:1/c?d#e"},
        {"http://h:1/a/b", "../other?q#f", "http://h:1/other?q#f"},
        {"http://h:1/a/b", "?x=1", "http://h:1/a/b?x=1"},
        {"http://h:1/a/b", "//i/c", "http://i/c"},
        {"http://h/a", "https://i/c", "https://i/c"},
        {"http://h/a", "ftp://i/c", "ftp://i/c"},
        {"http://h/a", "/b c", "http://h/b%20c"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tt_slice location = {cases[i].location, strlen(cases[i].location)};
        struct tt_buf out;
        tt_buf_init(&out, 1024);
        assert_true(tt_http_url_join(cases[i].base, location, &out));
        assert_string_equal(out.data, cases[i].url);
        tt_buf_fini(&out);
    }
    struct tt_buf out;
    tt_buf_init(&out, 1024);
    assert_false(tt_http_url_join("http://h/a", (struct tt_slice){"http://[x/", 10}, &out));
    tt_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_has_its_parts),
        cmocka_unit_test(what_is_no_url_is_refused_with_a_reason),
        cmocka_unit_test(tags_and_the_wire_show_no_secrets),
        cmocka_unit_test(userinfo_becomes_basic_auth),
        cmocka_unit_test(credentials_go_to_the_same_host_and_its_subdomains_only),
        cmocka_unit_test(a_new_status_line_begins_a_new_block),
        cmocka_unit_test(names_are_shown_in_canonical_case),
        cmocka_unit_test(phases_add_up),
        cmocka_unit_test(without_a_response_there_are_no_bytes),
        cmocka_unit_test(no_phase_is_negative),
        cmocka_unit_test(system_errors_have_k6s_codes),
        cmocka_unit_test(transfers_errors_have_k6s_codes),
        cmocka_unit_test(statuses_are_expected_from_200_to_399),
        cmocka_unit_test(a_location_is_seen_from_where_it_was_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
