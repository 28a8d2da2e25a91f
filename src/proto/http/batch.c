/* SPDX-License-Identifier: MIT */
/* The queues of a batch; see batch.h. */
#include "proto/http/batch.h"
#include "base/memory.h"
#include "base/str.h"
#include <string.h>

void tt_http_batch_init(struct tt_http_batch *b, struct tt_http_engine *e, size_t n)
{
    *b = (struct tt_http_batch){.engine = e, .room = n};
    b->entries = tt_xcalloc(n ? n : 1, sizeof *b->entries);
    b->hosts = tt_xcalloc(n ? n : 1, sizeof *b->hosts);
}

static struct tt_http_batch_host *host_of(struct tt_http_batch *b, const struct tt_http_url *u)
{
    for (size_t i = 0; i < b->n_hosts; i++) {
        struct tt_http_batch_host *h = &b->hosts[i];
        if (h->https == u->https && h->authority.n == u->authority.n &&
            tt_strnieq(h->authority.p, u->authority.p, u->authority.n))
            return h;
    }
    struct tt_http_batch_host *h = &b->hosts[b->n_hosts++];
    h->authority = u->authority;
    h->https = u->https;
    h->last = &h->first;
    return h;
}

static void on_end(struct tt_http_call *c);

void tt_http_batch_add(struct tt_http_batch *b, struct tt_http_call *c)
{
    struct tt_http_batch_entry *e = &b->entries[b->n++];
    tt_http_call_hold(c);
    *e = (struct tt_http_batch_entry){.call = c, .batch = b, .host = host_of(b, &c->parsed)};
    c->owner = e;
    c->on_end = on_end;
    *e->host->last = e;
    e->host->last = &e->next;
}

/* --- who goes next ------------------------------------------------------------------------------
 */

/* Is that known, or asked for? */
static bool speaks_http1(const struct tt_http_batch *b, const struct tt_http_batch_host *h)
{
    const struct tt_http_call *c = h->first->call;
    const struct tt_http_origin *o = tt_http_origin_of(&b->engine->origins, h->authority);
    return (o && o->http1) || (c->is_special && tt_http_version_is_1(c->special.version));
}

static bool wants_leader(const struct tt_http_batch *b, const struct tt_http_batch_host *h)
{
    return h->https && !h->led && h->first->next && !speaks_http1(b, h) &&
           !(b->engine->opt && b->engine->opt->no_connection_reuse);
}

static void pump(struct tt_http_batch *b);

static void on_ready(struct tt_http_exchange *x)
{
    struct tt_http_call *c = (struct tt_http_call *)((char *)x - offsetof(struct tt_http_call, x));
    struct tt_http_batch_entry *e = c->owner;
    if (e->host->leader != c)
        return;
    e->host->leader = NULL;
    pump(e->batch);
}

/* The entry that is first in the order of the batch among those that may start. */
static struct tt_http_batch_entry *next_entry(struct tt_http_batch *b)
{
    const struct tt_options *opt = b->engine->opt;
    size_t all = opt && opt->batch > 0 ? (size_t)opt->batch : SIZE_MAX;
    size_t per_host = opt && opt->batch_per_host > 0 ? (size_t)opt->batch_per_host : SIZE_MAX;
    struct tt_http_batch_entry *best = NULL;
    if (b->active >= all)
        return NULL;
    for (size_t i = 0; i < b->n_hosts; i++) {
        const struct tt_http_batch_host *h = &b->hosts[i];
        if (h->first && !h->leader && h->active < per_host && (!best || h->first < best))
            best = h->first;
    }
    return best;
}

static void start(struct tt_http_batch *b, struct tt_http_batch_entry *e)
{
    struct tt_http_batch_host *h = e->host;
    if (wants_leader(b, h)) {
        h->leader = e->call;
        e->call->x.ready = on_ready;
    }
    h->led = true;
    h->first = e->next;
    if (!h->first)
        h->last = &h->first;
    h->active++;
    b->active++;
    tt_http_call_start(e->call);
}

static void pump(struct tt_http_batch *b)
{
    struct tt_http_batch_entry *e;
    if (b->pumping)
        return; /* the frame below goes on */
    b->pumping = true;
    while ((e = next_entry(b)))
        start(b, e);
    b->pumping = false;
    if (b->ended == b->n && !b->op.finished)
        tt_op_finish(&b->op);
}

static void on_end(struct tt_http_call *c)
{
    struct tt_http_batch_entry *e = c->owner;
    struct tt_http_batch *b = e->batch;
    e->host->active--;
    if (e->host->leader == c)
        e->host->leader = NULL;
    b->active--;
    b->ended++;
    pump(b);
}

/* --- begin and end ------------------------------------------------------------------------------
 */

void tt_http_batch_start(struct tt_http_batch *b)
{
    pump(b);
}

void tt_http_batch_fini(struct tt_http_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct tt_http_call *c = b->entries[i].call;
        b->entries[i].call = NULL;
        if (c)
            tt_http_call_cancel(c);
    }
    tt_free(b->entries);
    tt_free(b->hosts);
    *b = (struct tt_http_batch){0};
}
