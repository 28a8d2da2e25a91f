/* SPDX-License-Identifier: MIT */
/* A chain of stages, one per coding, in the order in which they are undone. A stage pushes what it
 * makes to the next; nothing is kept but the codecs' windows. */
#include "proto/http/decode.h"
#include "base/memory.h"
#include "base/str.h"
#include <brotli/decode.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { STAGES_MAX = 4, PIECE = 16 * 1024, ZSTD_WINDOW_LOG = 23 /* RFC 8878, 3.1.1.1.2: 8 MiB */ };

enum coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE, CODING_BROTLI, CODING_ZSTD };

struct stage {
    enum coding coding;
    bool begun; /* it has seen data */
    bool ended; /* the coding's own end has come */
    bool known; /* deflate: with the zlib header that RFC 9110 asks for, or without */
    unsigned char first;
    z_stream z;
    BrotliDecoderState *brotli;
    ZSTD_DStream *zstd;
};

struct tt_http_decoder {
    struct stage stages[STAGES_MAX];
    size_t n;
    tt_http_decoder_take take;
    void *arg;
    const char *why;
};

static bool push(struct tt_http_decoder *d, size_t i, const char *p, size_t n);

static bool fail(struct tt_http_decoder *d, const char *why)
{
    d->why = why;
    return false;
}

/* --- codecs ------------------------------------------------------------------------------------
 */

/* Servers send gzip in several members. */
static bool run_inflate(struct tt_http_decoder *d, size_t i, const char *p, size_t n)
{
    struct stage *s = &d->stages[i];
    char out[PIECE];
    s->z.next_in = (Bytef *)(uintptr_t)p;
    s->z.avail_in = (uInt)n;
    do {
        if (s->ended) {
            if (s->coding != CODING_GZIP || inflateReset(&s->z) != Z_OK)
                return fail(d, "data after the end");
            s->ended = false;
        }
        s->z.next_out = (Bytef *)out;
        s->z.avail_out = sizeof out;
        int rc = inflate(&s->z, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return fail(d, s->coding == CODING_GZIP ? "bad gzip data" : "bad deflate data");
        s->ended = rc == Z_STREAM_END;
        if (!push(d, i + 1, out, sizeof out - s->z.avail_out))
            return false;
    } while (s->z.avail_in || (s->z.avail_out == 0 && !s->ended));
    return true;
}

/* Half of the servers mean deflate without zlib's header: the first two bytes tell (RFC 1950,
 * 2.2). */
static bool inflate_stage(struct tt_http_decoder *d, size_t i, const char *p, size_t n)
{
    struct stage *s = &d->stages[i];
    if (s->coding == CODING_GZIP || s->known)
        return run_inflate(d, i, p, n);
    if (!s->begun) {
        s->first = (unsigned char)*p++;
        s->begun = true;
        if (--n == 0)
            return true;
    }
    s->known = true;
    bool zlib = (s->first & 15) == 8 && (s->first << 8 | (unsigned char)*p) % 31 == 0;
    if (!zlib && inflateReset2(&s->z, -MAX_WBITS) != Z_OK)
        return fail(d, "bad deflate data");
    return run_inflate(d, i, (const char *)&s->first, 1) && run_inflate(d, i, p, n);
}

static bool brotli_stage(struct tt_http_decoder *d, size_t i, const char *p, size_t n)
{
    struct stage *s = &d->stages[i];
    const uint8_t *in = (const uint8_t *)p;
    char out[PIECE];
    BrotliDecoderResult rc;
    if (s->ended)
        return n == 0 || fail(d, "data after the end");
    do {
        uint8_t *to = (uint8_t *)out;
        size_t room = sizeof out;
        rc = BrotliDecoderDecompressStream(s->brotli, &n, &in, &room, &to, NULL);
        if (rc == BROTLI_DECODER_RESULT_ERROR)
            return fail(d, "bad br data");
        if (!push(d, i + 1, out, sizeof out - room))
            return false;
    } while (rc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT);
    s->ended = rc == BROTLI_DECODER_RESULT_SUCCESS;
    return n == 0 || fail(d, "data after the end");
}

static bool zstd_stage(struct tt_http_decoder *d, size_t i, const char *p, size_t n)
{
    struct stage *s = &d->stages[i];
    ZSTD_inBuffer in = {p, n, 0};
    char piece[PIECE];
    bool full;
    do {
        ZSTD_outBuffer out = {piece, sizeof piece, 0};
        size_t rc = ZSTD_decompressStream(s->zstd, &out, &in);
        if (ZSTD_isError(rc))
            return fail(d, "bad zstd data");
        s->ended = rc == 0; /* another frame may follow */
        full = out.pos == out.size;
        if (!push(d, i + 1, piece, out.pos))
            return false;
    } while (in.pos < in.size || (full && !s->ended));
    return true;
}

static bool push(struct tt_http_decoder *d, size_t i, const char *p, size_t n)
{
    if (n == 0)
        return true;
    if (i == d->n)
        return d->take(d->arg, p, n);
    struct stage *s = &d->stages[i];
    bool ok = s->coding == CODING_BROTLI ? brotli_stage(d, i, p, n)
              : s->coding == CODING_ZSTD ? zstd_stage(d, i, p, n)
                                         : inflate_stage(d, i, p, n);
    s->begun = true;
    return ok;
}

/* --- the chain ---------------------------------------------------------------------------------
 */

static enum coding coding_of(struct tt_slice name, bool *known)
{
    static const struct {
        const char *name;
        enum coding coding;
    } list[] = {{"identity", CODING_NONE},   {"gzip", CODING_GZIP}, {"x-gzip", CODING_GZIP},
                {"deflate", CODING_DEFLATE}, {"br", CODING_BROTLI}, {"zstd", CODING_ZSTD}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (strlen(list[i].name) == name.n && tt_strnieq(list[i].name, name.p, name.n))
            return list[i].coding;
    *known = name.n == 0;
    return CODING_NONE;
}

static void open_stage(struct stage *s, enum coding coding)
{
    s->coding = coding;
    if (coding == CODING_BROTLI) {
        s->brotli = BrotliDecoderCreateInstance(NULL, NULL, NULL);
        TT_ASSERT(s->brotli);
    } else if (coding == CODING_ZSTD) {
        s->zstd = ZSTD_createDStream();
        TT_ASSERT(s->zstd);
        ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    } else {
        int rc = inflateInit2(&s->z, coding == CODING_GZIP ? MAX_WBITS + 16 : MAX_WBITS);
        TT_ASSERT(rc == Z_OK); /* fails for want of memory only */
    }
}

static struct tt_slice trimmed(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return (struct tt_slice){p, (size_t)(end - p)};
}

struct tt_http_decoder *tt_http_decoder_new(struct tt_slice codings)
{
    enum coding list[STAGES_MAX];
    size_t n = 0;
    const char *p = codings.p, *end = p + codings.n;
    while (codings.n && p <= end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        bool known = true;
        enum coding coding = coding_of(trimmed(p, stop), &known);
        if (!known || (coding && n == STAGES_MAX))
            return NULL;
        if (coding)
            list[n++] = coding;
        p = stop + 1;
    }
    if (n == 0)
        return NULL;
    struct tt_http_decoder *d = tt_xcalloc(1, sizeof *d);
    d->n = n;
    for (size_t i = 0; i < n; i++) /* the last one applied is undone first */
        open_stage(&d->stages[i], list[n - 1 - i]);
    return d;
}

void tt_http_decoder_free(struct tt_http_decoder *d)
{
    for (size_t i = 0; d && i < d->n; i++) {
        struct stage *s = &d->stages[i];
        if (s->brotli)
            BrotliDecoderDestroyInstance(s->brotli);
        else if (s->zstd)
            ZSTD_freeDStream(s->zstd);
        else
            inflateEnd(&s->z);
    }
    tt_free(d);
}

bool tt_http_decoder_put(struct tt_http_decoder *d, const char *p, size_t n,
                         tt_http_decoder_take take, void *arg, const char **why)
{
    d->take = take;
    d->arg = arg;
    d->why = NULL;
    bool ok = push(d, 0, p, n);
    *why = d->why;
    return ok;
}

/* An empty body is complete too: the answer to a HEAD, a 304. */
bool tt_http_decoder_complete(const struct tt_http_decoder *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->stages[i].begun && !d->stages[i].ended)
            return false;
    return true;
}
