/* SPDX-License-Identifier: MIT */
/* The frame codec. A message that lies whole in the input is handed out where it lies; only what
 * comes in pieces is copied. */
#include "proto/ws/frame.h"
#include <string.h>

/* --- writing ------------------------------------------------------------------------------------
 */

typedef uint64_t wide __attribute__((vector_size(16), aligned(1), may_alias));

void tt_ws_mask(char *dst, const char *src, size_t n, uint32_t key)
{
    unsigned char k[8];
    uint64_t eight;
    for (size_t i = 0; i < 8; i++)
        k[i] = (unsigned char)(key >> (24 - 8 * (i & 3)));
    memcpy(&eight, k, 8);
    const wide mask = {eight, eight};
    for (; n >= 4 * sizeof mask; n -= 4 * sizeof mask) {
        const wide *from = (const wide *)(const void *)src;
        wide *to = (wide *)(void *)dst;
        to[0] = from[0] ^ mask;
        to[1] = from[1] ^ mask;
        to[2] = from[2] ^ mask;
        to[3] = from[3] ^ mask;
        src += 4 * sizeof mask;
        dst += 4 * sizeof mask;
    }
    for (size_t i = 0; i < n; i++)
        dst[i] = (char)((unsigned char)src[i] ^ k[i & 3]);
}

bool tt_ws_put_frame(struct tt_buf *out, unsigned first, const char *payload, size_t n,
                     uint32_t key)
{
    unsigned char head[TT_WS_HEADER_MAX];
    size_t len = 2;
    if (!tt_buf_reserve(out, n + sizeof head))
        return false;
    head[0] = (unsigned char)first;
    if (n <= 125) {
        head[1] = (unsigned char)(0x80U | n);
    } else if (n <= 0xffff) {
        head[1] = 0x80 | 126;
        head[2] = (unsigned char)(n >> 8);
        head[3] = (unsigned char)n;
        len = 4;
    } else {
        head[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (unsigned char)((uint64_t)n >> (56 - 8 * i));
        len = 10;
    }
    for (int i = 0; i < 4; i++)
        head[len++] = (unsigned char)(key >> (24 - 8 * i));
    tt_buf_append(out, head, len);
    tt_ws_mask(out->data + out->len, payload, n, key);
    out->len += n;
    out->data[out->len] = '\0';
    return true;
}

size_t tt_ws_close_payload(char out[TT_WS_CONTROL_MAX], unsigned code, const char *reason, size_t n)
{
    if (!code)
        return 0;
    out[0] = (char)(code >> 8);
    out[1] = (char)code;
    if (n > TT_WS_CONTROL_MAX - 2)
        n = TT_WS_CONTROL_MAX - 2;
    while (n && !tt_utf8_valid(reason, n)) /* not in the middle of a character */
        n--;
    if (n)
        memcpy(out + 2, reason, n);
    return n + 2;
}

bool tt_ws_close_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

/* --- reading ------------------------------------------------------------------------------------
 */

enum { PARTS_KEPT_BYTES = 4096, RESERVE_BYTES = 256 * 1024 };

void tt_ws_reader_init(struct tt_ws_reader *r, size_t max_message)
{
    memset(r, 0, sizeof *r);
    tt_buf_init(&r->parts, max_message);
    tt_buf_init(&r->plain, max_message);
}

void tt_ws_reader_fini(struct tt_ws_reader *r)
{
    tt_buf_fini(&r->parts);
    tt_buf_fini(&r->plain);
}

static struct tt_ws_message broken(unsigned code, const char *text)
{
    return (struct tt_ws_message){.kind = TT_WS_GOT_ERROR, .close_code = code, .text = text};
}

static size_t head_size(const struct tt_ws_reader *r)
{
    unsigned len = (unsigned char)r->head[1] & 0x7f;
    return len == 126 ? 4 : len == 127 ? 10 : 2;
}

static const char too_large[] = "the message is larger than max_message_size";
static const char not_utf8[] = "a text message is not UTF-8";

/* The header is complete: what is wrong with it, or NULL. */
static const char *check_head(struct tt_ws_reader *r, unsigned *code)
{
    unsigned b0 = (unsigned char)r->head[0], b1 = (unsigned char)r->head[1];
    uint64_t len = b1 & 0x7f;
    size_t extra = head_size(r) - 2;
    *code = 1002;
    if (extra) {
        len = 0;
        for (size_t i = 0; i < extra; i++)
            len = len << 8 | (unsigned char)r->head[2 + i];
    }
    r->fin = b0 & 0x80;
    r->opcode = (uint8_t)(b0 & 15);
    r->left = len;
    if (b0 & 0x30 || (b0 & TT_WS_RSV1 && (!r->packer || !r->opcode || r->opcode >= 8)))
        return "reserved bits are set that were not agreed on";
    if (b1 & 0x80)
        return "the server masked a frame";
    if (len >> 63)
        return "the frame's length has its highest bit set";
    if (r->opcode >= 8) {
        if (r->opcode > TT_WS_PONG)
            return "unknown opcode";
        if (!r->fin)
            return "a control frame is fragmented";
        return len > TT_WS_CONTROL_MAX ? "a control frame is longer than 125 bytes" : NULL;
    }
    if (r->opcode > TT_WS_BINARY)
        return "unknown opcode";
    if (r->opcode == TT_WS_CONTINUATION && !r->in_message)
        return "a continuation frame without a message";
    if (r->opcode != TT_WS_CONTINUATION && r->in_message)
        return "a new message inside a fragmented one";
    *code = 1009;
    return len > r->parts.max - r->parts.len ? too_large : NULL;
}

static struct tt_ws_message control_end(struct tt_ws_reader *r)
{
    struct tt_ws_message m = {.data = r->control, .len = r->control_len};
    r->in_payload = false;
    r->head_len = 0;
    m.kind = r->opcode == TT_WS_PING ? TT_WS_GOT_PING : TT_WS_GOT_PONG;
    if (r->opcode != TT_WS_CLOSE)
        return m;
    m.kind = TT_WS_GOT_CLOSE;
    m.close_code = 1005;
    if (m.len == 1)
        return broken(1002, "a close frame with half a code");
    if (m.len >= 2) {
        m.close_code = (unsigned)((unsigned char)r->control[0] << 8 | (unsigned char)r->control[1]);
        m.data += 2;
        m.len -= 2;
        if (!tt_ws_close_code_valid(m.close_code) &&
            (!r->our_close_code || m.close_code != r->our_close_code))
            return broken(1002, "a close code that must not be sent");
        if (!tt_utf8_valid(m.data, m.len))
            return broken(1007, "the close reason is not UTF-8");
    }
    return m;
}

/* The message has come whole, at data. */
static struct tt_ws_message message_end(struct tt_ws_reader *r, const char *data, size_t n)
{
    struct tt_ws_message m = {.kind = TT_WS_GOT_MESSAGE, .data = data, .len = n};
    m.binary = r->message_opcode == TT_WS_BINARY;
    m.buf = data && data == r->parts.data ? &r->parts : NULL;
    r->in_message = false;
    if (r->compressed) {
        enum tt_ws_unpacked got = tt_ws_unpack(r->packer, data, n, &r->plain);
        if (got == TT_WS_UNPACK_TOO_LARGE)
            return broken(1009, too_large);
        if (got != TT_WS_UNPACKED)
            return broken(1007, "a compressed message cannot be expanded");
        m.data = r->plain.data;
        m.len = r->plain.len;
        m.buf = &r->plain;
        if (!m.binary && !tt_utf8_feed(&r->utf8, m.data, m.len))
            return broken(1007, not_utf8);
    }
    return !m.binary && r->utf8.need ? broken(1007, not_utf8) : m;
}

/* Takes what p holds of the payload. */
static struct tt_ws_message read_payload(struct tt_ws_reader *r, const char *p, size_t n,
                                         size_t *used)
{
    struct tt_ws_message nothing = {.kind = TT_WS_GOT_NOTHING};
    size_t take = r->left < n ? (size_t)r->left : n;
    *used += take;
    r->left -= take;
    if (r->opcode >= 8) {
        memcpy(r->control + r->control_len, p, take);
        r->control_len += (unsigned)take;
        return r->left ? nothing : control_end(r);
    }
    if (r->message_opcode == TT_WS_TEXT && !r->compressed && !tt_utf8_feed(&r->utf8, p, take))
        return broken(1007, not_utf8);
    bool whole = !r->left && r->fin && !r->parts.len;
    if (r->left) /* what is announced is believed up to here only */
        tt_buf_reserve(&r->parts,
                       take + (r->left < RESERVE_BYTES ? (size_t)r->left : RESERVE_BYTES));
    if (!whole && !tt_buf_append(&r->parts, p, take))
        return broken(1009, too_large);
    if (r->left)
        return nothing;
    r->in_payload = false;
    r->head_len = 0;
    if (!r->fin)
        return nothing;
    return whole ? message_end(r, p, take) : message_end(r, r->parts.data, r->parts.len);
}

static struct tt_ws_message read_head(struct tt_ws_reader *r, const char *p, size_t n, size_t *used)
{
    unsigned code;
    while (*used < n && (r->head_len < 2 || r->head_len < head_size(r)))
        r->head[r->head_len++] = p[(*used)++];
    if (r->head_len < 2 || r->head_len < head_size(r))
        return (struct tt_ws_message){.kind = TT_WS_GOT_NOTHING};
    const char *wrong = check_head(r, &code);
    if (wrong)
        return broken(code, wrong);
    r->in_payload = true;
    if (r->opcode >= 8) {
        r->control_len = 0;
    } else if (r->opcode != TT_WS_CONTINUATION) {
        r->message_opcode = r->opcode;
        r->compressed = (unsigned char)r->head[0] & TT_WS_RSV1;
        r->utf8 = (struct tt_utf8){0};
        r->in_message = true;
    }
    return (struct tt_ws_message){.kind = TT_WS_GOT_NOTHING};
}

static void empty(struct tt_buf *b)
{
    if (b->cap > PARTS_KEPT_BYTES) {
        size_t max = b->max;
        tt_buf_fini(b);
        tt_buf_init(b, max);
    } else if (b->len) {
        tt_buf_clear(b);
    }
}

struct tt_ws_message tt_ws_read(struct tt_ws_reader *r, const char *p, size_t n, size_t *used)
{
    struct tt_ws_message m = {.kind = TT_WS_GOT_NOTHING};
    *used = 0;
    if (!r->in_message) { /* the message handed out last */
        empty(&r->parts);
        empty(&r->plain);
    }
    while (m.kind == TT_WS_GOT_NOTHING) {
        if (!r->in_payload) {
            m = read_head(r, p, n, used);
            if (m.kind != TT_WS_GOT_NOTHING || !r->in_payload)
                break;
        }
        if (*used == n && r->left)
            break;
        m = read_payload(r, p + *used, n - *used, used);
    }
    return m;
}
