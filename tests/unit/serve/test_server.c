/* SPDX-License-Identifier: MIT */
/* The HTTP side of the server, seen by a client that sends what it likes. */
#include "serve_rig.h"

enum { BODY_MAX = 100 };

/* "METHOD PATH BODY", or what the path asks for. */
static void on_request(struct tt_exchange *x, void *user)
{
    struct rig *g = user;
    const char *path = x->req.path;
    char text[512];
    if (strcmp(path, "/hold") == 0) {
        pthread_mutex_lock(&g->lock);
        g->held = x;
        pthread_mutex_unlock(&g->lock);
        rig_note(g, &g->requests);
        return;
    }
    rig_note(g, &g->requests);
    if (x->body_too_large) {
        tt_exchange_reply_text(x, 413, "text/plain", "too large");
    } else if (strcmp(path, "/nothing") == 0) {
        tt_exchange_reply(x, 204, NULL, 0);
    } else if (strcmp(path, "/drop") == 0) {
        tt_exchange_drop(x, false);
    } else if (strcmp(path, "/reset") == 0) {
        tt_exchange_drop(x, true);
    } else if (strcmp(path, "/headers") == 0) {
        tt_exchange_add(x, "x-good", "a\tb");
        tt_exchange_add(x, "x-split", "a\r\nx-evil: 1");
        tt_exchange_add(x, "x-na\nme", "a");
        tt_exchange_add(x, "x bad", "a");
        tt_exchange_add(x, "", "a");
        tt_exchange_reply_text(x, 200, "text/plain", "");
    } else {
        snprintf(text, sizeof text, "%s %s %s", x->req.method, path,
                 x->body.len ? x->body.data : "");
        tt_exchange_reply_text(x, 200, "text/plain", text);
    }
}

static void on_gone(struct tt_exchange *x, void *user)
{
    struct rig *g = user;
    (void)x;
    pthread_mutex_lock(&g->lock);
    g->held = NULL;
    pthread_mutex_unlock(&g->lock);
    rig_note(g, &g->gone);
}

static void on_stopping(struct tt_server *s, void *user)
{
    struct rig *g = user;
    (void)s;
    rig_note(g, &g->stopping);
}

static const struct tt_server_handler handler = {
    .request = on_request, .gone = on_gone, .stopping = on_stopping};

static int setup(void **state)
{
    *state = rig_new(&handler, (struct tt_server_config){.body_max = BODY_MAX});
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static int connected(const struct rig *g)
{
    return client_tcp(tt_server_port(g->server));
}

static void expect(int fd, int status, const char *body)
{
    struct client_answer a;
    client_read_answer(fd, &a, true);
    assert_int_equal(a.status, status);
    assert_string_equal(a.body, body);
    client_answer_fini(&a);
}

/* The answer, then the end; *head: the answer's. */
static void expect_last(int fd, int status, const char *body)
{
    struct client_answer a;
    client_read_answer(fd, &a, true);
    assert_int_equal(a.status, status);
    assert_string_equal(a.body, body);
    assert_string_equal(client_header(&a, "connection"), "close");
    client_answer_fini(&a);
    client_expect_end(fd);
}

/* --- connections */

static void a_connection_carries_many_requests(void **state)
{
    int fd = connected(*state);
    for (int i = 0; i < 3; i++) {
        client_request(fd, "GET", "/a", "", NULL);
        expect(fd, 200, "GET /a ");
        client_request(fd, "POST", "/b", "", "text");
        expect(fd, 200, "POST /b text");
    }
    close(fd);
}

static void requests_sent_at_once_are_answered_in_order(void **state)
{
    int fd = connected(*state);
    client_send(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
                    "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                    "GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(fd, 200, "GET /1 ");
    expect(fd, 200, "POST /2 abc");
    expect(fd, 200, "GET /3 ");
    close(fd);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    int fd = connected(*state);
    static const char text[] = "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab";
    for (size_t i = 0; i < sizeof text - 1; i++)
        assert_true(client_try_send(fd, text + i, 1));
    expect(fd, 200, "POST /slow ab");
    close(fd);
}

static void the_client_says_when_the_connection_ends(void **state)
{
    int fd = connected(*state);
    client_request(fd, "GET", "/", "Connection: close\r\n", NULL);
    expect_last(fd, 200, "GET / ");
    fd = connected(*state);
    client_send(fd, "GET / HTTP/1.0\r\n\r\n");
    expect_last(fd, 200, "GET / ");
}

static void old_clients_are_told_that_the_connection_stays(void **state)
{
    struct client_answer a;
    int fd = connected(*state);
    for (int i = 0; i < 2; i++) {
        client_send(fd, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        client_read_answer(fd, &a, true);
        assert_string_equal(client_header(&a, "connection"), "keep-alive");
        client_answer_fini(&a);
    }
    close(fd);
}

/* --- answers */

static void the_answer_to_head_has_a_length_and_no_body(void **state)
{
    struct client_answer a;
    int fd = connected(*state);
    client_request(fd, "HEAD", "/x", "", NULL);
    client_read_answer(fd, &a, false);
    assert_string_equal(client_header(&a, "content-length"), "8");
    client_answer_fini(&a);
    client_request(fd, "GET", "/y", "", NULL);
    expect(fd, 200, "GET /y ");
    close(fd);
}

static void no_content_has_no_length(void **state)
{
    struct client_answer a;
    int fd = connected(*state);
    client_request(fd, "GET", "/nothing", "", NULL);
    client_read_answer(fd, &a, true);
    assert_int_equal(a.status, 204);
    assert_null(client_header(&a, "content-length"));
    client_answer_fini(&a);
    client_request(fd, "GET", "/y", "", NULL);
    expect(fd, 200, "GET /y ");
    close(fd);
}

static void headers_cannot_break_out_of_their_line(void **state)
{
    struct client_answer a;
    int fd = connected(*state);
    client_request(fd, "GET", "/headers", "", NULL);
    client_read_answer(fd, &a, true);
    assert_string_equal(client_header(&a, "x-good"), "a\tb");
    assert_null(client_header(&a, "x-split"));
    assert_null(client_header(&a, "x-evil"));
    assert_null(strstr(a.head, "x-na"));
    assert_null(strstr(a.head, "x bad"));
    client_answer_fini(&a);
    close(fd);
}

static void an_exchange_may_be_dropped(void **state)
{
    struct rig *g = *state;
    char c;
    int fd = connected(g);
    client_request(fd, "GET", "/drop", "", NULL);
    client_expect_end(fd);
    fd = connected(g);
    client_request(fd, "GET", "/reset", "", NULL);
    assert_int_equal(client_read(fd, &c, 1), -1);
    close(fd);
    assert_int_equal(g->gone, 0);
}

static void every_status_has_a_reason_phrase(void **state)
{
    (void)state;
    assert_string_equal(tt_status_text(200), "OK");
    assert_string_equal(tt_status_text(418), "I'm a teapot");
    assert_true(tt_status_text(299)[0] != '\0'); /* unknown ones too */
}

/* --- bodies */

static void bodies_may_be_chunked(void **state)
{
    int fd = connected(*state);
    client_send(fd, "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n"
                    "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(fd, 200, "POST /c abcde");
    expect(fd, 200, "GET /next ");
    close(fd);
}

static void a_client_that_asks_first_is_told_to_go_on(void **state)
{
    struct client_answer a;
    int fd = connected(*state);
    client_send(fd, "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
                    "2\r\n\r\n");
    client_read_head(fd, &a);
    assert_int_equal(a.status, 100);
    client_send(fd, "ab");
    expect(fd, 200, "POST /e ab");
    client_send(fd, "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
                    "101\r\n\r\n");
    expect_last(fd, 413, "too large"); /* and nothing before */
}

static void a_body_of_the_largest_size_is_taken(void **state)
{
    char body[BODY_MAX + 1], expected[BODY_MAX + 16];
    int fd = connected(*state);
    memset(body, 'x', BODY_MAX);
    body[BODY_MAX] = '\0';
    snprintf(expected, sizeof expected, "POST / %s", body);
    client_request(fd, "POST", "/", "", body);
    expect(fd, 200, expected);
    close(fd);
}

static void larger_bodies_are_answered_and_end_the_connection(void **state)
{
    char body[BODY_MAX + 2];
    memset(body, 'x', BODY_MAX + 1);
    body[BODY_MAX + 1] = '\0';
    int fd = connected(*state);
    client_request(fd, "POST", "/", "", body);
    expect_last(fd, 413, "too large");
    fd = connected(*state);
    client_send(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n");
    client_send(fd, body);
    expect_last(fd, 413, "too large");
}

static void reply_413(struct rig *g, struct tt_exchange *x)
{
    (void)g;
    tt_exchange_reply_text(x, 413, "text/plain", "too large, later");
}

static void larger_bodies_are_answered_later_too(void **state)
{
    struct rig *g = *state;
    int fd = connected(g);
    client_send(fd, "POST /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\nabc");
    rig_held(g);
    rig_do(g, reply_413);
    expect_last(fd, 413, "too large, later");
    assert_int_equal(g->gone, 0);
}

/* --- what is no request */

static void expect_bad(struct rig *g, const char *text, int status)
{
    int fd = connected(g);
    client_send(fd, text);
    expect_last(fd, status, "");
}

static void what_is_no_request_is_answered_and_cut_off(void **state)
{
    struct rig *g = *state;
    expect_bad(g, "nonsense\r\n\r\n", 400);
    expect_bad(g, "GET / HTTP/1.1\r\n\r\n", 400);
    expect_bad(g, "GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505);
    expect_bad(g, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501);
    expect_bad(g, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400);
    assert_int_equal(g->requests, 0);
}

static void nothing_after_a_bad_request_is_read(void **state)
{
    struct rig *g = *state;
    expect_bad(g, "nonsense\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    assert_int_equal(g->requests, 0);
}

/* --- answers that come later */

static void reply_late(struct rig *g, struct tt_exchange *x)
{
    g->held = NULL;
    tt_exchange_reply_text(x, 200, "text/plain", "late");
}

static void an_answer_may_come_later(void **state)
{
    struct rig *g = *state;
    int fd = connected(g), other = connected(g);
    client_request(fd, "GET", "/hold", "", NULL);
    rig_held(g);
    client_request(other, "GET", "/meanwhile", "", NULL);
    expect(other, 200, "GET /meanwhile ");
    rig_do(g, reply_late);
    expect(fd, 200, "late");
    client_request(fd, "GET", "/next", "", NULL);
    expect(fd, 200, "GET /next ");
    close(fd);
    close(other);
}

static void a_request_waits_behind_one_without_an_answer_yet(void **state)
{
    struct rig *g = *state;
    int fd = connected(g);
    client_send(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_held(g);
    assert_int_equal(g->requests, 1);
    rig_do(g, reply_late);
    expect(fd, 200, "late");
    expect(fd, 200, "GET /2 ");
    close(fd);
}

static void a_client_that_leaves_is_gone_once(void **state)
{
    struct rig *g = *state;
    int fd = connected(g);
    client_request(fd, "GET", "/hold", "", NULL);
    rig_held(g);
    close(fd);
    rig_wait(g, &g->gone, 1);
    fd = connected(g);
    client_request(fd, "GET", "/", "", NULL);
    expect(fd, 200, "GET / ");
    close(fd);
    assert_int_equal(g->gone, 1);
}

static void stopping_closes_what_is_open(void **state)
{
    struct rig *g = rig_new(&handler, (struct tt_server_config){.body_max = BODY_MAX});
    int idle = connected(g), waiting = connected(g);
    (void)state;
    client_request(idle, "GET", "/", "", NULL);
    expect(idle, 200, "GET / ");
    client_request(waiting, "GET", "/hold", "", NULL);
    rig_held(g);
    rig_stop(g);
    assert_int_equal(g->stopping, 1);
    assert_int_equal(g->gone, 1);
    client_expect_end(idle);
    client_expect_end(waiting);
    rig_free(g);
}

/* --- streams */

static void begin_stream(struct rig *g, struct tt_exchange *x)
{
    tt_exchange_add(x, "x-more", "1");
    g->sent = tt_exchange_stream(x, "text/x-stream");
}

static void send_piece(struct rig *g, struct tt_exchange *x)
{
    g->sent = tt_exchange_send(x, "piece", 5);
}

static void end_stream(struct rig *g, struct tt_exchange *x)
{
    g->held = NULL;
    tt_exchange_end(x);
}

static void a_stream_comes_in_pieces_until_its_end(void **state)
{
    struct rig *g = *state;
    struct client_answer a;
    char piece[6] = "";
    int fd = connected(g);
    client_request(fd, "GET", "/hold", "", NULL);
    rig_held(g);
    rig_do(g, begin_stream);
    client_read_head(fd, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(client_header(&a, "content-type"), "text/x-stream");
    assert_string_equal(client_header(&a, "x-more"), "1");
    assert_null(client_header(&a, "content-length"));
    for (int i = 0; i < 3; i++) {
        rig_do(g, send_piece);
        assert_true(g->sent);
        assert_int_equal(client_read(fd, piece, 5), 5);
        assert_string_equal(piece, "piece");
    }
    rig_do(g, end_stream);
    client_expect_end(fd);
    assert_int_equal(g->gone, 0);
}

static void flood(struct rig *g, struct tt_exchange *x)
{
    static char block[65536];
    for (int i = 0; i < 10000 && g->sent; i++)
        g->sent = tt_exchange_send(x, block, sizeof block);
}

static void a_reader_too_far_behind_is_dropped(void **state)
{
    struct rig *g = *state;
    int fd = connected(g);
    client_request(fd, "GET", "/hold", "", NULL);
    rig_held(g);
    rig_do(g, begin_stream);
    rig_do(g, flood); /* nobody reads */
    assert_false(g->sent);
    assert_int_equal(g->gone, 1);
    close(fd);
}

static void a_streams_reader_may_leave(void **state)
{
    struct rig *g = *state;
    int fd = connected(g);
    client_request(fd, "GET", "/hold", "", NULL);
    rig_held(g);
    rig_do(g, begin_stream);
    close(fd);
    rig_wait(g, &g->gone, 1);
}

/* --- starting */

static void refused(struct tt_server_config config, int exit_code, const char *text)
{
    struct tt_err err = {0};
    config.name = "test";
    config.handler = &handler;
    assert_null(tt_server_start(&config, &err));
    assert_int_equal(err.exit_code, exit_code);
    if (!strstr(err.text, text))
        fail_msg("'%s' is not in: %s", text, err.text);
}

static void what_cannot_be_listened_on_is_told(void **state)
{
    struct rig *g = *state;
    refused((struct tt_server_config){.host = "localhost"}, 104, "is not an IP address");
    refused((struct tt_server_config){.port = tt_server_port(g->server)}, 255,
            "cannot listen on 127.0.0.1 port");
    refused((struct tt_server_config){.unix_path = "/nonexistent/folder/s"}, 255,
            "cannot listen on /nonexistent/folder/s");
    refused((struct tt_server_config){.tls_cert = "/nonexistent"}, 104, "both");
    refused((struct tt_server_config){.tls_key = "/nonexistent"}, 104, "both");
    refused((struct tt_server_config){.tls_cert = "/nonexistent", .tls_key = "/nonexistent"}, 104,
            "/nonexistent");
}

static void servers_live_side_by_side(void **state)
{
    struct rig *g = *state, *other = rig_new(&handler, (struct tt_server_config){.body_max = 1});
    assert_int_not_equal(tt_server_port(g->server), tt_server_port(other->server));
    int fd = connected(other);
    client_request(fd, "POST", "/", "", "ab");
    expect_last(fd, 413, "too large");
    rig_free(other);
    fd = connected(g);
    client_request(fd, "POST", "/", "", "ab");
    expect(fd, 200, "POST / ab");
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_carries_many_requests),
        TEST(requests_sent_at_once_are_answered_in_order),
        TEST(a_request_may_come_byte_by_byte),
        TEST(the_client_says_when_the_connection_ends),
        TEST(old_clients_are_told_that_the_connection_stays),
        TEST(the_answer_to_head_has_a_length_and_no_body),
        TEST(no_content_has_no_length),
        TEST(headers_cannot_break_out_of_their_line),
        TEST(an_exchange_may_be_dropped),
        cmocka_unit_test(every_status_has_a_reason_phrase),
        TEST(bodies_may_be_chunked),
        TEST(a_client_that_asks_first_is_told_to_go_on),
        TEST(a_body_of_the_largest_size_is_taken),
        TEST(larger_bodies_are_answered_and_end_the_connection),
        TEST(larger_bodies_are_answered_later_too),
        TEST(what_is_no_request_is_answered_and_cut_off),
        TEST(nothing_after_a_bad_request_is_read),
        TEST(an_answer_may_come_later),
        TEST(a_request_waits_behind_one_without_an_answer_yet),
        TEST(a_client_that_leaves_is_gone_once),
        cmocka_unit_test(stopping_closes_what_is_open),
        TEST(a_stream_comes_in_pieces_until_its_end),
        TEST(a_reader_too_far_behind_is_dropped),
        TEST(a_streams_reader_may_leave),
        TEST(what_cannot_be_listened_on_is_told),
        TEST(servers_live_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
