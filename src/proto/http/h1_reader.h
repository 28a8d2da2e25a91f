/* SPDX-License-Identifier: MIT */
/* The response of HTTP/1 (RFC 9112) out of pieces of any size: its head, then its body without the
 * framing. Shared by the transport and the WebSocket handshake. Bounded by the head buffer's
 * maximum; knows nothing of connections. Pure. */
#pragma once
#include "base/buf.h"
#include "proto/http/url.h"
#include <stdint.h>

enum tt_h1_event {
    TT_H1_MORE, /* all of the piece is read */
    TT_H1_HEAD, /* head and status are complete; interim responses are dropped before */
    TT_H1_BODY, /* a part of the body */
    TT_H1_DONE, /* the response is complete; what follows is not of it */
    TT_H1_BAD   /* error says why */
};

enum tt__h1_state {
    TT__H1_HEAD,
    TT__H1_BODY_START, /* the head is told, how the body ends is known */
    TT__H1_LENGTH,
    TT__H1_UNTIL_CLOSE,
    TT__H1_CHUNK_SIZE,
    TT__H1_CHUNK_EXTENSION,
    TT__H1_CHUNK_DATA,
    TT__H1_CHUNK_END,
    TT__H1_TRAILER,
    TT__H1_DONE,
    TT__H1_BAD
};

struct tt_h1_reader {
    struct tt_buf *head; /* status line and headers as they came, with their line ends; lines that
                            were folded are joined */
    int status;          /* 0 until HEAD */
    bool sets_cookies;   /* HEAD: there is a Set-Cookie */
    bool reusable;       /* DONE: another request may be sent on the connection */
    const char *error;   /* BAD: static text */
    /* its own */
    enum tt__h1_state state, framing;
    bool bodyless, has_digit, has_colon;
    uint64_t left;     /* of the body or the chunk */
    size_t line_bytes; /* of a chunk's extension or the trailer so far */
    size_t line_start; /* of the head's last line, or of the trailer's */
};

/* bodyless: the answer to a HEAD request. head is cleared. */
void tt_h1_reader_init(struct tt_h1_reader *r, struct tt_buf *head, bool bodyless);
/* Reads from p[*at..n) up to the next event and moves *at. BODY: *body lies in p. After DONE and
 * BAD it must not be called. */
enum tt_h1_event tt_h1_read(struct tt_h1_reader *r, const char *p, size_t n, size_t *at,
                            struct tt_slice *body);
/* The connection has ended: DONE when that ends the body, else BAD. */
enum tt_h1_event tt_h1_end(struct tt_h1_reader *r);
/* Errors that callers tell apart: a response that ends too early, one of which not even a line had
 * come, a head over its maximum. */
extern const char tt_h1_truncated[], tt_h1_nothing[], tt_h1_too_large[];

/* Is word in a comma-separated list? Case is ignored. */
bool tt_h1_list_has(struct tt_slice list, const char *word);
