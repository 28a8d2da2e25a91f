/* SPDX-License-Identifier: MIT */
/* Sending a request. A piece waits until the connection has taken the one before, because the
 * connection copies what the socket does not take. */
#include "proto/http/h1_upload.h"
#include <stdio.h>
#include <string.h>

enum {
    WRITE_BYTES = 256 * 1024, /* of a text at a time */
    FRAME_BYTES = 10          /* room before a chunk for its size: "fff6\r\n" */
};

void tt_h1_upload_begin(struct tt_h1_upload *u, const struct tt_http_exchange *x,
                        const struct tt_buf *head)
{
    *u = (struct tt_h1_upload){.x = x, .head = head};
    u->complete = !x->source && x->upload_len == 0;
}

/* The head goes with the first piece. */
static bool put(struct tt_h1_upload *u, struct tt_conn *conn, const char *p, size_t n)
{
    const struct tt_buf *head = u->head;
    u->head = NULL;
    return head ? tt_conn_write2(conn, head->data, head->len, p, n) : tt_conn_write(conn, p, n);
}

static enum tt_h1_pumped put_text(struct tt_h1_upload *u, struct tt_conn *conn)
{
    size_t left = u->x->upload_len - (size_t)u->fed, n = left < WRITE_BYTES ? left : WRITE_BYTES;
    const char *p = u->x->upload + u->fed;
    u->fed += n;
    u->complete = n == left;
    return put(u, conn, p, n) ? TT_H1_PUMPED : TT_H1_PUMP_FAILED;
}

static enum tt_h1_pumped put_chunk(struct tt_h1_upload *u, struct tt_conn *conn, char *piece,
                                   size_t n)
{
    static const char last[] = "0\r\n\r\n";
    char size[FRAME_BYTES + 1];
    u->complete = n == 0;
    if (u->complete)
        return put(u, conn, last, sizeof last - 1) ? TT_H1_PUMPED : TT_H1_PUMP_FAILED;
    size_t digits = (size_t)snprintf(size, sizeof size, "%zx\r\n", n);
    char *p = piece + FRAME_BYTES - digits;
    memcpy(p, size, digits);
    memcpy(piece + FRAME_BYTES + n, "\r\n", 2);
    return put(u, conn, p, digits + n + 2) ? TT_H1_PUMPED : TT_H1_PUMP_FAILED;
}

static enum tt_h1_pumped put_from_source(struct tt_h1_upload *u, struct tt_conn *conn, char *piece)
{
    struct tt_http_source *source = u->x->source;
    bool chunked = source->length == TT_HTTP_LENGTH_UNKNOWN;
    size_t room = TT_H1_PIECE - FRAME_BYTES - 2;
    if (!chunked && source->length - u->fed < room)
        room = (size_t)(source->length - u->fed);
    size_t n = room ? source->read(source, piece + FRAME_BYTES, room) : 0;
    u->starved = n == TT_HTTP_SOURCE_WAITS;
    if (u->starved)
        return TT_H1_PUMPED;
    u->fed += n;
    if (chunked)
        return put_chunk(u, conn, piece, n);
    u->complete = u->fed == source->length;
    if (!n && !u->complete)
        return TT_H1_PUMP_SHORT;
    return put(u, conn, piece + FRAME_BYTES, n) ? TT_H1_PUMPED : TT_H1_PUMP_FAILED;
}

enum tt_h1_pumped tt_h1_upload_pump(struct tt_h1_upload *u, struct tt_conn *conn, char *piece)
{
    enum tt_h1_pumped r = TT_H1_PUMPED;
    u->starved = false;
    while (r == TT_H1_PUMPED && !u->complete && !u->starved && !tt_conn_queued(conn))
        r = u->x->source ? put_from_source(u, conn, piece) : put_text(u, conn);
    if (r == TT_H1_PUMPED && u->head && !put(u, conn, NULL, 0)) /* without a body so far */
        r = TT_H1_PUMP_FAILED;
    return r;
}

bool tt_h1_upload_rewind(const struct tt_h1_upload *u)
{
    struct tt_http_source *source = u->x->source;
    return !source || !u->fed || source->rewind(source);
}
