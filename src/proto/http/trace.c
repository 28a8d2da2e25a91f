/* SPDX-License-Identifier: MIT */
/* Texts of exchanges, and where they go. Files are numbered by the file system: workers need not
 * agree. Blocks for a file, as seldom as there are kinds of failures. */
#include "proto/http/trace.h"
#include "base/log.h"
#include "base/str.h"
#include "proto/http/call.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRACE_MAX = 512 * 1024, SHOWN_BODY = 64 * 1024 };

/* --- masking -----------------------------------------------------------------------------------
 */

static bool is(const char *p, size_t n, const char *name)
{
    return strlen(name) == n && tt_strnieq(p, name, n);
}

bool tt_http_trace_header(const char *name, size_t name_len, const char *value, size_t n,
                          struct tt_buf *out)
{
    bool secret = is(name, name_len, "Cookie") || is(name, name_len, "Set-Cookie") ||
                  tt_http_is_secret(name, name_len);
    bool ok = tt_buf_append(out, name, name_len) && tt_buf_puts(out, ": ");
    struct tt_http_url u;
    const char *why, *query = n ? memchr(value, '?', n) : NULL;
    if (secret)
        ok = ok && tt_buf_puts(out, n ? "****" : "");
    else if (tt_http_url_parse(value, n, &u, &why)) /* Location, Referer */
        ok = ok && tt_http_url_clean(&u, out);
    else if (query)
        ok = ok && tt_buf_append(out, value, (size_t)(query + 1 - value)) &&
             tt_http_mask_query(query + 1, n - (size_t)(query + 1 - value), out);
    else
        ok = ok && tt_buf_append(out, value, n);
    return ok && tt_buf_putc(out, '\n');
}

/* The end of the JSON text that begins after a quote at p. */
static const char *text_end(const char *p, const char *end)
{
    while (p < end && *p != '"')
        p += *p == '\\' && p + 1 < end ? 2 : 1;
    return p < end ? p : end;
}

/* "password": "x" with the value masked; anything else as it is. */
static bool mask_json(const char *p, size_t n, struct tt_buf *out)
{
    const char *end = p + n;
    bool ok = true;
    while (ok && p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        if (!quote)
            return tt_buf_append(out, p, (size_t)(end - p));
        const char *name = quote + 1, *stop = text_end(name, end), *v = stop + (stop < end);
        ok = tt_buf_append(out, p, (size_t)(v - p));
        p = v;
        while (v < end && strchr(" \t\r\n:", *v))
            v++;
        if (!ok || v == p || v == end || !tt_http_is_secret(name, (size_t)(stop - name)))
            continue;
        ok = tt_buf_append(out, p, (size_t)(v - p)) && tt_buf_puts(out, "\"****\"");
        p = *v == '"' ? text_end(v + 1, end) + 1 : v + strcspn(v, ",}] \r\n");
        p = p > end ? end : p;
    }
    return ok;
}

static bool is_form(const char *p, size_t n)
{
    return memchr(p, '=', n) && !memchr(p, ' ', n) && !memchr(p, '\n', n) && *p != '{' && *p != '<';
}

bool tt_http_trace_body(const char *p, size_t n, struct tt_buf *out)
{
    size_t shown = n < SHOWN_BODY ? n : SHOWN_BODY;
    if (n == 0)
        return true;
    if (memchr(p, '\0', shown) || (n == shown && !tt_utf8_valid(p, n)))
        return tt_buf_printf(out, "[%zu bytes that are no text]\n", n);
    bool ok = is_form(p, shown) ? tt_http_mask_query(p, shown, out) : mask_json(p, shown, out);
    if (shown < n)
        ok = ok && tt_buf_printf(out, "[and %zu bytes]", n - shown);
    return ok && tt_buf_putc(out, '\n');
}

/* --- the text ----------------------------------------------------------------------------------
 */

static bool put_request(const struct tt_http_call *c, bool bodies, struct tt_buf *out)
{
    bool ok = tt_buf_printf(out, "> %s ", c->method);
    tt_http_call_show_url(c, out);
    ok = ok && tt_buf_putc(out, '\n');
    const char *p = c->lines.data;
    for (size_t i = 0; ok && i < c->n_lines; i++, p += strlen(p) + 1) {
        size_t name = strcspn(p, ":;");
        const char *value = p[name] ? p + name + 1 : p + name;
        value += strspn(value, " ");
        ok = tt_http_trace_header(p, name, value, strlen(value), out);
    }
    ok = ok && tt_buf_putc(out, '\n');
    return ok && (!bodies || !c->body || tt_http_trace_body(c->body, c->body_len, out));
}

static bool put_response(const struct tt_http_call *c, bool bodies, struct tt_buf *out)
{
    const struct tt_http_exchange *x = &c->x;
    struct tt_http_header h;
    size_t at = 0, line = x->head.len ? strcspn(x->head.data, "\r\n") : 0;
    bool ok = !line || (tt_buf_puts(out, "< ") && tt_buf_append(out, x->head.data, line) &&
                        tt_buf_putc(out, '\n'));
    while (ok && tt_http_headers_next(x->head.data, x->head.len, &at, &h))
        ok = tt_http_trace_header(h.name.p, h.name.n, h.value.p, h.value.n, out);
    if (line)
        ok = ok && tt_buf_putc(out, '\n');
    if (bodies && x->body.len)
        ok = ok && tt_http_trace_body(x->body.data, x->body.len, out);
    if (x->error.code)
        ok = ok && tt_buf_printf(out, "< error %d: %s\n", x->error.code, x->error.text);
    return ok;
}

/* --- where it goes -----------------------------------------------------------------------------
 */

static void debug(const struct tt_http_call *c, bool bodies)
{
    struct tt_buf text;
    char fields[160];
    tt_buf_init(&text, TRACE_MAX);
    snprintf(fields, sizeof fields, "source=http-debug vu=%" PRIu64 " iter=%" PRIu64, c->vu->id,
             c->vu->iteration);
    put_request(c, bodies, &text);
    tt_log_fields(TT_LOG_INFO, fields, "request:\n%s", text.data ? text.data : "");
    tt_buf_clear(&text);
    put_response(c, bodies, &text);
    tt_log_fields(TT_LOG_INFO, fields, "response:\n%s", text.data ? text.data : "");
    tt_buf_fini(&text);
}

/* A new file DIR/<code>-<number>.txt; -1: there are enough of them, or it cannot be made. */
static int open_dump(const char *dir, int code)
{
    char path[4096];
    for (int i = 1; i <= TT_HTTP_DUMPS_PER_FAILURE; i++) {
        if (snprintf(path, sizeof path, "%s/%d-%d.txt", dir, code, i) >= (int)sizeof path)
            return -1;
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static void dump(const struct tt_http_call *c, const char *dir)
{
    struct tt_http_engine *e = c->engine;
    const struct tt_http_exchange *x = &c->x;
    int code = x->error.code ? x->error.code
               : tt_http_status_error_code(c->status.code)
                   ? tt_http_status_error_code(c->status.code)
                   : c->status.code;
    unsigned char *n = &e->dumps[(unsigned)code % sizeof e->dumps];
    if (*n >= TT_HTTP_DUMPS_PER_FAILURE)
        return;
    ++*n;
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        tt_log(TT_LOG_WARN, "dump_failures: %s: %s", dir, strerror(errno));
        return;
    }
    int fd = open_dump(dir, code);
    if (fd < 0)
        return;
    struct tt_buf text;
    tt_buf_init(&text, TRACE_MAX);
    put_request(c, true, &text);
    put_response(c, true, &text);
    size_t at = 0;
    while (at < text.len) {
        ssize_t k = write(fd, text.data + at, text.len - at);
        if (k <= 0) {
            tt_log(TT_LOG_WARN, "dump_failures: %s: %s", dir, strerror(errno));
            break;
        }
        at += (size_t)k;
    }
    close(fd);
    tt_buf_fini(&text);
}

void tt_http_trace(const struct tt_http_call *c, bool failed)
{
    const struct tt_options *opt = c->engine->opt;
    if (!opt)
        return;
    if (opt->http_debug && *opt->http_debug)
        debug(c, strcmp(opt->http_debug, "full") == 0);
    if (failed && opt->dump_failures && *opt->dump_failures)
        dump(c, opt->dump_failures);
}
