/* SPDX-License-Identifier: MIT */
/* Requests of HTTP/1.1 as text. */
#include "proto/http/h1_request.h"
#include "unit.h"
#include <string.h>

#define LINES(list, count) .headers = list, .n_headers = count

static void is_written(const struct tt_http_exchange *x, const struct tt_h1_own *own,
                       const char *text, bool closes)
{
    struct tt_buf out;
    bool says = !closes;
    tt_buf_init(&out, 4096);
    assert_true(tt_h1_request_put(&out, x, own, &says));
    assert_string_equal(out.data, text);
    assert_int_equal(says, closes);
    tt_buf_fini(&out);
}

static void a_request_names_its_target_and_host(void **state)
{
    (void)state;
    static const struct {
        const char *url, *target, *host;
    } cases[] = {
        {"http://h.test", "/", "h.test"},
        {"http://h.test?q=1", "/?q=1", "h.test"},
        {"http://H:81/a/../b?x", "/a/../b?x", "H:81"},
        {"http://[::1]:80/", "/", "[::1]"},
        {"http://h:80", "/", "h"},
        {"http://h:/x", "/x", "h"},
        {"http://h:8080/", "/", "h:8080"},
        {"http://h:443/", "/", "h:443"},
        {"https://h:443/x", "/x", "h"},
        {"https://h:80", "/", "h:80"},
    };
    const struct tt_h1_own own = {0};
    char want[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tt_http_exchange x = {.method = "GET", .url = cases[i].url};
        snprintf(want, sizeof want, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", cases[i].target,
                 cases[i].host);
        is_written(&x, &own, want, false);
    }
}

static void the_scripts_lines_replace_ours(void **state)
{
    (void)state;
    const struct tt_h1_own own = {.user_agent = "me/1"};
    const struct tt_http_exchange none = {.method = "GET", .url = "http://h/"};
    is_written(&none, &own, "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: me/1\r\n\r\n", false);
    const struct tt_http_exchange x = {.method = "GET",
                                       .url = "http://h/",
                                       LINES("host: a\0X-Empty;\0user-agent: b\0Hosts: c", 4)};
    is_written(&x, &own,
               "GET / HTTP/1.1\r\nhost: a\r\nX-Empty:\r\nuser-agent: b\r\nHosts: c\r\n\r\n", false);
}

static void bodies_have_a_length(void **state)
{
    (void)state;
    const struct tt_h1_own own = {0};
    const struct tt_http_exchange post = {.method = "POST", .url = "http://h/"},
                                  empty = {.method = "POST", .url = "http://h/", .upload = ""},
                                  del = {.method = "DELETE", .url = "http://h/"},
                                  get = {.method = "GET",
                                         .url = "http://h/",
                                         .upload = "ab",
                                         .upload_len = 2};
    is_written(&post, &own, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", false);
    is_written(&empty, &own,
               "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false);
    is_written(&del, &own, "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n", false);
    is_written(&get, &own, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n", false);
}

static void the_last_request_of_a_connection_is_known(void **state)
{
    (void)state;
    const struct tt_h1_own own = {.closes = true}, none = {0};
    const struct tt_http_exchange x = {.method = "GET", .url = "http://h/"},
                                  y = {.method = "GET",
                                       .url = "http://h/",
                                       LINES("connection: te, Close", 1)};
    is_written(&x, &own, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", true);
    is_written(&y, &none, "GET / HTTP/1.1\r\nHost: h\r\nconnection: te, Close\r\n\r\n", true);
}

static void some_requests_may_be_sent_twice(void **state)
{
    (void)state;
    static const struct {
        const char *method, *line;
        bool may;
    } cases[] = {
        {"GET", "A: b", true},
        {"HEAD", "A: b", true},
        {"OPTIONS", "A: b", true},
        {"TRACE", "A: b", true},
        {"POST", "A: b", false},
        {"PUT", "A: b", false},
        {"DELETE", "A: b", false},
        {"get", "A: b", false},
        {"POST", "Idempotency-Key: 1", true},
        {"POST", "x-idempotency-key: 1", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tt_http_exchange x = {.method = cases[i].method, LINES(cases[i].line, 1)};
        assert_int_equal(tt_h1_request_repeatable(&x), cases[i].may);
    }
}

static void authorities_are_split(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
    } cases[] = {
        {"h", "h", 80},
        {"h:81", "h", 81},
        {"[::1]", "::1", 80},
        {"[::1]:9", "::1", 9},
        {"1.2.3.4:65535", "1.2.3.4", 65535},
    };
    char host[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint16_t port = 80;
        tt_h1_split_authority((struct tt_slice){cases[i].text, strlen(cases[i].text)}, host,
                              sizeof host, &port);
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_names_its_target_and_host),
        cmocka_unit_test(the_scripts_lines_replace_ours),
        cmocka_unit_test(bodies_have_a_length),
        cmocka_unit_test(the_last_request_of_a_connection_is_known),
        cmocka_unit_test(some_requests_may_be_sent_twice),
        cmocka_unit_test(authorities_are_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
