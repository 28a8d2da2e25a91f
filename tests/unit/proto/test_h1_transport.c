/* SPDX-License-Identifier: MIT */
/* Which connections the HTTP/1.1 transport uses again, and what it sends twice. The test is the
 * server, on the same thread: each step waits for the other side's. */
#include "base/clock.h"
#include "base/memory.h"
#include "plan/plan.h"
#include "proto/http/headers.h"
#include "proto/http/transport.h"
#include "unit.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const struct tt_http_transport *const http = &tt_http_h1_transport;

struct fixture {
    struct tt_loop *loop;
    struct tt_plan *plan;
    void *self;
    struct tt_http_session *session;
    int listener, peer; /* peer: the connection that was accepted last, -1: none */
    char url[64];
};

struct trip {
    struct tt_http_exchange x;
    unsigned times;
};

static int setup(void **state)
{
    struct fixture *f = tt_xcalloc(1, sizeof *f);
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    struct tt_err err = {0};
    f->loop = tt_loop_new(&err);
    f->plan = tt_plan_new();
    f->self = http->open(f->loop, &f->plan->opt, &err);
    f->session = http->session_new(f->self);
    f->peer = -1;
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(f->listener, 16), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&sa, &len), 0);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/", ntohs(sa.sin_port));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->peer >= 0)
        close(f->peer);
    close(f->listener);
    http->session_free(f->self, f->session);
    http->close(f->self);
    tt_loop_drain(f->loop);
    tt_loop_free(f->loop);
    tt_plan_free(f->plan);
    tt_free(f);
    return 0;
}

static void on_done(struct tt_http_exchange *x)
{
    ((struct trip *)x)->times++;
}

static struct trip *start(struct fixture *f, const char *method, const char *body)
{
    struct trip *t = tt_xcalloc(1, sizeof *t);
    tt_buf_init(&t->x.head, 1 << 20);
    tt_buf_init(&t->x.body, 1 << 20);
    t->x.method = method;
    t->x.url = f->url;
    t->x.upload = body;
    t->x.upload_len = body ? strlen(body) : 0;
    t->x.done = on_done;
    t->x.at.begin = t->x.at.looked_up = tt_now_ns();
    http->start(f->self, f->session, &t->x);
    return t;
}

static void trip_free(struct trip *t)
{
    tt_buf_fini(&t->x.head);
    tt_buf_fini(&t->x.body);
    tt_free(t);
}

/* Runs the client until fd has something for the server. */
static void until_readable(struct fixture *f, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, 0) == 0)
        tt_loop_run_once(f->loop, false);
}

/* The next request comes on a connection of its own. */
static void accept_request(struct fixture *f)
{
    char got[4096];
    until_readable(f, f->listener);
    if (f->peer >= 0)
        close(f->peer);
    f->peer = accept(f->listener, NULL, NULL);
    assert_true(f->peer >= 0);
    until_readable(f, f->peer);
    assert_true(read(f->peer, got, sizeof got) > 0);
}

/* The next request comes on the connection that is there. */
static void read_request(struct fixture *f)
{
    char got[4096];
    until_readable(f, f->peer);
    assert_true(read(f->peer, got, sizeof got) > 0);
}

static void hang_up(struct fixture *f, bool reset)
{
    const struct linger rst = {.l_onoff = 1};
    if (reset)
        setsockopt(f->peer, SOL_SOCKET, SO_LINGER, &rst, sizeof rst);
    close(f->peer);
    f->peer = -1;
}

static void finish(struct fixture *f, struct trip *t)
{
    while (!t->times)
        tt_loop_run_once(f->loop, true);
    assert_int_equal(t->times, 1);
}

static void answer(struct fixture *f, struct trip *t, const char *text)
{
    assert_int_equal(send(f->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    finish(f, t);
}

static void succeeds(struct trip *t)
{
    if (t->x.error.code)
        fail_msg("%d %s", t->x.error.code, t->x.error.text);
    assert_int_equal(t->x.body.len, 2);
    trip_free(t);
}

static void fails(struct trip *t, int code, const char *text)
{
    assert_int_equal(t->x.error.code, code);
    assert_string_equal(t->x.error.text, text);
    trip_free(t);
}

/* One exchange that leaves an idle connection, whose other end is f->peer. */
static void warm_up(struct fixture *f)
{
    struct trip *t = start(f, "GET", NULL);
    accept_request(f);
    answer(f, t, OK_2);
    succeeds(t);
}

static void a_connection_is_used_again(void **state)
{
    struct fixture *f = *state;
    warm_up(f);
    for (int i = 0; i < 3; i++) {
        struct trip *t = start(f, "POST", "body");
        read_request(f);
        answer(f, t, OK_2);
        assert_int_equal(t->x.at.connect_ns, 0);
        assert_true(t->x.at.ready && t->x.remote_port);
        succeeds(t);
    }
}

static void an_idle_connection_that_the_server_closes_is_dropped(void **state)
{
    struct fixture *f = *state;
    for (int reset = 0; reset < 2; reset++) {
        warm_up(f);
        hang_up(f, reset);
        tt_loop_run_once(f->loop, true);
        struct trip *t = start(f, "POST", NULL);
        accept_request(f);
        answer(f, t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        assert_true(t->x.at.connect_ns > 0);
        succeeds(t);
    }
}

static void an_idle_connection_that_speaks_is_dropped(void **state)
{
    struct fixture *f = *state;
    warm_up(f);
    assert_int_equal(send(f->peer, OK_2, 5, MSG_NOSIGNAL), 5);
    tt_loop_run_once(f->loop, true);
    warm_up(f);
}

static void connections_are_not_kept_when_one_side_says_so(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK_2 "and more",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        struct trip *t = start(f, "GET", NULL);
        accept_request(f);
        answer(f, t, answers[i]);
        succeeds(t);
    }
    warm_up(f);
}

static void a_repeatable_request_is_sent_again_when_a_used_connection_ends(void **state)
{
    struct fixture *f = *state;
    for (int reset = 0; reset < 2; reset++) {
        warm_up(f);
        struct trip *t = start(f, "GET", NULL);
        read_request(f);
        hang_up(f, reset);
        accept_request(f);
        answer(f, t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        assert_true(t->x.at.connect_ns > 0);
        succeeds(t);
    }
}

static void another_request_is_not(void **state)
{
    struct fixture *f = *state;
    warm_up(f);
    struct trip *t = start(f, "POST", "once");
    read_request(f);
    hang_up(f, false);
    finish(f, t);
    fails(t, TT_HTTP_E_OTHER, "EOF");
    warm_up(f);
    t = start(f, "POST", "once");
    read_request(f);
    hang_up(f, true);
    finish(f, t);
    fails(t, TT_HTTP_E_RESET, "read: connection reset by peer");
}

static void unless_nothing_of_it_was_written(void **state)
{
    struct fixture *f = *state;
    warm_up(f);
    hang_up(f, true); /* not noticed yet: the loop does not run */
    struct trip *t = start(f, "POST", "once");
    accept_request(f);
    answer(f, t, OK_2);
    succeeds(t);
}

static void nothing_is_sent_again_after_a_part_of_the_answer(void **state)
{
    struct fixture *f = *state;
    warm_up(f);
    struct trip *t = start(f, "GET", NULL);
    read_request(f);
    assert_int_equal(send(f->peer, OK_2, 20, MSG_NOSIGNAL), 20);
    hang_up(f, false);
    finish(f, t);
    fails(t, TT_HTTP_E_OTHER, "unexpected EOF");
}

/* --- bodies from a source -----------------------------------------------------------------------
 */

struct source {
    struct tt_http_source source;
    const char *const *pieces; /* "": waits once */
    size_t n, at;
    unsigned rewound;
};

static size_t source_read(struct tt_http_source *s, char *p, size_t n)
{
    struct source *o = (struct source *)s;
    if (o->at == o->n)
        return 0;
    const char *piece = o->pieces[o->at++];
    size_t len = strlen(piece);
    assert_true(len <= n);
    memcpy(p, piece, len);
    return len ? len : TT_HTTP_SOURCE_WAITS;
}

static bool source_rewind(struct tt_http_source *s)
{
    struct source *o = (struct source *)s;
    o->at = 0;
    o->rewound++;
    return true;
}

static struct trip *start_source(struct fixture *f, const char *method, struct source *o)
{
    struct trip *t = tt_xcalloc(1, sizeof *t);
    tt_buf_init(&t->x.head, 1 << 20);
    tt_buf_init(&t->x.body, 1 << 20);
    t->x.method = method;
    t->x.url = f->url;
    t->x.source = &o->source;
    t->x.done = on_done;
    http->start(f->self, f->session, &t->x);
    return t;
}

/* What the server got, until it ends with end. */
static void server_gets(struct fixture *f, struct tt_buf *got, const char *end)
{
    char piece[4096];
    tt_buf_init(got, 1 << 20);
    while (got->len < strlen(end) || strcmp(got->data + got->len - strlen(end), end) != 0) {
        until_readable(f, f->peer);
        ssize_t n = read(f->peer, piece, sizeof piece);
        assert_true(n > 0);
        tt_buf_append(got, piece, (size_t)n);
    }
}

static void accept_only(struct fixture *f)
{
    until_readable(f, f->listener);
    if (f->peer >= 0)
        close(f->peer);
    f->peer = accept(f->listener, NULL, NULL);
}

static void a_source_without_length_is_sent_in_chunks(void **state)
{
    static const char *const pieces[] = {"hello", "", "big world, 16..."};
    struct fixture *f = *state;
    struct source o = {{TT_HTTP_LENGTH_UNKNOWN, source_read, source_rewind}, pieces, 3, 0, 0};
    struct trip *t = start_source(f, "POST", &o);
    struct tt_buf got;
    accept_only(f);
    server_gets(f, &got, "\r\n\r\n5\r\nhello\r\n"); /* and no more for now */
    assert_non_null(strstr(got.data, "Transfer-Encoding: chunked\r\n"));
    assert_null(strstr(got.data, "Content-Length"));
    tt_buf_fini(&got);
    assert_int_equal(t->x.at.sent, 0);
    http->resume(f->self, &t->x);
    server_gets(f, &got, "10\r\nbig world, 16...\r\n0\r\n\r\n");
    tt_buf_fini(&got);
    assert_true(t->x.at.sent != 0);
    answer(f, t, OK_2);
    succeeds(t);
    struct trip *after = start(f, "GET", NULL);
    read_request(f);
    answer(f, after, OK_2);
    succeeds(after);
}

static void a_source_that_waits_at_once_does_not_keep_the_head_back(void **state)
{
    static const char *const pieces[] = {"", "x"};
    struct fixture *f = *state;
    struct source o = {{1, source_read, source_rewind}, pieces, 2, 0, 0};
    struct trip *t = start_source(f, "PUT", &o);
    struct tt_buf got;
    accept_only(f);
    server_gets(f, &got, "Content-Length: 1\r\n\r\n");
    tt_buf_fini(&got);
    http->resume(f->self, &t->x);
    server_gets(f, &got, "x");
    tt_buf_fini(&got);
    answer(f, t, OK_2);
    succeeds(t);
}

static void a_source_is_rewound_when_it_is_sent_again(void **state)
{
    static const char *const pieces[] = {"body"};
    struct fixture *f = *state;
    struct source o = {{4, source_read, source_rewind}, pieces, 1, 0, 0};
    struct tt_buf got;
    warm_up(f);
    struct trip *t = start_source(f, "OPTIONS", &o);
    server_gets(f, &got, "\r\n\r\nbody");
    tt_buf_fini(&got);
    hang_up(f, false);
    accept_only(f);
    server_gets(f, &got, "\r\n\r\nbody");
    tt_buf_fini(&got);
    assert_int_equal(o.rewound, 1);
    answer(f, t, OK_2);
    succeeds(t);
}

static void a_source_shorter_than_its_length_is_an_error(void **state)
{
    static const char *const pieces[] = {"bod"};
    struct fixture *f = *state;
    struct source o = {{4, source_read, source_rewind}, pieces, 1, 0, 0};
    struct trip *t = start_source(f, "POST", &o);
    finish(f, t);
    fails(t, TT_HTTP_E_OTHER, "the request's body ended before its length");
}

static void a_fresh_connection_that_ends_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct trip *t = start(f, "GET", NULL);
    accept_request(f);
    hang_up(f, false);
    finish(f, t);
    fails(t, TT_HTTP_E_OTHER, "EOF");
}

static void an_answer_before_the_upload_has_ended_counts(void **state)
{
    enum { SIZE = 32 << 20 };
    struct fixture *f = *state;
    char *body = tt_xmalloc(SIZE + 1);
    memset(body, 'a', SIZE);
    body[SIZE] = '\0';
    struct trip *t = start(f, "POST", body);
    accept_request(f);
    answer(f, t, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    assert_true(t->x.sent_bytes < SIZE);
    succeeds(t);
    warm_up(f); /* and its connection is not used again */
    tt_free(body);
}

static void the_oldest_of_many_idle_connections_is_closed(void **state)
{
    enum { MANY = 7 }; /* of one host: one more than batch_per_host */
    struct fixture *f = *state;
    struct trip *t[MANY];
    int peers[MANY];
    char byte;
    for (int i = 0; i < MANY; i++) {
        t[i] = start(f, "GET", NULL);
        accept_request(f);
        peers[i] = f->peer;
        f->peer = -1;
    }
    for (int i = 0; i < MANY; i++) {
        f->peer = peers[i];
        answer(f, t[i], OK_2);
        succeeds(t[i]);
    }
    f->peer = -1;
    until_readable(f, peers[0]);
    assert_int_equal(read(peers[0], &byte, 1), 0);
    struct pollfd p = {.fd = peers[1], .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 0);
    for (int i = 0; i < MANY; i++)
        close(peers[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_is_used_again),
        TEST(an_idle_connection_that_the_server_closes_is_dropped),
        TEST(an_idle_connection_that_speaks_is_dropped),
        TEST(connections_are_not_kept_when_one_side_says_so),
        TEST(a_repeatable_request_is_sent_again_when_a_used_connection_ends),
        TEST(another_request_is_not),
        TEST(unless_nothing_of_it_was_written),
        TEST(nothing_is_sent_again_after_a_part_of_the_answer),
        TEST(a_source_without_length_is_sent_in_chunks),
        TEST(a_source_that_waits_at_once_does_not_keep_the_head_back),
        TEST(a_source_is_rewound_when_it_is_sent_again),
        TEST(a_source_shorter_than_its_length_is_an_error),
        TEST(a_fresh_connection_that_ends_is_an_error),
        TEST(an_answer_before_the_upload_has_ended_counts),
        TEST(the_oldest_of_many_idle_connections_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
