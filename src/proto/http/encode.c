/* SPDX-License-Identifier: MIT */
/* Compressing bodies, at the levels that are usual: a load generator has little time for them. */
#include "proto/http/encode.h"
#include <brotli/encode.h>
#include <limits.h>
#include <zlib.h>
#include <zstd.h>

enum { GZIP_BITS = MAX_WBITS + 16, BROTLI_QUALITY = 6, MEM_LEVEL = 8 };

const char *const tt_http_encodings[] = {"gzip", "deflate", "br", "zstd", NULL};

static bool deflate_all(struct tt_buf *out, const char *p, size_t n, int bits)
{
    z_stream z = {0};
    if (n > UINT_MAX || deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits, MEM_LEVEL,
                                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t room = deflateBound(&z, n);
    bool ok = room <= UINT_MAX && tt_buf_reserve(out, room);
    if (ok) {
        z.next_in = (Bytef *)(uintptr_t)p;
        z.avail_in = (uInt)n;
        z.next_out = (Bytef *)out->data + out->len;
        z.avail_out = (uInt)room;
        ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
        out->len += z.total_out;
    }
    deflateEnd(&z);
    return ok;
}

static bool brotli_all(struct tt_buf *out, const char *p, size_t n)
{
    size_t room = BrotliEncoderMaxCompressedSize(n);
    if (room == 0 || !tt_buf_reserve(out, room) ||
        !BrotliEncoderCompress(BROTLI_QUALITY, BROTLI_DEFAULT_WINDOW, BROTLI_DEFAULT_MODE, n,
                               (const uint8_t *)p, &room, (uint8_t *)out->data + out->len))
        return false;
    out->len += room;
    return true;
}

static bool zstd_all(struct tt_buf *out, const char *p, size_t n)
{
    size_t room = ZSTD_compressBound(n);
    if (!tt_buf_reserve(out, room))
        return false;
    room = ZSTD_compress(out->data + out->len, room, p, n, ZSTD_CLEVEL_DEFAULT);
    if (ZSTD_isError(room))
        return false;
    out->len += room;
    return true;
}

bool tt_http_encode(size_t coding, struct tt_buf *out, const char *p, size_t n)
{
    switch (coding) {
    case 0:
        return deflate_all(out, p, n, GZIP_BITS);
    case 1: /* RFC 9110: with zlib's header */
        return deflate_all(out, p, n, MAX_WBITS);
    case 2:
        return brotli_all(out, p, n);
    default:
        return zstd_all(out, p, n);
    }
}
