/* SPDX-License-Identifier: MIT */
/* The opening handshake: the request's text, the reading of answers. */
#include "proto/ws/handshake.h"
#include "proto/ws/label.h"
#include "unit.h"

/* RFC 6455 1.3 */
static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
static struct tt_ws_deflate deflate; /* offered */
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

static enum tt_ws_answer read_answer(struct tt_ws_response *r, const char *text, size_t step,
                                     const char *offered, size_t *left)
{
    size_t n = strlen(text), at = 0, used = 0;
    enum tt_ws_answer a = TT_WS_MORE;
    const struct tt_ws_offer offer = {key, offered, &deflate};
    tt_ws_response_init(r);
    while (a == TT_WS_MORE && at < n) {
        a = tt_ws_response_read(r, text + at, step < n - at ? step : n - at, &offer, &used);
        at += used;
    }
    if (left)
        *left = n - at;
    return a;
}

static void request_has_what_the_rfc_asks_for(void **state)
{
    (void)state;
    struct tt_buf url, out;
    struct tt_http_url u;
    const char *why;
    tt_buf_init(&url, 1024);
    tt_buf_init(&out, 4096);
    assert_true(tt_ws_url("ws://h.test:81/a b?q=1", 22, &url, &u, &why));
    const struct tt_ws_request r = {.url = &u,
                                    .lines = "X-A: 1\r\n",
                                    .subprotocols = "p1, p2",
                                    .user_agent = "me/1",
                                    .deflate = &deflate};
    assert_true(tt_ws_put_request(&out, &r, key));
    assert_string_equal(out.data,
                        "GET /a%20b?q=1 HTTP/1.1\r\nHost: h.test:81\r\nUser-Agent: me/1\r\n"
                        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Protocol: p1, p2\r\nX-A: 1\r\n\r\n");
    tt_buf_fini(&url);
    tt_buf_fini(&out);
}

static void the_scripts_host_header_replaces_ours(void **state)
{
    (void)state;
    struct tt_buf url, out;
    struct tt_http_url u;
    const char *why;
    tt_buf_init(&url, 1024);
    tt_buf_init(&out, 4096);
    assert_true(tt_ws_url("wss://h.test", 12, &url, &u, &why));
    assert_true(u.https);
    assert_int_equal(u.port, 443);
    const struct tt_ws_request r = {.url = &u, .lines = "host: other\r\n", .deflate = &deflate};
    assert_true(tt_ws_put_request(&out, &r, key));
    assert_null(strstr(out.data, "Host: h.test"));
    assert_non_null(strstr(out.data, "GET / HTTP/1.1\r\n"));
    tt_buf_fini(&url);
    tt_buf_fini(&out);
}

static void other_schemes_and_fragments_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"http://h/", "ws:/h", "ws://", "ws://h/#f", "", "wss://:1/"};
    struct tt_buf url;
    struct tt_http_url u;
    tt_buf_init(&url, 1024);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *why = NULL;
        assert_false(tt_ws_url(bad[i], strlen(bad[i]), &url, &u, &why));
        assert_non_null(why);
    }
    tt_buf_fini(&url);
}

static void accepts_the_rfcs_example_in_any_pieces(void **state)
{
    (void)state;
    static const char text[] = SWITCH ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\nframes";
    for (size_t step = 1; step < sizeof text; step++) {
        struct tt_ws_response r;
        size_t left;
        assert_int_equal(read_answer(&r, text, step, "superchat, chat", &left), TT_WS_ACCEPTED);
        assert_int_equal(r.status, 101);
        assert_int_equal(left, 6);
        assert_string_equal(r.subprotocol, "chat");
        tt_ws_response_fini(&r);
    }
}

static void refused_handshakes_keep_status_and_body(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope",
        "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: "
        "chunked\r\n\r\n2\r\nno\r\n2;x=y\r\npe\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < 2; i++)
        for (size_t step = 1; step < strlen(texts[i]); step++) {
            struct tt_ws_response r;
            assert_int_equal(read_answer(&r, texts[i], step, NULL, NULL), TT_WS_REFUSED);
            assert_int_equal(r.status, 403);
            assert_string_equal(r.body.data, "nope");
            tt_ws_response_fini(&r);
        }
}

static void a_body_without_a_length_ends_with_the_connection(void **state)
{
    (void)state;
    struct tt_ws_response r;
    assert_int_equal(read_answer(&r, "HTTP/1.0 500 Oops\r\n\r\nbroken", 3, NULL, NULL), TT_WS_MORE);
    assert_int_equal(tt_ws_response_eof(&r), TT_WS_REFUSED);
    assert_int_equal(r.status, 500);
    assert_string_equal(r.body.data, "broken");
    tt_ws_response_fini(&r);
}

static void answers_to_something_else_are_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        SWITCH "Sec-WebSocket-Accept: wrong\r\n\r\n",
        SWITCH "\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n" ACCEPT "\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" ACCEPT "\r\n",
        SWITCH ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        SWITCH ACCEPT "Sec-WebSocket-Protocol: other\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tt_ws_response r;
        assert_int_equal(read_answer(&r, bad[i], 7, "chat", NULL), TT_WS_BAD);
        assert_non_null(r.error);
        tt_ws_response_fini(&r);
    }
}

static void a_header_block_without_end_is_bad(void **state)
{
    (void)state;
    struct tt_ws_response r;
    size_t n = TT_WS_HEAD_MAX + 100, used = 0, at = 0;
    char *text = malloc(n);
    memset(text, 'a', n);
    memcpy(text, SWITCH, strlen(SWITCH));
    tt_ws_response_init(&r);
    enum tt_ws_answer a = TT_WS_MORE;
    const struct tt_ws_offer offer = {key, NULL, &deflate};
    while (a == TT_WS_MORE && at < n) {
        a = tt_ws_response_read(&r, text + at, n - at, &offer, &used);
        at += used;
    }
    assert_int_equal(a, TT_WS_BAD);
    tt_ws_response_fini(&r);
    free(text);
}

static void the_jars_cookies_give_way_to_the_scripts(void **state)
{
    (void)state;
    struct tt_buf url, out;
    struct tt_http_url u;
    const char *why;
    tt_buf_init(&url, 1024);
    tt_buf_init(&out, 4096);
    assert_true(tt_ws_url("ws://h.test", 11, &url, &u, &why));
    struct tt_ws_request r = {.url = &u, .lines = "", .cookies = "a=1; b=2", .deflate = &deflate};
    assert_true(tt_ws_put_request(&out, &r, key));
    assert_non_null(strstr(out.data, "\r\nCookie: a=1; b=2\r\n"));
    r.lines = "Cookie: c=3\r\n";
    tt_buf_clear(&out);
    assert_true(tt_ws_put_request(&out, &r, key));
    assert_null(strstr(out.data, "a=1"));
    assert_non_null(strstr(out.data, "\r\nCookie: c=3\r\n"));
    tt_buf_fini(&url);
    tt_buf_fini(&out);
}

static void secrets_are_masked_in_tags(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"ws://h/a?b=c", "ws://h/a?b=c"},
        {"wss://u:p@h:1?token=abc", "wss://****:****@h:1?token=****"},
        {"ws://h/?a=1&access_token=x&b=2", "ws://h/?a=1&access_token=****&b=2"},
        {"ws://h/?apiKey=x&X-Amz-Signature=y&SIG=z",
         "ws://h/?apiKey=****&X-Amz-Signature=****&SIG=****"},
        {"ws://h/?monkey=x&token=&token", "ws://h/?monkey=x&token=&token"},
        {"ws://h/token=x?", "ws://h/token=x?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tt_buf url, out;
        struct tt_http_url u;
        const char *why;
        tt_buf_init(&url, 1024);
        tt_buf_init(&out, 1024);
        assert_true(tt_ws_url(cases[i][0], strlen(cases[i][0]), &url, &u, &why));
        assert_true(tt_ws_label(&u, &out));
        assert_string_equal(out.data, cases[i][1]);
        tt_buf_fini(&url);
        tt_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_jars_cookies_give_way_to_the_scripts),
        cmocka_unit_test(secrets_are_masked_in_tags),
        cmocka_unit_test(request_has_what_the_rfc_asks_for),
        cmocka_unit_test(the_scripts_host_header_replaces_ours),
        cmocka_unit_test(other_schemes_and_fragments_are_refused),
        cmocka_unit_test(accepts_the_rfcs_example_in_any_pieces),
        cmocka_unit_test(refused_handshakes_keep_status_and_body),
        cmocka_unit_test(a_body_without_a_length_ends_with_the_connection),
        cmocka_unit_test(answers_to_something_else_are_bad),
        cmocka_unit_test(a_header_block_without_end_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
