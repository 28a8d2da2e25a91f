/* SPDX-License-Identifier: MIT */
/* Writing requests. */
#include "proto/http/h1_request.h"
#include "base/str.h"
#include "proto/http/h1_reader.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* From the authority on; the URL has no userinfo. */
static const char *after_scheme(const char *url)
{
    const char *p = strstr(url, "://");
    return p ? p + 3 : url;
}

struct tt_slice tt_h1_authority(const char *url)
{
    const char *p = after_scheme(url), *port = tt_starts_with(url, "https:") ? ":443" : ":80";
    size_t n = strcspn(p, "/?#"), m = strlen(port);
    if (n > m && memcmp(p + n - m, port, m) == 0)
        n -= m;
    else if (n && p[n - 1] == ':')
        n--;
    return (struct tt_slice){p, n};
}

void tt_h1_split_authority(struct tt_slice authority, char *host, size_t size, uint16_t *port)
{
    const char *p = authority.p, *end = p + authority.n, *host_end = end;
    const char *colon = memrchr(p, ':', authority.n);
    unsigned number = 0;
    if (authority.n && *p == '[') {
        const char *bracket = memchr(p, ']', authority.n);
        host_end = bracket ? bracket : end;
        p++;
        if (colon && colon < host_end)
            colon = NULL;
    } else if (colon) {
        host_end = colon;
    }
    if (colon && colon + 1 < end) {
        for (const char *d = colon + 1; d < end; d++)
            number = number * 10 + (unsigned)(*d - '0');
        *port = (uint16_t)number;
    }
    snprintf(host, size, "%.*s", (int)(host_end - p), p);
}

/* --- the head ----------------------------------------------------------------------------------
 */

/* Which of the lines that we would write, or must know of, the script has given. */
struct given {
    bool host, user_agent, closes, key;
};

static bool named(const char *line, const char *name, size_t n)
{
    return tt_strnieq(line, name, n) && (line[n] == ':' || line[n] == ';');
}

static struct given look(const struct tt_http_exchange *x)
{
    struct given g = {0};
    const char *p = x->headers;
    for (size_t i = 0; i < x->n_headers; i++, p += strlen(p) + 1) {
        switch (*p | 0x20) {
        case 'h':
            g.host |= named(p, "Host", 4);
            break;
        case 'u':
            g.user_agent |= named(p, "User-Agent", 10);
            break;
        case 'c':
            if (named(p, "Connection", 10))
                g.closes |= tt_h1_list_has((struct tt_slice){p + 11, strlen(p + 11)}, "close");
            break;
        case 'i':
            g.key |= named(p, "Idempotency-Key", 15);
            break;
        case 'x':
            g.key |= named(p, "X-Idempotency-Key", 17);
            break;
        default:
            break;
        }
    }
    return g;
}

bool tt_h1_request_repeatable(const struct tt_http_exchange *x)
{
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "TRACE"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(x->method, methods[i]) == 0)
            return true;
    return look(x).key;
}

/* "User-Agent;" asks for none. */
static bool put_lines(struct tt_buf *out, const struct tt_http_exchange *x)
{
    const char *p = x->headers;
    for (size_t i = 0; i < x->n_headers; i++) {
        size_t n = strlen(p);
        bool empty = n && p[n - 1] == ';' && !memchr(p, ':', n);
        bool none = empty && named(p, "User-Agent", 10);
        if (!none && (!tt_buf_append(out, p, empty ? n - 1 : n) ||
                      !tt_buf_append(out, empty ? ":\r\n" : "\r\n", empty ? 3 : 2)))
            return false;
        p += n + 1;
    }
    return true;
}

static bool put_length(struct tt_buf *out, const struct tt_http_exchange *x)
{
    static const char *const with_body[] = {"POST", "PUT", "PATCH"};
    if (x->source && x->source->length == TT_HTTP_LENGTH_UNKNOWN)
        return tt_buf_puts(out, "Transfer-Encoding: chunked\r\n");
    if (x->source)
        return tt_buf_printf(out, "Content-Length: %" PRIu64 "\r\n", x->source->length);
    if (tt_http_exchange_empty(x)) /* with the end of its chunks */
        return tt_buf_puts(out, "Transfer-Encoding: chunked\r\n\r\n0\r\n");
    bool says = x->upload != NULL;
    for (size_t i = 0; i < 3; i++)
        says = says || strcmp(x->method, with_body[i]) == 0;
    return !says || tt_buf_printf(out, "Content-Length: %zu\r\n", x->upload_len);
}

static bool put_host(struct tt_buf *out, struct tt_slice authority)
{
    return tt_buf_append(out, "Host: ", 6) && tt_buf_append(out, authority.p, authority.n) &&
           tt_buf_append(out, "\r\n", 2);
}

bool tt_h1_request_put(struct tt_buf *out, const struct tt_http_exchange *x,
                       const struct tt_h1_own *own, bool *closes)
{
    const struct given g = look(x);
    struct tt_slice authority = tt_h1_authority(x->url);
    const char *target = after_scheme(x->url);
    target += strcspn(target, "/?");
    *closes = g.closes || own->closes;
    bool ok = tt_buf_puts(out, x->method) && tt_buf_append(out, " /", *target == '/' ? 1 : 2) &&
              tt_buf_puts(out, target) && tt_buf_append(out, " HTTP/1.1\r\n", 11);
    if (ok && !g.host)
        ok = put_host(out, authority);
    if (ok && !g.user_agent && own->user_agent && *own->user_agent)
        ok = tt_buf_append(out, "User-Agent: ", 12) && tt_buf_puts(out, own->user_agent) &&
             tt_buf_append(out, "\r\n", 2);
    ok = ok && put_lines(out, x);
    if (ok && own->closes)
        ok = tt_buf_puts(out, "Connection: close\r\n");
    return ok && put_length(out, x) && tt_buf_append(out, "\r\n", 2);
}
