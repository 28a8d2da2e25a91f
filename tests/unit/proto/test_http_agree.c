/* SPDX-License-Identifier: MIT */
/* The same answer over each transport gives the same result: status, head, body, error. A thread
 * is the server; it says a text and ends the connection. */
#include "base/clock.h"
#include "base/memory.h"
#include "plan/plan.h"
#include "proto/http/body.h"
#include "proto/http/headers.h"
#include "unit.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

struct text {
    const char *p;
    size_t n;
    const char *method; /* NULL: GET */
};
#define TEXT(s)                                                                                    \
    {                                                                                              \
        s, sizeof(s) - 1, NULL                                                                     \
    }
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define EMPTY   "Content-Length: 0\r\n\r\n"

static const struct text texts[] = {
    TEXT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    TEXT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more"),
    TEXT("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"),
    TEXT("HTTP/1.1 200\r\n" EMPTY),
    TEXT("HTTP/1.1 200 \r\n" EMPTY),
    TEXT("HTTP/1.0 200 OK\r\n\r\nuntil the end"),
    TEXT("HTTP/1.1 200 OK\r\n\r\nuntil the end"),
    TEXT("HTTP/1.1 200 OK\r\n\r\n"),
    TEXT("HTTP/1.1 204 No Content\r\n\r\n"),
    TEXT("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
    TEXT("HTTP/1.1 404 Not Found\r\nX: a\r\n  b\r\nX: c\r\n" EMPTY),
    TEXT("HTTP/1.1 600 Odd\r\n" EMPTY),
    TEXT("HTTP/1.1 999 Odd\r\n" EMPTY),
    TEXT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" EMPTY),
    TEXT("HTTP/1.1 103 Early\r\nX: 1\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n" EMPTY),
    TEXT("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nbytes"),
    TEXT(CHUNKED "2\r\nhi\r\n0\r\n\r\n"),
    TEXT(CHUNKED "2\nhi\n0\n\n"),
    TEXT(CHUNKED "2;a=b\r\nhi\r\n000\r\nX-Trailer: 1\r\n\r\n"),
    TEXT(CHUNKED "2\r\nhi\r\n"),
    TEXT(CHUNKED "2\r\nh"),
    TEXT(CHUNKED "zz\r\n"),
    TEXT(
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
        "\r\n"),
    TEXT("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"),
    TEXT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi"),
    TEXT("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhi"),
    TEXT("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhi"),
    TEXT("HTTP/1.1 200 OK\r\nX: half"),
    TEXT("HTTP/1.1 200 OK\r\nX: half\r\n"),
    TEXT("HTTP/1.1 200 OK"),
    TEXT("HTTP/1.1 100 Continue\r\n\r\n"),
    TEXT("HTTP/1.1 200 OK\r\nX: a\0b\r\n" EMPTY),
    TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
    TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: odd\r\n\r\nhi"),
    TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi"),
    TEXT("HTTP/1.1 2000 OK\r\n" EMPTY),
    TEXT("HTTP/1.1 20 OK\r\n" EMPTY),
    TEXT("HTTP/1.1 099 OK\r\n" EMPTY),
    TEXT("HTTP/1.2 200 OK\r\n" EMPTY),
    TEXT("\r\nHTTP/1.1 200 OK\r\n" EMPTY),
    TEXT("HTTP/1.1 205 Reset\r\nContent-Length: 2\r\n\r\nhi"),
    TEXT(CHUNKED "2 \r\nhi\r\n0\r\n\r\n"),
    TEXT(CHUNKED "2\r\nhi\r\n0\r\nno colon\r\n\r\n"),
    TEXT(CHUNKED "2\r\nhi!\r\n0\r\n\r\n"),
    TEXT(CHUNKED "fffffffffffffffff\r\n"),
    TEXT("HTTP/1.1 2"),
    TEXT("HTT"),
    TEXT(""),
    TEXT("no HTTP at all\r\n\r\n"),
    TEXT("HTTP/1.1 200 OK\r\nno colon\r\n" EMPTY),
    TEXT("HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n" EMPTY),
    TEXT("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
    TEXT("HTTP/1.1 200 OK\r\nContent-Encoding: odd\r\nContent-Length: 3\r\n\r\nabc"),
    TEXT("HTTP/1.1 302 Found\r\nLocation: /x\r\n" EMPTY),
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 38, "HEAD"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 47, "HEAD"},
};

struct server {
    int fd;
    const struct text *text;
};

static void *serve(void *arg)
{
    const struct server *s = arg;
    char got[4096];
    int peer = accept(s->fd, NULL, NULL);
    ssize_t n = read(peer, got, sizeof got);
    if (n > 0)
        n = send(peer, s->text->p, s->text->n, MSG_NOSIGNAL);
    shutdown(peer, SHUT_WR);
    while (n > 0 && read(peer, got, sizeof got) > 0)
        ;
    close(peer);
    return NULL;
}

static void on_done(struct tt_http_exchange *x)
{
    x->done = NULL;
}

/* One exchange whose answer is text. */
static void run(const struct tt_http_transport *http, const struct text *text,
                struct tt_http_exchange *x)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    struct server s = {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), text};
    struct tt_err err = {0};
    struct tt_loop *loop = tt_loop_new(&err);
    struct tt_plan *plan = tt_plan_new();
    void *self = http->open(loop, &plan->opt, &err);
    struct tt_http_session *session = http->session_new(self);
    pthread_t thread;
    char url[64];
    assert_int_equal(bind(s.fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(s.fd, 1), 0);
    assert_int_equal(getsockname(s.fd, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(sa.sin_port));
    *x = (struct tt_http_exchange){
        .method = text->method ? text->method : "GET", .url = url, .done = on_done};
    tt_buf_init(&x->head, 1 << 20);
    tt_buf_init(&x->body, 1 << 20);
    http->start(self, session, x);
    while (x->done || x->carrier)
        tt_loop_run_once(loop, true);
    http->session_free(self, session);
    http->close(self);
    tt_loop_drain(loop);
    tt_loop_free(loop);
    tt_plan_free(plan);
    pthread_join(thread, NULL);
    close(s.fd);
}

static bool same(const struct tt_buf *a, const struct tt_buf *b)
{
    return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

static int code_of(const struct tt_http_exchange *x)
{
    struct tt_http_status s = {0};
    tt_http_headers_status(x->head.data, x->head.len, &s);
    return s.code;
}

/* Of a failed exchange the engine shows no head. */
static bool agree(const struct tt_http_exchange *a, const struct tt_http_exchange *b)
{
    if (a->error.code != b->error.code || !same(&a->body, &b->body))
        return false;
    return a->error.code ? strcmp(a->error.text, b->error.text) == 0
                         : code_of(a) == code_of(b) && same(&a->head, &b->head) &&
                               a->sets_cookies == b->sets_cookies;
}

static void print_result(const char *whose, const struct tt_http_exchange *x)
{
    print_error("  %s: status %d, error %d '%s', head '%s', %zu bytes of body\n", whose, code_of(x),
                x->error.code, x->error.text, x->head.data ? x->head.data : "", x->body.len);
}

static void transports_agree(void **state)
{
    (void)state;
    unsigned differ = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct tt_http_exchange a, b;
        run(&tt_http_curl_transport, &texts[i], &a);
        run(&tt_http_h1_transport, &texts[i], &b);
        if (!agree(&a, &b)) {
            differ++;
            print_error("'%s':\n", texts[i].p);
            print_result("libcurl", &a);
            print_result("ours", &b);
        }
        tt_http_body_reset(&a);
        tt_http_body_reset(&b);
        tt_buf_fini(&a.head);
        tt_buf_fini(&b.head);
        tt_buf_fini(&a.body);
        tt_buf_fini(&b.body);
    }
    assert_int_equal(differ, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(transports_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
