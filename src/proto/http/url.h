/* SPDX-License-Identifier: MIT */
/* The text of an http or https URL: its parts, as slices, and its form for tags. Pure. */
#pragma once
#include "base/buf.h"
#include <stdint.h>

struct tt_slice {
    const char *p;
    size_t n;
};

struct tt_http_url {
    bool https;
    bool has_password;
    uint16_t port; /* the scheme's default when none is written */
    bool has_userinfo;
    struct tt_slice userinfo;  /* without the @ */
    struct tt_slice host;      /* without brackets, case as written */
    struct tt_slice authority; /* host[:port] as written, brackets included */
    struct tt_slice rest;      /* from the path on: "", "/a?b#c", "?q" */
    enum tt_http_url_fault {
        TT_HTTP_URL_GOOD,
        TT_HTTP_URL_BAD,    /* no URL at all */
        TT_HTTP_URL_SCHEME, /* one, but without http:// or https:// or without a host */
        TT_HTTP_URL_PORT    /* one that no TCP port fits */
    } fault;
};

/* Slices point into text. On false fault is set and *why says what is wrong ("no host"). */
bool tt_http_url_parse(const char *text, size_t n, struct tt_http_url *u, const char **why);
/* Does it begin with "scheme:"? */
bool tt_http_url_has_scheme(struct tt_slice text);
/* The URL for tags and logs: user, password and secret query values masked ("****:****@", "****@",
 * "token=****"). Same text when there is nothing to mask. */
bool tt_http_url_clean(const struct tt_http_url *u, struct tt_buf *out);
/* True when text can go on the wire as it is: nothing to encode, no userinfo or fragment to take
 * out. */
bool tt_http_url_plain(const struct tt_http_url *u, const char *text, size_t n);
/* What is sent: without userinfo and fragment; bytes that no path has are percent-encoded, in the
 * query spaces only (k6 sends the rest of it as it is written). */
bool tt_http_url_wire(const struct tt_http_url *u, struct tt_buf *out);
/* A host name or IPv4 address, as a certificate has it. */
bool tt_http_host_ok(const char *text);
/* The decoded userinfo: "user:password". */
bool tt_http_url_userinfo(const struct tt_http_url *u, struct tt_buf *out);
/* "Basic <base64 of the decoded userinfo>". */
bool tt_http_url_basic_auth(const struct tt_http_url *u, struct tt_buf *out);
/* The URL that a redirect's Location means, seen from base: absolute, dots resolved, encoded as
 * tt_http_url_wire does. */
bool tt_http_url_join(const char *base, struct tt_slice location, struct tt_buf *out);
/* May credentials given for from be sent to to as well? Same host or a subdomain of it (what Go's
 * client and with it k6 do on redirects). */
bool tt_http_url_trusts(const struct tt_http_url *from, const struct tt_http_url *to);
