/* SPDX-License-Identifier: MIT */
/* Credentials of a URL's userinfo: Basic at once; Digest after the server's challenge, for each
 * request anew, as in k6; NTLM is libcurl's. */
#include "base/str.h"
#include "proto/http/call_int.h"
#include "proto/http/digest_auth.h"
#include <stdio.h>
#include <string.h>

/* The decoded userinfo in c->wire; user and password point into it. */
static bool credentials(struct tt_http_call *c, struct tt_slice *user, struct tt_slice *password)
{
    tt_buf_clear(&c->wire);
    if (!tt_http_url_userinfo(&c->parsed, &c->wire))
        return false;
    const char *p = c->wire.data, *colon = memchr(p, ':', c->wire.len);
    *user = (struct tt_slice){p, (size_t)(colon - p)};
    *password = (struct tt_slice){colon + 1, c->wire.len - user->n - 1};
    return true;
}

bool tt__http_put_credentials(struct tt_http_call *c)
{
    struct tt_slice user, password;
    if (!c->parsed.has_userinfo || tt_http_call_has_header(c, "Authorization") ||
        c->auth == TT_HTTP_AUTH_DIGEST || c->auth == TT_HTTP_AUTH_SIGV4)
        return true;
    if (c->auth == TT_HTTP_AUTH_NTLM) {
        struct tt_http_special *s = &c->special;
        return credentials(c, &user, &password) && c->wire.len < sizeof s->userpwd &&
               memcpy(s->userpwd, c->wire.data, c->wire.len + 1);
    }
    tt_buf_clear(&c->wire);
    return tt_http_url_basic_auth(&c->parsed, &c->wire) &&
           tt_http_call_header(c, "Authorization", 13, c->wire.data, c->wire.len);
}

static const char *path_of(const char *url)
{
    const char *p = strstr(url, "://");
    p = p ? p + 3 : url;
    p += strcspn(p, "/?");
    return *p ? p : "/";
}

/* The first challenge that can be answered, answered into out. */
static bool answer(struct tt_http_call *c, struct tt_http_digest *d, struct tt_buf *out)
{
    struct tt_http_header h;
    size_t at = 0;
    while (tt_http_headers_next(c->x.head.data, c->x.head.len, &at, &h)) {
        d->challenge = h.value;
        tt_buf_clear(out);
        if (h.name.n == 16 && tt_strnieq(h.name.p, "WWW-Authenticate", 16) &&
            tt_http_digest_answer(out, d))
            return true;
    }
    return false;
}

bool tt__http_answer_challenge(struct tt_http_call *c)
{
    struct tt_http_digest d = {.method = c->method};
    struct tt_buf uri, out;
    char cnonce[20];
    if (c->auth != TT_HTTP_AUTH_DIGEST || c->answers_challenge || c->status.code != 401 ||
        !c->parsed.has_userinfo || (c->source && !c->source->rewind(c->source)))
        return false;
    snprintf(cnonce, sizeof cnonce, "%016llx", (unsigned long long)tt_rng_next(&c->engine->w->rng));
    d.cnonce = cnonce;
    tt_buf_init(&uri, TT_HTTP_BODY_MAX);
    tt_buf_init(&out, 64 * 1024);
    bool ok = tt_buf_puts(&uri, path_of(c->x.url)); /* may lie in c->wire */
    d.uri = ok ? uri.data : "";
    ok = ok && credentials(c, &d.user, &d.password) && answer(c, &d, &out) &&
         tt_http_call_header(c, "Authorization", 13, out.data, out.len);
    tt_buf_fini(&uri);
    tt_buf_fini(&out);
    c->answers_challenge = ok;
    return ok;
}
