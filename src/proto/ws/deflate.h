/* SPDX-License-Identifier: MIT */
/* permessage-deflate (RFC 7692) of a client: what is offered, what the server chose, and the
 * messages. Worker thread only.
 *
 * A side that keeps its context owns a zlib stream (some 300 KB to compress, 40 KB to expand), made
 * when its first message comes. One that does not shares its worker's: its message is compressed or
 * expanded in one go. */
#pragma once
#include "base/buf.h"
#include "proto/http/url.h"

enum { TT_WS_WINDOW_MIN = 8, TT_WS_WINDOW_MAX = 15 };

struct tt_ws_deflate {
    bool on;
    bool client_no_takeover, server_no_takeover;
    bool no_client_bits;                    /* the offer leaves the server no say in our window */
    unsigned char client_bits, server_bits; /* 0: not limited */
};
/* The value of Sec-WebSocket-Extensions that offers d. */
void tt_ws_deflate_offer(const struct tt_ws_deflate *d, char *out, size_t size);
/* The server's answer to an offer. NULL when all is well and agreed is set, else what is wrong. */
const char *tt_ws_deflate_agree(struct tt_slice answer, const struct tt_ws_deflate *offered,
                                struct tt_ws_deflate *agreed);

/* The streams that a worker's sockets share. Zero at first. */
struct tt_ws_streams {
    struct z_stream_s *deflate[TT_WS_WINDOW_MAX + 1]; /* by window bits */
    struct z_stream_s *inflate;
};
void tt_ws_streams_fini(struct tt_ws_streams *s);

struct tt_ws_packer; /* of a connection */
struct tt_ws_packer *tt_ws_packer_new(struct tt_ws_streams *shared,
                                      const struct tt_ws_deflate *agreed);
void tt_ws_packer_free(struct tt_ws_packer *k); /* NULL is fine */
/* Appends the compressed message. False: it is to be sent as it is (a window of 256 bytes, which
 * zlib does not make, or out is full); the stream is as before. */
bool tt_ws_pack(struct tt_ws_packer *k, const void *p, size_t n, struct tt_buf *out);
enum tt_ws_unpacked { TT_WS_UNPACKED, TT_WS_UNPACK_BROKEN, TT_WS_UNPACK_TOO_LARGE };
/* Appends the message; TOO_LARGE at out's maximum. Only UNPACKED can be followed by more. */
enum tt_ws_unpacked tt_ws_unpack(struct tt_ws_packer *k, const char *p, size_t n,
                                 struct tt_buf *out);
