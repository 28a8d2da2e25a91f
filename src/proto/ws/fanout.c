/* SPDX-License-Identifier: MIT */
/* The home of fan-outs: reports come in any order. */
#include "proto/ws/fanout.h"
#include "base/clock.h"
#include "base/memory.h"
#include "metric/metric.h"
#include <string.h>

struct tt__ws_fanout {
    struct tt_timer timer;
    struct tt_ws_fanouts *home;
    uint32_t receivers, n, cap;
    uint64_t sent_ns; /* 0: not told yet */
    uint64_t *at;     /* when the receivers had it */
    char text[];      /* the key */
};

static void forget(struct tt__ws_fanout *m)
{
    tt_map_remove(&m->home->pending, m->text);
    m->home->n_pending--;
    tt_timer_stop(m->home->w->loop, &m->timer);
    tt_free(m->at);
    tt_free(m);
}

static const struct tt_tags *tags_of(const struct tt_ws_fanouts *f, const char *key)
{
    char name[TT_WS_FANOUT_NAME_MAX + 1];
    const struct tt_plan *plan = f->w->plan;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(key, "\n"), key);
    const struct tt_tag tag = {"fanout", name};
    const struct tt_tags *t = tt_tags_empty(f->w->tags);
    if (plan)
        t = tt_tags_with(f->w->tags, t, plan->run_tags, plan->n_run_tags);
    return tt_tags_with(f->w->tags, t, &tag, 1);
}

static double since(const struct tt__ws_fanout *m, uint64_t at)
{
    return at > m->sent_ns ? tt_ns_to_ms(at - m->sent_ns) : 0;
}

/* What is known becomes samples; without a sender nothing is. */
static void settle(struct tt__ws_fanout *m)
{
    struct tt_shard *shard = m->home->w->shard;
    uint64_t now = tt_now_ns(), first = UINT64_MAX, last = 0;
    if (m->sent_ns && shard) {
        const struct tt_tags *tags = tags_of(m->home, m->text);
        for (uint32_t i = 0; i < m->n; i++) {
            first = m->at[i] < first ? m->at[i] : first;
            last = m->at[i] > last ? m->at[i] : last;
            tt_shard_add(shard, TT_M_ws_fanout, since(m, m->at[i]), tags, now);
        }
        if (m->n)
            tt_shard_add(shard, TT_M_ws_fanout_first, since(m, first), tags, now);
        if (m->n == m->receivers)
            tt_shard_add(shard, TT_M_ws_fanout_last, since(m, last), tags, now);
        tt_shard_add(shard, TT_M_ws_fanout_incomplete, m->n < m->receivers, tags, now);
    }
    forget(m);
}

static void too_late(struct tt_timer *t)
{
    settle((struct tt__ws_fanout *)(void *)((char *)t - offsetof(struct tt__ws_fanout, timer)));
}

static struct tt__ws_fanout *message_of(struct tt_ws_fanouts *f,
                                        const struct tt_ws_fanout_report *r)
{
    struct tt__ws_fanout *m = tt_map_get(&f->pending, r->key);
    size_t n = strlen(r->key) + 1;
    if (m || f->n_pending == TT_WS_FANOUTS_MAX)
        return m;
    m = tt_xcalloc(1, sizeof *m + n);
    memcpy(m->text, r->key, n);
    m->home = f;
    m->receivers = r->receivers;
    tt_map_put(&f->pending, m->text, m);
    f->n_pending++;
    tt_timer_init(&m->timer, too_late);
    tt_timer_start(f->w->loop, &m->timer, r->at_ns + r->timeout_ns);
    return m;
}

void tt_ws_fanout_take(struct tt_ws_fanouts *f, const struct tt_ws_fanout_report *r)
{
    struct tt__ws_fanout *m = message_of(f, r);
    if (!m) { /* too many under way */
        if (r->sent && f->w->shard)
            tt_shard_add(f->w->shard, TT_M_ws_fanout_incomplete, 1, tags_of(f, r->key), r->at_ns);
        return;
    }
    if (r->sent) {
        m->sent_ns = r->at_ns;
    } else if (m->n < m->receivers) {
        if (m->n == m->cap) {
            m->cap = m->cap ? m->cap * 2 : 4;
            m->at = tt_xreallocarray(m->at, m->cap, sizeof *m->at);
        }
        m->at[m->n++] = r->at_ns;
    }
    if (m->sent_ns && m->n == m->receivers)
        settle(m);
}

void tt_ws_fanouts_init(struct tt_ws_fanouts *f, struct tt_worker *w)
{
    *f = (struct tt_ws_fanouts){.w = w};
    tt_map_init(&f->pending);
}

static void free_message(void *p)
{
    struct tt__ws_fanout *m = p;
    tt_timer_stop(m->home->w->loop, &m->timer);
    tt_free(m->at);
    tt_free(m);
}

void tt_ws_fanouts_fini(struct tt_ws_fanouts *f)
{
    tt_map_fini(&f->pending, free_message);
}
