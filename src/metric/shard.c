/* SPDX-License-Identifier: MIT */
/* Sinks, shards, batches, totals; see shard.h. A shard writes into its current batch; swapping
 * hands the batch over and installs a spare. */
#include "metric/shard.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/vec.h"
#include "metric/hist.h"
#include "metric/metric_int.h"
#include <string.h>

struct sink {
    enum tt_metric_type type;
    bool seen;
    double sum, min, max, last;
    uint64_t last_ns, count, trues;
    struct tt_hist hist; /* trends */
};

struct check {
    char *group, *name;
    uint64_t passes, fails, first_ns;
};

struct group {
    char *path;
    uint64_t first_ns;
};

/* Samples of a while, or of the whole run. */
struct tt_batch {
    const struct tt_registry *registry;
    struct sink *sinks;
    size_t n_sinks;
    TT_VEC(struct check) checks;
    TT_VEC(struct group) groups;
    struct tt_map check_index, group_index; /* -> index + 1 */
};

struct tt_shard {
    struct tt_batch *now;
    uint32_t
        *first_sub; /* by metric: its sub-metrics as a list through next_sub; UINT32_MAX ends it */
    uint32_t *next_sub;
    const struct tt_sample_feed *feed; /* NULL: nobody wants single samples */
    struct tt_sample_block *block;     /* being filled, or NULL */
    struct tt_metadata *attached;      /* to samples for the feed; borrowed */
};

typedef TT_VEC(size_t) index_list;

struct tt_totals {
    struct tt_batch *all;
    index_list check_order, group_order; /* by first execution */
};

static struct tt_batch *batch_new(const struct tt_registry *r)
{
    struct tt_batch *b = tt_xcalloc(1, sizeof *b);
    b->registry = r;
    b->n_sinks = tt_registry_sink_count(r);
    b->sinks = tt_xcalloc(b->n_sinks, sizeof *b->sinks);
    size_t metrics = tt_registry_count(r);
    for (size_t i = 0; i < b->n_sinks; i++) {
        tt_metric_id m = i < metrics ? (tt_metric_id)i : tt_registry_sub(r, i - metrics)->parent;
        b->sinks[i].type = tt_registry_get(r, m)->type;
        tt_hist_init(&b->sinks[i].hist);
    }
    tt_map_init(&b->check_index);
    tt_map_init(&b->group_index);
    return b;
}

void tt_batch_free(struct tt_batch *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n_sinks; i++)
        tt_hist_fini(&b->sinks[i].hist);
    for (size_t i = 0; i < b->checks.len; i++) {
        tt_free(b->checks.items[i].group);
        tt_free(b->checks.items[i].name);
    }
    for (size_t i = 0; i < b->groups.len; i++)
        tt_free(b->groups.items[i].path);
    tt_vec_fini(&b->checks);
    tt_vec_fini(&b->groups);
    tt_map_fini(&b->check_index, NULL);
    tt_map_fini(&b->group_index, NULL);
    tt_free(b->sinks);
    tt_free(b);
}

struct tt_shard *tt_shard_new(const struct tt_registry *r)
{
    struct tt_shard *s = tt_xcalloc(1, sizeof *s);
    size_t metrics = tt_registry_count(r), subs = tt_registry_sub_count(r);
    s->now = batch_new(r);
    s->first_sub = tt_xcalloc(metrics, sizeof *s->first_sub);
    s->next_sub = tt_xcalloc(subs + 1, sizeof *s->next_sub);
    memset(s->first_sub, 0xFF, metrics * sizeof *s->first_sub);
    for (size_t i = subs; i > 0; i--) {
        tt_metric_id parent = tt_registry_sub(r, i - 1)->parent;
        s->next_sub[i - 1] = s->first_sub[parent];
        s->first_sub[parent] = (uint32_t)i - 1;
    }
    return s;
}

void tt_shard_free(struct tt_shard *s)
{
    if (!s)
        return;
    tt_batch_free(s->now);
    tt_sample_block_drop(s->block);
    tt_free(s->first_sub);
    tt_free(s->next_sub);
    tt_free(s);
}

static void sink_add(struct sink *s, double v, uint64_t at_ns)
{
    switch (s->type) {
    case TT_COUNTER:
        s->sum += v;
        break;
    case TT_RATE:
        s->count++;
        s->trues += v != 0;
        break;
    case TT_TREND:
        tt_hist_add(&s->hist, v);
        break;
    case TT_GAUGE:
        if (!s->seen || v < s->min)
            s->min = v;
        if (!s->seen || v > s->max)
            s->max = v;
        if (!s->seen || at_ns >= s->last_ns) {
            s->last = v;
            s->last_ns = at_ns;
        }
        break;
    }
    s->seen = true;
}

void tt_shard_feed(struct tt_shard *s, const struct tt_sample_feed *f)
{
    s->feed = f;
}

static void give_block(struct tt_shard *s)
{
    if (s->block)
        s->feed->give(s->feed->arg, s->block);
    s->block = NULL;
}

void tt_shard_attach(struct tt_shard *s, struct tt_metadata *m)
{
    s->attached = m;
}

void tt_shard_pass(struct tt_shard *s, tt_metric_id m, double v, const struct tt_tags *tags,
                   uint64_t at_ns)
{
    if (!s->feed)
        return;
    if (!s->block)
        s->block = tt_sample_block_new();
    tt_sample_block_add(s->block, (struct tt_sample){at_ns, v, tags, s->attached, m});
    if (s->block->n == TT_SAMPLES_PER_BLOCK)
        give_block(s);
}

void tt_shard_add(struct tt_shard *s, tt_metric_id m, double v, const struct tt_tags *tags,
                  uint64_t at_ns)
{
    struct sink *sinks = s->now->sinks;
    sink_add(&sinks[m], v, at_ns);
    for (uint32_t i = s->first_sub[m]; i != UINT32_MAX; i = s->next_sub[i])
        if (tags->match[i / 64] >> i % 64 & 1)
            sink_add(&sinks[tt_registry_sub(s->now->registry, i)->sink], v, at_ns);
    tt_shard_pass(s, m, v, tags, at_ns);
}

/* --- checks and groups
 * -------------------------------------------------------------------------------- */

static struct check *check_at(struct tt_batch *b, const char *group, const char *name,
                              uint64_t at_ns)
{
    char stack[512], *key = stack;
    size_t g = strlen(group), n = strlen(name);
    if (g + n + 2 > sizeof stack)
        key = tt_xmalloc(g + n + 2);
    memcpy(key, group, g);
    key[g] = '\n'; /* no group name has one */
    memcpy(key + g + 1, name, n + 1);
    uintptr_t at = (uintptr_t)tt_map_get(&b->check_index, key);
    if (!at) {
        struct check c = {tt_xstrdup(group), tt_xstrdup(name), 0, 0, at_ns};
        tt_vec_push(&b->checks, c);
        at = b->checks.len;
        tt_map_put(&b->check_index, key, (void *)at);
    }
    if (key != stack)
        tt_free(key);
    return &b->checks.items[at - 1];
}

static void group_add(struct tt_batch *b, const char *path, uint64_t at_ns)
{
    uintptr_t at = (uintptr_t)tt_map_get(&b->group_index, path);
    if (at) {
        if (at_ns < b->groups.items[at - 1].first_ns)
            b->groups.items[at - 1].first_ns = at_ns;
        return;
    }
    struct group g = {tt_xstrdup(path), at_ns};
    tt_vec_push(&b->groups, g);
    tt_map_put(&b->group_index, path, (void *)b->groups.len);
}

void tt_shard_check(struct tt_shard *s, const char *group_path, const char *name, bool ok,
                    uint64_t at_ns)
{
    struct check *c = check_at(s->now, group_path, name, at_ns);
    if (ok)
        c->passes++;
    else
        c->fails++;
}

void tt_shard_group(struct tt_shard *s, const char *group_path, uint64_t at_ns)
{
    group_add(s->now, group_path, at_ns);
}

struct tt_batch *tt_shard_swap(struct tt_shard *s, struct tt_batch *spare)
{
    struct tt_batch *out = s->now;
    s->now = spare ? spare : batch_new(out->registry);
    give_block(s);
    return out;
}

/* --- totals
 * ------------------------------------------------------------------------------------------- */

struct tt_totals *tt_totals_new(const struct tt_registry *r)
{
    struct tt_totals *t = tt_xcalloc(1, sizeof *t);
    t->all = batch_new(r);
    return t;
}

void tt_totals_free(struct tt_totals *t)
{
    if (!t)
        return;
    tt_batch_free(t->all);
    tt_vec_fini(&t->check_order);
    tt_vec_fini(&t->group_order);
    tt_free(t);
}

static void sink_merge(struct sink *to, struct sink *from)
{
    if (!from->seen)
        return;
    if (from->type == TT_GAUGE) {
        if (!to->seen || from->min < to->min)
            to->min = from->min;
        if (!to->seen || from->max > to->max)
            to->max = from->max;
        if (!to->seen || from->last_ns >= to->last_ns) {
            to->last = from->last;
            to->last_ns = from->last_ns;
        }
    }
    to->sum += from->sum;
    to->count += from->count;
    to->trues += from->trues;
    tt_hist_merge(&to->hist, &from->hist);
    to->seen = true;
    struct tt_hist pages = from->hist;
    enum tt_metric_type type = from->type;
    tt_hist_clear(&pages);
    *from = (struct sink){.type = type, .hist = pages};
}

/* Insertion sort: the lists are short and nearly sorted. */
static void order_by_time(index_list *order, size_t n,
                          uint64_t (*first)(const struct tt_batch *, size_t),
                          const struct tt_batch *b)
{
    for (size_t i = order->len; i < n; i++)
        tt_vec_push(order, i);
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k && first(b, order->items[k]) < first(b, order->items[k - 1]); k--) {
            size_t swap = order->items[k];
            order->items[k] = order->items[k - 1];
            order->items[k - 1] = swap;
        }
}

static uint64_t check_time(const struct tt_batch *b, size_t i)
{
    return b->checks.items[i].first_ns;
}

static uint64_t group_time(const struct tt_batch *b, size_t i)
{
    return b->groups.items[i].first_ns;
}

void tt_totals_merge(struct tt_totals *t, struct tt_batch *b)
{
    struct tt_batch *all = t->all;
    for (size_t i = 0; i < b->n_sinks; i++)
        sink_merge(&all->sinks[i], &b->sinks[i]);
    for (size_t i = 0; i < b->checks.len; i++) {
        struct check *c = &b->checks.items[i];
        struct check *to = check_at(all, c->group, c->name, c->first_ns);
        if (c->passes + c->fails && c->first_ns < to->first_ns)
            to->first_ns = c->first_ns;
        to->passes += c->passes;
        to->fails += c->fails;
        c->passes = c->fails = 0; /* the entry stays, so that the batch's index stays right */
    }
    for (size_t i = 0; i < b->groups.len; i++)
        group_add(all, b->groups.items[i].path, b->groups.items[i].first_ns);
    order_by_time(&t->check_order, all->checks.len, check_time, all);
    order_by_time(&t->group_order, all->groups.len, group_time, all);
}

bool tt_totals_seen(const struct tt_totals *t, uint32_t sink)
{
    return t->all->sinks[sink].seen;
}

struct tt_sink_values tt_totals_values(const struct tt_totals *t, uint32_t sink)
{
    const struct sink *s = &t->all->sinks[sink];
    struct tt_sink_values v = {s->type, s->count, s->sum, s->min, s->max, s->last, s->trues};
    if (s->type == TT_TREND) {
        v.count = s->hist.count;
        v.sum = s->hist.sum;
        v.min = s->hist.min;
        v.max = s->hist.max;
    }
    return v;
}

double tt_totals_quantile(const struct tt_totals *t, uint32_t sink, double q)
{
    return tt_hist_quantile(&t->all->sinks[sink].hist, q);
}

size_t tt_totals_check_count(const struct tt_totals *t)
{
    return t->all->checks.len;
}

struct tt_check_total tt_totals_check(const struct tt_totals *t, size_t i)
{
    const struct check *c = &t->all->checks.items[t->check_order.items[i]];
    return (struct tt_check_total){c->group, c->name, c->passes, c->fails};
}

size_t tt_totals_group_count(const struct tt_totals *t)
{
    return t->all->groups.len;
}

const char *tt_totals_group(const struct tt_totals *t, size_t i)
{
    return t->all->groups.items[t->group_order.items[i]].path;
}
