/* SPDX-License-Identifier: MIT */
/* Cookies: reading Set-Cookie, and which cookies a jar sends where. */
#include "proto/http/jar.h"
#include "unit.h"

#define NOW INT64_C(1000000000000)

static struct tt_slice text(const char *s)
{
    return (struct tt_slice){s, strlen(s)};
}

static struct tt_http_url url_of(const char *s)
{
    struct tt_http_url u;
    const char *why = "";
    if (!tt_http_url_parse(s, strlen(s), &u, &why))
        fail_msg("%s: %s", s, why);
    return u;
}

/* --- reading ------------------------------------------------------------------------------------
 */

static struct tt_http_cookie parse(const char *line)
{
    struct tt_http_cookie c;
    if (!tt_http_cookie_parse(text(line), &c))
        fail_msg("'%s' is no cookie", line);
    return c;
}

static void slice_is(struct tt_slice s, const char *expected)
{
    if (s.n != strlen(expected) || (s.n && memcmp(s.p, expected, s.n) != 0))
        fail_msg("'%.*s' is not '%s'", (int)s.n, s.p ? s.p : "", expected);
}

static void a_cookie_has_its_attributes(void **state)
{
    (void)state;
    struct tt_http_cookie c = parse("k=v; Path=/x ;domain=.a.test; MAX-AGE=60; Secure; HttpOnly; "
                                    "Expires=Sat, 24 Jul 2083 17:01:02 GMT; SameSite=Lax");
    slice_is(c.name, "k");
    slice_is(c.value, "v");
    slice_is(c.path, "/x");
    slice_is(c.domain, ".a.test");
    assert_int_equal(c.max_age, 60);
    assert_true(c.secure && c.http_only && c.has_expires);
    assert_true(c.expires_ms == INT64_C(3583674062000));
    c = parse(" k = \"quoted, value\" ");
    slice_is(c.name, "k");
    slice_is(c.value, "quoted, value");
    assert_false(c.secure || c.http_only || c.has_expires);
    slice_is(parse("empty=").value, "");
    slice_is(parse("eq=a=b").value, "a=b");
}

static void a_max_age_that_is_over_is_minus_one(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {{"0", -1}, {"-7", -1}, {"7", 7}, {"07", 0}, {"x", 0}, {"", 0}, {"1.5", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[64];
        snprintf(line, sizeof line, "k=v; Max-Age=%s", cases[i].text);
        if (parse(line).max_age != cases[i].value)
            fail_msg("%s: %lld", line, (long long)parse(line).max_age);
    }
}

static void what_is_no_cookie_is_passed_over(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "k",      "=v",         " ; ",    "a b=c",
                                      "k=a\"", "k=a\\b", "k=\xc3\xa9", "k=a\tb", "(k)=v"};
    struct tt_http_cookie c;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (tt_http_cookie_parse(text(bad[i]), &c))
            fail_msg("'%s' was taken", bad[i]);
    assert_false(parse("k=v; Expires=soon").has_expires);
}

/* --- the jar ------------------------------------------------------------------------------------
 */

static void add_pair(void *arg, struct tt_slice name, struct tt_slice value)
{
    tt_http_cookie_put(arg, name, value);
}

/* What goes to url at a time is that Cookie header. */
static void sends_at(struct tt_http_jar *j, const char *url, const char *expected, int64_t now)
{
    struct tt_buf b;
    struct tt_http_url u = url_of(url);
    tt_buf_init(&b, 4096);
    tt_http_jar_for(j, &u, now, add_pair, &b);
    if (strcmp(b.len ? b.data : "", expected) != 0)
        fail_msg("%s: '%s', not '%s'", url, b.len ? b.data : "", expected);
    tt_buf_fini(&b);
}

static void sends(struct tt_http_jar *j, const char *url, const char *expected)
{
    sends_at(j, url, expected, NOW);
}

static bool set(struct tt_http_jar *j, const char *url, const char *line)
{
    struct tt_http_url u = url_of(url);
    struct tt_http_cookie c = parse(line);
    return tt_http_jar_set(j, &u, &c, NOW);
}

static int setup(void **state)
{
    *state = tt_http_jar_new();
    return 0;
}

static int teardown(void **state)
{
    tt_http_jar_unref(*state);
    return 0;
}

static void a_cookie_without_domain_is_its_hosts_only(void **state)
{
    struct tt_http_jar *j = *state;
    assert_true(set(j, "http://www.a.test/", "k=v"));
    sends(j, "http://www.a.test/", "k=v");
    sends(j, "https://WWW.A.test.:8443/x", "k=v");
    sends(j, "http://a.test/", "");
    sends(j, "http://x.www.a.test/", "");
}

static void a_domain_covers_its_subdomains(void **state)
{
    struct tt_http_jar *j = *state;
    assert_true(set(j, "http://www.a.test/", "k=v; Domain=.A.test"));
    sends(j, "http://a.test/", "k=v");
    sends(j, "http://x.y.a.test/", "k=v");
    sends(j, "http://ba.test/", "");
    sends(j, "http://test/", "");
}

static void a_foreign_domain_is_refused(void **state)
{
    struct tt_http_jar *j = *state;
    static const char *const bad[] = {"b.test", "x.www.a.test", "ww.a.test",
                                      ".",      "..a.test",     "a.test."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[64];
        snprintf(line, sizeof line, "k=v; Domain=%s", bad[i]);
        if (set(j, "http://www.a.test/", line))
            fail_msg("%s was taken", line);
    }
    assert_true(tt_http_jar_empty(j));
    assert_false(set(j, "http://127.0.0.1/", "k=v; Domain=0.0.1"));
    assert_true(set(j, "http://127.0.0.1/", "k=v; Domain=127.0.0.1"));
    assert_true(set(j, "http://[::1]/", "six=1"));
    sends(j, "http://127.0.0.1/", "k=v");
    sends(j, "http://[::1]:80/", "six=1");
}

static void a_top_level_domain_covers_one_site(void **state)
{
    struct tt_http_jar *j = *state;
    assert_true(set(j, "http://www.a.test/", "k=v; Domain=test"));
    sends(j, "http://x.a.test/", "k=v");
    sends(j, "http://b.test/", "");
    assert_true(set(j, "http://localhost/", "l=1; Domain=localhost"));
    sends(j, "http://localhost/", "l=1");
    sends(j, "http://x.localhost/", "");
}

static void paths_match_by_whole_parts(void **state)
{
    struct tt_http_jar *j = *state;
    assert_true(set(j, "http://a.test/x/y?q=/z/", "folder=1"));
    assert_true(set(j, "http://a.test/x/y", "given=1; Path=/q"));
    assert_true(set(j, "http://a.test/x/y", "odd=1; Path=q"));
    sends(j, "http://a.test/x", "folder=1; odd=1");
    sends(j, "http://a.test/x/z?a#b", "folder=1; odd=1");
    sends(j, "http://a.test/xy", "");
    sends(j, "http://a.test", "");
    sends(j, "http://a.test/q/", "given=1");
    sends(j, "http://a.test/q?x", "given=1");
}

static void longer_paths_and_older_cookies_come_first(void **state)
{
    struct tt_http_jar *j = *state;
    assert_true(set(j, "http://a.test/", "a=1"));
    assert_true(set(j, "http://a.test/", "b=1; Path=/x"));
    assert_true(set(j, "http://a.test/", "c=1"));
    assert_true(set(j, "http://a.test/", "a=2")); /* keeps its age */
    sends(j, "http://a.test/x", "b=1; a=2; c=1");
}

static void secure_cookies_need_tls_or_loopback(void **state)
{
    struct tt_http_jar *j = *state;
    static const char *const loopback[] = {"http://localhost/", "http://x.localhost/",
                                           "http://127.1.2.3/", "http://[::1]/"};
    assert_true(set(j, "http://a.test/", "k=v; Secure"));
    sends(j, "http://a.test/", "");
    sends(j, "https://a.test/", "k=v");
    for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++) {
        assert_true(set(j, loopback[i], "l=1; Secure"));
        sends(j, loopback[i], "l=1");
    }
}

static void cookies_end(void **state)
{
    struct tt_http_jar *j = *state;
    assert_true(
        set(j, "http://a.test/", "age=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:01 GMT"));
    assert_true(set(j, "http://a.test/", "date=1; Expires=Sun, 09 Sep 2001 01:47:40 GMT"));
    assert_true(set(j, "http://a.test/", "long=1; Max-Age=9223372036854775807"));
    assert_true(set(j, "http://a.test/", "session=1"));
    assert_true(set(j, "http://a.test/", "past=1; Expires=Thu, 01 Jan 1970 00:00:01 GMT"));
    sends_at(j, "http://a.test/", "age=1; date=1; long=1; session=1", NOW + 9999);
    sends_at(j, "http://a.test/", "date=1; long=1; session=1", NOW + 10000);
    sends_at(j, "http://a.test/", "long=1; session=1", NOW + 60000);
    assert_true(set(j, "http://a.test/", "session=; Max-Age=0"));
    assert_true(set(j, "http://a.test/x/y", "long=; Max-Age=0")); /* another path: another cookie */
    sends(j, "http://a.test/", "long=1");
}

static void removing_takes_what_goes_to_the_url(void **state)
{
    struct tt_http_jar *j = *state;
    struct tt_http_url u = url_of("http://a.test/x");
    assert_true(set(j, "http://a.test/", "a=1"));
    assert_true(set(j, "http://a.test/", "b=1; Path=/x"));
    assert_true(set(j, "http://a.test/", "c=1; Path=/y"));
    tt_http_jar_remove(j, &u, text("b"));
    sends(j, "http://a.test/x", "a=1");
    tt_http_jar_remove(j, &u, (struct tt_slice){NULL, 0});
    sends(j, "http://a.test/x", "");
    sends(j, "http://a.test/y", "c=1");
    tt_http_jar_clear(j);
    assert_true(tt_http_jar_empty(j));
}

static void set_cookie_lines_of_a_head_are_stored(void **state)
{
    struct tt_http_jar *j = *state;
    struct tt_http_url u = url_of("http://a.test/");
    static const char head[] =
        "HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nX: b=2\r\nSet-Cookie: nothing\r\n"
        "Set-Cookie: c=3\r\n";
    tt_http_jar_store(j, &u, head, strlen(head), NOW);
    sends(j, "http://a.test/", "a=1; c=3");
}

static void a_full_jar_drops_its_oldest_cookie(void **state)
{
    struct tt_http_jar *j = *state;
    char line[32];
    for (int i = 0; i <= TT_HTTP_JAR_MAX; i++) {
        snprintf(line, sizeof line, "k%d=v; Path=/%d", i, i);
        assert_true(set(j, "http://a.test/", line));
    }
    sends(j, "http://a.test/0", "");
    sends(j, "http://a.test/1", "k1=v");
    snprintf(line, sizeof line, "k%d=v", TT_HTTP_JAR_MAX);
    char url[64];
    snprintf(url, sizeof url, "http://a.test/%d", TT_HTTP_JAR_MAX);
    sends(j, url, line);
}

#define JAR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_has_its_attributes),
        cmocka_unit_test(a_max_age_that_is_over_is_minus_one),
        cmocka_unit_test(what_is_no_cookie_is_passed_over),
        JAR(a_cookie_without_domain_is_its_hosts_only),
        JAR(a_domain_covers_its_subdomains),
        JAR(a_foreign_domain_is_refused),
        JAR(a_top_level_domain_covers_one_site),
        JAR(paths_match_by_whole_parts),
        JAR(longer_paths_and_older_cookies_come_first),
        JAR(secure_cookies_need_tls_or_loopback),
        JAR(cookies_end),
        JAR(removing_takes_what_goes_to_the_url),
        JAR(set_cookie_lines_of_a_head_are_stored),
        JAR(a_full_jar_drops_its_oldest_cookie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
