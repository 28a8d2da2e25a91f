/* SPDX-License-Identifier: MIT */
/* The tunnel's messages and tokens. */
#include "base/digest.h"
#include "target/tunnel/message.h"
#include "target/tunnel/token.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HS256  "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define SECRET "k"
#define NOW    1000000.0
#define ANSWER "\"type\":\"http_response\",\"request_id\":\"r\",\"status_code\":201"

static enum tt__message_kind kind_of(const char *text)
{
    struct tt__message m;
    tt__message_read(&m, text, strlen(text));
    enum tt__message_kind kind = m.kind;
    tt__message_fini(&m);
    return kind;
}

static void a_response_has_defaults_for_what_is_optional(void **state)
{
    (void)state;
    const char *text = "{\"x\":1,\"headers\":{\"a\":[\"b\"]}," ANSWER "}";
    struct tt__message m;
    tt__message_read(&m, text, strlen(text));
    assert_int_equal(m.kind, TT__MESSAGE_RESPONSE);
    assert_string_equal(m.request_id, "r");
    assert_int_equal(m.status, 201);
    assert_string_equal(m.body, "");
    tt__message_fini(&m);
}

static void incomplete_and_mistyped_messages_are_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "nonsense",
        "[]",
        "{}",
        "{\"action\":\"ready\"}",
        "{\"type\":\"nope\"}",
        "{\"type\":1}",
        "{" ANSWER "}",
        "{" ANSWER ",\"headers\":{\"a\":\"b\"}}",
        "{" ANSWER ",\"headers\":{},\"body\":null}",
        "{" ANSWER ",\"headers\":{},\"processing_time_ms\":-1}",
        "{\"type\":\"http_response\",\"request_id\":\"r\",\"status_code\":70000,\"headers\":{}}",
        "{\"type\":\"error\",\"code\":\"other\",\"message\":\"m\"}",
        "{\"type\":\"error\",\"code\":\"timeout\"}",
        "{\"type\":\"error\",\"code\":\"timeout\",\"message\":\"m\",\"request_id\":1}",
        "{\"type\":\"connection_established\"}",
        "{\"type\":\"http_request\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(kind_of(bad[i]), TT__MESSAGE_BAD);
}

static void other_messages_are_known(void **state)
{
    (void)state;
    assert_int_equal(kind_of("{\"type\":\"ready\",\"more\":[]}"), TT__MESSAGE_READY);
    assert_int_equal(kind_of("{\"type\":\"ping\"}"), TT__MESSAGE_IGNORED);
    assert_int_equal(kind_of("{\"type\":\"pong\"}"), TT__MESSAGE_IGNORED);
    assert_int_equal(kind_of("{\"type\":\"error\",\"request_id\":null,\"code\":\"timeout\","
                             "\"message\":\"\"}"),
                     TT__MESSAGE_ERROR);
}

static void a_request_carries_base64_and_its_query(void **state)
{
    (void)state;
    struct tt_buf out;
    cJSON *headers = cJSON_CreateObject();
    tt_buf_init(&out, SIZE_MAX);
    tt__message_request(&out, &(struct tt__forward){.request_id = "r",
                                                    .method = "POST",
                                                    .path = "/p",
                                                    .query = "q=1",
                                                    .headers = headers,
                                                    .body = "\0\xff",
                                                    .body_len = 2,
                                                    .timestamp_ms = 1795425652877});
    assert_string_equal(out.data, "{\"type\":\"http_request\",\"request_id\":\"r\","
                                  "\"method\":\"POST\",\"uri\":\"/p?q=1\",\"headers\":{},"
                                  "\"body\":\"AP8=\",\"timestamp\":1795425652877}");
    cJSON_Delete(headers);
    tt_buf_fini(&out);
}

static bool valid(const char *head, const char *claims, const char *secret)
{
    struct tt_buf t;
    uint8_t mac[64];
    size_t n;
    tt_buf_init(&t, SIZE_MAX);
    tt_base64_encode(&t, head, strlen(head), TT_BASE64_RAWURL);
    tt_buf_putc(&t, '.');
    tt_base64_encode(&t, claims, strlen(claims), TT_BASE64_RAWURL);
    assert_true(tt_hmac("SHA256", secret, strlen(secret), t.data, t.len, mac, &n));
    tt_buf_putc(&t, '.');
    tt_base64_encode(&t, mac, n, TT_BASE64_RAWURL);
    bool ok = tt__token_valid(t.data, SECRET, NOW);
    tt_buf_fini(&t);
    return ok;
}

static void tokens_need_exp_and_sub_and_no_aud(void **state)
{
    (void)state;
    assert_true(valid(HS256, "{\"sub\":\"s\",\"exp\":1000001}", SECRET));
    assert_true(valid(HS256, "{\"sub\":\"s\",\"exp\":999970}", SECRET)); /* leeway */
    assert_true(valid(HS256, "{\"sub\":\"s\",\"exp\":1000001,\"nbf\":2000000}", SECRET));
    assert_false(valid(HS256, "{\"sub\":\"s\",\"exp\":999910}", SECRET));
    assert_false(valid(HS256, "{\"exp\":1000001}", SECRET));
    assert_false(valid(HS256, "{\"sub\":\"s\"}", SECRET));
    assert_false(valid(HS256, "{\"sub\":\"s\",\"exp\":1000001,\"aud\":\"a\"}", SECRET));
}

static void tokens_are_signed_with_our_secret_and_hs256(void **state)
{
    (void)state;
    assert_false(valid(HS256, "{\"sub\":\"s\",\"exp\":1000001}", "other"));
    assert_false(valid("{\"alg\":\"none\"}", "{\"sub\":\"s\",\"exp\":1000001}", SECRET));
    assert_false(valid("{\"alg\":\"HS512\"}", "{\"sub\":\"s\",\"exp\":1000001}", SECRET));
    assert_false(tt__token_valid("", SECRET, NOW));
    assert_false(tt__token_valid("a.b", SECRET, NOW));
    assert_false(tt__token_valid("a.b.c.d", SECRET, NOW));
}

static const char *presented(const char *target, const char *authorization, char *out, size_t size)
{
    char text[512];
    struct tt_http_request r;
    size_t used;
    int status;
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n%s%s\r\n\r\n", target,
             authorization ? "Authorization: " : "X: ", authorization ? authorization : "");
    assert_int_equal(tt_http_request_parse(&r, text, strlen(text), &used, &status), TT_PARSE_DONE);
    bool found = tt__token_presented(&r, out, size);
    tt_http_request_fini(&r);
    return found ? out : NULL;
}

static void the_bearer_header_wins_over_the_query(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(presented("/?token=q", "Bearer h", out, sizeof out), "h");
    assert_string_equal(presented("/?token=q", "Basic h", out, sizeof out), "q");
    assert_string_equal(presented("/?token=q", NULL, out, sizeof out), "q");
    assert_null(presented("/", "bearer h", out, sizeof out));
    assert_null(presented("/", NULL, out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_has_defaults_for_what_is_optional),
        cmocka_unit_test(incomplete_and_mistyped_messages_are_bad),
        cmocka_unit_test(other_messages_are_known),
        cmocka_unit_test(a_request_carries_base64_and_its_query),
        cmocka_unit_test(tokens_need_exp_and_sub_and_no_aud),
        cmocka_unit_test(tokens_are_signed_with_our_secret_and_hs256),
        cmocka_unit_test(the_bearer_header_wins_over_the_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
