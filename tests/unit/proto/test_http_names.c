/* SPDX-License-Identifier: MIT */
/* URLs as names: secrets, what varies, how many. */
#include "proto/http/names.h"
#include "unit.h"

static void is_named(const char *url, bool template, const char *want)
{
    struct tt_http_url u;
    struct tt_buf got;
    const char *why = "";
    tt_buf_init(&got, 4096);
    assert_true(tt_http_url_parse(url, strlen(url), &u, &why));
    assert_true(template ? tt_http_url_template(&u, &got) : tt_http_url_clean(&u, &got));
    assert_string_equal(got.data, want);
    tt_buf_fini(&got);
}

static void secrets_of_the_query_are_masked(void **state)
{
    (void)state;
    is_named("http://h/?token=abc", false, "http://h/?token=****");
    is_named("http://h/a?x=1&access_token=abc&y=2#f", false,
             "http://h/a?x=1&access_token=****&y=2#f");
    is_named("http://h/?API-Key=k&X-Amz-Signature=s&clientSecret=z", false,
             "http://h/?API-Key=****&X-Amz-Signature=****&clientSecret=****");
    is_named("http://u:p@h/?password=", false, "http://****:****@h/?password=");
    is_named("http://h/?token&sid=1&", false, "http://h/?token&sid=****&");
    is_named("http://h/token=1?tokens=2&keyboard=3", false, "http://h/token=1?tokens=2&keyboard=3");
}

static void names_of_secrets(void **state)
{
    (void)state;
    static const char *const yes[] = {"token",   "Auth",   "id_token", "x-api-key", "PASSWD",
                                      "session", "secret", "jwt",      "pwd",       "sig"};
    static const char *const no[] = {"", "author", "tokens", "design", "passage", "key", "id"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(tt_http_is_secret(yes[i], strlen(yes[i])));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(tt_http_is_secret(no[i], strlen(no[i])));
}

static void what_varies_is_a_placeholder(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"http://h/users/42", "http://h/users/${}"},
        {"http://h:81/users/42/posts/7?page=3#x", "http://h:81/users/${}/posts/${}?page=${}"},
        {"http://h/a/550e8400-e29b-41d4-a716-446655440000", "http://h/a/${}"},
        {"http://h/c/9f86d081884c7d65", "http://h/c/${}"},
        {"http://h/c/9f86d081884c7d65.png", "http://h/c/${}.png"},
        {"http://h/d/2024-01-31/", "http://h/d/${}/"},
        {"http://h/t/eyJhbGciOiJIUzI1NiIsInR5cCI6.abc-9", "http://h/t/${}"},
        {"http://u:p@h/7?token=x", "http://****:****@h/${}?token=****"},
        {"http://h", "http://h"},
        {"http://h?q=1", "http://h?q=${}"},
        {"http://h/v1/items/new?sort=name", "http://h/v1/items/new?sort=name"},
        {"http://h/internationalization-of-everything",
         "http://h/internationalization-of-everything"},
        {"http://h/deadbeefdeadbeef", "http://h/deadbeefdeadbeef"}, /* may be a word */
        {"http://h//a//", "http://h//a//"},
        {"http://h/-/1-", "http://h/-/1-"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        is_named(cases[i][0], true, cases[i][1]);
}

static void names_have_a_limit(void **state)
{
    (void)state;
    struct tt_http_names n;
    tt_http_names_init(&n, 2, false);
    assert_string_equal(tt_http_names_admit(&n, "a"), "a");
    assert_string_equal(tt_http_names_admit(&n, "b"), "b");
    assert_string_equal(tt_http_names_admit(&n, "c"), "other");
    assert_string_equal(tt_http_names_admit(&n, "a"), "a");
    assert_string_equal(tt_http_names_admit(&n, "d"), "other");
    tt_http_names_fini(&n);
    tt_http_names_init(&n, 0, false);
    assert_string_equal(tt_http_names_admit(&n, "a"), "a");
    assert_string_equal(tt_http_names_admit(&n, "b"), "b");
    tt_http_names_fini(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_of_the_query_are_masked),
        cmocka_unit_test(names_of_secrets),
        cmocka_unit_test(what_varies_is_a_placeholder),
        cmocka_unit_test(names_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
