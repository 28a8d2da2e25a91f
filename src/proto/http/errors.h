/* SPDX-License-Identifier: MIT */
/* Failed requests as numbers and texts: k6's error codes (docs/lua-api.md has the table). Pure. */
#pragma once
#include <curl/curl.h>
#include <stdbool.h>

enum {
    TT_HTTP_E_OTHER = 1000,
    TT_HTTP_E_NOT_TCP = 1010, /* what the peer says in TLS: a refusal of ours */
    TT_HTTP_E_BAD_URL = 1020,
    TT_HTTP_E_TIMEOUT = 1050,
    TT_HTTP_E_DNS = 1100,
    TT_HTTP_E_NO_HOST = 1101,
    TT_HTTP_E_TCP = 1200,
    TT_HTTP_E_BROKEN_PIPE = 1201,
    TT_HTTP_E_ERRNO = 1202, /* an errno that no call on a connection should have */
    TT_HTTP_E_DIAL = 1210,
    TT_HTTP_E_DIAL_TIMEOUT = 1211,
    TT_HTTP_E_REFUSED = 1212,
    TT_HTTP_E_DIAL_ERRNO = 1213,
    TT_HTTP_E_RESET = 1220,
    TT_HTTP_E_TLS = 1300,
    TT_HTTP_E_NOT_TLS = 1301,
    TT_HTTP_E_UNKNOWN_CA = 1310,
    TT_HTTP_E_WRONG_NAME = 1311,
    TT_HTTP_E_HTTP2 = 1600,
    TT_HTTP_E_HTTP2_GOAWAY = 1610,     /* unknown code; 1611 + code for the known ones */
    TT_HTTP_E_HTTP2_STREAM = 1630,     /* likewise 1631 + code */
    TT_HTTP_E_HTTP2_CONNECTION = 1650, /* likewise; libcurl tells neither these nor GOAWAY's */
    TT_HTTP_E_DECODE = 1701,
    TT_HTTP_E_TOO_LARGE = 1710 /* headers or body over their limit; not in k6 */
};

struct tt_http_error {
    int code; /* 0: none */
    char text[236];
};

enum tt_http_op { TT_HTTP_OP_DIAL, TT_HTTP_OP_READ, TT_HTTP_OP_WRITE, TT_HTTP_OP_CLOSE };

void tt_http_error_set(struct tt_http_error *e, int code, const char *text);
/* The answer is no HTTP; why: "the response does not ..." */
void tt_http_error_malformed(struct tt_http_error *e, const char *why);
/* A system call on the connection failed with errno err. */
void tt_http_error_syscall(struct tt_http_error *e, enum tt_http_op op, int err);
/* A transfer of libcurl failed. os_errno, verify: CURLINFO_OS_ERRNO, CURLINFO_SSL_VERIFYRESULT;
 * detail: the error buffer. */
void tt_http_error_curl(struct tt_http_error *e, CURLcode rc, long os_errno, long verify,
                        const char *detail);
/* What the error_code of a response with this status is: 1000 + status from 400 on, else 0. */
int tt_http_status_error_code(int status);
