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

bool tt_ws_put_request(struct tt_buf *out, const struct tt_ws_request *r, const char *key)
{
    bool ok =
        tt_buf_puts(out, "GET ") && put_target(out, r->url) && tt_buf_puts(out, " HTTP/1.1\r\n");
    if (ok && !has_line(r->lines, "Host"))
        ok = tt_buf_printf(out, "Host: %.*s\r\n", (int)r->url->authority.n, r->url->authority.p);
    if (ok && r->user_agent && *r->user_agent && !has_line(r->lines, "User-Agent"))
        ok = tt_buf_printf(out, "User-Agent: %s\r\n", r->user_agent);
    if (ok && r->url->has_userinfo && !has_line(r->lines, "Authorization"))
        ok = tt_buf_puts(out, "Authorization: ") && tt_http_url_basic_auth(r->url, out) &&
             tt_buf_puts(out, "\r\n");
    ok = ok && tt_buf_printf(out,
                             "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
                             key);
    if (ok && r->subprotocols)
        ok = tt_buf_printf(out, "Sec-WebSocket-Protocol: %s\r\n", r->subprotocols);
    if (ok && r->deflate->on) {
        char extensions[160];
        tt_ws_deflate_offer(r->deflate, extensions, sizeof extensions);
        ok = tt_buf_printf(out, "Sec-WebSocket-Extensions: %s\r\n", extensions);
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

/* Is word in a comma-separated list? */
static bool list_has(struct tt_slice list, const char *word, size_t n)
{
    const char *s = list.p, *end = list.p + list.n;
    while (s < end) {
        while (s < end && (*s == ' ' || *s == '\t' || *s == ','))
            s++;
        const char *item = s;
        while (s < end && *s != ',')
            s++;
        const char *stop = s;
        while (stop > item && (stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        if ((size_t)(stop - item) == n && tt_strnieq(item, word, n))
            return true;
    }
    return false;
}

static bool accept_matches(struct tt_slice value, const char *key)
{
    uint8_t digest[64];
    size_t n;
    char text[128];
    struct tt_buf b;
    snprintf(text, sizeof text, "%s%s", key, guid);
    tt_digest("SHA1", text, strlen(text), digest, &n);
    tt_buf_init(&b, 128);
    tt_base64_encode(&b, digest, n, TT_BASE64_STD);
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
            connection |= list_has(h.value, "upgrade", 7);
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
    if (r->subprotocol[0] && !list_has(offered, r->subprotocol, strlen(r->subprotocol)))
        return bad(r, "the server chose a subprotocol that was not offered");
    return TT_WS_ACCEPTED;
}

/* How the body of a refusal ends (RFC 9112 6.3). */
static void find_framing(struct tt_ws_response *r)
{
    size_t at = 0;
    struct tt_http_header h;
    char number[24];
    r->framing = r->status == 204 || r->status == 304 ? TT_WS_BODY_NONE : TT_WS_BODY_EOF;
    while (r->framing != TT_WS_BODY_NONE &&
           tt_http_headers_next(r->head.data, r->head.len, &at, &h)) {
        if (slice_is(h.name, "Transfer-Encoding") && list_has(h.value, "chunked", 7)) {
            r->framing = TT_WS_BODY_CHUNKS;
            return;
        }
        if (slice_is(h.name, "Content-Length") && h.value.n < sizeof number) {
            snprintf(number, sizeof number, "%.*s", (int)h.value.n, h.value.p);
            if (tt_parse_u64(number, &r->body_left))
                r->framing = TT_WS_BODY_LENGTH;
        }
    }
}

static void keep_body(struct tt_ws_response *r, const char *p, size_t n)
{
    size_t room = TT_WS_REFUSED_MAX - r->body.len;
    tt_buf_append(&r->body, p, n < room ? n : room);
}

/* Chunks: state 0 reads the size, 1 skips its extension, 2 the data, 3 the line end after it, 4 the
 * trailer. */
static bool read_chunks(struct tt_ws_response *r, const char *p, size_t n, size_t *used)
{
    while (*used < n) {
        char c = p[*used];
        if (r->chunk_state == 2) {
            size_t take = r->body_left < n - *used ? (size_t)r->body_left : n - *used;
            keep_body(r, p + *used, take);
            *used += take;
            r->body_left -= take;
            r->chunk_state = r->body_left ? 2 : 3;
            continue;
        }
        (*used)++;
        if (r->chunk_state == 0 && c != '\n' && c != '\r' && c != ';') {
            int digit = c >= '0' && c <= '9' ? c - '0' : ((c | 32) - 'a' + 10);
            if (digit < 0 || digit > 15 || r->body_left >> 56)
                return true; /* not a size: what came so far is the body */
            r->body_left = r->body_left << 4 | (unsigned)digit;
        } else if (r->chunk_state <= 1) {
            r->chunk_state = c == '\n' ? (r->body_left ? 2 : 4) : 1;
        } else if (r->chunk_state == 3) {
            r->chunk_state = c == '\n' ? 0 : 3;
        } else if (c == '\n') {
            return true; /* trailers are not read: the connection is not used again */
        }
    }
    return false;
}

static enum tt_ws_answer read_refusal(struct tt_ws_response *r, const char *p, size_t n,
                                      size_t *used)
{
    size_t rest = n - *used;
    switch (r->framing) {
    case TT_WS_BODY_NONE:
        return TT_WS_REFUSED;
    case TT_WS_BODY_CHUNKS:
        return read_chunks(r, p, n, used) ? TT_WS_REFUSED : TT_WS_MORE;
    case TT_WS_BODY_EOF:
        keep_body(r, p + *used, rest);
        *used = n;
        return TT_WS_MORE;
    case TT_WS_BODY_LENGTH:
        break;
    }
    if (rest > r->body_left)
        rest = (size_t)r->body_left;
    keep_body(r, p + *used, rest);
    *used += rest;
    r->body_left -= rest;
    return r->body_left ? TT_WS_MORE : TT_WS_REFUSED;
}

/* Appends up to the end of the header block; true when it is complete. */
static bool read_head(struct tt_ws_response *r, const char *p, size_t n, size_t *used, bool *fits)
{
    *fits = true;
    while (*used < n && *fits) {
        const char *line_end = memchr(p + *used, '\n', n - *used);
        size_t take = line_end ? (size_t)(line_end - (p + *used)) + 1 : n - *used;
        *fits = tt_buf_append(&r->head, p + *used, take);
        *used += take;
        size_t len = r->head.len;
        if (line_end && ((len >= 4 && memcmp(r->head.data + len - 4, "\r\n\r\n", 4) == 0) ||
                         (len >= 2 && memcmp(r->head.data + len - 2, "\n\n", 2) == 0)))
            return *fits;
    }
    return false;
}

enum tt_ws_answer tt_ws_response_read(struct tt_ws_response *r, const char *p, size_t n,
                                      const struct tt_ws_offer *offer, size_t *used)
{
    struct tt_http_status status;
    bool fits;
    *used = 0;
    if (r->status)
        return read_refusal(r, p, n, used);
    for (;;) {
        bool complete = read_head(r, p, n, used, &fits);
        if (!fits)
            return bad(r, "the response's headers are larger than 64 KiB");
        if (r->head.len >= 5 && memcmp(r->head.data, "HTTP/", 5) != 0)
            return bad(r, "the server does not speak HTTP");
        if (!complete)
            return TT_WS_MORE;
        if (!tt_http_headers_status(r->head.data, r->head.len, &status))
            return bad(r, "the response has no valid status line");
        if (status.code == 101 || status.code >= 200)
            break;
        tt_buf_clear(&r->head); /* an interim response */
    }
    r->status = status.code;
    if (status.code == 101)
        return check_upgrade(r, offer);
    find_framing(r);
    if (r->framing == TT_WS_BODY_LENGTH && !r->body_left)
        return TT_WS_REFUSED;
    return read_refusal(r, p, n, used);
}

enum tt_ws_answer tt_ws_response_eof(struct tt_ws_response *r)
{
    if (!r->status)
        return bad(r, r->head.len ? "the connection ended inside the response's headers"
                                  : "the connection ended before a response");
    return TT_WS_REFUSED;
}
