/* SPDX-License-Identifier: MIT */
/* Splitting and cleaning of URLs. Everything else about a URL (dots, IDN) is the transport's. */
#include "proto/http/url.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/str.h"
#include "proto/http/names.h"
#include <curl/curl.h>
#include <string.h>

enum { LOCATION_MAX = 1 << 20 };

static bool fail(struct tt_http_url *u, enum tt_http_url_fault fault, const char **why,
                 const char *text)
{
    u->fault = fault;
    *why = text;
    return false;
}

static bool parse_port(struct tt_http_url *u, struct tt_slice digits, const char **why)
{
    unsigned v = 0;
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] < '0' || digits.p[i] > '9')
            return fail(u, TT_HTTP_URL_BAD, why, "bad port");
        v = v > 65535 ? v : v * 10 + (unsigned)(digits.p[i] - '0');
    }
    if (v > 65535)
        return fail(u, TT_HTTP_URL_PORT, why, "bad port, 65535 is the highest");
    if (digits.n) /* "host:" means the default port */
        u->port = (uint16_t)v;
    return true;
}

static bool usual(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

static bool parse_authority(struct tt_http_url *u, const char **why)
{
    struct tt_slice a = u->authority;
    const char *end = a.p + a.n, *colon;
    if (a.n && a.p[0] == '[') {
        const char *close = memchr(a.p, ']', a.n);
        if (!close)
            return fail(u, TT_HTTP_URL_BAD, why, "'[' without ']' in the host");
        u->host = (struct tt_slice){a.p + 1, (size_t)(close - a.p - 1)};
        if (close + 1 < end && close[1] != ':')
            return fail(u, TT_HTTP_URL_BAD, why, "something follows ']' in the host");
        colon = close + 1 < end ? close + 1 : NULL;
    } else {
        colon = memchr(a.p, ':', a.n);
        u->host = (struct tt_slice){a.p, colon ? (size_t)(colon - a.p) : a.n};
    }
    for (size_t i = 0; i < u->host.n; i++)
        if (!usual(u->host.p[i]) && ((unsigned char)u->host.p[i] <= ' ' ||
                                     (u->host.p[i] == '%' && a.p[0] != '[') || /* a zone has it */
                                     strchr("\"<>\\^`{|}\x7f", u->host.p[i])))
            return fail(u, TT_HTTP_URL_BAD, why, "a character that no host name has");
    if (colon && !parse_port(u, (struct tt_slice){colon + 1, (size_t)(end - colon - 1)}, why))
        return false;
    return u->host.n || fail(u, TT_HTTP_URL_SCHEME, why, "no host");
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Every % of the path and of the fragment begins an escape. */
static bool well_escaped(struct tt_slice rest)
{
    bool query = false;
    for (size_t i = 0; i < rest.n; i++) {
        char c = rest.p[i];
        query = c == '#' ? false : query || c == '?';
        if (c == '%' && !query &&
            (rest.n - i < 3 || hex(rest.p[i + 1]) < 0 || hex(rest.p[i + 2]) < 0))
            return false;
    }
    return true;
}

bool tt_http_url_has_scheme(struct tt_slice text)
{
    size_t n = 0;
    while (n < text.n && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789+-.",
                                text.p[n]))
        n++;
    bool letter = text.n && (text.p[0] | 0x20) >= 'a' && (text.p[0] | 0x20) <= 'z';
    return letter && n < text.n && text.p[n] == ':';
}

/* Neither http:// nor https://: is it a URL all the same, to Go's parser and so to k6? */
static bool other_scheme(struct tt_http_url *u, const char *text, size_t n, const char **why)
{
    const char *colon = memchr(text, ':', n), *end = text;
    while (end < text + n && *end != '/' && *end != '?' && *end != '#')
        end++;
    if (!tt_http_url_has_scheme((struct tt_slice){text, n}) && colon && colon < end)
        return fail(u, TT_HTTP_URL_BAD, why, "it has a colon, but no scheme before it");
    return fail(u, TT_HTTP_URL_SCHEME, why, "it does not begin with http:// or https://");
}

bool tt_http_url_parse(const char *text, size_t n, struct tt_http_url *u, const char **why)
{
    *u = (struct tt_http_url){0};
    const char *p, *end = text + n;
    for (const char *c = text; c < end; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return fail(u, TT_HTTP_URL_BAD, why, "it has a control character");
    if (n >= 7 && tt_strnieq(text, "http://", 7)) {
        u->port = 80;
        p = text + 7;
    } else if (n >= 8 && tt_strnieq(text, "https://", 8)) {
        u->https = true;
        u->port = 443;
        p = text + 8;
    } else {
        return other_scheme(u, text, n, why);
    }
    const char *rest = p, *at = NULL;
    while (rest < end && *rest != '/' && *rest != '?' && *rest != '#') {
        if (*rest == '@')
            at = rest;
        rest++;
    }
    if (at) {
        u->has_userinfo = true;
        u->userinfo = (struct tt_slice){p, (size_t)(at - p)};
        u->has_password = memchr(p, ':', u->userinfo.n) != NULL;
        p = at + 1;
    }
    u->authority = (struct tt_slice){p, (size_t)(rest - p)};
    u->rest = (struct tt_slice){rest, (size_t)(end - rest)};
    if (!well_escaped(u->rest))
        return fail(u, TT_HTTP_URL_BAD, why, "a % that two hexadecimal digits do not follow");
    return parse_authority(u, why);
}

static bool put(struct tt_buf *out, struct tt_slice s)
{
    return tt_buf_append(out, s.p, s.n);
}

/* Path, query with its secrets masked, fragment. */
static bool put_rest(struct tt_slice rest, struct tt_buf *out)
{
    const char *query = rest.n ? memchr(rest.p, '?', rest.n) : NULL;
    if (!query)
        return put(out, rest);
    size_t path = (size_t)(query + 1 - rest.p), n = rest.n - path;
    const char *hash = n ? memchr(query + 1, '#', n) : NULL;
    size_t len = hash ? (size_t)(hash - query - 1) : n;
    return tt_buf_append(out, rest.p, path) && tt_http_mask_query(query + 1, len, out) &&
           tt_buf_append(out, query + 1 + len, n - len);
}

bool tt_http_url_clean(const struct tt_http_url *u, struct tt_buf *out)
{
    const char *mask = !u->has_userinfo ? "" : u->has_password ? "****:****@" : "****@";
    return tt_buf_puts(out, u->https ? "https://" : "http://") && tt_buf_puts(out, mask) &&
           put(out, u->authority) && put_rest(u->rest, out);
}

static bool unsafe(unsigned char c, bool query)
{
    return c <= ' ' || c == 0x7f || (!query && (c > 0x7f || strchr("\"<>^`{|}\\", c)));
}

bool tt_http_url_plain(const struct tt_http_url *u, const char *text, size_t n)
{
    bool query = false;
    if (u->has_userinfo)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (unsafe((unsigned char)text[i], query) || text[i] == '#')
            return false;
        query |= text[i] == '?';
    }
    return true;
}

/* Until the fragment when wire, else all of it. */
static bool put_encoded(struct tt_buf *out, struct tt_slice s, bool wire)
{
    bool query = false;
    for (size_t i = 0; i < s.n && !(wire && s.p[i] == '#'); i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (!(unsafe(c, query) ? tt_buf_printf(out, "%%%02X", c) : tt_buf_putc(out, (char)c)))
            return false;
        query |= c == '?';
    }
    return true;
}

bool tt_http_url_wire(const struct tt_http_url *u, struct tt_buf *out)
{
    return tt_buf_puts(out, u->https ? "https://" : "http://") && put(out, u->authority) &&
           put_encoded(out, u->rest, true);
}

bool tt_http_url_userinfo(const struct tt_http_url *u, struct tt_buf *out)
{
    const char *p = u->userinfo.p, *end = p + u->userinfo.n;
    bool ok = true;
    for (; ok && p < end; p++) {
        int hi, lo;
        if (*p == '%' && end - p > 2 && (hi = hex(p[1])) >= 0 && (lo = hex(p[2])) >= 0) {
            ok = tt_buf_putc(out, (char)(hi << 4 | lo));
            p += 2;
        } else {
            ok = tt_buf_putc(out, *p);
        }
    }
    return ok && (u->has_password || tt_buf_putc(out, ':'));
}

bool tt_http_url_basic_auth(const struct tt_http_url *u, struct tt_buf *out)
{
    struct tt_buf plain;
    tt_buf_init(&plain, 64 * 1024);
    bool ok = tt_http_url_userinfo(u, &plain) && tt_buf_puts(out, "Basic ") &&
              tt_base64_encode(out, plain.data, plain.len, TT_BASE64_STD);
    tt_buf_fini(&plain);
    return ok;
}

bool tt_http_url_join(const char *base, struct tt_slice location, struct tt_buf *out)
{
    char *joined = NULL;
    struct tt_buf text;
    CURLU *u = curl_url();
    TT_ASSERT(u); /* fails for want of memory only */
    tt_buf_init(&text, LOCATION_MAX);
    bool ok = tt_buf_append(&text, "", 0) && put_encoded(&text, location, false) &&
              curl_url_set(u, CURLUPART_URL, base, CURLU_PATH_AS_IS) == CURLUE_OK &&
              curl_url_set(u, CURLUPART_URL, text.data, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_URL, &joined, 0) == CURLUE_OK;
    ok = ok && tt_buf_puts(out, joined);
    curl_free(joined);
    tt_buf_fini(&text);
    curl_url_cleanup(u);
    return ok;
}

bool tt_http_url_trusts(const struct tt_http_url *from, const struct tt_http_url *to)
{
    if (to->host.n < from->host.n)
        return false;
    const char *tail = to->host.p + (to->host.n - from->host.n);
    if (!tt_strnieq(tail, from->host.p, from->host.n))
        return false;
    return to->host.n == from->host.n || tail[-1] == '.';
}

bool tt_http_host_ok(const char *text)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    size_t n = strlen(text);
    return n && n < 254 && text[strspn(text, good)] == '\0';
}
