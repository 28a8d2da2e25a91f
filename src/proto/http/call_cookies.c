/* SPDX-License-Identifier: MIT */
/* The cookies of a call, hop by hop, as k6 has them: params.cookies first, then the jar's; a Cookie
 * header of the script's own comes before both and is for the first hop only. */
#include "base/clock.h"
#include "base/str.h"
#include "proto/http/call_int.h"
#include <string.h>

static int64_t now_ms(void)
{
    return (int64_t)(tt_wall_ns() / TT_NS_PER_MS);
}

/* One of params.cookies: 'r' (replaces the jar's) or 'a' (adds to them), name, NUL, value, NUL. */
bool tt_http_call_cookie(struct tt_http_call *c, struct tt_slice name, struct tt_slice value,
                         bool replaces)
{
    struct tt_buf *b = &c->cookies;
    if (!tt_http_cookie_name_ok(name) || !tt_http_cookie_value_ok(value))
        return false;
    return tt_buf_putc(b, replaces ? 'r' : 'a') && tt_buf_append(b, name.p, name.n) &&
           tt_buf_append(b, "", 1) && tt_buf_append(b, value.p, value.n) && tt_buf_append(b, "", 1);
}

struct pair {
    bool replaces;
    struct tt_slice name, value;
};

static bool next_pair(const struct tt_buf *b, size_t *at, struct pair *out)
{
    if (*at >= b->len)
        return false;
    const char *p = b->data + *at;
    out->replaces = *p++ == 'r';
    out->name = (struct tt_slice){p, strlen(p)};
    p += out->name.n + 1;
    out->value = (struct tt_slice){p, strlen(p)};
    *at = (size_t)(p + out->value.n + 1 - b->data);
    return true;
}

static void add_from_jar(void *arg, struct tt_slice name, struct tt_slice value)
{
    struct tt_http_call *c = arg;
    struct pair p;
    for (size_t at = 0; next_pair(&c->cookies, &at, &p);)
        if (p.replaces && p.name.n == name.n && memcmp(p.name.p, name.p, name.n) == 0)
            return;
    tt_http_cookie_put(&c->wire, name, value);
}

/* Moves the script's Cookie lines out of the headers, into c->wire. */
static void take_own_lines(struct tt_http_call *c)
{
    if (!c->lines.len)
        return;
    char *to = c->lines.data, *end = to + c->lines.len;
    for (char *p = to, *next; p < end; p = next) {
        next = p + strlen(p) + 1;
        if (tt_strnieq(p, "Cookie:", 7) || tt_strnieq(p, "Cookie;", 7)) {
            if (c->wire.len)
                tt_buf_puts(&c->wire, "; ");
            tt_buf_puts(&c->wire, p[6] == ':' ? p + 8 : "");
            c->n_lines--;
        } else {
            memmove(to, p, (size_t)(next - p));
            to += next - p;
        }
    }
    c->lines.len = (size_t)(to - c->lines.data);
}

void tt__http_put_cookies(struct tt_http_call *c)
{
    struct tt_http_jar *jar = c->jar ? c->jar : c->hv->jar;
    struct pair p;
    if (!c->cookies.len && (!jar || tt_http_jar_empty(jar)))
        return;
    tt_buf_clear(&c->wire);
    take_own_lines(c);
    for (size_t at = 0; next_pair(&c->cookies, &at, &p);)
        tt_http_cookie_put(&c->wire, p.name, p.value);
    if (jar)
        tt_http_jar_for(jar, &c->parsed, now_ms(), add_from_jar, c);
    if (c->wire.len)
        tt_http_call_header(c, "Cookie", 6, c->wire.data, c->wire.len);
}

struct tt_http_jar *tt_http_vu_cookies(struct tt_http_vu *hv)
{
    if (!hv->jar)
        hv->jar = tt_http_jar_new();
    return hv->jar;
}

void tt__http_take_cookies(struct tt_http_call *c)
{
    if (c->x.sets_cookies)
        tt_http_jar_store(c->jar ? c->jar : tt_http_vu_cookies(c->hv), &c->parsed, c->x.head.data,
                          c->x.head.len, now_ms());
}
