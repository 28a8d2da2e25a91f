/* SPDX-License-Identifier: MIT */
/* The header lines of a call's request: added, looked for, those that a redirect keeps. Worker
 * thread. */
#include "base/str.h"
#include "proto/http/call_int.h"
#include <string.h>

static bool name_is(const char *line, const char *name)
{
    size_t n = strlen(name);
    return tt_strnieq(line, name, n) && (line[n] == ':' || line[n] == ';');
}

static bool breaks_line(const char *p, size_t n)
{
    return memchr(p, '\r', n) || memchr(p, '\n', n) || memchr(p, '\0', n);
}

bool tt_http_call_header(struct tt_http_call *c, const char *name, size_t name_len,
                         const char *value, size_t value_len)
{
    if (name_len == 0 || breaks_line(name, name_len) || breaks_line(value, value_len) ||
        memchr(name, ':', name_len) || memchr(name, ';', name_len) || memchr(name, ' ', name_len))
        return false;
    struct tt_buf *b = &c->lines;
    if (!tt_buf_reserve(b, name_len + value_len + 3))
        return false;
    tt_buf_append(b, name, name_len);
    if (value_len) {
        tt_buf_append(b, ": ", 2);
        tt_buf_append(b, value, value_len);
    } else {
        tt_buf_putc(b, ';');
    }
    tt_buf_append(b, "", 1);
    c->n_lines++;
    return true;
}

bool tt_http_call_has_header(const struct tt_http_call *c, const char *name)
{
    const char *p = c->lines.data, *end = p ? p + c->lines.len : p;
    for (; p < end; p += strlen(p) + 1)
        if (name_is(p, name))
            return true;
    return false;
}

static bool follows(const char *line, bool trusted, bool same_authority, bool with_body)
{
    static const char *const secrets[] = {"Authorization", "Www-Authenticate", "Cookie2"};
    static const char *const of_body[] = {"Content-Type", "Content-Encoding", "Content-Language",
                                          "Content-Location"};
    for (size_t i = 0; i < 3; i++)
        if (!trusted && name_is(line, secrets[i]))
            return false;
    for (size_t i = 0; i < 4; i++)
        if (!with_body && name_is(line, of_body[i]))
            return false;
    if (name_is(line, "Cookie")) /* each hop has its own */
        return false;
    return same_authority || !name_is(line, "Host");
}

void tt__http_keep_lines(struct tt_http_call *c, bool trusted, bool same_authority)
{
    tt_buf_clear(&c->spare_lines);
    size_t n = 0;
    const char *p = c->lines.data, *end = p ? p + c->lines.len : p;
    for (; p < end; p += strlen(p) + 1)
        if (follows(p, trusted, same_authority, c->status.code > 303) &&
            !(c->own_referer && name_is(p, "Referer"))) {
            tt_buf_append(&c->spare_lines, p, strlen(p) + 1);
            n++;
        }
    struct tt_buf old = c->lines;
    c->lines = c->spare_lines;
    c->spare_lines = old;
    c->n_lines = n;
}
