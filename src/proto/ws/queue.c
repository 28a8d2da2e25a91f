/* SPDX-License-Identifier: MIT */
/* Events of a socket and their queues. */
#include "base/memory.h"
#include "proto/ws/socket.h"
#include <string.h>

enum { EVENT_COST = 64 }; /* what an event weighs beside its data */

static struct tt_ws_event *event_new(enum tt_ws_event_kind kind, size_t n, size_t own)
{
    struct tt_ws_event *ev = tt_xmalloc(sizeof *ev + own);
    *ev = (struct tt_ws_event){.kind = kind, .len = n};
    return ev;
}

struct tt_ws_event *tt_ws_event_new(enum tt_ws_event_kind kind, const void *p, size_t n)
{
    struct tt_ws_event *ev = event_new(kind, n, n + 1);
    ev->data = ev->own;
    if (n)
        memcpy(ev->own, p, n);
    ev->own[n] = '\0';
    return ev;
}

struct tt_ws_event *tt_ws_event_take(enum tt_ws_event_kind kind, char *p, size_t n)
{
    struct tt_ws_event *ev = event_new(kind, n, 0);
    ev->data = p;
    return ev;
}

void tt_ws_event_free(struct tt_ws_event *ev)
{
    if (ev && ev->data != ev->own)
        tt_free(ev->data);
    tt_free(ev);
}

void tt_ws_queue_put(struct tt_ws_queue *q, struct tt_ws_event *ev)
{
    ev->next = NULL;
    if (q->tail)
        q->tail->next = ev;
    else
        q->head = ev;
    q->tail = ev;
    q->bytes += ev->len + EVENT_COST;
}

struct tt_ws_event *tt_ws_queue_take(struct tt_ws_queue *q)
{
    struct tt_ws_event *ev = q->head;
    if (!ev)
        return NULL;
    q->head = ev->next;
    if (!q->head)
        q->tail = NULL;
    q->bytes -= ev->len + EVENT_COST;
    ev->next = NULL;
    return ev;
}

void tt_ws_queue_merge(struct tt_ws_queue *q, struct tt_ws_queue *more)
{
    struct tt_ws_queue both = {0};
    while (q->head || more->head) {
        bool first = q->head && (!more->head || q->head->seq <= more->head->seq);
        tt_ws_queue_put(&both, tt_ws_queue_take(first ? q : more));
    }
    *q = both;
}

void tt_ws_queue_clear(struct tt_ws_queue *q)
{
    struct tt_ws_event *ev;
    while ((ev = tt_ws_queue_take(q)))
        tt_ws_event_free(ev);
}
