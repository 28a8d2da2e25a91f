/* SPDX-License-Identifier: MIT */
/* Answers to Digest challenges. */
#include "proto/http/digest_auth.h"
#include "base/digest.h"
#include "base/str.h"
#include <string.h>

enum { HEX_MAX = 65, TEXT_MAX = 64 * 1024 };

struct challenge {
    struct tt_slice realm, nonce, opaque, qop, algorithm;
};

static bool is(struct tt_slice s, const char *text)
{
    return s.n == strlen(text) && tt_strnieq(s.p, text, s.n);
}

/* The next name=value or name="value"; a backslash in the quotes stays, as it is sent back. */
static bool next_field(const char **at, const char *end, struct tt_slice *name,
                       struct tt_slice *value)
{
    const char *p = *at;
    while (p < end && (*p == ' ' || *p == '\t' || *p == ','))
        p++;
    const char *eq = memchr(p, '=', (size_t)(end - p));
    if (!eq)
        return false;
    *name = (struct tt_slice){p, (size_t)(eq - p)};
    p = eq + 1;
    bool quoted = p < end && *p == '"';
    if (quoted)
        p++;
    const char *from = p;
    while (p < end && (quoted ? *p != '"' : *p != ',' && *p != ' '))
        p += quoted && *p == '\\' && p + 1 < end ? 2 : 1;
    *value = (struct tt_slice){from, (size_t)(p - from)};
    *at = quoted && p < end ? p + 1 : p;
    return true;
}

static bool read_challenge(struct tt_slice text, struct challenge *c)
{
    struct tt_slice name, value;
    *c = (struct challenge){0};
    if (text.n < 7 || !tt_strnieq(text.p, "Digest ", 7))
        return false;
    const char *at = text.p + 7, *end = text.p + text.n;
    while (next_field(&at, end, &name, &value)) {
        struct tt_slice *field = is(name, "realm")       ? &c->realm
                                 : is(name, "nonce")     ? &c->nonce
                                 : is(name, "opaque")    ? &c->opaque
                                 : is(name, "qop")       ? &c->qop
                                 : is(name, "algorithm") ? &c->algorithm
                                                         : NULL;
        if (field)
            *field = value;
    }
    return c->nonce.p != NULL;
}

/* Is "auth" in "auth,auth-int"? */
static bool has_auth(struct tt_slice qop)
{
    if (qop.n == 0)
        return false;
    const char *p = qop.p, *end = p + qop.n;
    while (p < end) {
        p += *p == ' ' || *p == ',' ? 1 : 0;
        size_t n = 0;
        while (p + n < end && p[n] != ',' && p[n] != ' ')
            n++;
        if (is((struct tt_slice){p, n}, "auth"))
            return true;
        p += n ? n : 1;
    }
    return false;
}

/* Hex digest of the texts joined with ':'. */
static bool hash(const char *algorithm, char out[HEX_MAX], const struct tt_slice *parts, size_t n)
{
    struct tt_buf text, hex;
    uint8_t raw[64];
    size_t len = 0;
    tt_buf_init(&text, TEXT_MAX);
    tt_buf_init(&hex, HEX_MAX);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = (i == 0 || tt_buf_putc(&text, ':')) && tt_buf_append(&text, parts[i].p, parts[i].n);
    ok = ok && tt_digest(algorithm, text.data ? text.data : "", text.len, raw, &len) &&
         tt_hex_encode(&hex, raw, len) && hex.len < HEX_MAX;
    if (ok)
        memcpy(out, hex.data, hex.len + 1);
    tt_buf_fini(&text);
    tt_buf_fini(&hex);
    return ok;
}

static struct tt_slice text_of(const char *s)
{
    return (struct tt_slice){s, strlen(s)};
}

static bool respond(const struct tt_http_digest *d, const struct challenge *c, bool auth,
                    char out[HEX_MAX])
{
    bool sha = c->algorithm.n >= 7 && tt_strnieq(c->algorithm.p, "SHA-256", 7);
    bool session =
        c->algorithm.n >= 5 && tt_strnieq(c->algorithm.p + c->algorithm.n - 5, "-sess", 5);
    const char *algorithm = sha ? "SHA256" : "MD5";
    char a1[HEX_MAX], a2[HEX_MAX];
    const struct tt_slice first[] = {d->user, c->realm, d->password},
                          second[] = {text_of(d->method), text_of(d->uri)};
    if (!hash(algorithm, a1, first, 3) || !hash(algorithm, a2, second, 2))
        return false;
    if (session) {
        const struct tt_slice parts[] = {text_of(a1), c->nonce, text_of(d->cnonce)};
        if (!hash(algorithm, a1, parts, 3))
            return false;
    }
    const struct tt_slice with[] = {text_of(a1),        c->nonce,        text_of("00000001"),
                                    text_of(d->cnonce), text_of("auth"), text_of(a2)},
                          without[] = {text_of(a1), c->nonce, text_of(a2)};
    return auth ? hash(algorithm, out, with, 6) : hash(algorithm, out, without, 3);
}

static bool known(struct tt_slice algorithm)
{
    return algorithm.n == 0 || is(algorithm, "MD5") || is(algorithm, "MD5-sess") ||
           is(algorithm, "SHA-256") || is(algorithm, "SHA-256-sess");
}

static bool put(struct tt_buf *out, const char *before, struct tt_slice s, const char *after)
{
    return tt_buf_puts(out, before) && tt_buf_append(out, s.p, s.n) && tt_buf_puts(out, after);
}

bool tt_http_digest_answer(struct tt_buf *out, const struct tt_http_digest *d)
{
    struct challenge c;
    char response[HEX_MAX];
    if (!read_challenge(d->challenge, &c) || !known(c.algorithm))
        return false;
    bool auth = has_auth(c.qop);
    if ((c.qop.n && !auth) || !respond(d, &c, auth, response))
        return false;
    bool ok = put(out, "Digest username=\"", d->user, "\"") &&
              put(out, ", realm=\"", c.realm, "\"") && put(out, ", nonce=\"", c.nonce, "\"") &&
              put(out, ", uri=\"", text_of(d->uri), "\"") &&
              put(out, ", response=\"", text_of(response), "\"");
    if (ok && c.algorithm.n)
        ok = put(out, ", algorithm=", c.algorithm, "");
    if (ok && c.opaque.p)
        ok = put(out, ", opaque=\"", c.opaque, "\"");
    if (ok && auth)
        ok = put(out, ", qop=auth, nc=00000001, cnonce=\"", text_of(d->cnonce), "\"");
    return ok;
}
