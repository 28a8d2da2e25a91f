/* SPDX-License-Identifier: MIT */
/* Fan-out: one message is sent, how long until the first, each and the last of its receivers have
 * it? Sender and receivers may live on any worker of the process, whose clocks are one. Each tells
 * the message's home, the worker that the key's hash names, by letter; the home makes the samples
 * when all reports are there or the time is up. Worker thread. */
#pragma once
#include "base/map.h"
#include "vu/worker.h"

enum { TT_WS_FANOUT_NAME_MAX = 60, TT_WS_FANOUT_ID_MAX = 160, TT_WS_FANOUTS_MAX = 100000 };

/* Of a worker: the messages whose home it is. */
struct tt_ws_fanouts {
    struct tt_worker *w;
    struct tt_map pending; /* key -> struct tt__ws_fanout */
    size_t n_pending;
};
void tt_ws_fanouts_init(struct tt_ws_fanouts *f, struct tt_worker *w);
void tt_ws_fanouts_fini(struct tt_ws_fanouts *f);

struct tt_ws_fanout_report {
    bool sent; /* by the sender; else by a receiver */
    uint32_t receivers;
    uint64_t timeout_ns, at_ns;
    /* "<name>\n<id>" */
    char key[TT_WS_FANOUT_NAME_MAX + TT_WS_FANOUT_ID_MAX + 2];
};
/* At its home. */
void tt_ws_fanout_take(struct tt_ws_fanouts *f, const struct tt_ws_fanout_report *r);
