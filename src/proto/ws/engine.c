/* SPDX-License-Identifier: MIT */
/* A worker's WebSocket engine. */
#include "proto/ws/engine.h"
#include "base/memory.h"
#include "proto/ws/socket.h"

#define FRAME_MAX ((size_t)256 << 20)

void tt_ws_engine_init(struct tt_ws_engine *e, struct tt_worker *w)
{
    *e = (struct tt_ws_engine){.w = w, .opt = w->plan ? &w->plan->opt : NULL};
    tt_ws_fanouts_init(&e->fanouts, w);
    e->proxies = tt_http_proxies_of_environment();
    tt_buf_init(&e->write, FRAME_MAX);
    tt_buf_init(&e->packed, FRAME_MAX);
}

void tt_ws_engine_fini(struct tt_ws_engine *e)
{
    while (e->live)
        tt_ws_drop(e->live);
    tt_ws_fanouts_fini(&e->fanouts);
    if (e->net) {
        tt_net_free(e->net);
        tt_resolver_free(e->resolver);
    }
    tt_tls_profile_free(e->tls);
    tt_buf_fini(&e->write);
    tt_buf_fini(&e->packed);
    tt_ws_streams_fini(&e->streams);
    tt_free(e->read);
}

bool tt_ws_engine_ready(struct tt_ws_engine *e, bool tls, struct tt_err *err)
{
    if (tls && !e->tls) {
        e->tls = tt_tls_profile_new(e->opt, err);
        if (!e->tls)
            return false;
    }
    if (!e->net) {
        e->resolver = tt_resolver_new(e->w->loop, e->w->plan ? &e->w->plan->network : NULL);
        e->net = tt_net_new(e->w->loop, e->resolver);
        e->read = tt_xmalloc(TT_WS_READ_BYTES);
    }
    return true;
}
