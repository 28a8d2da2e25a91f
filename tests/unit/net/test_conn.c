/* SPDX-License-Identifier: MIT */
/* Connections against listening sockets of the test: plain ones are served by the test itself
 * between two turns of the loop, TLS ones by a thread with a certificate made here. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "net/conn.h"
#include "net/tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "certificate.h"
#include "listen.h"

/* --- the peer -------------------------------------------------------------------------------- */

static uint16_t refused_port(void)
{
    uint16_t port;
    close(listen_on_loopback(&port));
    return port;
}

static void reset(int fd)
{
    struct linger rst = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &rst, sizeof rst);
    close(fd);
}

/* --- the fixture ----------------------------------------------------------------------------- */

struct fixture {
    struct tt_loop *loop;
    struct tt_resolver *resolver;
    struct tt_net *net;
    struct tt_conn conn;
    struct tt_options opt;
    int listener, peer;
    uint16_t port;
    int opens, drains, fails, ends;
    bool close_in_opened, close_in_readable, close_in_drained;
    size_t to_feed, most_in_a_call; /* the peer sends on while it is read */
    struct tt_buf got;
    struct tt_tls_info tls;
};

static void on_opened(struct tt_conn *c)
{
    struct fixture *f = c->owner;
    f->opens++;
    if (f->close_in_opened)
        tt_conn_close(c, false);
}

static void on_readable(struct tt_conn *c)
{
    struct fixture *f = c->owner;
    char p[16384];
    size_t n;
    enum tt_conn_result r;
    if (f->close_in_readable) {
        assert_int_equal(tt_conn_read(c, p, 1, &n), TT_CONN_DONE);
        tt_conn_close(c, false);
        f->ends++;
        return;
    }
    size_t before = f->got.len;
    while ((r = tt_conn_read(c, p, sizeof p, &n)) == TT_CONN_DONE) {
        tt_buf_append(&f->got, p, n);
        size_t more = n < f->to_feed ? n : f->to_feed;
        if (more) /* what was read has made room for it */
            f->to_feed -= (size_t)send(f->peer, p, more, MSG_NOSIGNAL);
    }
    if (f->got.len - before > f->most_in_a_call)
        f->most_in_a_call = f->got.len - before;
    if (r == TT_CONN_EOF || r == TT_CONN_FAILED)
        f->ends++;
}

static void on_drained(struct tt_conn *c)
{
    struct fixture *f = c->owner;
    f->drains++;
    assert_int_equal(tt_conn_queued(c), 0);
    if (f->close_in_drained)
        tt_conn_close(c, false);
}

static void on_failed(struct tt_conn *c)
{
    struct fixture *f = c->owner;
    f->fails++;
    assert_true(c->error.code != 0);
}

static const struct tt_conn_events events = {on_opened, on_readable, on_drained, on_failed};

static int setup(void **state)
{
    struct fixture *f = tt_xcalloc(1, sizeof *f);
    f->loop = tt_loop_new(NULL);
    f->resolver = tt_resolver_new(f->loop, NULL);
    f->net = tt_net_new(f->loop, f->resolver);
    f->listener = listen_on_loopback(&f->port);
    f->peer = -1;
    tt_buf_init(&f->got, (size_t)64 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tt_conn_close(&f->conn, false);
    if (f->peer >= 0)
        close(f->peer);
    close(f->listener);
    tt_net_free(f->net);
    tt_resolver_free(f->resolver);
    tt_loop_drain(f->loop);
    tt_loop_free(f->loop); /* asserts that nothing is left in it */
    tt_buf_fini(&f->got);
    tt_tls_info_clear(&f->tls);
    tt_free(f);
    return 0;
}

/* Ready work first: a turn that finds none sleeps until something happens. */
#define UNTIL(f, cond)                                                                             \
    for (tt_loop_run_ready((f)->loop); !(cond);)                                                   \
    tt_loop_run_once((f)->loop, true)

static void dial(struct fixture *f, const char *host, uint16_t port,
                 const struct tt_tls_profile *tls)
{
    struct tt_conn_target t = {.host = host, .port = port, .tls = tls};
    tt_conn_open(&f->conn, f->net, &t, &events, f);
    assert_int_equal(f->opens + f->fails, 0);
}

static void open_plain(struct fixture *f)
{
    dial(f, "127.0.0.1", f->port, NULL);
    UNTIL(f, f->opens);
    f->peer = accept(f->listener, NULL, NULL);
    assert_true(f->peer >= 0);
}

/* --- plain ----------------------------------------------------------------------------------- */

static void opens_and_carries_both_ways(void **state)
{
    struct fixture *f = *state;
    char p[16];
    open_plain(f);
    assert_true(tt_conn_write2(&f->conn, "he", 2, "llo", 3));
    assert_int_equal(recv(f->peer, p, sizeof p, 0), 5);
    assert_memory_equal(p, "hello", 5);
    assert_int_equal(send(f->peer, "world", 5, 0), 5);
    UNTIL(f, f->got.len == 5);
    assert_string_equal(f->got.data, "world");
    assert_int_equal(f->conn.sent_bytes, 5);
    assert_int_equal(f->conn.received_bytes, 5);
    assert_string_equal(f->conn.remote_ip, "127.0.0.1");
    assert_int_equal(f->conn.remote_port, f->port);
    struct tt_tls_info tls = {0};
    tt_conn_tls_info(&f->conn, &tls);
    assert_null(tls.version);
    assert_null(tls.peer);
    assert_int_equal(f->drains, 0);
}

static void a_peer_that_never_stops_does_not_hold_the_loop(void **state)
{
    struct fixture *f = *state;
    const size_t first = 128 * 1024, more = 8 << 20;
    char *piece = tt_xcalloc(1, first);
    open_plain(f);
    f->to_feed = more;
    assert_int_equal(send(f->peer, piece, first, 0), first);
    tt_free(piece);
    UNTIL(f, !f->to_feed && f->got.len == first + more);
    assert_true(f->most_in_a_call < more / 2);
}

static void stamps_are_in_order(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    assert_true(f->conn.at.begin > 0 && f->conn.at.begin <= f->conn.at.looked_up);
    assert_true(f->conn.at.looked_up <= f->conn.at.connected);
    assert_int_equal(f->conn.at.secured, 0);
}

static void refused_is_told_with_its_number(void **state)
{
    struct fixture *f = *state;
    char text[96];
    uint16_t port = refused_port();
    dial(f, "127.0.0.1", port, NULL);
    UNTIL(f, f->fails);
    snprintf(text, sizeof text, "dial tcp 127.0.0.1:%u: connect: connection refused",
             (unsigned)port);
    assert_int_equal(f->conn.error.code, 1212);
    assert_string_equal(f->conn.error.text, text);
    assert_int_equal(f->opens, 0);
}

/* Listens on ::1, at a port that no one else can take on 127.0.0.1 before *block is closed: it is
 * bound there and does not listen. -1: a system without IPv6. */
static int listen_on_ipv6_only(int *block, uint16_t *port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    for (int tries = 0; tries < 100; tries++) {
        struct sockaddr_in four = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof four;
        *block = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(*block, (struct sockaddr *)&four, sizeof four), 0);
        assert_int_equal(getsockname(*block, (struct sockaddr *)&four, &len), 0);
        six.sin6_port = four.sin_port;
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && bind(fd, (struct sockaddr *)&six, sizeof six) == 0 && listen(fd, 1) == 0) {
            *port = ntohs(four.sin_port);
            return fd;
        }
        bool taken = fd >= 0 && errno == EADDRINUSE;
        close(*block);
        if (fd >= 0)
            close(fd);
        if (!taken)
            break;
    }
    return -1;
}

/* localhost is 127.0.0.1, then ::1; only the second listens. */
static void next_address_is_tried(void **state)
{
    struct fixture *f = *state;
    uint16_t port = 0;
    int block, fd = listen_on_ipv6_only(&block, &port);
    if (fd < 0)
        skip();
    dial(f, "localhost", port, NULL);
    UNTIL(f, f->opens || f->fails);
    assert_int_equal(f->opens, 1);
    assert_int_equal(f->conn.error.code, 0);
    assert_string_equal(f->conn.remote_ip, "::1");
    close(fd);
    close(block);
}

static void when_all_addresses_fail_the_first_error_counts(void **state)
{
    struct fixture *f = *state;
    dial(f, "localhost", refused_port(), NULL);
    UNTIL(f, f->fails);
    assert_int_equal(f->conn.error.code, 1212);
    assert_non_null(strstr(f->conn.error.text, "127.0.0.1"));
    assert_int_equal(f->fails, 1);
}

static void unknown_host_is_told_after_open_returns(void **state)
{
    struct fixture *f = *state;
    dial(f, "", 80, NULL);
    UNTIL(f, f->fails);
    assert_int_equal(f->conn.error.code, 1101);
    assert_string_equal(f->conn.error.text, "lookup: no such host");
}

static void end_of_stream_comes_after_the_data_and_stays(void **state)
{
    struct fixture *f = *state;
    char p[4];
    size_t n;
    open_plain(f);
    send(f->peer, "bye", 3, 0);
    shutdown(f->peer, SHUT_WR);
    UNTIL(f, f->ends);
    assert_string_equal(f->got.data, "bye");
    assert_int_equal(tt_conn_read(&f->conn, p, sizeof p, &n), TT_CONN_EOF);
    assert_true(tt_conn_write(&f->conn, "x", 1)); /* our side is still open */
    assert_int_equal(recv(f->peer, p, sizeof p, 0), 1);
    tt_loop_run_once(f->loop, false);
    assert_int_equal(f->ends, 1); /* no event says it again */
}

static void reset_is_a_failed_read_once(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    reset(f->peer);
    f->peer = -1;
    UNTIL(f, f->ends);
    assert_int_equal(f->conn.error.code, 1220);
    assert_non_null(strstr(f->conn.error.text, "connection reset by peer"));
    tt_loop_drain(f->loop);
    assert_int_equal(f->fails, 0);
}

static void reset_while_the_owner_wants_to_write_fails_it(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    tt_conn_want_read(&f->conn, false);
    char *block = tt_xcalloc(1, 1 << 20);
    while (!tt_conn_queued(&f->conn))
        assert_true(tt_conn_write(&f->conn, block, 1 << 20));
    tt_free(block);
    reset(f->peer);
    f->peer = -1;
    UNTIL(f, f->fails);
    assert_int_equal(f->conn.error.code, 1220);
    assert_false(tt_conn_write(&f->conn, "x", 1));
}

static void failed_write_lets_the_last_words_be_read(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    send(f->peer, "last words", 10, 0);
    shutdown(f->peer, SHUT_RDWR);
    close(f->peer);
    f->peer = -1;
    while (tt_conn_write(&f->conn, "x", 1)) /* the first draws the RST, a later one fails */
        ;
    assert_int_equal(f->fails, 0);
    UNTIL(f, f->ends || f->fails);
    tt_loop_drain(f->loop);
    assert_string_equal(f->got.data, "last words");
    assert_int_equal(f->conn.error.code, 1201);
}

static void big_write_is_queued_and_arrives_whole(void **state)
{
    struct fixture *f = *state;
    enum { SIZE = 12 << 20, PIECE = 100003 };
    char *sent = tt_xmalloc(SIZE), *seen = tt_xmalloc(SIZE);
    size_t n = 0;
    for (size_t i = 0; i < SIZE; i++)
        sent[i] = (char)(i * 31 + i / 251);
    open_plain(f);
    for (size_t at = 0; at < SIZE; at += PIECE)
        assert_true(tt_conn_write2(&f->conn, sent + at, at + PIECE < SIZE ? 10 : SIZE - at,
                                   sent + at + 10, at + PIECE < SIZE ? PIECE - 10 : 0));
    while (n < SIZE) {
        ssize_t r = recv(f->peer, seen + n, SIZE - n, MSG_DONTWAIT);
        n += r > 0 ? (size_t)r : 0;
        tt_loop_run_once(f->loop, false);
    }
    assert_memory_equal(seen, sent, SIZE);
    assert_int_equal(tt_conn_queued(&f->conn), 0);
    assert_int_equal(f->conn.sent_bytes, SIZE);
    assert_int_equal(f->drains, 1);
    tt_free(sent);
    tt_free(seen);
}

static void written_before_it_is_open_goes_out_then(void **state)
{
    struct fixture *f = *state;
    char p[8];
    dial(f, "127.0.0.1", f->port, NULL);
    assert_true(tt_conn_write(&f->conn, "early", 5));
    UNTIL(f, f->drains);
    f->peer = accept(f->listener, NULL, NULL);
    assert_int_equal(recv(f->peer, p, sizeof p, 0), 5);
}

static void no_event_while_reading_is_stopped(void **state)
{
    struct fixture *f = *state;
    open_plain(f);
    tt_conn_want_read(&f->conn, false);
    send(f->peer, "wait", 4, 0);
    for (int i = 0; i < 5; i++)
        tt_loop_run_once(f->loop, false);
    assert_int_equal(f->got.len, 0);
    tt_conn_want_read(&f->conn, true);
    UNTIL(f, f->got.len == 4);
}

static void closes_while_dialling(void **state)
{
    struct fixture *f = *state;
    dial(f, "127.0.0.1", f->port, NULL);
    tt_conn_close(&f->conn, false);
    tt_conn_close(&f->conn, false); /* again is fine */
    tt_loop_drain(f->loop);
    assert_int_equal(f->opens + f->fails, 0);
}

static void closes_before_failed_is_told(void **state)
{
    struct fixture *f = *state;
    dial(f, "", 80, NULL);
    tt_conn_close(&f->conn, true);
    tt_loop_drain(f->loop);
    assert_int_equal(f->fails, 0);
}

static void closes_inside_opened(void **state)
{
    struct fixture *f = *state;
    f->close_in_opened = true;
    dial(f, "127.0.0.1", f->port, NULL);
    tt_conn_write(&f->conn, "queued", 6);
    UNTIL(f, f->opens);
    tt_loop_drain(f->loop);
    assert_int_equal(f->drains, 0);
}

static void closes_inside_readable(void **state)
{
    struct fixture *f = *state;
    f->close_in_readable = true;
    open_plain(f);
    send(f->peer, "abc", 3, 0);
    UNTIL(f, f->ends);
    tt_loop_drain(f->loop);
    assert_int_equal(f->ends, 1);
}

static void closes_inside_drained(void **state)
{
    struct fixture *f = *state;
    f->close_in_drained = true;
    dial(f, "127.0.0.1", f->port, NULL);
    tt_conn_write(&f->conn, "queued", 6);
    UNTIL(f, f->drains);
    assert_null(f->conn.in);
}

static void abort_resets_and_close_ends_the_stream(void **state)
{
    struct fixture *f = *state;
    char p[4];
    open_plain(f);
    tt_conn_close(&f->conn, true);
    assert_int_equal(recv(f->peer, p, sizeof p, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(f->peer);
    f->opens = 0;
    open_plain(f);
    tt_conn_close(&f->conn, false);
    assert_int_equal(recv(f->peer, p, sizeof p, 0), 0);
}

/* --- TLS ------------------------------------------------------------------------------------- */

struct tls_server {
    pthread_t thread;
    int listener, version;
    const char *greeting; /* sent right after the handshake */
    bool cut;             /* ends without close_notify after the greeting */
    char sni[64], alpn[16];
};

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
    struct tls_server *s = arg;
    (void)ssl;
    snprintf(s->alpn, sizeof s->alpn, "%.*s", (int)in_len - 1, in + 1);
    *out = in + 1;
    *out_len = (unsigned char)(in_len - 1);
    return SSL_TLSEXT_ERR_OK;
}

static void echo(struct tls_server *s, SSL *ssl)
{
    static const int size = 65536;
    char *p = tt_xmalloc((size_t)size);
    int n;
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(s->sni, sizeof s->sni, "%s", sni ? sni : "");
    if (s->greeting)
        SSL_write(ssl, s->greeting, (int)strlen(s->greeting));
    while (!s->cut && (n = SSL_read(ssl, p, size)) > 0 && SSL_write(ssl, p, n) == n)
        ;
    if (!s->cut)
        SSL_shutdown(ssl);
    tt_free(p);
}

static void *serve_one(void *arg)
{
    struct tls_server *s = arg;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    sigset_t pipe; /* here only: our own connections must not raise it */
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    SSL_CTX_use_certificate(ctx, cert);
    SSL_CTX_use_PrivateKey(ctx, key);
    if (s->version)
        SSL_CTX_set_max_proto_version(ctx, s->version);
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, s);
    int fd = accept(s->listener, NULL, NULL);
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
        echo(s, ssl);
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(ctx);
    return NULL;
}

static void start_server(struct fixture *f, struct tls_server *s)
{
    s->listener = f->listener;
    assert_int_equal(pthread_create(&s->thread, NULL, serve_one, s), 0);
}

static struct tt_tls_profile *profile(bool skip_verify, const char *ca)
{
    struct tt_options opt = {.insecure_skip_tls_verify = skip_verify, .ca_file = ca};
    struct tt_err err;
    struct tt_tls_profile *p = tt_tls_profile_new(&opt, &err);
    assert_non_null(p);
    return p;
}

static void open_tls(struct fixture *f, struct tls_server *s, const char *host,
                     const struct tt_tls_profile *p)
{
    start_server(f, s);
    dial(f, host, f->port, p);
    UNTIL(f, f->opens || f->fails);
}

static void finish_tls(struct fixture *f, struct tls_server *s, struct tt_tls_profile *p)
{
    tt_conn_close(&f->conn, false);
    pthread_join(s->thread, NULL);
    tt_tls_profile_free(p);
}

static void tls_echo(struct fixture *f, int version, const char *name)
{
    struct tls_server s = {.version = version};
    struct tt_tls_profile *p = profile(false, ca_path);
    open_tls(f, &s, "vu.localhost", p);
    assert_string_equal(f->conn.error.text, "");
    assert_int_equal(f->opens, 1);
    tt_conn_tls_info(&f->conn, &f->tls);
    assert_string_equal(f->tls.version, name);
    assert_int_equal(tt_tls_peer_count(f->tls.peer), 1);
    assert_int_equal(X509_cmp(tt_tls_peer_cert(f->tls.peer, 0), cert), 0);
    assert_string_equal(tt_tls_peer_ocsp(f->tls.peer)->status, "unknown");
    assert_true(f->conn.at.connected <= f->conn.at.secured);
    assert_true(tt_conn_write2(&f->conn, "he", 2, "llo", 3));
    UNTIL(f, f->got.len == 5);
    assert_string_equal(f->got.data, "hello");
    finish_tls(f, &s, p);
    assert_string_equal(s.sni, "vu.localhost");
    assert_string_equal(s.alpn, "http/1.1");
}

static void tls13_verifies_and_carries(void **state)
{
    tls_echo(*state, 0, "tls1.3");
}

static void tls12_verifies_and_carries(void **state)
{
    tls_echo(*state, TLS1_2_VERSION, "tls1.2");
}

static void tls_big_write_comes_back_whole(void **state)
{
    struct fixture *f = *state;
    enum { SIZE = 8 << 20 };
    struct tls_server s = {0};
    struct tt_tls_profile *p = profile(true, NULL);
    char *sent = tt_xmalloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        sent[i] = (char)(i * 7 + i / 509);
    open_tls(f, &s, "127.0.0.1", p);
    assert_int_equal(f->opens, 1);
    for (size_t at = 0; at < SIZE; at += SIZE / 8)
        assert_true(tt_conn_write2(&f->conn, sent + at, 100, sent + at + 100, SIZE / 8 - 100));
    UNTIL(f, f->got.len == SIZE);
    assert_memory_equal(f->got.data, sent, SIZE);
    assert_int_equal(f->conn.sent_bytes, SIZE);
    tt_free(sent);
    finish_tls(f, &s, p);
}

static void tls_data_kept_back_is_told_when_reading_resumes(void **state)
{
    struct fixture *f = *state;
    struct tls_server s = {0};
    struct tt_tls_profile *p = profile(true, NULL);
    char one;
    size_t n;
    open_tls(f, &s, "127.0.0.1", p);
    tt_conn_want_read(&f->conn, false);
    tt_conn_write(&f->conn, "abc", 3);
    enum tt_conn_result r;
    while ((r = tt_conn_read(&f->conn, &one, 1, &n)) == TT_CONN_AGAIN) {
        tt_conn_want_read(&f->conn, true); /* looks at the socket anew */
        tt_conn_want_read(&f->conn, false);
    }
    assert_int_equal(r, TT_CONN_DONE);
    assert_int_equal(f->got.len, 0);
    tt_conn_want_read(&f->conn, true); /* "bc" is inside OpenSSL: the socket is silent */
    UNTIL(f, f->got.len == 2);
    assert_string_equal(f->got.data, "bc");
    finish_tls(f, &s, p);
}

static void tls_end_without_notify_is_the_end(void **state)
{
    struct fixture *f = *state;
    struct tls_server s = {.greeting = "hi", .cut = true};
    struct tt_tls_profile *p = profile(true, NULL);
    open_tls(f, &s, "127.0.0.1", p);
    if (!f->ends)
        UNTIL(f, f->ends);
    assert_string_equal(f->got.data, "hi");
    assert_int_equal(f->conn.error.code, 0);
    assert_int_equal(f->fails, 0);
    finish_tls(f, &s, p);
}

static void tls_failure(struct fixture *f, const char *host, const char *ca, int code,
                        const char *text)
{
    struct tls_server s = {0};
    struct tt_tls_profile *p = profile(false, ca);
    open_tls(f, &s, host, p);
    assert_int_equal(f->opens, 0);
    assert_int_equal(f->conn.error.code, code);
    assert_non_null(strstr(f->conn.error.text, text));
    assert_int_equal(f->conn.at.secured, 0);
    finish_tls(f, &s, p);
}

static void unknown_authority_is_refused(void **state)
{
    tls_failure(*state, "localhost", NULL, 1310, "x509: certificate signed by unknown authority");
}

static void wrong_name_is_refused(void **state)
{
    tls_failure(*state, "other.localhost", ca_path, 1311,
                "x509: certificate is not valid for other.localhost");
}

static void literal_is_verified_as_an_address(void **state)
{
    struct fixture *f = *state;
    struct tls_server s = {0};
    struct tt_tls_profile *p = profile(false, ca_path);
    open_tls(f, &s, "127.0.0.1", p);
    assert_int_equal(f->opens, 1);
    finish_tls(f, &s, p);
    assert_string_equal(s.sni, "");
}

static void skipping_verification_takes_any_certificate(void **state)
{
    struct fixture *f = *state;
    struct tls_server s = {0};
    struct tt_tls_profile *p = profile(true, NULL);
    open_tls(f, &s, "other.localhost", p);
    assert_int_equal(f->opens, 1);
    finish_tls(f, &s, p);
}

static void tls_to_a_plain_server_says_so(void **state)
{
    struct fixture *f = *state;
    struct tt_tls_profile *p = profile(true, NULL);
    dial(f, "127.0.0.1", f->port, p);
    tt_loop_run_once(f->loop, true);
    f->peer = accept(f->listener, NULL, NULL);
    send(f->peer, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, 0);
    UNTIL(f, f->fails);
    assert_int_equal(f->conn.error.code, 1301);
    tt_conn_close(&f->conn, false);
    tt_tls_profile_free(p);
}

static void end_during_the_handshake_is_a_tls_failure(void **state)
{
    struct fixture *f = *state;
    struct tt_tls_profile *p = profile(true, NULL);
    char hello[2048];
    dial(f, "127.0.0.1", f->port, p);
    tt_loop_run_once(f->loop, true);
    f->peer = accept(f->listener, NULL, NULL);
    assert_true(recv(f->peer, hello, sizeof hello, 0) > 0);
    shutdown(f->peer, SHUT_WR);
    UNTIL(f, f->fails);
    assert_int_equal(f->conn.error.code, 1300);
    tt_conn_close(&f->conn, false);
    tt_tls_profile_free(p);
}

static void tls_closes_inside_opened(void **state)
{
    struct fixture *f = *state;
    struct tls_server s = {.greeting = "hi"};
    struct tt_tls_profile *p = profile(true, NULL);
    f->close_in_opened = true;
    open_tls(f, &s, "127.0.0.1", p);
    assert_null(f->conn.in);
    finish_tls(f, &s, p);
}

static void unreadable_ca_file_is_a_configuration_error(void **state)
{
    struct tt_options opt = {.ca_file = "/nonexistent/ca.pem"};
    struct tt_err err;
    (void)state;
    assert_null(tt_tls_profile_new(&opt, &err));
    assert_string_equal(err.text, "ca_file: no certificates in '/nonexistent/ca.pem'");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(opens_and_carries_both_ways),
        T(a_peer_that_never_stops_does_not_hold_the_loop),
        T(stamps_are_in_order),
        T(refused_is_told_with_its_number),
        T(next_address_is_tried),
        T(when_all_addresses_fail_the_first_error_counts),
        T(unknown_host_is_told_after_open_returns),
        T(end_of_stream_comes_after_the_data_and_stays),
        T(reset_is_a_failed_read_once),
        T(reset_while_the_owner_wants_to_write_fails_it),
        T(failed_write_lets_the_last_words_be_read),
        T(big_write_is_queued_and_arrives_whole),
        T(written_before_it_is_open_goes_out_then),
        T(no_event_while_reading_is_stopped),
        T(closes_while_dialling),
        T(closes_before_failed_is_told),
        T(closes_inside_opened),
        T(closes_inside_readable),
        T(closes_inside_drained),
        T(abort_resets_and_close_ends_the_stream),
        T(tls13_verifies_and_carries),
        T(tls12_verifies_and_carries),
        T(tls_big_write_comes_back_whole),
        T(tls_data_kept_back_is_told_when_reading_resumes),
        T(tls_end_without_notify_is_the_end),
        T(unknown_authority_is_refused),
        T(wrong_name_is_refused),
        T(literal_is_verified_as_an_address),
        T(skipping_verification_takes_any_certificate),
        T(tls_to_a_plain_server_says_so),
        T(end_during_the_handshake_is_a_tls_failure),
        T(tls_closes_inside_opened),
        T(unreadable_ca_file_is_a_configuration_error),
    };
    return cmocka_run_group_tests(tests, make_certificate, drop_certificate);
}
