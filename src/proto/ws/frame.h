/* SPDX-License-Identifier: MIT */
/* RFC 6455 frames of a client: written masked, read unmasked and put together to messages. Pure;
 * one thread at a time. */
#pragma once
#include "base/buf.h"
#include <stdint.h>

enum tt_ws_opcode {
    TT_WS_CONTINUATION = 0,
    TT_WS_TEXT = 1,
    TT_WS_BINARY = 2,
    TT_WS_CLOSE = 8,
    TT_WS_PING = 9,
    TT_WS_PONG = 10
};
enum { TT_WS_HEADER_MAX = 14, TT_WS_CONTROL_MAX = 125 };

/* XORs p[0..n) with the mask; at is p's offset in the payload. */
void tt_ws_mask(char *p, size_t n, uint32_t key, size_t at);
/* Appends one whole masked frame (FIN set). key: random, unpredictable to the peer. False when out
 * is full. */
bool tt_ws_put_frame(struct tt_buf *out, enum tt_ws_opcode op, const void *payload, size_t n,
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
    unsigned close_code; /* CLOSE: the peer's, 1005 when it gave none; ERROR: ours */
    const char *text;    /* ERROR: what was wrong, static */
};

struct tt_ws_reader {
    size_t max_message;  /* longer messages are an error, 1009 */
    struct tt_buf parts; /* of a message that did not come in one piece */
    char control[TT_WS_CONTROL_MAX];
    char head[TT_WS_HEADER_MAX];
    unsigned head_len, control_len;
    uint64_t left; /* of the frame's payload */
    uint8_t opcode, message_opcode;
    bool in_payload, fin, in_message;
};
void tt_ws_reader_init(struct tt_ws_reader *r, size_t max_message);
void tt_ws_reader_fini(struct tt_ws_reader *r);
/* Reads from p[0..n); *used gets how much. Call again with the rest until GOT_NOTHING. */
struct tt_ws_message tt_ws_read(struct tt_ws_reader *r, const char *p, size_t n, size_t *used);
