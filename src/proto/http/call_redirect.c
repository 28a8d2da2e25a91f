/* SPDX-License-Identifier: MIT */
/* Redirects, by the rules of k6's client: 301, 302 and 303 turn anything but HEAD into a GET
 * without body, 307 and 308 repeat the request; credentials go to the same host and its subdomains
 * only. Worker thread. */
#include "base/str.h"
#include "proto/http/call_int.h"
#include <stdio.h>
#include <string.h>

static void add_referer(struct tt_http_call *c, const struct tt_http_url *to)
{
    c->own_referer = false;
    if (tt_http_call_has_header(c, "Referer") || (c->parsed.https && !to->https))
        return;
    tt_buf_clear(&c->wire);
    if (tt_http_url_wire(&c->parsed, &c->wire))
        c->own_referer = tt_http_call_header(c, "Referer", 7, c->wire.data, c->wire.len);
}

bool tt__http_is_redirect(const struct tt_http_call *c, struct tt_slice *location)
{
    int s = c->status.code;
    struct tt_http_header h;
    size_t at = 0;
    if (s != 301 && s != 302 && s != 303 && s != 307 && s != 308)
        return false;
    while (tt_http_headers_next(c->x.head.data, c->x.head.len, &at, &h))
        if (h.name.n == 8 && tt_strnieq(h.name.p, "Location", 8) && h.value.n) {
            *location = h.value;
            return true;
        }
    return false;
}

bool tt__http_redirect(struct tt_http_call *c, struct tt_slice location)
{
    struct tt_buf *text = &c->hop_url[c->hop % 2];
    struct tt_http_url to, first = {0};
    const char *why = "no URL";
    tt_buf_clear(text);
    bool joined = tt_http_url_join(c->x.url, location, text);
    bool good = joined && tt_http_url_parse(text->data, text->len, &to, &why);
    if (!joined || (!good && to.fault == TT_HTTP_URL_BAD)) {
        char message[128];
        snprintf(message, sizeof message, "bad Location in the redirect: %s", why);
        tt_http_error_set(&c->x.error, TT_HTTP_E_OTHER, message);
        return false;
    }
    first.host = (struct tt_slice){c->first_host, strlen(c->first_host)};
    bool same_authority = to.authority.n == c->parsed.authority.n &&
                          tt_strnieq(to.authority.p, c->parsed.authority.p, to.authority.n);
    if (c->status.code <= 303 && strcmp(c->method, "HEAD") != 0) {
        c->method = "GET";
        c->body = NULL;
        c->source = NULL;
        c->body_len = 0;
    }
    /* an answer to a challenge is for one URL */
    bool trusted = tt_http_url_trusts(&first, &to) && !c->answers_challenge;
    tt__http_keep_lines(c, trusted, same_authority);
    c->answers_challenge = false;
    add_referer(c, &to);
    c->parsed = to;
    c->url = (struct tt_slice){text->data, text->len};
    c->redirects--;
    c->hop++;
    c->bad_url = why;
    return true;
}
