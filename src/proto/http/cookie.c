/* SPDX-License-Identifier: MIT */
/* Reading Set-Cookie (RFC 6265 section 5.2), with Go's limits on names and values. */
#include "proto/http/cookie.h"
#include "base/str.h"
#include <curl/curl.h>
#include <string.h>

enum { NUMBER_MAX = 24, DATE_MAX = 64 };

static struct tt_slice trim(struct tt_slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* The next ';'-separated part of *rest as name and value; value.p is NULL without '='. */
static bool next_part(struct tt_slice *rest, struct tt_slice *name, struct tt_slice *value)
{
    if (!rest->p)
        return false;
    const char *semi = memchr(rest->p, ';', rest->n);
    struct tt_slice part = {rest->p, semi ? (size_t)(semi - rest->p) : rest->n};
    *rest = semi ? (struct tt_slice){semi + 1, rest->n - part.n - 1} : (struct tt_slice){NULL, 0};
    const char *eq = memchr(part.p, '=', part.n);
    *name = trim((struct tt_slice){part.p, eq ? (size_t)(eq - part.p) : part.n});
    *value = eq ? trim((struct tt_slice){eq + 1, (size_t)(part.p + part.n - eq - 1)})
                : (struct tt_slice){NULL, 0};
    return true;
}

static bool is(struct tt_slice s, const char *name)
{
    return s.n == strlen(name) && tt_strnieq(s.p, name, s.n);
}

bool tt_http_cookie_name_ok(struct tt_slice name)
{
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c <= ' ' || c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", c))
            return false;
    }
    return name.n != 0;
}

bool tt_http_cookie_value_ok(struct tt_slice value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c < ' ' || c >= 0x7f || c == '"' || c == ';' || c == '\\')
            return false;
    }
    return true;
}

/* Go takes "60", "-5" and "0", not "060" or "+5": those count as not given. */
static void read_max_age(struct tt_slice s, struct tt_http_cookie *out)
{
    char text[NUMBER_MAX];
    int64_t v;
    if (s.n == 0 || s.n >= sizeof text)
        return;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (!tt_parse_i64(text, &v) || (v != 0 && text[0] == '0'))
        return;
    out->max_age = v > 0 ? v : -1;
}

bool tt_http_cookie_date(struct tt_slice s, int64_t *ms)
{
    char text[DATE_MAX];
    if (s.n == 0 || s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    time_t at = curl_getdate(text, NULL);
    *ms = (int64_t)at * 1000;
    return at != -1;
}

static void read_attribute(struct tt_slice name, struct tt_slice value, struct tt_http_cookie *out)
{
    if (is(name, "Domain"))
        out->domain = value;
    else if (is(name, "Path"))
        out->path = value;
    else if (is(name, "Max-Age"))
        read_max_age(value, out);
    else if (is(name, "Expires"))
        out->has_expires = tt_http_cookie_date(value, &out->expires_ms);
    else if (is(name, "Secure"))
        out->secure = true;
    else if (is(name, "HttpOnly"))
        out->http_only = true;
}

bool tt_http_cookie_parse(struct tt_slice line, struct tt_http_cookie *out)
{
    struct tt_slice name, value;
    *out = (struct tt_http_cookie){0};
    if (!next_part(&line, &name, &value) || !value.p)
        return false;
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
        value = (struct tt_slice){value.p + 1, value.n - 2};
    if (!tt_http_cookie_name_ok(name) || !tt_http_cookie_value_ok(value))
        return false;
    out->name = name;
    out->value = value;
    while (next_part(&line, &name, &value))
        if (tt_http_cookie_value_ok(value))
            read_attribute(name, value, out);
    return true;
}

bool tt_http_cookie_put(struct tt_buf *out, struct tt_slice name, struct tt_slice value)
{
    bool quote = memchr(value.p ? value.p : "", ' ', value.n) ||
                 memchr(value.p ? value.p : "", ',', value.n);
    return (out->len == 0 || tt_buf_puts(out, "; ")) && tt_buf_append(out, name.p, name.n) &&
           tt_buf_puts(out, quote ? "=\"" : "=") && tt_buf_append(out, value.p, value.n) &&
           (!quote || tt_buf_putc(out, '"'));
}
