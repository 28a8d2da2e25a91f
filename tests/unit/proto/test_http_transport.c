/* SPDX-License-Identifier: MIT */
/* Each transport, and both as the engine uses them, against the embedded HTTP server, plain and
 * over TLS, and against a thread that says what a test gives it. Real sockets on the loopback, no
 * times. */
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "certificate.h"
#include "listen.h"
#include "plan/plan.h"
#include "proto/http/body.h"
#include "proto/http/headers.h"
#include "proto/http/origins.h"
#include "target/target.h"
#include "unit.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct fixture {
    struct tt_loop *loop;
    struct tt_plan *plan;
    struct tt_target *target;
    void *carrier;
    struct tt_http_session *session;
    uint16_t port;
};

static const struct tt_http_transport *http; /* the one that is tested */
static bool tls;                             /* the server's */

static int setup(void **state)
{
    struct fixture *f = tt_xcalloc(1, sizeof *f);
    struct tt_err err = {0};
    f->loop = tt_loop_new(&err);
    f->plan = tt_plan_new();
    struct tt_target_settings *settings = tt_target_settings_new(tt_target_class_find("http"));
    if (tls) {
        assert_true(tt_target_set(settings, "tls_cert", ca_path, &err));
        assert_true(tt_target_set(settings, "tls_key", key_path, &err));
        f->plan->opt.ca_file = ca_path;
    }
    sigset_t pipe; /* OpenSSL's writes may raise it: in the server's thread only, not in ours */
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    f->target = tt_target_start(settings, &err);
    pthread_sigmask(SIG_UNBLOCK, &pipe, NULL);
    assert_non_null(f->target);
    f->port = tt_server_port(f->target->server);
    *state = f;
    return 0;
}

/* Options are read when it opens and when a handle is made: set them before. */
static void open_transport(struct fixture *f)
{
    struct tt_err err = {0};
    f->carrier = http->open(f->loop, &f->plan->opt, &err);
    assert_non_null(f->carrier);
    f->session = http->session_new(f->carrier);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->session)
        http->session_free(f->carrier, f->session);
    if (f->carrier)
        http->close(f->carrier);
    tt_loop_drain(f->loop);
    tt_loop_free(f->loop); /* asserts that nothing is left */
    tt_target_stop(f->target);
    tt_plan_free(f->plan);
    tt_free(f);
    return 0;
}

/* --- exchanges ----------------------------------------------------------------------------------
 */

struct trip {
    struct tt_http_exchange x;
    struct fixture *f;
    char url[256];
    unsigned times; /* done was called */
    unsigned again; /* start it so often from done */
};

static void on_done(struct tt_http_exchange *x)
{
    struct trip *t = (struct trip *)x;
    t->times++;
    if (!t->again)
        return;
    t->again--;
    tt_buf_clear(&x->head);
    tt_buf_clear(&x->body);
    http->start(t->f->carrier, t->f->session, x);
}

static struct trip *trip_new(struct fixture *f, const char *method, const char *path)
{
    struct trip *t = tt_xcalloc(1, sizeof *t);
    if (!f->carrier)
        open_transport(f);
    t->f = f;
    tt_buf_init(&t->x.head, 1 << 20);
    tt_buf_init(&t->x.body, 16 << 20);
    snprintf(t->url, sizeof t->url, "%s://127.0.0.1:%u%s", tls ? "https" : "http", f->port, path);
    t->x.https = tls;
    t->x.method = method;
    t->x.url = t->url;
    t->x.done = on_done;
    t->x.at.begin = t->x.at.looked_up = tt_now_ns();
    return t;
}

static void trip_free(struct trip *t)
{
    tt_buf_fini(&t->x.head);
    tt_http_body_reset(&t->x);
    tt_tls_info_clear(&t->x.tls);
    tt_buf_fini(&t->x.body);
    tt_free(t);
}

static void await(struct trip *t)
{
    while (!t->times || t->again || t->x.carrier)
        tt_loop_run_once(t->f->loop, true);
}

static struct trip *run(struct trip *t)
{
    http->start(t->f->carrier, t->f->session, &t->x);
    await(t);
    return t;
}

static struct trip *get(struct fixture *f, const char *path)
{
    return run(trip_new(f, "GET", path));
}

static int status_of(const struct trip *t)
{
    struct tt_http_status s = {0};
    tt_http_headers_status(t->x.head.data, t->x.head.len, &s);
    return s.code;
}

static void body_is(const struct trip *t, const char *text)
{
    assert_int_equal(t->x.body.len, strlen(text));
    assert_memory_equal(t->x.body.data, text, t->x.body.len);
}

/* What the server says that it got, from /echo. */
static cJSON *echoed(const struct trip *t)
{
    struct tt_err err = {0};
    assert_int_equal(t->x.error.code, 0);
    cJSON *v = tt_json_read(t->x.body.data, t->x.body.len, 1, &err);
    assert_non_null(v);
    return v;
}

static const char *field(const cJSON *v, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(v, name));
}

static const char *header(const cJSON *v, const char *name)
{
    return field(cJSON_GetObjectItemCaseSensitive(v, "headers"), name);
}

/* --- answers ------------------------------------------------------------------------------------
 */

static void an_answer_comes_with_its_head_body_and_peer(void **state)
{
    struct trip *t = get(*state, "/");
    assert_int_equal(t->times, 1);
    assert_int_equal(t->x.error.code, 0);
    assert_int_equal(status_of(t), 200);
    body_is(t, "ok");
    assert_string_equal(t->x.remote_ip, "127.0.0.1");
    assert_int_equal(t->x.remote_port, t->f->port);
    assert_int_equal(t->x.at.tls_ns > 0, tls);
    assert_string_equal(t->x.tls.version ? t->x.tls.version : "none", tls ? "tls1.3" : "none");
    assert_int_equal(t->x.tls.cipher && strncmp(t->x.tls.cipher, "TLS_", 4) == 0, tls);
    assert_int_equal(t->x.tls.peer != NULL, tls);
    assert_false(t->x.sets_cookies);
    assert_int_equal(t->x.received_bytes, t->x.head.len + 2);
    assert_true(t->x.sent_bytes > strlen("GET / HTTP/1.1\r\n\r\n"));
    trip_free(t);
}

static void stamps_are_in_order(void **state)
{
    struct trip *t = get(*state, "/bytes/100000");
    const struct tt_http_stamps *s = &t->x.at;
    assert_true(s->ready && s->sent && s->first_byte && s->end);
    assert_true(s->looked_up <= s->ready && s->ready <= s->sent && s->first_byte <= s->end);
    if (!tls || http == &tt_http_h1_transport) /* libcurl may find out late: see timing.c */
        assert_true(s->sent <= s->first_byte);
    assert_int_equal(t->x.body.len, 100000);
    trip_free(t);
}

static void a_session_keeps_its_connection(void **state)
{
    struct fixture *f = *state;
    struct trip *first = get(f, "/"), *second = get(f, "/");
    assert_true(first->x.at.connect_ns > 0);
    assert_int_equal(second->x.at.connect_ns, 0);
    struct tt_http_session *mine = f->session, *other = http->session_new(f->carrier);
    f->session = other;
    struct trip *third = get(f, "/"); /* a VU's connections are its own */
    assert_true(third->x.at.connect_ns > 0);
    f->session = mine;
    http->session_free(f->carrier, other);
    trip_free(first);
    trip_free(second);
    trip_free(third);
}

static void without_reuse_each_request_connects(void **state)
{
    struct fixture *f = *state;
    f->plan->opt.no_connection_reuse = true;
    for (int i = 0; i < 3; i++) {
        struct trip *t = get(f, "/echo");
        assert_true(t->x.at.connect_ns > 0);
        cJSON *v = echoed(t);
        assert_string_equal(header(v, "connection"), "close");
        cJSON_Delete(v);
        trip_free(t);
    }
}

static void a_discarded_body_is_read_and_counted(void **state)
{
    struct trip *t = trip_new(*state, "GET", "/bytes/50000");
    t->x.keep = TT_HTTP_DISCARD_BODY;
    run(t);
    assert_int_equal(t->x.error.code, 0);
    assert_int_equal(t->x.body.len, 0);
    assert_int_equal(t->x.received_bytes, t->x.head.len + 50000);
    trip_free(t);
}

static void a_compressed_body_is_unpacked(void **state)
{
    struct fixture *f = *state;
    struct trip *t = trip_new(f, "GET", "/gzip");
    t->x.headers = "Accept-Encoding: gzip";
    t->x.n_headers = 1;
    cJSON *v = echoed(run(t));
    assert_string_equal(header(v, "accept-encoding"), "gzip"); /* and no second one */
    cJSON_Delete(v);
    assert_int_equal(t->x.decoded_bytes, t->x.body.len);
    assert_true(t->x.wire_bytes > 0 && t->x.wire_bytes != t->x.decoded_bytes);
    trip_free(t);
}

static void a_redirect_is_not_followed(void **state)
{
    struct fixture *f = *state;
    struct trip *t = get(f, "/redirect/2");
    assert_int_equal(status_of(t), 302);
    assert_non_null(strstr(t->x.head.data, "/redirect/1"));
    trip_free(t);
}

/* --- requests -----------------------------------------------------------------------------------
 */

static void only_the_headers_given_are_sent(void **state)
{
    struct fixture *f = *state;
    struct trip *t = trip_new(f, "GET", "/echo/a/../b?x=1");
    t->x.headers = "X-One: 1\0X-Empty;\0Host: named.test";
    t->x.n_headers = 3;
    cJSON *v = echoed(run(t));
    assert_string_equal(field(v, "url"), "/echo/a/../b?x=1"); /* dots stay */
    assert_string_equal(header(v, "x-one"), "1");
    assert_string_equal(header(v, "x-empty"), "");
    assert_string_equal(header(v, "host"), "named.test");
    assert_string_equal(header(v, "user-agent"), f->plan->opt.user_agent);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(v, "headers")), 4);
    cJSON_Delete(v);
    trip_free(t);
}

static void without_a_user_agent_none_is_sent(void **state)
{
    struct fixture *f = *state;
    f->plan->opt.user_agent = "";
    struct trip *t = get(f, "/echo");
    cJSON *v = echoed(t);
    assert_null(header(v, "user-agent"));
    cJSON_Delete(v);
    trip_free(t);
}

/* One handle after another shape: nothing of the request before may stick to it. */
static void each_method_is_sent_as_itself(void **state)
{
    static const struct {
        const char *method, *body, *length; /* Content-Length; NULL: none */
    } cases[] = {
        {"GET", NULL, NULL},     {"POST", "abc", "3"},    {"GET", NULL, NULL},
        {"POST", NULL, "0"},     {"PUT", NULL, "0"},      {"PATCH", "", "chunked"},
        {"DELETE", NULL, NULL},  {"DELETE", "x", "1"},    {"PURGE", NULL, NULL},
        {"get", NULL, NULL},     {"OPTIONS", NULL, NULL}, {"GET", "body", "4"},
        {"PROPFIND", "yz", "2"}, {"POST", "", "chunked"}, {"GET", NULL, NULL},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trip *t = trip_new(f, cases[i].method, "/echo");
        t->x.upload = cases[i].body;
        t->x.upload_len = cases[i].body ? strlen(cases[i].body) : 0;
        cJSON *v = echoed(run(t));
        const char *length = header(v, "content-length"), *te = header(v, "transfer-encoding");
        assert_true(!length || !te);
        length = te ? te : length;
        if (strcmp(field(v, "method"), cases[i].method) != 0 ||
            strcmp(field(v, "body"), cases[i].body ? cases[i].body : "") != 0 ||
            strcmp(length ? length : "none", cases[i].length ? cases[i].length : "none") != 0)
            fail_msg("%zu: %s came as %s, body '%s', length %s", i, cases[i].method,
                     field(v, "method"), field(v, "body"), length ? length : "none");
        assert_null(header(v, "content-type"));
        assert_null(header(v, "expect"));
        cJSON_Delete(v);
        trip_free(t);
    }
}

static void head_has_an_answer_without_a_body(void **state)
{
    struct fixture *f = *state;
    struct trip *t = run(trip_new(f, "HEAD", "/bytes/1000"));
    assert_int_equal(t->x.error.code, 0);
    assert_int_equal(status_of(t), 200);
    assert_int_equal(t->x.body.len, 0);
    struct trip *after = get(f, "/");
    body_is(after, "ok");
    trip_free(t);
    trip_free(after);
}

static void a_type_that_was_given_is_sent(void **state)
{
    struct trip *t = trip_new(*state, "POST", "/echo");
    t->x.headers = "content-type: text/x";
    t->x.n_headers = 1;
    t->x.has_content_type = true;
    t->x.upload = "a";
    t->x.upload_len = 1;
    cJSON *v = echoed(run(t));
    assert_string_equal(header(v, "content-type"), "text/x");
    cJSON_Delete(v);
    trip_free(t);
}

static void a_big_body_arrives_whole(void **state)
{
    enum { SIZE = 300 * 1024 };
    struct fixture *f = *state;
    char *body = tt_xmalloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[(i + i / 4096) % 36];
    for (int i = 0; i < 2; i++) { /* the second time on the same connection */
        struct trip *t = trip_new(f, "POST", "/echo");
        t->x.upload = body;
        t->x.upload_len = SIZE;
        cJSON *v = echoed(run(t));
        assert_int_equal(strlen(field(v, "body")), SIZE);
        assert_memory_equal(field(v, "body"), body, SIZE);
        assert_null(header(v, "expect"));
        assert_true(t->x.sent_bytes > SIZE);
        assert_true(t->x.at.sent >= t->x.at.ready && t->x.at.sent <= t->x.at.end);
        cJSON_Delete(v);
        trip_free(t);
    }
    tt_free(body);
}

static void connect_to_holds_for_its_request_only(void **state)
{
    struct fixture *f = *state;
    char host[64];
    struct trip *t = trip_new(f, "GET", "/");
    snprintf(t->url, sizeof t->url, "%s:1/echo",
             tls ? "https://vu.localhost" : "http://vu.localhost");
    snprintf(t->x.connect_to, sizeof t->x.connect_to, "127.0.0.1:%u", f->port);
    cJSON *v = echoed(run(t));
    assert_string_equal(header(v, "host"), "vu.localhost:1");
    cJSON_Delete(v);
    trip_free(t);
    t = get(f, "/echo");
    v = echoed(t);
    snprintf(host, sizeof host, "127.0.0.1:%u", f->port);
    assert_string_equal(header(v, "host"), host);
    cJSON_Delete(v);
    trip_free(t);
}

static void exchanges_run_side_by_side(void **state)
{
    struct fixture *f = *state;
    struct trip *t[5];
    char path[32];
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "/bytes/%zu", 1000 * (i + 1));
        t[i] = trip_new(f, "GET", path);
        http->start(f->carrier, f->session, &t[i]->x);
    }
    for (size_t i = 0; i < 5; i++) {
        await(t[i]);
        assert_int_equal(t[i]->x.body.len, 1000 * (i + 1));
        trip_free(t[i]);
    }
}

static void done_may_start_it_again(void **state)
{
    struct trip *t = trip_new(*state, "GET", "/");
    t->again = 3;
    run(t);
    assert_int_equal(t->times, 4);
    body_is(t, "ok");
    trip_free(t);
}

/* --- cookies: the engine's ----------------------------------------------------------------------
 */

static void a_session_keeps_no_cookies(void **state)
{
    struct fixture *f = *state;
    struct trip *t = get(f, "/cookies/set?a=1");
    assert_true(t->x.sets_cookies);
    trip_free(t);
    t = get(f, "/cookies");
    body_is(t, "{}");
    trip_free(t);
}

/* --- cancelling ---------------------------------------------------------------------------------
 */

static void a_cancelled_exchange_is_not_heard_of_again(void **state)
{
    struct fixture *f = *state;
    struct trip *t = trip_new(f, "GET", "/delay/600000");
    http->start(f->carrier, f->session, &t->x);
    while (!http->dialled(f->carrier, &t->x) || !t->x.carrier)
        tt_loop_run_once(f->loop, true);
    http->cancel(f->carrier, &t->x);
    assert_null(t->x.carrier);
    assert_true(t->x.at.end != 0);
    assert_int_equal(t->times, 0);
    http->cancel(f->carrier, &t->x); /* once more does nothing */
    struct trip *after = get(f, "/");
    body_is(after, "ok");
    assert_true(after->x.at.connect_ns > 0); /* its connection is closed */
    assert_int_equal(t->times, 0);
    assert_false(http->dialled(f->carrier, &t->x));
    trip_free(t);
    trip_free(after);
}

/* libcurl closes a socket that is not connected yet without telling anybody but the watcher. */
static void a_cancelled_dial_leaves_nothing_watched(void **state)
{
    struct fixture *f = *state;
    struct trip *t = trip_new(f, "GET", "/delay/600000");
    for (int i = 0; i < 3; i++) {
        http->start(f->carrier, f->session, &t->x);
        http->cancel(f->carrier, &t->x);
        tt_loop_run_once(f->loop, false);
    }
    assert_int_equal(t->times, 0);
    trip_free(t);
    struct trip *after = get(f, "/");
    body_is(after, "ok");
    trip_free(after);
}

/* --- failures -----------------------------------------------------------------------------------
 */

static void fails(struct trip *t, int code, const char *text)
{
    if (t->x.error.code != code || !strstr(t->x.error.text, text))
        fail_msg("%d '%s' is expected, got %d '%s'", code, text, t->x.error.code, t->x.error.text);
    assert_int_equal(t->times, 1);
    trip_free(t);
}

static void a_refused_connection_says_so(void **state)
{
    struct fixture *f = *state;
    uint16_t port;
    struct trip *t = trip_new(f, "GET", "/");
    close(listen_on_loopback(&port));
    snprintf(t->url, sizeof t->url, "http://127.0.0.1:%u/", port);
    run(t);
    assert_int_equal(t->x.at.ready, 0);
    fails(t, TT_HTTP_E_REFUSED, "connection refused");
    trip_free(get(f, "/")); /* the handle still works */
}

static void a_server_that_hangs_up_or_resets_is_told_apart(void **state)
{
    fails(get(*state, "/drop"), TT_HTTP_E_OTHER, "EOF");
    fails(get(*state, "/drop?reset=true"), TT_HTTP_E_RESET, "read: connection reset by peer");
    trip_free(get(*state, "/")); /* and on a connection that is in use */
    fails(get(*state, "/drop?reset=true"), TT_HTTP_E_RESET, "connection reset by peer");
}

/* --- a server that says what it is told ---------------------------------------------------------
 */

struct teller {
    int fd;
    const char *text;
    pthread_t thread;
};

static void *tell(void *arg)
{
    const struct teller *s = arg;
    char got[4096];
    size_t n = 0;
    int peer = accept(s->fd, NULL, NULL);
    while (n < sizeof got - 1) {
        ssize_t k = read(peer, got + n, sizeof got - 1 - n);
        if (k <= 0)
            break;
        n += (size_t)k;
        got[n] = '\0';
        if (strstr(got, "\r\n\r\n") || got[0] == 0x16) /* a request, or TLS */
            break;
    }
    for (size_t left = strlen(s->text), at = 0; at < left;) {
        ssize_t k = send(peer, s->text + at, left - at, MSG_NOSIGNAL);
        if (k <= 0)
            break;
        at += (size_t)k;
    }
    close(peer);
    return NULL;
}

/* The trip's request to scheme://, answered with these bytes and the end of the connection. */
static struct trip *tell_trip(struct trip *t, const char *scheme, const char *text)
{
    struct teller s = {.text = text};
    uint16_t port;
    s.fd = listen_on_loopback(&port);
    assert_int_equal(pthread_create(&s.thread, NULL, tell, &s), 0);
    snprintf(t->url, sizeof t->url, "%s://127.0.0.1:%u/", scheme, port);
    t->x.https = strcmp(scheme, "https") == 0;
    run(t);
    pthread_join(s.thread, NULL);
    close(s.fd);
    return t;
}

static struct trip *told(struct fixture *f, const char *text)
{
    return tell_trip(trip_new(f, "GET", "/"), "http", text);
}

static void tls_to_a_plain_server_is_no_tls(void **state)
{
    struct fixture *f = *state;
    f->plan->opt.insecure_skip_tls_verify = true; /* whatever certificates the system has */
    struct trip *t = trip_new(f, "GET", "/");
    fails(tell_trip(t, "https", "HTTP/1.1 400 Bad Request\r\n\r\n"), TT_HTTP_E_NOT_TLS,
          "does not look like a TLS handshake");
}

static void interim_answers_leave_nothing_behind(void **state)
{
    struct trip *t = told(*state, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Early: 1\r\n\r\n"
                                  "HTTP/1.1 200 Fine\r\nX-Last: 1\r\nContent-Length: 2\r\n\r\nhi");
    assert_int_equal(t->x.error.code, 0);
    assert_int_equal(status_of(t), 200);
    assert_null(strstr(t->x.head.data, "X-Early"));
    assert_non_null(strstr(t->x.head.data, "X-Last"));
    body_is(t, "hi");
    trip_free(t);
}

static void a_body_ends_with_the_connection_or_its_chunks(void **state)
{
    struct trip *t = told(*state, "HTTP/1.0 200 OK\r\n\r\nuntil the end");
    body_is(t, "until the end");
    assert_int_equal(t->x.error.code, 0);
    trip_free(t);
    t = told(*state, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n");
    body_is(t, "abcde");
    assert_int_equal(t->x.error.code, 0);
    trip_free(t);
}

static void a_change_of_protocol_is_an_answer(void **state)
{
    struct trip *t = told(*state, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nbytes");
    assert_int_equal(t->x.error.code, 0);
    assert_int_equal(status_of(t), 101);
    assert_int_equal(t->x.body.len, 0);
    trip_free(t);
}

static void trailers_are_no_headers(void **state)
{
    struct trip *t = told(*state, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "1\r\na\r\n0\r\nX-Trailer: 1\r\n\r\n");
    body_is(t, "a");
    assert_null(strstr(t->x.head.data, "X-Trailer"));
    trip_free(t);
}

static void an_answer_that_ends_too_early_is_an_error(void **state)
{
    fails(told(*state, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Ha"), TT_HTTP_E_OTHER,
          "unexpected EOF");
    fails(told(*state, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), TT_HTTP_E_OTHER,
          "unexpected EOF");
    fails(told(*state, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
          TT_HTTP_E_OTHER, "unexpected EOF");
}

static void what_is_not_http_is_malformed(void **state)
{
    fails(told(*state, "220 mail.test ESMTP\r\nand more of it\r\n"), TT_HTTP_E_OTHER,
          "malformed HTTP response");
    fails(told(*state, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n"),
          TT_HTTP_E_OTHER, "malformed HTTP response");
}

static void an_encoding_that_is_not_what_it_says_is_a_decoding_error(void **state)
{
    struct trip *t = trip_new(*state, "GET", "/");
    tell_trip(t, "http",
              "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!");
    fails(t, TT_HTTP_E_DECODE, "decompression");
}

static void headers_without_end_are_an_error(void **state)
{
    struct fixture *f = *state;
    struct tt_buf text;
    tt_buf_init(&text, 8 << 20);
    tt_buf_puts(&text, "HTTP/1.1 200 OK\r\n");
    while (text.len < 3 << 20)
        tt_buf_printf(&text, "X-%zu: and so on\r\n", text.len);
    struct trip *t = tell_trip(trip_new(f, "GET", "/"), "http", text.data);
    fails(t, TT_HTTP_E_TOO_LARGE, "headers too large");
    tt_buf_fini(&text);
}

static void a_body_over_the_limit_is_an_error(void **state)
{
    struct trip *t = trip_new(*state, "GET", "/");
    t->x.max_body = 9;
    fails(tell_trip(t, "http", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"),
          TT_HTTP_E_TOO_LARGE, "over 9 bytes (option max_response_body_size)");
    t = trip_new(*state, "GET", "/");
    t->x.max_body = 10;
    tell_trip(t, "http", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789");
    assert_int_equal(t->x.error.code, 0);
    trip_free(t);
}

/* --- who carries it -----------------------------------------------------------------------------
 */

/* Whether the answer came over another connection than the VU had. */
static bool connects(struct trip *t)
{
    run(t);
    assert_int_equal(t->x.error.code, 0);
    body_is(t, "ok");
    bool did = t->x.at.connect_ns > 0;
    trip_free(t);
    return did;
}

static struct trip *trip_to(struct fixture *f, struct tt_http_origin *o,
                            const struct tt_http_special *special)
{
    struct trip *t = trip_new(f, "GET", "/");
    t->x.origin = o;
    t->x.special = special;
    return t;
}

static struct tt_http_session *swap_session(struct fixture *f, struct tt_http_session *s)
{
    struct tt_http_session *old = f->session;
    f->session = s;
    return old;
}

/* libcurl goes on with connections that it has; new ones are ours, which shows by requests of
 * HTTP/1.1 finding them. */
static void an_origin_without_http2_is_ours_from_the_next_connection_on(void **state)
{
    static const struct tt_http_special http1 = {.version = TT_HTTP_VERSION_1_1};
    struct fixture *f = *state;
    struct tt_http_origin origin = {0};
    assert_true(connects(trip_to(f, &origin, NULL)));
    origin.http1 = true;
    assert_false(connects(trip_to(f, &origin, NULL)));
    assert_true(connects(trip_to(f, &origin, &http1)));
    assert_false(connects(trip_to(f, &origin, &http1)));
    struct tt_http_session *first = swap_session(f, http->session_new(f->carrier));
    assert_true(connects(trip_to(f, &origin, NULL)));
    assert_false(connects(trip_to(f, &origin, &http1)));
    http->session_free(f->carrier, swap_session(f, first));
}

static void connections_that_libcurl_has_lost_are_replaced_by_ours(void **state)
{
    static const struct tt_http_special http1 = {.version = TT_HTTP_VERSION_1_1};
    struct fixture *f = *state;
    struct tt_http_origin origin = {0};
    struct trip *t = trip_new(f, "GET", "/");
    t->x.origin = &origin;
    t->x.headers = "Connection: close";
    t->x.n_headers = 1;
    assert_true(connects(t));
    origin.http1 = true;
    assert_true(connects(trip_to(f, &origin, NULL)));
    assert_false(connects(trip_to(f, &origin, &http1)));
}

/* --- streams ------------------------------------------------------------------------------------
 */

struct stream {
    struct trip *t;
    size_t seen, most, times;
};
static struct stream *streaming;

/* The script is busy: what arrives stays where it is. */
static void on_arrived(struct tt_http_exchange *x)
{
    streaming->times++;
    if (x->body.len > streaming->most)
        streaming->most = x->body.len;
}

static void a_stream_waits_until_what_came_is_taken(void **state)
{
    struct fixture *f = *state;
    struct stream s = {.t = trip_new(f, "GET", "/bytes/3000000")};
    streaming = &s;
    s.t->x.keep = TT_HTTP_STREAM_BODY;
    s.t->x.arrived = on_arrived;
    http->start(f->carrier, f->session, &s.t->x);
    while (!s.t->times) {
        while (!s.t->times && !tt_http_body_full(&s.t->x))
            tt_loop_run_once(f->loop, true);
        s.seen += s.t->x.body.len;
        tt_buf_clear(&s.t->x.body);
        http->resume(f->carrier, &s.t->x);
    }
    assert_int_equal(s.t->x.error.code, 0);
    assert_int_equal(s.seen + s.t->x.body.len, 3000000);
    assert_in_range(s.most, TT_HTTP_STREAM_WINDOW, TT_HTTP_STREAM_WINDOW + 64 * 1024);
    trip_free(s.t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_comes_with_its_head_body_and_peer),
        TEST(stamps_are_in_order),
        TEST(a_session_keeps_its_connection),
        TEST(without_reuse_each_request_connects),
        TEST(a_discarded_body_is_read_and_counted),
        TEST(a_compressed_body_is_unpacked),
        TEST(a_redirect_is_not_followed),
        TEST(only_the_headers_given_are_sent),
        TEST(without_a_user_agent_none_is_sent),
        TEST(each_method_is_sent_as_itself),
        TEST(head_has_an_answer_without_a_body),
        TEST(a_type_that_was_given_is_sent),
        TEST(a_big_body_arrives_whole),
        TEST(connect_to_holds_for_its_request_only),
        TEST(exchanges_run_side_by_side),
        TEST(done_may_start_it_again),
        TEST(a_session_keeps_no_cookies),
        TEST(a_cancelled_exchange_is_not_heard_of_again),
        TEST(a_cancelled_dial_leaves_nothing_watched),
        TEST(a_refused_connection_says_so),
        TEST(a_server_that_hangs_up_or_resets_is_told_apart),
    };
    const struct CMUnitTest plain_tests[] = {
        /* not over TLS */
        TEST(a_stream_waits_until_what_came_is_taken),
        TEST(tls_to_a_plain_server_is_no_tls),
        TEST(interim_answers_leave_nothing_behind),
        TEST(a_body_ends_with_the_connection_or_its_chunks),
        TEST(a_change_of_protocol_is_an_answer),
        TEST(trailers_are_no_headers),
        TEST(an_answer_that_ends_too_early_is_an_error),
        TEST(what_is_not_http_is_malformed),
        TEST(an_encoding_that_is_not_what_it_says_is_a_decoding_error),
        TEST(headers_without_end_are_an_error),
        TEST(a_body_over_the_limit_is_an_error),
    };
    const struct CMUnitTest choice[] = {
        TEST(an_origin_without_http2_is_ours_from_the_next_connection_on),
        TEST(connections_that_libcurl_has_lost_are_replaced_by_ours),
    };
    static const struct tt_http_transport *const all[] = {
        &tt_http_curl_transport, &tt_http_h1_transport, &tt_http_transport};
    int failed = 0;
    make_certificate(NULL);
    for (size_t i = 0; i < 3; i++) {
        http = all[i];
        failed += cmocka_run_group_tests_name(http->name, tests, NULL, NULL);
        failed += cmocka_run_group_tests_name(http->name, plain_tests, NULL, NULL);
    }
    tls = true;
    for (size_t i = 0; i < 3; i++) {
        http = all[i];
        failed += cmocka_run_group_tests_name(http->name, tests, NULL, NULL);
    }
    failed += cmocka_run_group_tests_name("choice", choice, NULL, NULL);
    drop_certificate(NULL);
    return failed;
}
