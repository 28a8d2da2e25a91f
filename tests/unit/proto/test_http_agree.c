/* SPDX-License-Identifier: MIT */
/* The same answer over each transport gives the same result: status, head, body, error; plain, over
 * TLS, and when there is no TLS to be had. A thread is the server; it says a text and ends the
 * connection. */
#include "base/clock.h"
#include "base/memory.h"
#include "certificate.h"
#include "plan/plan.h"
#include "proto/http/body.h"
#include "proto/http/headers.h"
#include "unit.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
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

/* How the server is there. */
enum manner { PLAIN, TLS, NO_TLS, CUTS, RESETS };
struct scene {
    enum manner manner;
    int max_version;     /* of the server's TLS; 0: the newest */
    bool wants_identity; /* a client certificate */
    bool expired;
    bool cuts;        /* ends without close_notify */
    const char *host; /* NULL: 127.0.0.1 */
    bool tls13_only;  /* the client */
    bool unknown_authority;
};
struct server {
    int fd;
    const struct text *text;
    const struct scene *scene;
};

static void answer_plain(const struct server *s, int peer)
{
    char got[4096];
    ssize_t n = read(peer, got, sizeof got);
    if (n > 0)
        n = send(peer, s->text->p, s->text->n, MSG_NOSIGNAL);
    shutdown(peer, SHUT_WR);
    while (n > 0 && read(peer, got, sizeof got) > 0)
        ;
}

/* Makes it one that the trusted certificate has signed, for a time that is over. */
static void age(X509 *old)
{
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"old", -1, -1, 0);
    X509_set_subject_name(old, name);
    X509_NAME_free(name);
    X509_gmtime_adj(X509_getm_notAfter(old), -60);
    X509_sign(old, key, EVP_sha256());
}

static SSL_CTX *context(const struct scene *scene)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    X509 *own = X509_dup(cert);
    if (scene->expired)
        age(own);
    SSL_CTX_use_certificate(ctx, own);
    SSL_CTX_use_PrivateKey(ctx, key);
    X509_free(own);
    SSL_CTX_set_max_proto_version(ctx, scene->max_version);
    if (scene->wants_identity)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return ctx;
}

static void answer_tls(const struct server *s, int peer)
{
    char got[4096];
    SSL_CTX *ctx = context(s->scene);
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, peer);
    int n = SSL_accept(ssl) == 1 ? SSL_read(ssl, got, sizeof got) : 0;
    if (n > 0 && s->text->n)
        SSL_write(ssl, s->text->p, (int)s->text->n);
    if (n > 0 && !s->scene->cuts)
        SSL_shutdown(ssl);
    shutdown(peer, SHUT_WR);
    while (read(peer, got, sizeof got) > 0)
        ;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void *serve(void *arg)
{
    const struct server *s = arg;
    struct linger rst = {.l_onoff = 1};
    char got[4096];
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    int peer = accept(s->fd, NULL, NULL);
    switch (s->scene->manner) {
    case PLAIN:
    case NO_TLS:
        answer_plain(s, peer);
        break;
    case TLS:
        answer_tls(s, peer);
        break;
    case RESETS:
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &rst, sizeof rst);
        /* fall through */
    case CUTS:
        (void)!read(peer, got, sizeof got);
        break;
    }
    close(peer);
    return NULL;
}

static void on_done(struct tt_http_exchange *x)
{
    x->done = NULL;
}

static void set_options(struct tt_options *opt, const struct scene *scene)
{
    if (scene->manner != PLAIN && !scene->unknown_authority)
        opt->ca_file = ca_path;
    if (scene->tls13_only)
        opt->tls_version = cJSON_CreateString("tls1.3");
}

/* One exchange whose answer is text. */
static void run(const struct tt_http_transport *http, const struct scene *scene,
                const struct text *text, struct tt_http_exchange *x)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    struct server s = {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), text, scene};
    struct tt_err err = {0};
    struct tt_loop *loop = tt_loop_new(&err);
    struct tt_plan *plan = tt_plan_new();
    set_options(&plan->opt, scene);
    void *self = http->open(loop, &plan->opt, &err);
    struct tt_http_session *session = http->session_new(self);
    pthread_t thread;
    char url[64];
    assert_int_equal(bind(s.fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(s.fd, 1), 0);
    assert_int_equal(getsockname(s.fd, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
    snprintf(url, sizeof url, "%s://%s:%u/", scene->manner == PLAIN ? "http" : "https",
             scene->host ? scene->host : "127.0.0.1", ntohs(sa.sin_port));
    *x = (struct tt_http_exchange){.method = text->method ? text->method : "GET",
                                   .url = url,
                                   .https = scene->manner != PLAIN,
                                   .done = on_done};
    snprintf(x->connect_to, sizeof x->connect_to, "127.0.0.1:%u", ntohs(sa.sin_port));
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

static void forget(struct tt_http_exchange *x)
{
    tt_http_body_reset(x);
    tt_tls_info_clear(&x->tls);
    tt_buf_fini(&x->head);
    tt_buf_fini(&x->body);
}

/* 1: they do not agree. code, says: what both must come to; -1, NULL: anything. */
static unsigned differ(const struct scene *scene, const struct text *text, int code,
                       const char *says)
{
    struct tt_http_exchange a, b;
    run(&tt_http_curl_transport, scene, text, &a);
    run(&tt_http_h1_transport, scene, text, &b);
    bool ok = agree(&a, &b) && (code < 0 || b.error.code == code) &&
              (!says || strstr(b.error.text, says));
    if (!ok) {
        print_error("'%s':\n", text->p);
        print_result("libcurl", &a);
        print_result("ours", &b);
    }
    forget(&a);
    forget(&b);
    return !ok;
}

static void all_texts(const struct scene *scene)
{
    unsigned n = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        n += differ(scene, &texts[i], -1, NULL);
    assert_int_equal(n, 0);
}

static void transports_agree(void **state)
{
    (void)state;
    all_texts(&(struct scene){.manner = PLAIN});
}

static void transports_agree_over_tls(void **state)
{
    (void)state;
    all_texts(&(struct scene){.manner = TLS});
    all_texts(&(struct scene){.manner = TLS, .max_version = TLS1_2_VERSION});
}

static void an_end_without_close_notify_is_taken_alike(void **state)
{
    (void)state;
    all_texts(&(struct scene){.manner = TLS, .cuts = true});
}

static void failures_of_tls_are_told_alike(void **state)
{
    (void)state;
    static const struct text ok = TEXT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    static const struct {
        struct scene scene;
        int code;
        const char *says;
    } cases[] = {
        {{.manner = TLS}, 0, NULL},
        {{.manner = TLS, .host = "vu.localhost"}, 0, NULL},
        {{.manner = TLS, .host = "other.localhost"},
         1311,
         "x509: certificate is not valid for other.localhost"},
        {{.manner = TLS, .unknown_authority = true}, 1310, "x509: certificate signed by unknown"},
        {{.manner = TLS, .expired = true}, 1000, "x509: certificate has expired"},
        {{.manner = TLS, .tls13_only = true, .max_version = TLS1_2_VERSION},
         1010,
         "tls: the peer refuses: tlsv1 alert protocol version"},
        {{.manner = TLS, .wants_identity = true, .max_version = TLS1_2_VERSION},
         1010,
         "tls: the peer refuses: "},
        {{.manner = TLS, .wants_identity = true}, 1010, "tls: the peer refuses: "},
        {{.manner = NO_TLS}, 1301, "tls: first record does not look like a TLS handshake"},
        {{.manner = CUTS}, 1300, "tls: the server closed the connection during the handshake"},
        {{.manner = RESETS}, 1220, "read: connection reset by peer"},
    };
    unsigned n = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        n += differ(&cases[i].scene, &ok, cases[i].code, cases[i].says);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transports_agree),
        cmocka_unit_test(transports_agree_over_tls),
        cmocka_unit_test(an_end_without_close_notify_is_taken_alike),
        cmocka_unit_test(failures_of_tls_are_told_alike),
    };
    return cmocka_run_group_tests(tests, make_certificate, drop_certificate);
}
