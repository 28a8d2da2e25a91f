/* SPDX-License-Identifier: MIT */
/* Names: see names.h. */
#include "proto/http/names.h"
#include "base/log.h"
#include "base/str.h"
#include <string.h>

enum { TEXT_MAX = 64 * 1024, HEX_MIN = 16, TOKEN_MIN = 20 };

/* --- secrets -----------------------------------------------------------------------------------
 */

bool tt_http_is_secret(const char *name, size_t n)
{
    /* whole names, without - and _, and ends of longer ones */
    static const char *const whole[] = {"auth", "credential", "credentials", "jwt",
                                        "pass", "passwd",     "pwd",         "sid",
                                        "sig",  "session",    "sessionid",   "xamzcredential"};
    static const char *const ends[] = {"token",  "password",      "secret", "signature",
                                       "apikey", "authorization", "bearer", "privatekey"};
    char plain[64];
    size_t len = 0;
    for (size_t i = 0; i < n && len < sizeof plain - 1; i++)
        if (name[i] != '-' && name[i] != '_')
            plain[len++] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
    plain[len] = '\0';
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(plain, whole[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (tt_ends_with(plain, ends[i]))
            return true;
    return false;
}

/* --- what varies -------------------------------------------------------------------------------
 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_uuid(const char *p, size_t n)
{
    if (n != 36)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? p[i] != '-' : !is_hex(p[i]))
            return false;
    }
    return true;
}

/* 42, 2024-01-31, 1-2 */
static bool is_number(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_digit(p[i]) && (p[i] != '-' || i == 0 || i == n - 1))
            return false;
    return n != 0;
}

static bool is_long_hex(const char *p, size_t n)
{
    bool digit = false;
    for (size_t i = 0; i < n; i++) {
        digit |= is_digit(p[i]);
        if (!is_hex(p[i]))
            return false;
    }
    return digit && n >= HEX_MIN;
}

/* Letters and digits, and long: no word. */
static bool is_token(const char *p, size_t n)
{
    bool digit = false, letter = false;
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        digit |= is_digit(c);
        bool other = !is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        letter |= !is_digit(c) && !other;
        if (other && !strchr("-_=.~%+", c))
            return false;
    }
    return digit && letter && n >= TOKEN_MIN;
}

/* How much of a part varies, from its beginning: "42.json" does but for ".json". */
static size_t varies(const char *p, size_t n)
{
    const char *dot = memchr(p, '.', n);
    size_t stem = dot ? (size_t)(dot - p) : n;
    if (is_number(p, stem) || is_uuid(p, stem) || is_long_hex(p, stem))
        return stem;
    return is_token(p, n) ? n : 0;
}

static bool put_part(struct tt_buf *out, const char *p, size_t n)
{
    size_t k = varies(p, n);
    return (!k || tt_buf_puts(out, "${}")) && tt_buf_append(out, p + k, n - k);
}

/* --- queries and paths -------------------------------------------------------------------------
 */

/* Masks secrets; templates: and replaces what varies. */
static bool put_query(const char *p, size_t n, bool templates, struct tt_buf *out)
{
    const char *end = p + n;
    bool ok = true;
    while (ok && p < end) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        const char *stop = amp ? amp : end;
        const char *eq = memchr(p, '=', (size_t)(stop - p));
        const char *value = eq ? eq + 1 : stop;
        ok = tt_buf_append(out, p, (size_t)(value - p));
        if (ok && value < stop && tt_http_is_secret(p, (size_t)(eq - p)))
            ok = tt_buf_puts(out, "****");
        else if (ok)
            ok = templates ? put_part(out, value, (size_t)(stop - value))
                           : tt_buf_append(out, value, (size_t)(stop - value));
        if (ok && amp)
            ok = tt_buf_putc(out, '&');
        p = amp ? amp + 1 : end;
    }
    return ok;
}

bool tt_http_mask_query(const char *p, size_t n, struct tt_buf *out)
{
    return put_query(p, n, false, out);
}

bool tt_http_url_template(const struct tt_http_url *u, struct tt_buf *out)
{
    struct tt_http_url top = *u;
    const char *p = u->rest.p, *end = p + u->rest.n;
    const char *hash = u->rest.n ? memchr(p, '#', u->rest.n) : NULL;
    end = hash ? hash : end;
    top.rest.n = 0;
    bool ok = tt_http_url_clean(&top, out);
    while (ok && p < end && *p != '?') {
        const char *stop = p + 1;
        while (stop < end && *stop != '/' && *stop != '?')
            stop++;
        ok = tt_buf_putc(out, '/') && put_part(out, p + 1, (size_t)(stop - p - 1));
        p = stop;
    }
    if (ok && p < end)
        ok = tt_buf_putc(out, '?') && put_query(p + 1, (size_t)(end - p - 1), true, out);
    return ok;
}

/* --- the limit ---------------------------------------------------------------------------------
 */

void tt_http_names_init(struct tt_http_names *n, size_t max, bool templates)
{
    *n = (struct tt_http_names){.max = max, .templates = templates};
    tt_map_init(&n->seen);
    tt_buf_init(&n->text, TEXT_MAX);
}

void tt_http_names_fini(struct tt_http_names *n)
{
    tt_map_fini(&n->seen, NULL);
    tt_buf_fini(&n->text);
}

const char *tt_http_names_admit(struct tt_http_names *n, const char *name)
{
    if (!n->max || tt_map_get(&n->seen, name))
        return name;
    if (n->count < n->max) {
        tt_map_put(&n->seen, name, n);
        n->count++;
        return name;
    }
    if (!n->told)
        tt_log(TT_LOG_WARN,
               "over %zu URLs are names of requests (option max_url_names): those beyond are "
               "counted as 'other'; name requests (params.name, http.url) or use option "
               "url_templates",
               n->max);
    n->told = true;
    return "other";
}
