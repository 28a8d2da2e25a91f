/* SPDX-License-Identifier: MIT */
/* Browsers cannot give a WebSocket headers, so services take tokens in the query. */
#include "proto/ws/label.h"
#include "base/str.h"
#include <string.h>

/* A name is secret when its last word is one of these: access_token, X-Amz-Signature, apiKey. */
static bool secret(const char *name, size_t n)
{
    static const char *const words[] = {
        "token",         "key", "apikey",    "secret", "password", "passwd",     "pwd",     "auth",
        "authorization", "jwt", "signature", "sig",    "ticket",   "credential", "session", "sid"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i]);
        const char *at = name + n - len;
        if (n < len || !tt_strnieq(at, words[i], len))
            continue;
        bool begins = n == len || at[-1] == '_' || at[-1] == '-' || at[-1] == '.' ||
                      (at[0] >= 'A' && at[0] <= 'Z');
        if (begins)
            return true;
    }
    return false;
}

static bool put_query(const char *p, const char *end, struct tt_buf *out)
{
    bool ok = true;
    while (ok && p < end) {
        const char *stop = memchr(p, '&', (size_t)(end - p));
        stop = stop ? stop : end;
        const char *equals = memchr(p, '=', (size_t)(stop - p));
        if (equals && equals + 1 < stop && secret(p, (size_t)(equals - p)))
            ok = tt_buf_append(out, p, (size_t)(equals - p) + 1) && tt_buf_puts(out, "****");
        else
            ok = tt_buf_append(out, p, (size_t)(stop - p));
        if (ok && stop < end)
            ok = tt_buf_putc(out, '&');
        p = stop + 1;
    }
    return ok;
}

bool tt_ws_label(const struct tt_http_url *url, struct tt_buf *out)
{
    const char *mask = !url->has_userinfo ? "" : url->has_password ? "****:****@" : "****@";
    const char *rest = url->rest.p, *end = rest + url->rest.n;
    const char *query = url->rest.n ? memchr(rest, '?', url->rest.n) : NULL;
    query = query ? query + 1 : end;
    return tt_buf_puts(out, url->https ? "wss://" : "ws://") && tt_buf_puts(out, mask) &&
           tt_buf_append(out, url->authority.p, url->authority.n) &&
           tt_buf_append(out, rest, (size_t)(query - rest)) && put_query(query, end, out);
}

bool tt_ws_label_text(const char *text, struct tt_buf *out)
{
    const char *query = text + strcspn(text, "?"), *end = query + strlen(query);
    if (strchr(text, '@'))
        return true;
    query += *query == '?';
    return tt_buf_append(out, text, (size_t)(query - text)) && put_query(query, end, out);
}
