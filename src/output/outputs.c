/* SPDX-License-Identifier: MIT */
/* Running outputs: a thread with a loop for each, its queue the loop's mailbox; see output.h. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/exitcode.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/loop.h"
#include "output/output.h"
#include <inttypes.h>
#include <string.h>

/* 2.6 s of 100,000 samples a second, 8 MiB */
enum { QUEUE_SAMPLES_MAX = 256 * TT_SAMPLES_PER_BLOCK, NAME_MAX_BYTES = 64, OUTPUTS_MAX = 64 };

#define TT_ENTRY(symbol) extern const struct tt_output symbol;
#include "outputs.inc"
#undef TT_ENTRY

const struct tt_output *const tt_output_list[] = {
#define TT_ENTRY(symbol) &symbol,
#include "outputs.inc"
#undef TT_ENTRY
    NULL,
};

struct running {
    const struct tt_output *class;
    struct tt_output_context context;
    void *state;
    struct tt_thread thread;
    struct tt_timer tick;
    struct tt_letter end;
    bool failed; /* the output's thread, and the coordinator's once it has ended */
    struct tt_err err;
    atomic_size_t queued; /* samples */
    atomic_uint_fast64_t lost;
};

struct tt_outputs {
    struct running *items;
    size_t n;
    bool wants_samples, closed;
    struct tt_sample_feed feed;
};

struct delivery {
    struct tt_letter letter;
    struct running *to;
    struct tt_sample_block *block;
};

/* --- the output's thread */

static void note(struct running *r, bool ok)
{
    if (ok || r->failed)
        return;
    r->failed = true;
    tt_log(TT_LOG_ERROR, "output %s: %s; it gets nothing more", r->class->name, r->err.text);
}

static void deliver(struct tt_letter *l)
{
    struct delivery *d = (struct delivery *)(void *)l;
    struct running *r = d->to;
    bool open = r->state && !r->failed;
    if (open)
        note(r, r->class->samples(r->state, d->block->items, d->block->n, &r->err));
    if (!open || r->failed)
        atomic_fetch_add(&r->lost, d->block->n);
    atomic_fetch_sub(&r->queued, d->block->n);
    tt_sample_block_drop(d->block);
    tt_free(d);
}

static void on_tick(struct tt_timer *t)
{
    struct running *r = (struct running *)(void *)((char *)t - offsetof(struct running, tick));
    if (!r->failed && r->class->tick)
        note(r, r->class->tick(r->state, &r->err));
    tt_timer_start(r->context.loop, t, t->node.key + TT_NS_PER_S);
}

static void on_end(struct tt_letter *l)
{
    struct running *r = (struct running *)(void *)((char *)l - offsetof(struct running, end));
    note(r, r->class->close(r->state, &r->err));
    r->state = NULL;
    tt_timer_stop(r->context.loop, &r->tick);
    tt_loop_stop(r->context.loop);
}

static void *output_main(void *arg)
{
    struct running *r = arg;
    tt_timer_start(r->context.loop, &r->tick, tt_loop_now(r->context.loop) + TT_NS_PER_S);
    tt_loop_run(r->context.loop);
    return NULL;
}

/* --- the shards' threads */

static void queue(struct running *r, struct tt_sample_block *b)
{
    uint32_t n = b->n;
    if (atomic_fetch_add(&r->queued, n) + n <= QUEUE_SAMPLES_MAX) {
        struct delivery *d = tt_xmalloc(sizeof *d);
        *d = (struct delivery){.letter.deliver = deliver, .to = r, .block = b};
        tt_sample_block_hold(b);
        if (tt_loop_post(r->context.loop, &d->letter))
            return;
        tt_sample_block_drop(b);
        tt_free(d);
    }
    atomic_fetch_sub(&r->queued, n);
    atomic_fetch_add(&r->lost, n);
}

static void give(void *outputs, struct tt_sample_block *b)
{
    struct tt_outputs *o = outputs;
    for (size_t i = 0; i < o->n; i++)
        if (o->items[i].class->samples)
            queue(&o->items[i], b);
    tt_sample_block_drop(b);
}

/* --- the coordinator's thread */

static const struct tt_output *find(const char *name, struct tt_err *err)
{
    const char *names[OUTPUTS_MAX] = {0};
    struct tt_buf list;
    size_t n = 0;
    for (; tt_output_list[n]; n++) {
        if (tt_streq(tt_output_list[n]->name, name))
            return tt_output_list[n];
        TT_ASSERT(n < OUTPUTS_MAX);
        names[n] = tt_output_list[n]->name;
    }
    const char *near = tt_suggest(name, names, n);
    tt_buf_init(&list, 4096);
    for (size_t i = 0; i < n; i++)
        tt_buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    tt_err_set(err, TT_EXIT_CONFIG, "no output '%s'%s%s%s; there are: %s", name,
               near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "", list.data);
    tt_buf_fini(&list);
    return NULL;
}

static bool start(struct running *r, const char *item, const struct tt_output_context *c,
                  struct tt_err *err)
{
    const char *eq = strchr(item, '=');
    char name[NAME_MAX_BYTES];
    size_t n = eq ? (size_t)(eq - item) : strlen(item);
    if (n >= sizeof name)
        return tt_err_set(err, TT_EXIT_CONFIG, "'%s': expected NAME or NAME=ARGUMENT", item);
    memcpy(name, item, n);
    name[n] = '\0';
    r->class = find(name, err);
    if (!r->class)
        return false;
    if (eq && !*r->class->argument)
        return tt_err_set(err, TT_EXIT_CONFIG, "output %s takes no argument", name);
    r->context = *c;
    r->context.loop = tt_loop_new(err);
    if (!r->context.loop)
        return false;
    tt_timer_init(&r->tick, on_tick);
    r->end.deliver = on_end;
    r->state = r->class->open(&r->context, eq ? eq + 1 : NULL, err);
    if (!r->state)
        return tt_err_wrap(err, "output %s", name);
    return tt_thread_start(&r->thread, name, output_main, r, err);
}

struct tt_outputs *tt_outputs_open(const struct tt_text_list *items, const struct tt_plan *plan,
                                   const struct tt_registry *registry, struct tt_err *err)
{
    struct tt_outputs *o = tt_xcalloc(1, sizeof *o);
    struct tt_output_context c = {
        .plan = plan,
        .registry = registry,
        .wall_ns = (int64_t)(tt_wall_ns() - tt_now_ns()),
    };
    o->items = tt_xcalloc(items->n + 1, sizeof *o->items);
    o->feed = (struct tt_sample_feed){o, give};
    for (size_t i = 0; i < items->n; i++) {
        o->n++;
        if (!start(&o->items[i], items->items[i], &c, err)) {
            tt_err_wrap(err, "option out");
            tt_outputs_free(o);
            return NULL;
        }
        o->wants_samples |= o->items[i].class->samples != NULL;
    }
    return o;
}

const struct tt_sample_feed *tt_outputs_feed(struct tt_outputs *o)
{
    return o->wants_samples ? &o->feed : NULL;
}

static void finish(struct running *r)
{
    if (r->thread.started && tt_loop_post(r->context.loop, &r->end))
        tt_thread_join(&r->thread);
    else if (r->state)
        r->class->close(r->state, &r->err);
    if (r->context.loop)
        tt_loop_close_mailbox(r->context.loop);
    uint64_t lost = atomic_load(&r->lost);
    if (lost)
        tt_log(TT_LOG_ERROR, "output %s: %" PRIu64 " samples were lost%s", r->class->name, lost,
               r->failed ? "" : ": it was slower than the test");
}

void tt_outputs_close(struct tt_outputs *o)
{
    for (size_t i = 0; !o->closed && i < o->n; i++)
        finish(&o->items[i]);
    o->closed = true;
}

void tt_outputs_free(struct tt_outputs *o)
{
    if (!o)
        return;
    tt_outputs_close(o);
    for (size_t i = 0; i < o->n; i++)
        tt_loop_free(o->items[i].context.loop);
    tt_free(o->items);
    tt_free(o);
}
