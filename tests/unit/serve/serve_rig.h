/* SPDX-License-Identifier: MIT */
/* A server whose handler does what the request's path says, and notes what it sees. The test is its
 * client, on its own thread. */
#pragma once
#include "client.h"
#include "serve/server.h"

struct rig {
    struct tt_server *server;
    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t changed;
    struct tt_exchange *held; /* by /hold */
    unsigned requests, gone, opened, messages, closed, stopping;
    bool sent; /* what tt_exchange_send said last */
};

static inline void rig_note(struct rig *g, unsigned *counter)
{
    pthread_mutex_lock(&g->lock);
    ++*counter;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

/* Until the server's thread has noted so many. */
static inline void rig_wait(struct rig *g, const unsigned *counter, unsigned n)
{
    pthread_mutex_lock(&g->lock);
    while (*counter < n)
        pthread_cond_wait(&g->changed, &g->lock);
    assert_int_equal(*counter, n);
    pthread_mutex_unlock(&g->lock);
}

static inline struct tt_exchange *rig_held(struct rig *g)
{
    pthread_mutex_lock(&g->lock);
    while (!g->held)
        pthread_cond_wait(&g->changed, &g->lock);
    struct tt_exchange *x = g->held;
    pthread_mutex_unlock(&g->lock);
    return x;
}

/* Runs fn on the server's thread, and waits for it. */
struct rig_errand {
    struct tt_letter letter;
    struct rig *g;
    void (*fn)(struct rig *g, struct tt_exchange *x);
    unsigned done;
};

static inline void rig_run_errand(struct tt_letter *l)
{
    struct rig_errand *e = (struct rig_errand *)(void *)l;
    e->fn(e->g, e->g->held);
    rig_note(e->g, &e->done);
}

static inline void rig_do(struct rig *g, void (*fn)(struct rig *g, struct tt_exchange *x))
{
    struct rig_errand e = {.letter.deliver = rig_run_errand, .g = g, .fn = fn};
    assert_true(tt_loop_post(tt_server_loop(g->server), &e.letter));
    rig_wait(g, &e.done, 1);
}

static inline struct rig *rig_new(const struct tt_server_handler *handler,
                                  struct tt_server_config config)
{
    struct rig *g = tt_xcalloc(1, sizeof *g);
    struct tt_err err = {0};
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, NULL);
    config.name = "test";
    config.handler = handler;
    config.user = g;
    g->server = tt_server_start(&config, &err);
    if (!g->server)
        fail_msg("%s", err.text);
    return g;
}

static inline void rig_stop(struct rig *g)
{
    tt_server_stop(g->server);
    g->server = NULL;
}

static inline void rig_free(struct rig *g)
{
    rig_stop(g);
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->lock);
    tt_free(g);
}
