/* SPDX-License-Identifier: MIT */
/* permessage-deflate on zlib's raw streams. */
#include "proto/ws/deflate.h"
#include "base/memory.h"
#include "base/str.h"
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { LEVEL = 1, MEM_LEVEL = 8, STEP_BYTES = 4096 };
static const char tail[4] = {0, 0, (char)0xff, (char)0xff}; /* of a sync flush; not sent */

/* --- negotiation --------------------------------------------------------------------------------
 */

void tt_ws_deflate_offer(const struct tt_ws_deflate *d, char *out, size_t size)
{
    char client[40] = "; client_max_window_bits", server[40] = "";
    if (d->client_bits)
        snprintf(client, sizeof client, "; client_max_window_bits=%u", (unsigned)d->client_bits);
    else if (d->no_client_bits)
        client[0] = '\0';
    if (d->server_bits)
        snprintf(server, sizeof server, "; server_max_window_bits=%u", (unsigned)d->server_bits);
    snprintf(out, size, "permessage-deflate%s%s%s%s",
             d->server_no_takeover ? "; server_no_context_takeover" : "",
             d->client_no_takeover ? "; client_no_context_takeover" : "", server, client);
}

static struct tt_slice trim(struct tt_slice s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s.p++, s.n--;
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* Cuts the part up to mark off. */
static struct tt_slice cut(struct tt_slice *rest, char mark)
{
    const char *at = rest->n ? memchr(rest->p, mark, rest->n) : NULL;
    struct tt_slice part = {rest->p, at ? (size_t)(at - rest->p) : rest->n};
    size_t skip = part.n + (at ? 1 : 0);
    rest->p += skip;
    rest->n -= skip;
    return trim(part);
}

static bool is(struct tt_slice s, const char *word)
{
    return s.n == strlen(word) && tt_strnieq(s.p, word, s.n);
}

/* "8" to "15", also in quotes; 0: something else. */
static unsigned char bits(struct tt_slice s)
{
    unsigned v = 0;
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"') {
        s.p++;
        s.n -= 2;
    }
    if (!s.n || s.n > 2 || s.p[0] == '0')
        return 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        v = v * 10 + (unsigned)(s.p[i] - '0');
    }
    return (unsigned char)(v >= TT_WS_WINDOW_MIN && v <= TT_WS_WINDOW_MAX ? v : 0);
}

static const char *agree_on(struct tt_slice name, struct tt_slice value,
                            const struct tt_ws_deflate *offered, struct tt_ws_deflate *agreed)
{
    bool client = name.n >= 7 && tt_strnieq(name.p, "client_", 7);
    unsigned char most = client ? offered->client_bits : offered->server_bits;
    unsigned char *window = client ? &agreed->client_bits : &agreed->server_bits;
    bool *fresh = client ? &agreed->client_no_takeover : &agreed->server_no_takeover;
    if (is(name, client ? "client_no_context_takeover" : "server_no_context_takeover")) {
        if (value.p || *fresh)
            return "permessage-deflate: no_context_takeover has a value or is there twice";
        *fresh = true;
        return NULL;
    }
    if (!is(name, client ? "client_max_window_bits" : "server_max_window_bits"))
        return "permessage-deflate: the server chose an unknown parameter";
    if (client && offered->no_client_bits)
        return "permessage-deflate: the server chose a window of ours, which was not offered";
    if (*window)
        return "permessage-deflate: max_window_bits is there twice";
    *window = value.p ? bits(value) : 0;
    if (!*window)
        return "permessage-deflate: max_window_bits is no number from 8 to 15";
    if (most && *window > most)
        return "permessage-deflate: the server chose a larger window than was offered";
    return NULL;
}

const char *tt_ws_deflate_agree(struct tt_slice answer, const struct tt_ws_deflate *offered,
                                struct tt_ws_deflate *agreed)
{
    const char *wrong = NULL;
    if (!offered->on || agreed->on || !is(cut(&answer, ';'), "permessage-deflate"))
        return "the server chose an extension that was not offered";
    *agreed = (struct tt_ws_deflate){.on = true};
    while (answer.n && !wrong) {
        struct tt_slice value = cut(&answer, ';'), name = cut(&value, '=');
        bool has_value = name.p + name.n != value.p || value.n;
        wrong =
            agree_on(name, has_value ? trim(value) : (struct tt_slice){NULL, 0}, offered, agreed);
    }
    agreed->client_no_takeover |= offered->client_no_takeover; /* ours to choose */
    return wrong;
}

/* --- streams ------------------------------------------------------------------------------------
 */

static void *zalloc(void *unused, unsigned items, unsigned size)
{
    (void)unused;
    return tt_xmalloc((size_t)items * size);
}

static void zfree(void *unused, void *p)
{
    (void)unused;
    tt_free(p);
}

static z_stream *stream_new(int window, bool deflating)
{
    z_stream *z = tt_xcalloc(1, sizeof *z);
    z->zalloc = zalloc;
    z->zfree = zfree;
    int r = deflating ? deflateInit2(z, LEVEL, Z_DEFLATED, -window, MEM_LEVEL, Z_DEFAULT_STRATEGY)
                      : inflateInit2(z, -window);
    TT_ASSERT(r == Z_OK);
    return z;
}

static void stream_free(z_stream *z, bool deflating)
{
    if (!z)
        return;
    if (deflating)
        deflateEnd(z);
    else
        inflateEnd(z);
    tt_free(z);
}

void tt_ws_streams_fini(struct tt_ws_streams *s)
{
    for (size_t i = 0; i < sizeof s->deflate / sizeof *s->deflate; i++)
        stream_free(s->deflate[i], true);
    stream_free(s->inflate, false);
    *s = (struct tt_ws_streams){0};
}

struct tt_ws_packer {
    struct tt_ws_streams *shared;
    z_stream *deflate, *inflate; /* its own: NULL until needed */
    struct tt_ws_deflate agreed;
};

struct tt_ws_packer *tt_ws_packer_new(struct tt_ws_streams *shared,
                                      const struct tt_ws_deflate *agreed)
{
    struct tt_ws_packer *k = tt_xcalloc(1, sizeof *k);
    k->shared = shared;
    k->agreed = *agreed;
    return k;
}

void tt_ws_packer_free(struct tt_ws_packer *k)
{
    if (!k)
        return;
    stream_free(k->deflate, true);
    stream_free(k->inflate, false);
    tt_free(k);
}

/* --- messages -----------------------------------------------------------------------------------
 */

bool tt_ws_pack(struct tt_ws_packer *k, const void *p, size_t n, struct tt_buf *out)
{
    int window = k->agreed.client_bits ? k->agreed.client_bits : TT_WS_WINDOW_MAX;
    bool fresh = k->agreed.client_no_takeover;
    z_stream **z = fresh ? &k->shared->deflate[window] : &k->deflate;
    if (window == TT_WS_WINDOW_MIN || n > UINT32_MAX)
        return false;
    if (!n) /* an empty block; zlib has nothing to flush */
        return tt_buf_putc(out, '\0');
    if (!*z)
        *z = stream_new(window, true);
    else if (fresh)
        deflateReset(*z);
    /* The bound is for one whole stream; a flush adds a few bytes. */
    if (!tt_buf_reserve(out, deflateBound(*z, (uLong)n) + 64))
        return false;
    (*z)->next_in = (Bytef *)(uintptr_t)p;
    (*z)->avail_in = (uInt)n;
    (*z)->next_out = (Bytef *)out->data + out->len;
    size_t room = out->cap - out->len - 1;
    room = room < UINT32_MAX ? room : UINT32_MAX;
    (*z)->avail_out = (uInt)room;
    int r = deflate(*z, Z_SYNC_FLUSH);
    TT_ASSERT(r == Z_OK && !(*z)->avail_in && (*z)->avail_out);
    out->len += room - (*z)->avail_out - sizeof tail;
    return true;
}

/* What may be written at out's end without growing beyond its maximum. */
static size_t make_room(struct tt_buf *out)
{
    size_t left = out->max - out->len;
    if (left && out->cap - out->len < STEP_BYTES / 4)
        tt_buf_reserve(out, left < STEP_BYTES ? left : STEP_BYTES);
    size_t room = out->cap ? out->cap - out->len - 1 : 0;
    return room < left ? room : left;
}

/* Takes a piece of input whole. */
static enum tt_ws_unpacked expand(z_stream *z, const char *p, size_t n, struct tt_buf *out)
{
    z->next_in = (Bytef *)(uintptr_t)p;
    z->avail_in = (uInt)n;
    for (;;) {
        char spill; /* when out is full: does more come? */
        size_t room = make_room(out);
        uInt offered = room ? (uInt)room : 1;
        z->next_out = room ? (Bytef *)out->data + out->len : (Bytef *)&spill;
        z->avail_out = offered;
        int r = inflate(z, Z_SYNC_FLUSH);
        uInt made = offered - z->avail_out;
        if (made && !room)
            return TT_WS_UNPACK_TOO_LARGE;
        out->len += made;
        if (r == Z_STREAM_END) /* a final block: what follows is a new one, the window stays */
            inflateResetKeep(z);
        else if (r != Z_OK && r != Z_BUF_ERROR)
            return TT_WS_UNPACK_BROKEN;
        if (z->avail_out) /* nothing is held back */
            if (!z->avail_in || r == Z_BUF_ERROR)
                return z->avail_in ? TT_WS_UNPACK_BROKEN : TT_WS_UNPACKED;
    }
}

enum tt_ws_unpacked tt_ws_unpack(struct tt_ws_packer *k, const char *p, size_t n,
                                 struct tt_buf *out)
{
    bool fresh = k->agreed.server_no_takeover;
    z_stream **z = fresh ? &k->shared->inflate : &k->inflate;
    int window = k->agreed.server_bits && !fresh ? k->agreed.server_bits : TT_WS_WINDOW_MAX;
    if (n > UINT32_MAX)
        return TT_WS_UNPACK_TOO_LARGE;
    if (!*z)
        *z = stream_new(window, false);
    else if (fresh)
        inflateReset(*z);
    enum tt_ws_unpacked r = expand(*z, p, n, out);
    if (r == TT_WS_UNPACKED)
        r = expand(*z, tail, sizeof tail, out);
    if (out->data)
        out->data[out->len] = '\0';
    return r;
}
