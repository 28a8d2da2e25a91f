/* SPDX-License-Identifier: MIT */
/* Calls that are sent at once, within limits: so many of all, so many per host. Each keeps its
 * result until all have ended; one that fails ends no other. Worker thread only.
 *
 * Where HTTP/2 may be spoken (https, unless the origin is known to speak HTTP/1), one call goes
 * ahead and the others of its host follow when it has a connection: they are streams of it then.
 * libcurl would open a connection for each, and its own way to wait (PIPEWAIT) stalls other VUs. */
#pragma once
#include "proto/http/call.h"

struct tt_http_batch_host {
    struct tt_slice authority;
    size_t active;
    struct tt_http_batch_entry *first, **last; /* waiting */
    struct tt_http_call *leader;               /* went ahead; the others wait for its connection */
    bool https, led;
};
struct tt_http_batch_entry {
    struct tt_http_call *call; /* held; NULL: put back */
    struct tt_http_batch *batch;
    struct tt_http_batch_host *host;
    struct tt_http_batch_entry *next; /* in the host's list */
};
struct tt_http_batch {
    struct tt_op op;
    struct tt_http_engine *engine;
    struct tt_http_batch_entry *entries;
    struct tt_http_batch_host *hosts;
    size_t n, room, n_hosts, active, ended;
    bool pumping;
};

/* Room for n calls. */
void tt_http_batch_init(struct tt_http_batch *b, struct tt_http_engine *e, size_t n);
/* The call is filled in and still in the pool; it is held from here on. */
void tt_http_batch_add(struct tt_http_batch *b, struct tt_http_call *c);
/* Finishes b->op when all have ended, perhaps before it returns. */
void tt_http_batch_start(struct tt_http_batch *b);
/* Puts back what is not, stopping it first. Also for one that was never started, and twice. */
void tt_http_batch_fini(struct tt_http_batch *b);
