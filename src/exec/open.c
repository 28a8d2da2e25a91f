/* SPDX-License-Identifier: MIT */
/* Open models; see open.h. A start that is due takes an idle slot here, else one of another worker,
 * else it is dropped (or waits in the process-wide line), and VUs beyond the planned ones are asked
 * for while max_vus allows. */
#include "exec/open.h"
#include "base/clock.h"
#include "base/memory.h"
#include <stdio.h>
#include <string.h>

enum { BATCH_MIN = 8, OTHERS_NS = 1000000 };

static struct tt__open *of(struct tt_exec *e)
{
    return (struct tt__open *)(void *)e;
}

static void push_idle(struct tt__open *o, uint32_t slot)
{
    if (o->n_idle == o->idle_cap) {
        o->idle_cap = o->idle_cap ? o->idle_cap * 2 : 16;
        o->idle = tt_xreallocarray(o->idle, o->idle_cap, sizeof *o->idle);
    }
    o->idle[o->n_idle++] = slot;
    o->base.host->give(o->base.arg);
}

static void find_next(struct tt__open *o)
{
    uint64_t offset;
    o->due_ns = o->next(o, &offset) ? o->base.start_ns + offset : TT_NEVER;
}

void tt__open_init(struct tt__open *o, const struct tt_scenario *sc, const struct tt_portion *slice,
                   const struct tt_exec_host *host, void *arg, uint64_t start_ns)
{
    tt__exec_init(&o->base, sc, slice, host, arg, start_ns, sc->duration_ns,
                  tt__open_max_slots(sc, &slice->vus));
    o->item = slice->work.start;
    /* Idle VUs of a worker may be wanted by the others until the schedule of all is over. */
    bool alone = slice->n_workers <= 1;
    o->retire_ns = o->base.regular_ns + (alone ? 0 : OTHERS_NS);
    o->to_the_end |= !alone;
}

void tt__open_destroy(struct tt_exec *e)
{
    tt_free(of(e)->idle);
    tt__exec_fini(e);
    tt_free(of(e));
}

int64_t tt__open_take_item(struct tt__open *o)
{
    const struct tt_stripe *work = &o->base.slice->work;
    int64_t item = o->item;
    o->item += work->offsets[o->at];
    o->at = (o->at + 1) % work->n_offsets;
    return item;
}

static void start_on_idle(struct tt__open *o, uint64_t intended_ns)
{
    uint64_t number;
    TT_ASSERT(o->n_idle);
    uint32_t slot = o->idle[--o->n_idle];
    o->base.host->claim(o->base.arg, UINT64_MAX, &number);
    tt__exec_iterate(&o->base, slot, number, intended_ns);
}

static void ask_for_vus(struct tt__open *o)
{
    struct tt_exec *e = &o->base;
    uint32_t batch = e->n_slots / 4;
    if (o->growing)
        return;
    batch = e->sc->grow_one_by_one ? 1 : batch > BATCH_MIN ? batch : BATCH_MIN;
    o->growing = batch; /* grown() may come from inside */
    uint32_t granted = e->host->grow(e->arg, batch);
    o->growing -= batch - granted;
}

static void begin(struct tt__open *o, uint64_t intended_ns)
{
    struct tt_exec *e = &o->base;
    uint64_t waiting;
    if (e->host->take(e->arg)) {
        start_on_idle(o, intended_ns);
        return;
    }
    if (e->host->hand_over(e->arg, intended_ns))
        return;
    if (!e->sc->queue_overload || !e->host->enqueue(e->arg, intended_ns))
        e->host->drop(e->arg, 1);
    ask_for_vus(o);
    /* A VU of another worker may have become idle between the look and the line. */
    if (e->sc->queue_overload && e->slice->n_workers > 1 && e->host->unqueue(e->arg, &waiting)) {
        if (e->host->take(e->arg))
            start_on_idle(o, waiting);
        else if (!e->host->hand_over(e->arg, waiting) && !e->host->enqueue(e->arg, waiting))
            e->host->drop(e->arg, 1);
    }
}

static bool over(const struct tt__open *o, uint64_t now_ns)
{
    const struct tt_exec *e = &o->base;
    return e->stopped || e->cut || now_ns >= o->retire_ns ||
           (o->due_ns == TT_NEVER && !o->to_the_end && !e->sc->queue_overload);
}

/* No more starts: the line is given up, idle slots that nobody has reserved go. */
static void wind_down(struct tt__open *o)
{
    struct tt_exec *e = &o->base;
    uint64_t left = e->host->discard_queue(e->arg);
    o->closed = true;
    if (left)
        e->host->drop(e->arg, left);
    while (e->host->take(e->arg))
        tt__exec_retire(e, o->idle[--o->n_idle]);
}

static uint64_t next_call(struct tt__open *o, uint64_t now_ns)
{
    struct tt_exec *e = &o->base;
    if (!e->cut && now_ns >= e->hard_ns)
        tt__exec_cut(e);
    if (over(o, now_ns))
        wind_down(o);
    if (tt__open_finished(e) || e->cut)
        return TT_NEVER;
    uint64_t at = e->hard_ns;
    if (!over(o, now_ns) && o->retire_ns < at)
        at = o->retire_ns;
    return o->due_ns < at ? o->due_ns : at;
}

uint64_t tt__open_step(struct tt_exec *e, uint64_t now_ns)
{
    struct tt__open *o = of(e);
    if (now_ns < e->start_ns)
        return e->start_ns;
    if (!e->started) {
        e->started = true;
        for (uint32_t i = 0; i < e->n_slots; i++)
            tt__exec_activate(e, i);
        for (uint32_t i = e->n_slots; i > 0; i--)
            push_idle(o, i - 1);
        o->due_ns = TT_NEVER;
        if (e->slice->work.n_offsets)
            find_next(o);
    }
    while (o->due_ns <= now_ns && !e->stopped && !e->cut) {
        uint64_t due = o->due_ns;
        find_next(o);
        begin(o, due);
    }
    return next_call(o, now_ns);
}

uint64_t tt__open_done(struct tt_exec *e, uint32_t slot, uint64_t now_ns, bool interrupted)
{
    struct tt__open *o = of(e);
    uint64_t waiting, number;
    tt__exec_ended(e, slot, interrupted);
    if (over(o, now_ns)) {
        tt__exec_retire(e, slot);
    } else if (e->sc->queue_overload && e->host->unqueue(e->arg, &waiting)) {
        e->host->claim(e->arg, UINT64_MAX, &number);
        tt__exec_iterate(e, slot, number, waiting);
    } else {
        push_idle(o, slot);
    }
    return next_call(o, now_ns);
}

uint64_t tt__open_handed(struct tt_exec *e, uint64_t intended_ns, uint64_t now_ns)
{
    struct tt__open *o = of(e);
    if (e->stopped || e->cut) {
        e->host->drop(e->arg, 1);
        tt__exec_retire(e, o->idle[--o->n_idle]);
    } else {
        start_on_idle(o, intended_ns);
    }
    return next_call(o, now_ns);
}

uint64_t tt__open_grown(struct tt_exec *e, uint64_t now_ns, bool made)
{
    struct tt__open *o = of(e);
    uint64_t waiting;
    uint32_t slot = e->n_slots;
    TT_ASSERT(o->growing);
    o->growing--;
    if (!made || over(o, now_ns))
        return next_call(o, now_ns);
    tt__exec_add_slots(e, slot + 1);
    tt__exec_activate(e, slot);
    push_idle(o, slot);
    if (e->sc->queue_overload && e->host->unqueue(e->arg, &waiting)) {
        if (e->host->take(e->arg))
            start_on_idle(o, waiting);
        else if (!e->host->enqueue(e->arg, waiting))
            e->host->drop(e->arg, 1);
    }
    return next_call(o, now_ns);
}

void tt__open_stop(struct tt_exec *e, uint64_t now_ns)
{
    (void)now_ns;
    tt__exec_stop(e, now_ns);
    wind_down(of(e));
}

bool tt__open_finished(const struct tt_exec *e)
{
    return e->started && e->n_active == 0 && ((const struct tt__open *)(const void *)e)->closed;
}

struct tt_exec_progress tt__open_progress(const struct tt_exec *e, uint64_t now_ns)
{
    double fraction = tt__open_finished(e) ? 1 : tt__exec_time_fraction(e, now_ns);
    return (struct tt_exec_progress){fraction, e->n_running, e->n_active, e->done, 0};
}

int64_t tt__open_max_slots(const struct tt_scenario *sc, const struct tt_stripe *vus)
{
    return tt_stripe_scale(vus, sc->pre_allocated_vus);
}

int64_t tt__open_work_items(const struct tt_scenario *sc)
{
    return sc->max_vus;
}

void tt__open_facts(const struct tt_scenario *sc, char *buf, size_t size)
{
    char first[96];
    int n = snprintf(first, sizeof first, "max_vus: %lld", (long long)sc->pre_allocated_vus);
    if (sc->max_vus > sc->pre_allocated_vus)
        n += snprintf(first + n, sizeof first - (size_t)n, "-%lld", (long long)sc->max_vus);
    if (sc->queue_overload)
        snprintf(first + n, sizeof first - (size_t)n, ", on_overload: queue");
    tt__exec_facts(sc, first, buf, size);
}

void tt__open_rate_text(const struct tt_scenario *sc, double rate, char *buf, size_t size)
{
    double per_second = rate * 1e9 / (double)sc->time_unit_ns;
    snprintf(buf, size, per_second < 0.1 ? "%.4f" : "%.2f", per_second);
}
