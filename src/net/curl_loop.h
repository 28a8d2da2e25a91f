/* SPDX-License-Identifier: MIT */
/* libcurl's multi interface on a worker's loop. Worker thread only.
 *
 * The owner sets up easy handles (tt_curl_easy_new makes them with what this loop needs), embeds a
 * struct tt_transfer, starts it and is told when it is done. done runs with no libcurl frame on the
 * stack, but inside an I/O callback or inside tt_curl_start: it must not run Lua. It may start and
 * cancel transfers. */
#pragma once
#include "loop/loop.h"
#include <curl/curl.h>

struct tt_curl;

struct tt_transfer {
    CURL *easy;
    void (*done)(struct tt_transfer *t, CURLcode result);
    /* Own stamps: libcurl 7.88's PRETRANSFER and STARTTRANSFER come after the request was sent, and
     * when an upload starts. 0 = did not happen. */
    uint64_t prereq_ns; /* connection ready, the request is written next */
    uint64_t sent_ns;   /* the first write has returned (all of a small request) */
    curl_socket_t fd;   /* the socket that libcurl watches for it, or watched last; -1: none yet */
    void (*sent)(
        struct tt_transfer *t); /* sent_ns has been stamped; may start transfers; or NULL */
    bool running;
    bool
        take; /* CURLOPT_CONNECT_ONLY: done finds a duplicate of the socket in taken, the owner's */
    int taken;            /* -1: none */
    struct tt_curl *curl; /* these two are curl_loop's own */
    struct tt_transfer *next_fresh;
};

/* max_idle: connections that each share keeps. */
struct tt_curl *tt_curl_new(struct tt_loop *loop, size_t max_idle, struct tt_err *err);
/* No transfer may be running; every share and easy handle is gone. The loop then needs a drain: its
 * poll handles are closing. */
void tt_curl_free(struct tt_curl *c);
/* A new easy handle for transfers on this loop, bound to t (CURLOPT_PRIVATE, PREREQ, close
 * callback). The caller's: curl_easy_cleanup. */
CURL *tt_curl_easy_new(struct tt_curl *c, struct tt_transfer *t);
/* What a close callback of the owner's instead has to call. */
int tt_curl_close_socket(struct tt_curl *c, curl_socket_t fd);
/* Starts t->easy: the request is written before this returns when a connection is at hand. done may
 * be called before this returns. */
void tt_curl_start(struct tt_curl *c, struct tt_transfer *t);
/* Goes on with a transfer whose write callback said CURL_WRITEFUNC_PAUSE. The callback is called,
 * and done may be, before this returns. */
void tt_curl_resume(struct tt_curl *c, struct tt_transfer *t);
/* Takes a running transfer out; done is not called. Its connection is closed. */
void tt_curl_cancel(struct tt_curl *c, struct tt_transfer *t);
