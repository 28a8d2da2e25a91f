/* SPDX-License-Identifier: MIT */
/* What control/'s files share. */
#pragma once
#include "control/control.h"
#include "serve/server.h"
#include <pthread.h>

struct tt__stream { /* an open event stream; its server's thread */
    struct tt_exchange *x;
    struct tt__stream *next;
};

struct tt__endpoint { /* one of the two servers */
    struct tt_control *control;
    struct tt_server *server;
    bool tcp;
    struct tt__stream *streams;
};

struct tt_control {
    pthread_mutex_t lock; /* over snapshot, pending, stopped */
    cJSON *snapshot;
    unsigned pending; /* commands at the coordinator */
    bool stopped;
    struct tt__endpoint unix_end, tcp_end;
    char *token;
    bool (*submit)(void *arg, struct tt_intervention *c);
    void *arg;
};

/* A command under way, and the request that waits for it. */
struct tt__pending {
    struct tt_intervention command;
    struct tt_letter letter;
    struct tt__endpoint *end;
    struct tt_exchange *x; /* NULL: the client has left */
    char *scenario, *reason;
    char client[64];
};

/* routes.c */
void tt__control_request(struct tt_exchange *x, void *endpoint);
void tt__control_gone(struct tt_exchange *x, void *endpoint);
void tt__control_answer(struct tt__pending *p); /* the command is done; frees p */
void tt__control_free_pending(struct tt__pending *p);
void tt__stream_event(struct tt__endpoint *end, const char *name, const char *json);
/* control.c: a member of the snapshot as text (cJSON_free), NULL when there is none; name NULL: the
 * event's body. */
cJSON *tt__control_member(struct tt_control *c, const char *name);
bool tt__control_submit(struct tt__pending *p);
