/* SPDX-License-Identifier: MIT */
/* Each way a request fails, and the number and text it gets. */
#include "proto/http/errors.h"
#include "unit.h"
#include <errno.h>
#include <openssl/x509_vfy.h>

static void is(const struct tt_http_error *e, int code, const char *text)
{
    if (e->code != code || strcmp(e->text, text) != 0)
        fail_msg("%d '%s' is expected, got %d '%s'", code, text, e->code, e->text);
}

static void system_errors_name_the_operation(void **state)
{
    (void)state;
    static const struct {
        enum tt_http_op op;
        int err, code;
        const char *text;
    } cases[] = {
        {TT_HTTP_OP_DIAL, ECONNREFUSED, 1212, "dial: connection refused"},
        {TT_HTTP_OP_DIAL, ETIMEDOUT, 1211, "dial: i/o timeout"},
        {TT_HTTP_OP_DIAL, ENETUNREACH, 1213, "dial: Network is unreachable"},
        {TT_HTTP_OP_DIAL, EADDRNOTAVAIL, 1213, "dial: Cannot assign requested address"},
        {TT_HTTP_OP_DIAL, 0, 1210, "dial: connection failed"},
        {TT_HTTP_OP_DIAL, ECONNRESET, 1220, "dial: connection reset by peer"},
        {TT_HTTP_OP_READ, ECONNRESET, 1220, "read: connection reset by peer"},
        {TT_HTTP_OP_WRITE, ECONNRESET, 1220, "write: connection reset by peer"},
        {TT_HTTP_OP_WRITE, EPIPE, 1201, "write: broken pipe"},
        {TT_HTTP_OP_READ, ETIMEDOUT, 1050, "request timeout"},
        {TT_HTTP_OP_READ, ECONNREFUSED, 1200, "read: Connection refused"},
        {TT_HTTP_OP_READ, 0, 1200, "read: connection failed"},
        {TT_HTTP_OP_CLOSE, EIO, 1200, "close: Input/output error"},
        {TT_HTTP_OP_WRITE, ENOTRECOVERABLE, 1202, "write: State not recoverable"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tt_http_error e = {0};
        tt_http_error_syscall(&e, cases[i].op, cases[i].err);
        is(&e, cases[i].code, cases[i].text);
    }
}

struct curl_case {
    CURLcode rc;
    long os_errno, verify;
    const char *detail;
    int code;
    const char *text;
};

static void are(const struct curl_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct tt_http_error e = {0};
        tt_http_error_curl(&e, cases[i].rc, cases[i].os_errno, cases[i].verify, cases[i].detail);
        is(&e, cases[i].code, cases[i].text);
    }
}

#define ARE(cases) are(cases, sizeof(cases) / sizeof *(cases))

static void transfers_fail_as_their_system_call_did(void **state)
{
    (void)state;
    static const struct curl_case cases[] = {
        {CURLE_COULDNT_CONNECT, ECONNREFUSED, 0, "x", 1212, "dial: connection refused"},
        {CURLE_COULDNT_CONNECT, EHOSTUNREACH, 0, "x", 1213, "dial: No route to host"},
        {CURLE_COULDNT_CONNECT, 0, 0, "x", 1210, "dial: connection failed"},
        {CURLE_SEND_ERROR, EPIPE, 0, "x", 1201, "write: broken pipe"},
        {CURLE_RECV_ERROR, ECONNRESET, 0, "x", 1220, "read: connection reset by peer"},
        {CURLE_RECV_ERROR, 0, 0, "Recv failure: Connection reset by peer", 1220,
         "read: connection reset by peer"},
        {CURLE_RECV_ERROR, 0, 0, "x", 1200, "read: connection failed"},
        {CURLE_GOT_NOTHING, 0, 0, "Empty reply from server", 1000, "EOF"},
        {CURLE_PARTIAL_FILE, 0, 0, "x", 1000, "unexpected EOF"},
        {CURLE_OPERATION_TIMEDOUT, 0, 0, "x", 1050, "request timeout"},
        {CURLE_COULDNT_RESOLVE_HOST, 0, 0, "x", 1101, "lookup: no such host"},
    };
    ARE(cases);
}

static void what_libcurl_says_is_kept_where_it_says_more(void **state)
{
    (void)state;
    static const struct curl_case cases[] = {
        {CURLE_URL_MALFORMAT, 0, 0, "Port number was not a decimal number", 1020,
         "invalid URL: Port number was not a decimal number"},
        {CURLE_UNSUPPORTED_PROTOCOL, 0, 0, "Empty reply", 1000,
         "malformed HTTP response: the response does not begin with an HTTP/1 status line"},
        {CURLE_RECV_ERROR, 0, 0, "Connection died, tried 5 times before giving up", 1638,
         "http2: the server refuses the stream: REFUSED_STREAM"},
        {CURLE_OUT_OF_MEMORY, 0, 0, "Out of memory", 1710, "response headers too large: a line"},
        {CURLE_RECV_ERROR, 0, 0, "Too large response headers: 309000 > 307200", 1710,
         "response headers too large"},
        {CURLE_TOO_MANY_REDIRECTS, 0, 0, "something else", 1000, "something else"},
        {CURLE_WRITE_ERROR, 0, 0, "too big", 1000, "too big"},
    };
    ARE(cases);
}

static void answers_that_are_no_http_are_malformed(void **state)
{
    (void)state;
    static const struct curl_case cases[] = {
        {CURLE_UNSUPPORTED_PROTOCOL, 0, 0, "Received HTTP/0.9 when not allowed", 1000,
         "malformed HTTP response: the response does not begin with an HTTP/1 status line"},
        {CURLE_RECV_ERROR, 0, 0, "Too long hexadecimal number in chunked-encoding", 1000,
         "malformed HTTP response: the response's chunked encoding is broken"},
    };
    ARE(cases);
}

static void without_a_detail_the_code_explains_itself(void **state)
{
    (void)state;
    struct tt_http_error e = {0};
    tt_http_error_curl(&e, CURLE_WRITE_ERROR, 0, 0, "");
    is(&e, 1000, curl_easy_strerror(CURLE_WRITE_ERROR));
    tt_http_error_curl(&e, CURLE_WRITE_ERROR, 0, 0, NULL);
    is(&e, 1000, curl_easy_strerror(CURLE_WRITE_ERROR));
}

static void certificates_are_unknown_misnamed_or_otherwise_bad(void **state)
{
    (void)state;
    static const struct {
        long verify;
        int code;
        const char *begins;
    } cases[] = {
        {X509_V_ERR_UNSPECIFIED, 1311, "x509: certificate is not valid for h.test"},
        {X509_V_OK, 1311, "x509: certificate is not valid for h.test"},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 1310, "x509: certificate signed by unknown"},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, 1310, "x509: certificate signed by unknown"},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, 1310, "x509: certificate signed by unknown"},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 1310, "x509: certificate signed by unknown"},
        {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, 1310, "x509: certificate signed by unknown"},
        {X509_V_ERR_CERT_HAS_EXPIRED, 1000, "x509: certificate has expired"},
        {X509_V_ERR_CERT_REVOKED, 1000, "x509: certificate revoked"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tt_http_error e = {0};
        tt_http_error_curl(&e, CURLE_PEER_FAILED_VERIFICATION, 0, cases[i].verify,
                           "no alternative certificate subject name matches target 'h.test'");
        if (e.code != cases[i].code || strncmp(e.text, cases[i].begins, strlen(cases[i].begins)))
            fail_msg("verify %ld: %d '%s'", cases[i].verify, e.code, e.text);
    }
}

static void handshakes_fail_for_want_of_tls_or_within_it(void **state)
{
    (void)state;
    static const char not_tls[] = "tls: first record does not look like a TLS handshake";
    static const struct curl_case cases[] = {
        {CURLE_SSL_CONNECT_ERROR, 0, 0, "error:0A00010B:SSL routines::wrong version number", 1301,
         not_tls},
        {CURLE_SSL_CONNECT_ERROR, 0, 0, "error:0A0000C6:SSL routines::packet length too long", 1301,
         not_tls},
        {CURLE_SSL_CONNECT_ERROR, 0, 0, "unknown protocol", 1301, not_tls},
        {CURLE_SSL_CONNECT_ERROR, 0, 0, "tlsv1 alert protocol version", 1010,
         "tls: the peer refuses: tlsv1 alert protocol version"},
        {CURLE_SSL_CONNECT_ERROR, ECONNRESET, 0, "sslv3 alert handshake failure", 1010,
         "tls: the peer refuses: sslv3 alert handshake failure"},
        {CURLE_SSL_CONNECT_ERROR, 0, 0, "unsafe legacy renegotiation disabled", 1300,
         "tls: unsafe legacy renegotiation disabled"},
        {CURLE_SSL_CONNECT_ERROR, ECONNRESET, 0, "OpenSSL SSL_connect: Connection reset by peer",
         1220, "read: connection reset by peer"},
        {CURLE_SSL_CONNECT_ERROR, 0, 0, "error:0A000152:SSL routines::unsafe legacy renegotiation",
         1300, "tls: unsafe legacy renegotiation"},
        {CURLE_SSL_CONNECT_ERROR, 0, 0, "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection",
         1300, "tls: the server closed the connection during the handshake"},
        {CURLE_RECV_ERROR, 0, 0,
         "SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate required, errno 0", 1010,
         "tls: the peer refuses: tlsv13 alert certificate required"},
        {CURLE_SSL_CACERT_BADFILE, 0, 0, "error setting certificate file", 1310,
         "tls: no CA certificates (install them, or give --ca-file): error setting certificate "
         "file"},
    };
    ARE(cases);
}

static void http2_streams_have_a_number_each(void **state)
{
    (void)state;
    static const struct curl_case cases[] = {
        {CURLE_HTTP2_STREAM, 0, 0, "not closed cleanly: NO_ERROR (err 0)", 1631,
         "http2: not closed cleanly: NO_ERROR (err 0)"},
        {CURLE_HTTP2_STREAM, 0, 0, "not closed cleanly: PROTOCOL_ERROR (err 1)", 1632,
         "http2: not closed cleanly: PROTOCOL_ERROR (err 1)"},
        {CURLE_HTTP2_STREAM, 0, 0, "HTTP_1_1_REQUIRED (err 13)", 1644,
         "http2: HTTP_1_1_REQUIRED (err 13)"},
        {CURLE_HTTP2_STREAM, 0, 0, "unknown (err 14)", 1630, "http2: unknown (err 14)"},
        {CURLE_HTTP2_STREAM, 0, 0, "strange", 1600, "http2: strange"},
        {CURLE_HTTP2, 0, 0, "Error in the framing layer (err 1)", 1600,
         "http2: Error in the framing layer (err 1)"},
    };
    ARE(cases);
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    char detail[600];
    struct tt_http_error e = {0};
    memset(detail, 'x', sizeof detail - 1);
    detail[sizeof detail - 1] = '\0';
    tt_http_error_curl(&e, CURLE_WRITE_ERROR, 0, 0, detail);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    tt_http_error_curl(&e, CURLE_URL_MALFORMAT, 0, 0, detail);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void a_status_from_400_on_is_an_error_code(void **state)
{
    (void)state;
    assert_int_equal(tt_http_status_error_code(400), 1400);
    assert_int_equal(tt_http_status_error_code(599), 1599);
    assert_int_equal(tt_http_status_error_code(302), 0);
    assert_int_equal(tt_http_status_error_code(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_errors_name_the_operation),
        cmocka_unit_test(transfers_fail_as_their_system_call_did),
        cmocka_unit_test(what_libcurl_says_is_kept_where_it_says_more),
        cmocka_unit_test(answers_that_are_no_http_are_malformed),
        cmocka_unit_test(without_a_detail_the_code_explains_itself),
        cmocka_unit_test(certificates_are_unknown_misnamed_or_otherwise_bad),
        cmocka_unit_test(handshakes_fail_for_want_of_tls_or_within_it),
        cmocka_unit_test(http2_streams_have_a_number_each),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(a_status_from_400_on_is_an_error_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
