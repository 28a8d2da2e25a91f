/* SPDX-License-Identifier: MIT */
/* Writing the upgrade request, reading its answer. */
#include "proto/ws/handshake.h"
#include "base/digest.h"
#include "base/str.h"
#include "proto/http/headers.h"
#include <stdio.h>
#include <string.h>

/* RFC 6455 1.3 */
static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

void tt_ws_key(char key[25], const uint8_t random[16])
{
    struct tt_buf b;
    tt_buf_init(&b, 64);
    tt_base64_encode(&b, random, 16, TT_BASE64_STD);
    memcpy(key, b.data, 25);
    tt_buf_fini(&b);
}

bool tt_ws_url(const char *text, size_t n, struct tt_buf *out, struct tt_http_url *u,
               const char **why)
{
    bool tls = n > 6 && tt_strnieq(text, "wss://", 6);
    tt_buf_clear(out);
    if (!tls && !(n > 5 && tt_strnieq(text, "ws://", 5))) {
        *why = "it must begin with ws:// or wss://";
        return false;
    }
    if (memchr(text, '#', n)) {
        *why = "a WebSocket URL has no fragment (#)";
        return false;
    }
    if (!tt_buf_puts(out, tls ? "https" : "http") ||
        !tt_buf_append(out, text + (tls ? 3 : 2), n - (tls ? 3 : 2))) {
        *why = "it is too long";
        return false;
    }
    return tt_http_url_parse(out->data, out->len, u, why);
}

static bool has_line(const char *lines, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = lines; s && *s; s = strstr(s, "\r\n") + 2)
        if (tt_strnieq(s, name, n) && s[n] == ':')
            return true;
    return false;
}

static bool put_target(struct tt_buf *out, const struct tt_http_url *url)
{
    struct tt_buf wire;
    tt_buf_init(&wire, out->max);
    bool ok = tt_http_url_wire(url, &wire);
    const char *path = ok ? strstr(wire.data, "://") : NULL;
    path = path ? path + 3 + strcspn(path + 3, "/?") : NULL;
    ok = path && (*path == '/' || tt_buf_putc(out, '/')) && tt_buf_puts(out, path);
    tt_buf_fini(&wire);
    return ok;
}

static bool put_line(struct tt_buf *out, const char *name, const char *value, size_t n)
{
    return tt_buf_puts(out, name) && tt_buf_append(out, value, n) && tt_buf_puts(out, "\r\n");
}

bool tt_ws_put_request(struct tt_buf *out, const struct tt_ws_request *r, const char *key)
{
    bool ok =
        tt_buf_puts(out, "GET ") && put_target(out, r->url) && tt_buf_puts(out, " HTTP/1.1\r\n");
    if (ok && !has_line(r->lines, "Host"))
        ok = put_line(out, "Host: ", r->url->authority.p, r->url->authority.n);
    if (ok && r->user_agent && *r->user_agent && !has_line(r->lines, "User-Agent"))
        ok = put_line(out, "User-Agent: ", r->user_agent, strlen(r->user_agent));
    if (ok && r->cookies && !has_line(r->lines, "Cookie"))
        ok = put_line(out, "Cookie: ", r->cookies, strlen(r->cookies));
    if (ok && r->url->has_userinfo && !has_line(r->lines, "Authorization"))
        ok = tt_buf_puts(out, "Authorization: ") && tt_http_url_basic_auth(r->url, out) &&
             tt_buf_puts(out, "\r\n");
    ok = ok && tt_buf_puts(out, "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Version: 13\r\n");
    ok = ok && put_line(out, "Sec-WebSocket-Key: ", key, strlen(key));
    if (ok && r->subprotocols)
        ok = put_line(out, "Sec-WebSocket-Protocol: ", r->subprotocols, strlen(r->subprotocols));
    if (ok && r->deflate->on) {
        char extensions[160];
        tt_ws_deflate_offer(r->deflate, extensions, sizeof extensions);
        ok = put_line(out, "Sec-WebSocket-Extensions: ", extensions, strlen(extensions));
    }
    return ok && (!r->lines || tt_buf_puts(out, r->lines)) && tt_buf_puts(out, "\r\n");
}

/* --- the answer ---------------------------------------------------------------------------------
 */

void tt_ws_response_init(struct tt_ws_response *r)
{
    memset(r, 0, sizeof *r);
    tt_buf_init(&r->head, TT_WS_HEAD_MAX);
    tt_buf_init(&r->body, TT_WS_REFUSED_MAX);
    tt_h1_reader_init(&r->reader, &r->head, false);
}

void tt_ws_response_fini(struct tt_ws_response *r)
{
    tt_buf_fini(&r->head);
    tt_buf_fini(&r->body);
}

static bool slice_is(struct tt_slice s, const char *text)
{
    return s.n == strlen(text) && tt_strnieq(s.p, text, s.n);
}

static bool accept_matches(struct tt_slice value, const char *key)
{
    uint8_t digest[20];
    struct tt_buf b;
    tt_buf_init(&b, 128);
    tt_buf_puts(&b, key);
    tt_buf_puts(&b, guid);
    tt_sha1(b.data, b.len, digest);
    tt_buf_clear(&b);
    tt_base64_encode(&b, digest, sizeof digest, TT_BASE64_STD);
    bool same = b.len == value.n && memcmp(b.data, value.p, value.n) == 0;
    tt_buf_fini(&b);
    return same;
}

static enum tt_ws_answer bad(struct tt_ws_response *r, const char *why)
{
    r->error = why;
    return TT_WS_BAD;
}

/* NULL, or what is wrong. */
static const char *check_extensions(struct tt_ws_response *r, struct tt_slice list,
                                    const struct tt_ws_offer *offer)
{
    const char *wrong = NULL, *end = list.p + list.n;
    while (list.p < end && !wrong) {
        const char *comma = memchr(list.p, ',', (size_t)(end - list.p));
        struct tt_slice one = {list.p, (size_t)((comma ? comma : end) - list.p)};
        wrong = tt_ws_deflate_agree(one, offer->deflate, &r->deflate);
        list.p += one.n + 1;
    }
    return wrong;
}

static enum tt_ws_answer check_upgrade(struct tt_ws_response *r, const struct tt_ws_offer *offer)
{
    const char *wrong = NULL;
    size_t at = 0;
    struct tt_http_header h;
    bool upgrade = false, connection = false, accepted = false;
    while (tt_http_headers_next(r->head.data, r->head.len, &at, &h)) {
        if (slice_is(h.name, "Upgrade"))
            upgrade |= slice_is(h.value, "websocket");
        else if (slice_is(h.name, "Connection"))
            connection |= tt_h1_list_has(h.value, "upgrade");
        else if (slice_is(h.name, "Sec-WebSocket-Accept"))
            accepted = accept_matches(h.value, offer->key);
        else if (slice_is(h.name, "Sec-WebSocket-Extensions") && h.value.n)
            wrong = wrong ? wrong : check_extensions(r, h.value, offer);
        else if (slice_is(h.name, "Sec-WebSocket-Protocol"))
            snprintf(r->subprotocol, sizeof r->subprotocol, "%.*s", (int)h.value.n, h.value.p);
    }
    if (!upgrade)
        return bad(r, "the 101 response has no 'Upgrade: websocket'");
    if (!connection)
        return bad(r, "the 101 response has no 'Connection: Upgrade'");
    if (!accepted)
        return bad(r, "Sec-WebSocket-Accept is missing or does not fit the key");
    if (wrong)
        return bad(r, wrong);
    const char *list = offer->subprotocols ? offer->subprotocols : "";
    const struct tt_slice offered = {list, strlen(list)};
    if (r->subprotocol[0] && !tt_h1_list_has(offered, r->subprotocol))
        return bad(r, "the server chose a subprotocol that was not offered");
    return TT_WS_ACCEPTED;
}

static void keep_body(struct tt_ws_response *r, struct tt_slice part)
{
    size_t room = TT_WS_REFUSED_MAX - r->body.len;
    tt_buf_append(&r->body, part.p, part.n < room ? part.n : room);
}

enum tt_ws_answer tt_ws_response_read(struct tt_ws_response *r, const char *p, size_t n,
                                      const struct tt_ws_offer *offer, size_t *used)
{
    struct tt_slice part;
    *used = 0;
    for (;;) {
        switch (tt_h1_read(&r->reader, p, n, used, &part)) {
        case TT_H1_MORE:
            return TT_WS_MORE;
        case TT_H1_HEAD:
            r->status = r->reader.status;
            if (r->status == 101)
                return check_upgrade(r, offer);
            break;
        case TT_H1_BODY:
            keep_body(r, part);
            break;
        case TT_H1_DONE:
            return TT_WS_REFUSED;
        case TT_H1_BAD: /* in a body: what came so far of it is the answer */
            return r->status ? TT_WS_REFUSED : bad(r, r->reader.error);
        }
    }
}

enum tt_ws_answer tt_ws_response_eof(struct tt_ws_response *r)
{
    if (!r->status)
        return bad(r, r->head.len ? "the connection ended inside the response's headers"
                                  : "the connection ended before a response");
    return TT_WS_REFUSED;
}
