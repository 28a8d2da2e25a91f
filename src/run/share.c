/* SPDX-License-Identifier: MIT */
/* What the workers of the process share of a scenario: iteration numbers, idle VUs of open models,
 * the line of late starts, VUs that may still be made. Any worker thread, except init and free. */
#include "base/memory.h"
#include "run/run_int.h"

enum { WAITING_MAX = 1000000 };

static void share_init(struct tt_run *r, struct tt__share *s, const struct tt_scenario *sc)
{
    const struct tt_exec_class *cls = tt_exec_find(sc->executor);
    const struct tt_plan *p = r->plan;
    pthread_mutex_init(&s->lock, NULL);
    s->idle = tt_xcalloc(r->plan->workers, sizeof *s->idle);
    s->lanes = tt_xcalloc(r->plan->workers, sizeof *s->lanes);
    if (cls->work_items)
        tt_stripe_recut(&s->work, &p->segment, p->sequence, p->n_sequence, cls->work_items(sc));
    else
        tt_stripe_worker(&s->work, &r->machine, 0, 1);
    atomic_store(&s->spare, tt_stripe_scale(&r->machine, sc->max_vus) -
                                tt_stripe_scale(&r->machine, sc->pre_allocated_vus));
}

void tt__shares_init(struct tt_run *r)
{
    const struct tt_plan *p = r->plan;
    struct tt_err err;
    bool ok = tt_stripe_init(&r->machine, &p->segment, p->sequence, p->n_sequence, &err);
    TT_ASSERT(ok); /* the plan has checked it */
    r->shares = tt_xcalloc(p->n_scenarios + 1, sizeof *r->shares);
    for (size_t i = 0; i < p->n_scenarios; i++)
        share_init(r, &r->shares[i], &p->scenarios[i]);
}

void tt__shares_free(struct tt_run *r)
{
    for (size_t i = 0; i < r->plan->n_scenarios; i++) {
        struct tt__share *s = &r->shares[i];
        pthread_mutex_destroy(&s->lock);
        tt_stripe_fini(&s->work);
        tt_free(s->idle);
        tt_free(s->lanes);
        tt_free(s->line);
    }
    tt_free(r->shares);
    tt_stripe_fini(&r->machine);
}

/* --- idle VUs
 * --------------------------------------------------------------------------------------- */

bool tt__share_take(struct tt__share *s, unsigned lane)
{
    atomic_int_fast32_t *n = &s->idle[lane].n;
    int_fast32_t seen = atomic_load_explicit(n, memory_order_relaxed);
    while (seen > 0)
        if (atomic_compare_exchange_weak_explicit(n, &seen, seen - 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    return false;
}

void tt__share_give(struct tt__share *s, unsigned lane)
{
    atomic_fetch_add_explicit(&s->idle[lane].n, 1, memory_order_release);
}

uint32_t tt__share_grow(struct tt__share *s, uint32_t n)
{
    int_fast64_t left = atomic_load(&s->spare), granted;
    do {
        granted = left < (int_fast64_t)n ? left : (int_fast64_t)n;
    } while (granted > 0 && !atomic_compare_exchange_weak(&s->spare, &left, left - granted));
    return granted > 0 ? (uint32_t)granted : 0;
}

/* --- the line of late starts
 * ------------------------------------------------------------------------ */

bool tt__share_enqueue(struct tt__share *s, uint64_t intended_ns)
{
    pthread_mutex_lock(&s->lock);
    bool room = s->len < WAITING_MAX;
    if (room && s->len == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        uint64_t *line = tt_xmalloc(cap * sizeof *line);
        for (size_t i = 0; i < s->len; i++)
            line[i] = s->line[(s->head + i) % s->cap];
        tt_free(s->line);
        s->line = line;
        s->cap = cap;
        s->head = 0;
    }
    if (room) {
        s->line[(s->head + s->len++) % s->cap] = intended_ns;
        atomic_store(&s->waiting, s->len);
    }
    pthread_mutex_unlock(&s->lock);
    return room;
}

bool tt__share_unqueue(struct tt__share *s, uint64_t *intended_ns)
{
    if (!atomic_load(&s->waiting))
        return false;
    pthread_mutex_lock(&s->lock);
    bool any = s->len > 0;
    if (any) {
        *intended_ns = s->line[s->head];
        s->head = (s->head + 1) % s->cap;
        s->len--;
        atomic_store(&s->waiting, s->len);
    }
    pthread_mutex_unlock(&s->lock);
    return any;
}

uint64_t tt__share_discard(struct tt__share *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t n = s->len;
    s->len = 0;
    atomic_store(&s->waiting, 0);
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* --- ids of VUs
 * ------------------------------------------------------------------------------------- */

uint64_t tt__planned_vu(const struct tt_run *r, unsigned lane, size_t k)
{
    int64_t before = 0; /* dealt to the workers in turn, as long as they have room */
    for (unsigned i = 0; i < r->n_lanes; i++) {
        size_t dealt = k + (i < lane);
        before += (int64_t)(r->lanes[i].n_planned < dealt ? r->lanes[i].n_planned : dealt);
    }
    return (uint64_t)before;
}

uint64_t tt__extra_vu(struct tt_run *r)
{
    return atomic_fetch_add(&r->next_vu, 1);
}
