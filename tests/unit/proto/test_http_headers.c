/* SPDX-License-Identifier: MIT */
/* Header blocks as libcurl and odd servers give them, and URLs at their edges. */
#include "base/memory.h"
#include "proto/http/headers.h"
#include "unit.h"

#define SLICE_IS(s, expected)                                                                      \
    do {                                                                                           \
        assert_int_equal((s).n, strlen(expected));                                                 \
        assert_memory_equal((s).p, expected, (s).n);                                               \
    } while (0)

/* --- status lines -------------------------------------------------------------------------------
 */

static bool status_of(const char *line, struct tt_http_status *s)
{
    *s = (struct tt_http_status){0};
    return tt_http_headers_status(line, strlen(line), s);
}

static void a_status_line_is_read_in_every_version(void **state)
{
    (void)state;
    static const struct {
        const char *line, *proto, *text;
        int code;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n", "HTTP/1.1", "200 OK", 200},
        {"HTTP/1.0 404 Not Found\r\n", "HTTP/1.0", "404 Not Found", 404},
        {"HTTP/2 200 \r\n", "HTTP/2.0", "200", 200}, /* libcurl's, without a phrase */
        {"HTTP/2 204\r\n", "HTTP/2.0", "204", 204},
        {"HTTP/3 503 \r\n", "HTTP/3.0", "503", 503},
        {"HTTP/1.1 200\r\n", "HTTP/1.1", "200", 200},
        {"HTTP/1.1 299 \r\n", "HTTP/1.1", "299", 299},
        {"HTTP/1.1 418 I'm a teapot\n", "HTTP/1.1", "418 I'm a teapot", 418},
        {"HTTP/1.1 200 OK", "HTTP/1.1", "200 OK", 200}, /* the last line may lack its end */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tt_http_status s;
        if (!status_of(cases[i].line, &s))
            fail_msg("'%s' was refused", cases[i].line);
        assert_int_equal(s.code, cases[i].code);
        assert_string_equal(s.proto, cases[i].proto);
        SLICE_IS(s.text, cases[i].text);
    }
}

static void what_is_no_status_line_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "\r\n",
                                      "HTTP/1.1\r\n",
                                      "HTTP/1.1 \r\n",
                                      "HTTP/1.1 20\r\n",
                                      "HTTP/1.1 2x0 OK\r\n",
                                      "HTTP/1.1  200 OK\r\n",
                                      "HTTP/1.1200OK or so\r\n",
                                      "ICY 200 OK and more\r\n",
                                      "Content-Type: a/b\r\nHTTP/1.1 200 OK\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tt_http_status s;
        if (status_of(bad[i], &s))
            fail_msg("'%s' was taken", bad[i]);
    }
}

/* --- blocks -------------------------------------------------------------------------------------
 */

static void put(struct tt_buf *b, const char *line)
{
    assert_true(tt_http_headers_add(b, line, strlen(line)));
}

static void next_is(const struct tt_buf *b, size_t *at, const char *name, const char *value)
{
    struct tt_http_header h;
    assert_true(tt_http_headers_next(b->data, b->len, at, &h));
    SLICE_IS(h.name, name);
    SLICE_IS(h.value, value);
}

static void lines_without_a_colon_are_passed_over(void **state)
{
    (void)state;
    struct tt_buf b;
    struct tt_http_header h;
    size_t at = 0;
    tt_buf_init(&b, 1000);
    put(&b, "HTTP/1.1 200 OK\r\n");
    put(&b, "no header\r\n");
    put(&b, "A:1\r\n");
    put(&b, "\r\n");
    put(&b, "B:\t two \t\n");
    put(&b, "C:\r\n");
    put(&b, "D: a:b\r\n");
    put(&b, "E: last");
    next_is(&b, &at, "A", "1");
    next_is(&b, &at, "B", "two");
    next_is(&b, &at, "C", "");
    next_is(&b, &at, "D", "a:b");
    next_is(&b, &at, "E", "last");
    assert_false(tt_http_headers_next(b.data, b.len, &at, &h));
    tt_buf_fini(&b);
}

static void a_status_lines_phrase_is_no_header(void **state)
{
    (void)state;
    struct tt_buf b;
    size_t at = 0;
    tt_buf_init(&b, 1000);
    put(&b, "HTTP/1.1 500 Error: disk\r\n");
    put(&b, "A: 1\r\n");
    next_is(&b, &at, "A", "1");
    tt_buf_fini(&b);
}

static void folded_lines_join_the_one_before(void **state)
{
    (void)state;
    struct tt_buf b;
    size_t at = 0;
    tt_buf_init(&b, 1000);
    put(&b, "A: one\r\n");
    put(&b, "\ttwo\r\n");
    put(&b, "  three\n");
    put(&b, "B: x\n");
    next_is(&b, &at, "A", "one\ttwo  three");
    next_is(&b, &at, "B", "x");
    tt_buf_fini(&b);
}

static void a_full_block_keeps_what_it_has(void **state)
{
    (void)state;
    struct tt_buf b;
    struct tt_http_header h;
    size_t at = 0;
    tt_buf_init(&b, 24);
    put(&b, "A: 1\r\n");
    assert_false(tt_http_headers_add(&b, "B: 0123456789012345678901\r\n", 28));
    assert_false(tt_http_headers_add(&b, " folded 012345678901234567\r\n", 28));
    next_is(&b, &at, "A", "1");
    assert_false(tt_http_headers_next(b.data, b.len, &at, &h));
    put(&b, "HTTP/1.1 200 OK\r\n"); /* a new block has room again */
    tt_buf_fini(&b);
}

static void only_a_token_is_put_into_canonical_case(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"WWW-AUTHENTICATE", "Www-Authenticate"},
        {"x--a", "X--A"},
        {"-a", "-A"},
        {"a_b.c", "A_b.c"},
        {"x-\xc3\xa9t\xc3\xa9", "x-\xc3\xa9t\xc3\xa9"},
        {"a:b", "a:b"},
        {"p3p", "P3p"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s", cases[i][0]);
        tt_http_header_canonical(name, strlen(name));
        assert_string_equal(name, cases[i][1]);
    }
}

/* --- URLs ---------------------------------------------------------------------------------------
 */

static bool parse(const char *text, struct tt_http_url *u, const char **why)
{
    return tt_http_url_parse(text, strlen(text), u, why);
}

static void the_last_at_sign_before_the_path_ends_the_userinfo(void **state)
{
    (void)state;
    struct tt_http_url u;
    const char *why = "";
    assert_true(parse("http://a@b:c@host/x@y", &u, &why));
    SLICE_IS(u.userinfo, "a@b:c");
    SLICE_IS(u.host, "host");
    SLICE_IS(u.rest, "/x@y");
    assert_true(u.has_password);
    assert_true(parse("http://host?q=a@b", &u, &why));
    assert_false(u.has_userinfo);
    SLICE_IS(u.host, "host");
    SLICE_IS(u.rest, "?q=a@b");
    assert_true(parse("http://host#f@g", &u, &why));
    SLICE_IS(u.authority, "host");
    assert_true(parse("http://:@h", &u, &why));
    assert_true(u.has_userinfo && u.has_password);
    assert_true(parse("http://@h", &u, &why));
    assert_true(u.has_userinfo && !u.has_password);
}

static void ports_are_numbers_up_to_65535_or_absent(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        int port; /* -1: refused */
    } cases[] = {
        {"http://h:", 80},         {"https://h:/", 443},    {"http://h:65535", 65535},
        {"http://h:65536", -1},    {"http://h:000080", 80}, {"http://h:00080", 80},
        {"http://h:-1", -1},       {"http://h: 80", -1},    {"http://[::1]:8080/", 8080},
        {"http://[::1]8080/", -1}, {"http://h:80:81", -1},  {"HTTP://h:1", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tt_http_url u;
        const char *why = "";
        int port = parse(cases[i].url, &u, &why) ? u.port : -1;
        if (port != cases[i].port)
            fail_msg("%s: port %d", cases[i].url, port);
    }
}

static void hosts_with_impossible_characters_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"http://a b/",    "http://a\\b/", "http://<h>/",
                                      "http://a\tb/",   "http://h/\n",  "http://h/\x7f",
                                      "http://u:p\r@h", "http://[]/",   "http://{id}/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tt_http_url u;
        const char *why = NULL;
        if (parse(bad[i], &u, &why))
            fail_msg("'%s' was taken", bad[i]);
        assert_non_null(why);
    }
}

/* Unless they are there, the URL goes out as the script wrote it: no copy is made. */
static void only_a_clean_url_is_plain(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool plain;
    } cases[] = {{"http://h/a%20b?c={d}", true}, {"http://h/a b", false},
                 {"http://h/#f", false},         {"http://u@h/", false},
                 {"http://h/<x>", false},        {"http://h/\xc3\xa9", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tt_http_url u;
        const char *why = "";
        assert_true(parse(cases[i].url, &u, &why));
        if (tt_http_url_plain(&u, cases[i].url, strlen(cases[i].url)) != cases[i].plain)
            fail_msg("%s", cases[i].url);
    }
}

static void basic_auth_is_of(const char *url, const char *want)
{
    struct tt_http_url u;
    const char *why = "";
    struct tt_buf b;
    tt_buf_init(&b, 1000);
    assert_true(parse(url, &u, &why));
    assert_true(tt_http_url_basic_auth(&u, &b));
    assert_string_equal(b.data, want);
    tt_buf_fini(&b);
}

static void userinfo_is_decoded_before_it_is_encoded(void **state)
{
    (void)state;
    basic_auth_is_of("http://user@h/", "Basic dXNlcjo="); /* "user:" */
    basic_auth_is_of("http://:pw@h/", "Basic OnB3");
    basic_auth_is_of("http://a%40b:c%3A@h/", "Basic YUBiOmM6");      /* "a@b:c:" */
    basic_auth_is_of("http://100%:%4@h/", "Basic MTAwJTolNA==");     /* no escapes: "100%:%4" */
    basic_auth_is_of("http://u:%c3%a9%zz@h/", "Basic dTrDqSV6eg=="); /* "u:é%zz" */
}

static void trust_ends_where_the_name_does(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        bool trusted;
    } cases[] = {
        {"http://a.test", "http://b.a.test", true},     {"http://b.a.test", "http://a.test", false},
        {"http://a.test", "http://a.test.evil", false}, {"http://1.2.3.4", "http://1.2.3.4", true},
        {"http://a.test", "http://xa.test", false},     {"http://[::1]", "http://[::1]:81", true},
        {"http://a.test", "http://.a.test", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tt_http_url from, to;
        const char *why = "";
        assert_true(parse(cases[i].from, &from, &why) && parse(cases[i].to, &to, &why));
        if (tt_http_url_trusts(&from, &to) != cases[i].trusted)
            fail_msg("%s to %s", cases[i].from, cases[i].to);
    }
}

static void text_that_does_not_fit_is_said(void **state)
{
    (void)state;
    struct tt_http_url u;
    const char *why = "";
    struct tt_buf b;
    assert_true(parse("http://user:password@host/\xc3\xa9\xc3\xa9", &u, &why));
    tt_buf_init(&b, 12);
    assert_false(tt_http_url_wire(&u, &b));
    tt_buf_clear(&b);
    assert_false(tt_http_url_clean(&u, &b));
    tt_buf_clear(&b);
    assert_false(tt_http_url_basic_auth(&u, &b));
    tt_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_line_is_read_in_every_version),
        cmocka_unit_test(what_is_no_status_line_is_refused),
        cmocka_unit_test(lines_without_a_colon_are_passed_over),
        cmocka_unit_test(a_status_lines_phrase_is_no_header),
        cmocka_unit_test(folded_lines_join_the_one_before),
        cmocka_unit_test(a_full_block_keeps_what_it_has),
        cmocka_unit_test(only_a_token_is_put_into_canonical_case),
        cmocka_unit_test(the_last_at_sign_before_the_path_ends_the_userinfo),
        cmocka_unit_test(ports_are_numbers_up_to_65535_or_absent),
        cmocka_unit_test(hosts_with_impossible_characters_are_refused),
        cmocka_unit_test(only_a_clean_url_is_plain),
        cmocka_unit_test(userinfo_is_decoded_before_it_is_encoded),
        cmocka_unit_test(trust_ends_where_the_name_does),
        cmocka_unit_test(text_that_does_not_fit_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
