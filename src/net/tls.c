/* SPDX-License-Identifier: MIT */
/* TLS profiles, sessions over our sockets, and OpenSSL's errors as numbers and texts.
 *
 * Sessions write through a BIO of our own: OpenSSL's socket BIO uses write(2), which raises
 * SIGPIPE, and would ask the socket again after a short read. Two things are made once per process
 * and never changed: the BIO's method table and the store of the system's CA certificates (parsing
 * them takes 16-19 ms). */
#include "net/tls.h"
#include "base/exitcode.h"
#include "base/str.h"
#include "net/conn_int.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct tt_tls_profile {
    SSL_CTX *ctx;
    bool verify;
    struct tt_arena arena; /* of rules */
    struct tt_tls_options rules;
};

/* --- BIO ------------------------------------------------------------------------------------- */

static int bio_result(BIO *b, const struct tt__sock *s, ssize_t n, int retry)
{
    BIO_clear_retry_flags(b);
    if (n < 0 && s->err == EAGAIN)
        BIO_set_flags(b, retry | BIO_FLAGS_SHOULD_RETRY);
    return (int)n;
}

static int bio_read(BIO *b, char *p, int n)
{
    struct tt__sock *s = BIO_get_data(b);
    return bio_result(b, s, tt__sock_read(s, p, (size_t)n), BIO_FLAGS_READ);
}

static int bio_write(BIO *b, const char *p, int n)
{
    struct tt__sock *s = BIO_get_data(b);
    struct iovec iov = {(void *)(uintptr_t)p, (size_t)n};
    return bio_result(b, s, tt__sock_write(s, &iov, 1), BIO_FLAGS_WRITE);
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)b;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method; /* written once */

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ttload socket");
    TT_ASSERT(method);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

/* --- CA certificates ------------------------------------------------------------------------- */

static pthread_once_t store_once = PTHREAD_ONCE_INIT;
static X509_STORE *system_store; /* written once */
static char store_error[256];    /* likewise; "" = fine */

static bool load_bundle(X509_STORE *store)
{
    static const char *const usual[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian, Arch */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
        "/etc/ssl/ca-bundle.pem",             /* SUSE */
        "/etc/ssl/cert.pem",                  /* Alpine, BSD */
    };
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (access(usual[i], R_OK) == 0 && X509_STORE_load_file(store, usual[i]) == 1)
            return true;
    return false;
}

/* SSL_CERT_FILE and SSL_CERT_DIR replace the system's places, as everywhere with OpenSSL. */
static void load_system_store(void)
{
    const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");
    file = file && *file ? file : NULL;
    dir = dir && *dir ? dir : NULL;
    system_store = X509_STORE_new();
    TT_ASSERT(system_store);
    if (file && X509_STORE_load_file(system_store, file) != 1)
        snprintf(store_error, sizeof store_error, "SSL_CERT_FILE: no certificates in '%s'", file);
    if (dir && X509_STORE_load_path(system_store, dir) != 1)
        snprintf(store_error, sizeof store_error, "SSL_CERT_DIR: cannot use '%s'", dir);
    if (!file && !dir && !load_bundle(system_store))
        X509_STORE_set_default_paths(system_store);
    ERR_clear_error();
}

static bool set_store(SSL_CTX *ctx, const struct tt_options *opt, struct tt_err *err)
{
    if (opt && opt->ca_file && *opt->ca_file) {
        X509_STORE *own = SSL_CTX_get_cert_store(ctx);
        if (X509_STORE_load_file(own, opt->ca_file) == 1)
            return true;
        ERR_clear_error();
        return tt_err_set(err, TT_EXIT_CONFIG, "ca_file: no certificates in '%s'", opt->ca_file);
    }
    pthread_once(&store_once, load_system_store);
    if (store_error[0])
        return tt_err_set(err, TT_EXIT_CONFIG, "%s", store_error);
    SSL_CTX_set1_cert_store(ctx, system_store);
    return true;
}

/* --- versions, ciphers, the key log --------------------------------------------------------------
 */

static pthread_once_t keylog_once = PTHREAD_ONCE_INIT;
static int keylog_fd = -1; /* written once */

static void open_keylog(void)
{
    const char *path = getenv("SSLKEYLOGFILE");
    if (path && *path)
        keylog_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (keylog_fd >= 0)
        fchmod(keylog_fd, 0600); /* libcurl may have made it */
}

/* A line is one write: threads append. */
static void on_keylog(const SSL *ssl, const char *line)
{
    char text[512];
    int n = snprintf(text, sizeof text, "%s\n", line);
    (void)ssl;
    if (n > 0 && n < (int)sizeof text && write(keylog_fd, text, (size_t)n) < 0)
        return; /* a full disk is no failure of the test */
}

/* The server asks for a certificate. Without a name (an address) only one for any host fits. */
static int on_certificate_wanted(SSL *ssl, void *arg)
{
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct tt_tls_identity *id = tt_tls_identity_for(arg, host ? host : "");
    return !id ||
           (SSL_use_certificate(ssl, id->cert) == 1 && SSL_use_PrivateKey(ssl, id->key) == 1 &&
            (!id->chain || SSL_set1_chain(ssl, id->chain) == 1));
}

void tt_tls_apply(SSL_CTX *ctx, const struct tt_tls_options *t)
{
    SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp); /* k6 asks for it too */
    if (t->n_identities)
        SSL_CTX_set_cert_cb(ctx, on_certificate_wanted, (void *)(uintptr_t)t);
    pthread_once(&keylog_once, open_keylog);
    if (keylog_fd >= 0)
        SSL_CTX_set_keylog_callback(ctx, on_keylog);
    if (t->min < TLS1_2_VERSION)
        SSL_CTX_set_security_level(ctx, 0); /* their signatures are SHA-1 */
    SSL_CTX_set_min_proto_version(ctx, t->min);
    SSL_CTX_set_max_proto_version(ctx, t->max);
    if (t->ciphers)
        SSL_CTX_set_cipher_list(ctx, t->ciphers);
    if (t->suites)
        SSL_CTX_set_ciphersuites(ctx, t->suites);
}

/* --- profiles and sessions ------------------------------------------------------------------- */

static void set_up(SSL_CTX *ctx, bool verify, bool resumes)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | (resumes ? 0 : SSL_OP_NO_TICKET));
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (resumes)
        tt__tls_sessions_enable(ctx);
    SSL_CTX_set_read_ahead(ctx, 1); /* a record in one recv, not two */
    SSL_CTX_set_alpn_protos(ctx, alpn, sizeof alpn - 1);
    /* Whatever certificate is trusted ends the chain, self-signed or not. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(ctx, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
}

struct tt_tls_profile *tt_tls_profile_new(const struct tt_options *opt, struct tt_err *err)
{
    struct tt_tls_profile *p = tt_xcalloc(1, sizeof *p);
    p->ctx = SSL_CTX_new(TLS_client_method());
    p->verify = !opt || !opt->insecure_skip_tls_verify;
    tt_arena_init(&p->arena);
    if (!p->ctx) {
        ERR_clear_error();
        tt_err_set(err, TT_EXIT_OTHER, "cannot make a TLS context");
        tt_tls_profile_free(p);
        return NULL;
    }
    set_up(p->ctx, p->verify, opt && opt->tls_resumption);
    if (!tt_tls_options_read(&p->rules, &p->arena, opt, err) ||
        (p->verify && !set_store(p->ctx, opt, err))) {
        tt_tls_profile_free(p);
        return NULL;
    }
    tt_tls_apply(p->ctx, &p->rules);
    return p;
}

void tt_tls_profile_free(struct tt_tls_profile *p)
{
    if (!p)
        return;
    SSL_CTX_free(p->ctx);
    tt_tls_options_fini(&p->rules);
    tt_arena_fini(&p->arena);
    tt_free(p);
}

SSL *tt__tls_new(const struct tt_tls_profile *p, const char *host, struct tt__sock *s)
{
    unsigned char ip[16];
    char name[256];
    pthread_once(&method_once, make_method);
    SSL *ssl = SSL_new(p->ctx);
    BIO *bio = BIO_new(method);
    TT_ASSERT(ssl && bio);
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    snprintf(name, sizeof name, "%s", host);
    size_t n = strlen(name);
    if (n > 1 && name[n - 1] == '.')
        name[n - 1] = '\0'; /* certificates have no root dot */
    if (inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1) {
        if (p->verify)
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
    } else {
        SSL_set_tlsext_host_name(ssl, name);
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (p->verify)
            SSL_set1_host(ssl, name);
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

/* --- errors ---------------------------------------------------------------------------------- */

static void verify_error(struct tt_conn *c, long result, const char *host)
{
    const char *why = X509_verify_cert_error_string(result);
    switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        tt__conn_error(c, 1311, "x509: certificate is not valid for %s", host);
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        tt__conn_error(c, 1310, "x509: certificate signed by unknown authority: %s", why);
        return;
    default:
        tt__conn_error(c, 1000, "x509: %s", why);
    }
}

void tt__tls_error(struct tt_conn *c, int ssl_error, const char *op, const char *host)
{
    struct tt_conn_int *in = c->in;
    unsigned long e = ERR_peek_error();
    int reason = ERR_GET_REASON(e);
    const char *text = ERR_reason_error_string(e);
    long verify = SSL_get_verify_result(in->ssl);
    if (ssl_error == SSL_ERROR_SYSCALL && in->sock.err) {
        tt__conn_error_sys(c, op, in->sock.err);
    } else if (ssl_error == SSL_ERROR_SYSCALL || ssl_error == SSL_ERROR_ZERO_RETURN ||
               (ssl_error == SSL_ERROR_SSL && reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
        tt__conn_error(c, 1300, "tls: the server closed the connection during the handshake");
    } else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verify != X509_V_OK) {
        verify_error(c, verify, host);
    } else if (reason > SSL_AD_REASON_OFFSET) { /* an alert */
        tt__conn_error(c, 1010, "tls: the peer refuses: %s", text ? text : "unknown alert");
    } else if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
               reason == SSL_R_HTTP_REQUEST) {
        tt__conn_error(c, 1301, "tls: first record does not look like a TLS handshake");
    } else {
        tt__conn_error(c, 1300, "tls: %s", text ? text : "unknown failure");
    }
    ERR_clear_error();
}
