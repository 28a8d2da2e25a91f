/* SPDX-License-Identifier: MIT */
/* What is shown of exchanges: secrets are not. */
#include "proto/http/trace.h"
#include "unit.h"

static void header_is(const char *name, const char *value, const char *want)
{
    struct tt_buf b;
    tt_buf_init(&b, 4096);
    assert_true(tt_http_trace_header(name, strlen(name), value, strlen(value), &b));
    assert_string_equal(b.data, want);
    tt_buf_fini(&b);
}

static void body_is(const char *p, size_t n, const char *want)
{
    struct tt_buf b;
    tt_buf_init(&b, 1 << 20);
    tt_buf_puts(&b, "");
    assert_true(tt_http_trace_body(p, n, &b));
    assert_string_equal(b.data, want);
    tt_buf_fini(&b);
}
#define BODY(text, want) body_is(text, sizeof text - 1, want)

static void headers_lose_their_secrets(void **state)
{
    (void)state;
    header_is("Authorization", "Bearer abc", "Authorization: ****\n");
    header_is("cookie", "a=b", "cookie: ****\n");
    header_is("Set-Cookie", "a=b; Path=/", "Set-Cookie: ****\n");
    header_is("X-Api-Key", "abc", "X-Api-Key: ****\n");
    header_is("Proxy-Authorization", "x", "Proxy-Authorization: ****\n");
    header_is("Content-Type", "text/html", "Content-Type: text/html\n");
    header_is("Location", "http://u:p@h/?token=x", "Location: http://****:****@h/?token=****\n");
    header_is("Location", "/a?token=x&b=1", "Location: /a?token=****&b=1\n");
    header_is("X-Empty", "", "X-Empty: \n");
}

static void bodies_lose_their_secrets(void **state)
{
    (void)state;
    BODY("user=a&password=b&x=1", "user=a&password=****&x=1\n");
    BODY("{\"user\":\"a\",\"password\" : \"b\\\"c\",\"x\":1}",
         "{\"user\":\"a\",\"password\" : \"****\",\"x\":1}\n");
    BODY("{\"token\":12,\"list\":[{\"api_key\":\"k\"}]}",
         "{\"token\":\"****\",\"list\":[{\"api_key\":\"****\"}]}\n");
    BODY("{\"x\":\"token\"}", "{\"x\":\"token\"}\n");
    BODY("{\"password\":\"cut", "{\"password\":\"****\"\n");
    BODY("{\"password", "{\"password\n");
    BODY("plain text", "plain text\n");
    BODY("", "");
}

static void what_is_no_text_is_its_size(void **state)
{
    (void)state;
    BODY("\x89PNG\r\n\x1a\n\0\0", "[10 bytes that are no text]\n");
    BODY("gr\xfc", "[3 bytes that are no text]\n");
}

static void a_long_body_is_cut(void **state)
{
    (void)state;
    enum { N = 70000 };
    static char long_body[N + 1];
    struct tt_buf b;
    memset(long_body, 'x', N);
    tt_buf_init(&b, 1 << 20);
    assert_true(tt_http_trace_body(long_body, N, &b));
    assert_non_null(strstr(b.data, "[and 4464 bytes]"));
    tt_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_lose_their_secrets),
        cmocka_unit_test(bodies_lose_their_secrets),
        cmocka_unit_test(what_is_no_text_is_its_size),
        cmocka_unit_test(a_long_body_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
