/* SPDX-License-Identifier: MIT */
/* The error table. Where libcurl says less than k6's network stack does, the nearest number of k6's
 * own table is used. */
#include "proto/http/errors.h"
#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFUSED_STREAM = 7 }; /* RFC 9113, 7 */

void tt_http_error_set(struct tt_http_error *e, int code, const char *text)
{
    e->code = code;
    snprintf(e->text, sizeof e->text, "%s", text);
}

static const char *op_name(enum tt_http_op op)
{
    static const char *const names[] = {"dial", "read", "write", "close"};
    return names[op];
}

static void set(struct tt_http_error *e, int code, const char *before, const char *text)
{
    e->code = code;
    snprintf(e->text, sizeof e->text, "%s: %s", before, text);
}

void tt_http_error_malformed(struct tt_http_error *e, const char *why)
{
    set(e, TT_HTTP_E_OTHER, "malformed HTTP response", why);
}

/* What connect, read and write may end with, beside what has a number of its own. */
static bool of_the_network(int err)
{
    static const int known[] = {EADDRINUSE,   EADDRNOTAVAIL, ECONNABORTED, ECONNREFUSED, EHOSTDOWN,
                                EHOSTUNREACH, EIO,           EMFILE,       EMSGSIZE,     ENETDOWN,
                                ENETRESET,    ENETUNREACH,   ENFILE,       ENOBUFS,      ENOMEM,
                                ENOTCONN,     EPROTO,        EACCES,       EPERM};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == err)
            return true;
    return false;
}

void tt_http_error_syscall(struct tt_http_error *e, enum tt_http_op op, int err)
{
    if (err == ECONNRESET)
        set(e, TT_HTTP_E_RESET, op_name(op), "connection reset by peer");
    else if (err == EPIPE)
        set(e, TT_HTTP_E_BROKEN_PIPE, op_name(op), "broken pipe");
    else if (err == ETIMEDOUT && op == TT_HTTP_OP_DIAL)
        tt_http_error_set(e, TT_HTTP_E_DIAL_TIMEOUT, "dial: i/o timeout");
    else if (err == ETIMEDOUT)
        tt_http_error_set(e, TT_HTTP_E_TIMEOUT, "request timeout");
    else if (op != TT_HTTP_OP_DIAL)
        set(e, !err || of_the_network(err) ? TT_HTTP_E_TCP : TT_HTTP_E_ERRNO, op_name(op),
            err ? strerror(err) : "connection failed");
    else if (err == ECONNREFUSED)
        tt_http_error_set(e, TT_HTTP_E_REFUSED, "dial: connection refused");
    else if (err)
        set(e, TT_HTTP_E_DIAL_ERRNO, "dial", strerror(err));
    else
        tt_http_error_set(e, TT_HTTP_E_DIAL, "dial: connection failed");
}

/* "... does not match target host name 'h.test'" */
static void set_wrong_name(struct tt_http_error *e, const char *detail)
{
    const char *end = strrchr(detail, '\''), *begin = end;
    while (begin && begin > detail && begin[-1] != '\'')
        begin--;
    e->code = TT_HTTP_E_WRONG_NAME;
    if (begin > detail)
        snprintf(e->text, sizeof e->text, "x509: certificate is not valid for %.*s",
                 (int)(end - begin), begin);
    else
        snprintf(e->text, sizeof e->text, "x509: %s", detail);
}

static void set_verify(struct tt_http_error *e, long verify, const char *detail)
{
    switch (verify) {
    case X509_V_OK:              /* the chain was fine, so libcurl refused the name */
    case X509_V_ERR_UNSPECIFIED: /* what libcurl has when it refuses the name first */
        set_wrong_name(e, detail);
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        set(e, TT_HTTP_E_UNKNOWN_CA, "x509: certificate signed by unknown authority",
            X509_verify_cert_error_string(verify));
        return;
    default:
        set(e, TT_HTTP_E_OTHER, "x509", X509_verify_cert_error_string(verify));
    }
}

/* "OpenSSL SSL_read: error:0A000410:SSL routines::sslv3 alert handshake failure, errno 0" -> what
 * follows "::", as net/tls.c has it. False: there is no such thing. */
static bool set_tls_reason(struct tt_http_error *e, int code, const char *before,
                           const char *detail)
{
    const char *reason = strstr(detail, "::");
    if (!reason)
        return false;
    reason += 2;
    e->code = code;
    snprintf(e->text, sizeof e->text, "%s: %.*s", before, (int)strcspn(reason, ","), reason);
    return true;
}

/* The peer has said in TLS what it does not like; with TLS 1.3 also when we believe to be through.
 */
static bool set_alert(struct tt_http_error *e, const char *detail)
{
    static const char before[] = "tls: the peer refuses";
    if (!strstr(detail, " alert "))
        return false;
    if (!set_tls_reason(e, TT_HTTP_E_NOT_TCP, before, detail))
        set(e, TT_HTTP_E_NOT_TCP, before, detail);
    return true;
}

static void set_tls(struct tt_http_error *e, long os_errno, const char *detail)
{
    if (strstr(detail, "wrong version number") || strstr(detail, "unknown protocol") ||
        strstr(detail, "packet length too long"))
        tt_http_error_set(e, TT_HTTP_E_NOT_TLS,
                          "tls: first record does not look like a TLS handshake");
    else if (set_alert(e, detail))
        return;
    else if (os_errno == ECONNRESET)
        tt_http_error_syscall(e, TT_HTTP_OP_READ, ECONNRESET);
    else if (strstr(detail, "SSL_ERROR_SYSCALL") || strstr(detail, "unexpected eof"))
        tt_http_error_set(e, TT_HTTP_E_TLS,
                          "tls: the server closed the connection during the handshake");
    else if (!set_tls_reason(e, TT_HTTP_E_TLS, "tls", detail))
        set(e, TT_HTTP_E_TLS, "tls", detail);
}

/* "HTTP/2 stream 1 was not closed cleanly: PROTOCOL_ERROR (err 1)" */
static void set_http2(struct tt_http_error *e, CURLcode rc, const char *detail)
{
    const char *err = strstr(detail, "(err ");
    long h2 = err ? strtol(err + 5, NULL, 10) : -1;
    int code = TT_HTTP_E_HTTP2;
    if (rc == CURLE_HTTP2_STREAM && err)
        code = h2 >= 0 && h2 <= 13 ? TT_HTTP_E_HTTP2_STREAM + 1 + (int)h2 : TT_HTTP_E_HTTP2_STREAM;
    set(e, code, "http2", detail);
}

/* libcurl's words for answers that are no HTTP, as h1_reader.c has them; NULL: something else. */
static const char *malformed(const char *detail)
{
    static const struct {
        const char *part, *why;
    } list[] = {
        {"HTTP/0.9", "the response does not begin with an HTTP/1 status line"},
        {"Unsupported HTTP version", "the response does not begin with an HTTP/1 status line"},
        {"Unsupported response code", "the response does not begin with an HTTP/1 status line"},
        {"chunked-enco", "the response's chunked encoding is broken"},
        {"Invalid Content-Length", "the response's Content-Length is not a number"},
        {"Header without colon", "the response has a header without a colon"},
        {"Nul byte in header", "the response's headers have a NUL byte"},
        /* of transfers only: those of the content are undone by us */
        {"content encoding", "the response's Transfer-Encoding is not 'chunked'"},
        {"content unencoding", "the response's Transfer-Encoding is not 'chunked'"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (strstr(detail, list[i].part))
            return list[i].why;
    return NULL;
}

void tt_http_error_curl(struct tt_http_error *e, CURLcode rc, long os_errno, long verify,
                        const char *detail)
{
    if (!detail || !*detail)
        detail = curl_easy_strerror(rc);
    /* Answers that are no HTTP come as other errors: as an unsupported protocol, as a read error */
    const char *why = malformed(detail);
    if (why) {
        tt_http_error_malformed(e, why);
        return;
    }
    if (strstr(detail, "Too large response headers")) { /* libcurl has a limit of its own */
        tt_http_error_set(e, TT_HTTP_E_TOO_LARGE, "response headers too large");
        return;
    }
    if (strstr(detail, "Connection died, tried")) { /* it sent the request anew each time */
        tt_http_error_set(e, TT_HTTP_E_HTTP2_STREAM + 1 + REFUSED_STREAM,
                          "http2: the server refuses the stream: REFUSED_STREAM");
        return;
    }
    switch ((int)rc) {
    case CURLE_COULDNT_CONNECT:
        tt_http_error_syscall(e, TT_HTTP_OP_DIAL, (int)os_errno);
        return;
    case CURLE_COULDNT_RESOLVE_HOST:
        tt_http_error_set(e, TT_HTTP_E_NO_HOST, "lookup: no such host");
        return;
    case CURLE_OPERATION_TIMEDOUT:
        tt_http_error_set(e, TT_HTTP_E_TIMEOUT, "request timeout");
        return;
    case CURLE_UNSUPPORTED_PROTOCOL: /* of the answer: the URL's is one of ours */
        tt_http_error_malformed(e, "the response does not begin with an HTTP/1 status line");
        return;
    case CURLE_URL_MALFORMAT:
        set(e, TT_HTTP_E_BAD_URL, "invalid URL", detail);
        return;
    case CURLE_SEND_ERROR:
        tt_http_error_syscall(e, TT_HTTP_OP_WRITE, (int)os_errno);
        return;
    case CURLE_RECV_ERROR:
        if (set_alert(e, detail))
            return;
        tt_http_error_syscall(e, TT_HTTP_OP_READ,
                              strstr(detail, "reset by peer") ? ECONNRESET : (int)os_errno);
        return;
    case CURLE_GOT_NOTHING:
        tt_http_error_set(e, TT_HTTP_E_OTHER, "EOF");
        return;
    case CURLE_PARTIAL_FILE:
        tt_http_error_set(e, TT_HTTP_E_OTHER, "unexpected EOF");
        return;
    case CURLE_PEER_FAILED_VERIFICATION:
        set_verify(e, verify, detail);
        return;
    case CURLE_SSL_CACERT_BADFILE: /* the system has none */
        set(e, TT_HTTP_E_UNKNOWN_CA, "tls: no CA certificates (install them, or give --ca-file)",
            detail);
        return;
    case CURLE_SSL_CONNECT_ERROR:
        set_tls(e, os_errno, detail);
        return;
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        set_http2(e, rc, detail);
        return;
    case CURLE_OUT_OF_MEMORY: /* what libcurl calls a line over 100 kB; want of memory aborts */
        tt_http_error_set(e, TT_HTTP_E_TOO_LARGE, "response headers too large: a line");
        return;
    default:
        tt_http_error_set(e, TT_HTTP_E_OTHER, detail);
    }
}

int tt_http_status_error_code(int status)
{
    return status >= 400 ? 1000 + status : 0;
}
