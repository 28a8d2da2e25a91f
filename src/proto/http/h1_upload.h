/* SPDX-License-Identifier: MIT */
/* A request on its way to a connection: its head, then its body from one text or from a source, by
 * length or in chunks, in pieces that the socket takes. Worker thread only. */
#pragma once
#include "net/conn.h"
#include "proto/http/transport.h"

struct tt_h1_upload {
    const struct tt_http_exchange *x;
    const struct tt_buf *head; /* until it is written */
    uint64_t fed;              /* bytes of the body that were given to the connection */
    bool complete;             /* so is the whole body */
    bool starved;              /* the source waits: pump again when the transport is resumed */
};

enum { TT_H1_PIECE = 64 * 1024 };

/* head must stay until pump has returned the first time. */
void tt_h1_upload_begin(struct tt_h1_upload *u, const struct tt_http_exchange *x,
                        const struct tt_buf *head);
enum tt_h1_pumped {
    TT_H1_PUMPED,      /* as far as it goes now: until the connection is drained, or resumed */
    TT_H1_PUMP_FAILED, /* the connection has failed and tells so itself, later */
    TT_H1_PUMP_SHORT   /* the source ended before its length */
};
/* piece: room for TT_H1_PIECE bytes, used while it runs. */
enum tt_h1_pumped tt_h1_upload_pump(struct tt_h1_upload *u, struct tt_conn *conn, char *piece);
/* To the begin again; false: the source cannot. */
bool tt_h1_upload_rewind(const struct tt_h1_upload *u);
