/* SPDX-License-Identifier: MIT */
/* Answers to Digest challenges, and the proxies of the environment: pure parts of a request's way.
 */
#include "proto/http/digest_auth.h"
#include "proto/http/proxies.h"
#include "unit.h"

static struct tt_slice text(const char *s)
{
    return (struct tt_slice){s, strlen(s)};
}

/* --- Digest -------------------------------------------------------------------------------------
 */

/* Mufasa's of RFC 7616, section 3.9.1. */
static struct tt_http_digest example(const char *challenge)
{
    return (struct tt_http_digest){
        .challenge = text(challenge),
        .method = "GET",
        .uri = "/dir/index.html",
        .user = text("Mufasa"),
        .password = text("Circle of Life"),
        .cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    };
}

#define RFC                                                                                        \
    "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "                             \
    "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "                                     \
    "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", algorithm="

static void says(const char *challenge, const char *part)
{
    struct tt_http_digest d = example(challenge);
    struct tt_buf out;
    tt_buf_init(&out, 4096);
    if (!tt_http_digest_answer(&out, &d) || !strstr(out.data, part))
        fail_msg("'%s' does not say '%s'", out.len ? out.data : "", part);
    tt_buf_fini(&out);
}

static void digest_answers_are_those_of_the_rfc(void **state)
{
    (void)state;
    says(RFC "MD5", "response=\"8ca523f5e9506fed4657c9700eebdbec\"");
    says(RFC "SHA-256",
         "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"");
    says(RFC "MD5", "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"");
    says(RFC "MD5", "qop=auth, nc=00000001, cnonce=\"f2/wE");
    /* RFC 2069's form: no qop */
    says("Digest realm=\"r\",nonce=n",
         "realm=\"r\", nonce=\"n\", uri=\"/dir/index.html\", response=");
}

static void other_challenges_are_not_answered(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "Digest",
                                      "Digest ",
                                      "Digest realm=\"x\"",
                                      "Basic realm=\"x\", nonce=\"y\"",
                                      RFC "SHA-512-256",
                                      "Digest nonce=\"n\", qop=\"auth-int\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tt_http_digest d = example(bad[i]);
        struct tt_buf out;
        tt_buf_init(&out, 4096);
        if (tt_http_digest_answer(&out, &d))
            fail_msg("'%s' was answered: %s", bad[i], out.data);
        tt_buf_fini(&out);
    }
}

/* --- proxies ------------------------------------------------------------------------------------
 */

static bool proxied(const char *no_proxy, const char *url)
{
    const struct tt_http_proxies p = {"http://p:1", "http://s:2", no_proxy};
    struct tt_http_url u;
    const char *why = "";
    assert_true(tt_http_url_parse(url, strlen(url), &u, &why));
    const char *got = tt_http_proxy_for(&p, &u);
    assert_true(!got || strcmp(got, u.https ? "http://s:2" : "http://p:1") == 0);
    return got != NULL;
}

static void loopback_needs_no_proxy(void **state)
{
    (void)state;
    assert_true(proxied(NULL, "http://a.test/"));
    assert_true(proxied("", "https://a.test/"));
    assert_false(proxied(NULL, "http://localhost/"));
    assert_false(proxied(NULL, "http://127.9.9.9/"));
    assert_false(proxied(NULL, "https://[::1]/"));
}

static void no_proxy_lists_who_is_reached_directly(void **state)
{
    (void)state;
    static const char list[] =
        "a.test, .b.test,*.c.test d.test:8080,10.0.0.0/9,192.168.1.1,[fe80::1]:80,::2";
    static const char *const direct[] = {
        "http://a.test/",        "http://x.A.test/",    "http://x.b.test/",
        "http://x.c.test/",      "http://d.test:8080/", "http://10.127.0.1/",
        "http://192.168.1.1:9/", "http://[fe80::1]/",   "http://[::2]/"};
    static const char *const others[] = {"http://xa.test/",    "http://b.test/",
                                         "http://d.test/",     "http://10.128.0.1/",
                                         "http://[fe80::1]:1", "http://192.168.1.11/"};
    for (size_t i = 0; i < sizeof direct / sizeof *direct; i++)
        if (proxied(list, direct[i]))
            fail_msg("%s goes to the proxy", direct[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!proxied(list, others[i]))
            fail_msg("%s does not go to the proxy", others[i]);
    assert_false(proxied("x,*", "http://any.test/"));
}

static void each_scheme_has_its_proxy(void **state)
{
    (void)state;
    const struct tt_http_proxies p = {NULL, "http://s", NULL};
    struct tt_http_url u;
    const char *why = "";
    assert_true(tt_http_url_parse("http://a.test/", 14, &u, &why));
    assert_null(tt_http_proxy_for(&p, &u));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_answers_are_those_of_the_rfc),
        cmocka_unit_test(other_challenges_are_not_answered),
        cmocka_unit_test(loopback_needs_no_proxy),
        cmocka_unit_test(no_proxy_lists_who_is_reached_directly),
        cmocka_unit_test(each_scheme_has_its_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
