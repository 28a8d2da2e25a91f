/* SPDX-License-Identifier: MIT */
/* RFC 6455 frames of a client: written masked, read unmasked and put together to messages. Pure;
 * one thread at a time. */
#pragma once
#include "base/buf.h"
#include "base/str.h"
#include "proto/ws/deflate.h"

enum tt_ws_opcode {
    TT_WS_CONTINUATION = 0,
    TT_WS_TEXT = 1,
    TT_WS_BINARY = 2,
    TT_WS_CLOSE = 8,
    TT_WS_PING = 9,
    TT_WS_PONG = 10
};
enum { TT_WS_FIN = 0x80, TT_WS_RSV1 = 0x40 }; /* of a header's first byte: last frame, compressed */
enum { TT_WS_HEADER_MAX = 14, TT_WS_CONTROL_MAX = 125 };

/* Copies src[0..n) XORed with the mask. */
void tt_ws_mask(char *dst, const char *src, size_t n, uint32_t key);
/* Appends one masked frame. first: the opcode with TT_WS_FIN and TT_WS_RSV1. key: random,
 * unpredictable to the peer. False when out is full. */
bool tt_ws_put_frame(struct tt_buf *out, unsigned first, const char *payload, size_t n,
                     uint32_t key);
/* The payload of a Close: code (0: none) and reason, cut to what fits. Returns its length. */
size_t tt_ws_close_payload(char out[TT_WS_CONTROL_MAX], unsigned code, const char *reason,
                           size_t n);
/* May a peer send this code? RFC 6455 7.4, and the registered 1012..1014. */
bool tt_ws_close_code_valid(unsigned code);

enum tt_ws_got {
    TT_WS_GOT_NOTHING, /* everything is consumed, more is needed */
    TT_WS_GOT_MESSAGE,
    TT_WS_GOT_PING,
    TT_WS_GOT_PONG,
    TT_WS_GOT_CLOSE,
    TT_WS_GOT_ERROR /* the peer broke the protocol: end with close_code and text */
};
struct tt_ws_message {
    enum tt_ws_got kind;
    bool binary;
    const char *data; /* valid until the next call; not terminated. CLOSE: the reason */
    size_t len;
    struct tt_buf *buf;  /* MESSAGE: where data lies, which may be taken; NULL: in the input */
    unsigned close_code; /* CLOSE: the peer's, 1005 when it gave none; ERROR: ours */
    const char *text;    /* ERROR: what was wrong, static */
};

struct tt_ws_reader {
    struct tt_ws_packer *packer; /* NULL: no compression was agreed; borrowed */
    struct tt_buf parts;         /* of a message that did not come in one piece */
    struct tt_buf plain;         /* a message that came compressed */
    struct tt_utf8 utf8;         /* of a text that did not */
    char control[TT_WS_CONTROL_MAX];
    char head[TT_WS_HEADER_MAX];
    unsigned head_len, control_len;
    uint64_t left;           /* of the frame's payload */
    unsigned our_close_code; /* 0: none was sent. A peer may echo it, whatever it is */
    uint8_t opcode, message_opcode;
    bool in_payload, fin, in_message, compressed;
};
/* Messages longer than max_message are an error, 1009. */
void tt_ws_reader_init(struct tt_ws_reader *r, size_t max_message);
void tt_ws_reader_fini(struct tt_ws_reader *r);
/* Reads from p[0..n); *used gets how much. Call again with the rest until GOT_NOTHING. */
struct tt_ws_message tt_ws_read(struct tt_ws_reader *r, const char *p, size_t n, size_t *used);
