/* SPDX-License-Identifier: MIT */
/* Redirects, by the rules of k6's client: 301, 302 and 303 turn anything but HEAD into a GET
 * without body, 307 and 308 repeat the request; credentials go to the same host and its subdomains
 * only. Worker thread. */
#include "base/str.h"
#include "proto/http/body.h"
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

/* What a Location means, seen from the hop before: its text, and its parts in *to. False with to's
 * fault and *why when nothing can be asked there. */
static bool resolve(struct tt_http_call *c, struct tt_slice location, struct tt_buf *text,
                    struct tt_http_url *to, const char **why)
{
    tt_buf_clear(text);
    bool good = tt_http_url_parse(location.p, location.n, to, why);
    bool relative = to->fault == TT_HTTP_URL_SCHEME && !tt_http_url_has_scheme(location);
    if (!good && !relative) /* told as it came */
        return tt_buf_append(text, location.p, location.n) &&
               tt_http_url_parse(text->data, text->len, to, why);
    if (!tt_http_url_join(c->x.url, location, text)) {
        to->fault = TT_HTTP_URL_BAD;
        return false;
    }
    if (relative && c->parsed.has_userinfo && !tt_starts_with(location.p, "//")) {
        struct tt_slice u = c->parsed.userinfo;
        size_t scheme = c->parsed.https ? 8 : 7;
        tt_buf_clear(&c->wire); /* what x.url pointed to has been used */
        tt_buf_append(&c->wire, text->data, scheme);
        tt_buf_append(&c->wire, u.p, u.n);
        tt_buf_putc(&c->wire, '@');
        tt_buf_puts(&c->wire, text->data + scheme);
        tt_buf_clear(text);
        tt_buf_puts(text, c->wire.data);
    }
    return tt_http_url_parse(text->data, text->len, to, why);
}

bool tt__http_redirect(struct tt_http_call *c, struct tt_slice location)
{
    struct tt_buf *text = &c->hop_url[c->hop % 2];
    struct tt_http_url to, first = {0};
    const char *why = "no URL";
    if (!resolve(c, location, text, &to, &why) && to.fault == TT_HTTP_URL_BAD) {
        char message[128];
        tt_http_body_reset(&c->x);
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
