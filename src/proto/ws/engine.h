/* SPDX-License-Identifier: MIT */
/* What a worker's WebSocket connections share: network, TLS profile, buffers. Worker thread only.
 */
#pragma once
#include "net/conn.h"
#include "net/tls.h"
#include "proto/http/proxies.h"
#include "proto/ws/deflate.h"
#include "proto/ws/fanout.h"
#include "vu/vu.h"

enum { TT_WS_READ_BYTES = 64 * 1024 };

struct tt_ws_socket;
struct tt_ws_engine {
    struct tt_worker *w;
    const struct tt_options *opt; /* NULL: defaults */
    struct tt_resolver *resolver; /* this and what follows: made by the first connection */
    struct tt_net *net;
    struct tt_tls_profile *tls; /* NULL until a wss URL */
    char *read;                 /* TT_WS_READ_BYTES */
    struct tt_buf write;        /* scratch: a message's frames, or the request */
    struct tt_buf packed;       /* scratch: a compressed message */
    struct tt_ws_streams streams;
    struct tt_http_proxies proxies;
    struct tt_ws_fanouts fanouts;
    struct tt_ws_socket *live; /* sockets whose connection is not closed yet */
};

void tt_ws_engine_init(struct tt_ws_engine *e, struct tt_worker *w);
/* Closes every connection; no VU is left. */
void tt_ws_engine_fini(struct tt_ws_engine *e);
/* Makes what a connection needs. False: the TLS options cannot be satisfied. */
bool tt_ws_engine_ready(struct tt_ws_engine *e, bool tls, struct tt_err *err);
