/* SPDX-License-Identifier: MIT */
/* One scenario on a fake clock: executors of one or more workers, iterations that last as long as
 * the case says, VUs that take a given time to make. Time jumps from event to event; what happens
 * at one instant takes no time. */
#pragma once
#include "base/memory.h"
#include "exec/exec.h"
#include "unit.h"

struct sim;
struct sim_slot {
    uint64_t end; /* of the running iteration; 0: none */
    bool active, was_active;
    uint64_t iterations;
};
struct sim_lane {
    struct sim *sim;
    struct tt_exec *e;
    struct tt_portion portion;
    uint64_t due; /* when the executor wants to be called */
    struct sim_slot *slots;
    uint32_t n_slots;
    int64_t idle;    /* not reserved */
    uint64_t *grown; /* times at which VUs that were asked for are there */
    size_t n_grown;
    uint64_t handed[64], intended[64]; /* letters under way: arrival, intended start */
    size_t n_handed;
};
struct sim_start {
    uint64_t at, number, intended;
};
struct sim {
    const struct tt_exec_class *cls;
    struct tt_scenario sc;
    struct tt_segment segment, *sequence;
    size_t n_sequence;
    struct tt_stripe machine, work;
    bool has_work;
    struct tt_stripe given_work; /* instead of what the segment gets; lcd 0: none */
    unsigned n_lanes;
    struct sim_lane *lanes;
    uint64_t now;
    uint64_t claimed, full, interrupted, dropped;
    int64_t spare, made;
    bool refused_growth;
    uint32_t reservable; /* slots of a lane that may be active after a change */
    uint64_t handed_over;
    struct sim_start *starts;
    size_t n_starts, cap_starts;
    uint64_t *line;
    size_t line_head, line_len, line_cap;
    uint64_t init_ns, hop_ns; /* making a VU; a letter to another worker */
    /* length of an iteration in ns */
    uint64_t (*length)(const struct sim *s, uint32_t slot, uint64_t number);
    const void *length_arg;
};

static inline struct sim_slot *sim_slot(struct sim_lane *l, uint32_t slot)
{
    if (slot >= l->n_slots) {
        uint32_t n = slot + 64;
        l->slots = tt_xreallocarray(l->slots, n, sizeof *l->slots);
        memset(l->slots + l->n_slots, 0, (n - l->n_slots) * sizeof *l->slots);
        l->n_slots = n;
    }
    return &l->slots[slot];
}

static inline void sim_activate(void *host, uint32_t slot)
{
    struct sim_slot *s = sim_slot(host, slot);
    assert_false(s->active);
    s->active = s->was_active = true;
}

static inline void sim_iterate(void *host, uint32_t slot, uint64_t number, uint64_t intended_ns)
{
    struct sim_lane *l = host;
    struct sim *sim = l->sim;
    struct sim_slot *s = sim_slot(l, slot);
    assert_true(s->active && !s->end);
    assert_true(intended_ns <= sim->now);
    s->end = sim->now + sim->length(sim, slot, number);
    s->end += s->end == 0;
    s->iterations++;
    if (sim->n_starts == sim->cap_starts) {
        sim->cap_starts = sim->cap_starts ? sim->cap_starts * 2 : 256;
        sim->starts = tt_xreallocarray(sim->starts, sim->cap_starts, sizeof *sim->starts);
    }
    sim->starts[sim->n_starts++] = (struct sim_start){sim->now, number, intended_ns};
}

static inline void sim_retire(void *host, uint32_t slot)
{
    struct sim_slot *s = sim_slot(host, slot);
    assert_true(s->active && !s->end);
    s->active = false;
}

static inline void sim_interrupt(void *host, uint32_t slot)
{
    struct sim_lane *l = host;
    struct sim_slot *s = sim_slot(l, slot);
    assert_true(s->end);
    s->end = 0;
    l->sim->interrupted++;
    l->sim->cls->iteration_done(l->e, slot, l->sim->now, true);
}

static inline void sim_drop(void *host, uint64_t n)
{
    ((struct sim_lane *)host)->sim->dropped += n;
}

static inline bool sim_claim(void *host, uint64_t limit, uint64_t *number)
{
    struct sim *s = ((struct sim_lane *)host)->sim;
    *number = s->has_work ? (uint64_t)tt_stripe_global(&s->work, (int64_t)s->claimed) : UINT64_MAX;
    if (*number >= limit)
        return false;
    s->claimed++;
    return true;
}

static inline uint64_t sim_claim_rest(void *host, uint64_t limit)
{
    uint64_t n = 0, number;
    while (sim_claim(host, limit, &number))
        n++;
    return n;
}

static inline void sim_give(void *host)
{
    ((struct sim_lane *)host)->idle++;
}

static inline bool sim_take(void *host)
{
    struct sim_lane *l = host;
    if (l->idle <= 0)
        return false;
    l->idle--;
    return true;
}

static inline bool sim_hand_over(void *host, uint64_t intended_ns)
{
    struct sim_lane *l = host;
    for (unsigned i = 0; i < l->sim->n_lanes; i++) {
        struct sim_lane *other = &l->sim->lanes[i];
        if (other == l || !sim_take(other))
            continue;
        assert_true(other->n_handed < 64);
        other->handed[other->n_handed] = l->sim->now + l->sim->hop_ns;
        other->intended[other->n_handed++] = intended_ns;
        l->sim->handed_over++;
        return true;
    }
    return false;
}

static inline bool sim_enqueue(void *host, uint64_t intended_ns)
{
    struct sim *s = ((struct sim_lane *)host)->sim;
    if (s->line_len == s->line_cap) {
        s->line_cap = s->line_cap ? s->line_cap * 2 : 64;
        s->line = tt_xreallocarray(s->line, s->line_cap, sizeof *s->line);
    }
    s->line[s->line_len++] = intended_ns;
    return true;
}

static inline bool sim_unqueue(void *host, uint64_t *intended_ns)
{
    struct sim *s = ((struct sim_lane *)host)->sim;
    if (s->line_head == s->line_len)
        return false;
    *intended_ns = s->line[s->line_head++];
    return true;
}

static inline uint64_t sim_discard(void *host)
{
    struct sim *s = ((struct sim_lane *)host)->sim;
    uint64_t n = s->line_len - s->line_head;
    s->line_head = s->line_len = 0;
    return n;
}

static inline uint32_t sim_grow(void *host, uint32_t n)
{
    struct sim_lane *l = host;
    struct sim *s = l->sim;
    uint32_t granted = s->spare < (int64_t)n ? (uint32_t)s->spare : n;
    s->spare -= granted;
    s->made += granted;
    s->refused_growth |= !granted;
    l->grown = tt_xreallocarray(l->grown, l->n_grown + granted + 1, sizeof *l->grown);
    for (uint32_t i = 0; i < granted; i++) /* one after the other */
        l->grown[l->n_grown++] = s->now + (i + 1) * s->init_ns;
    return granted;
}

static inline bool sim_reserve(void *host, uint32_t n, struct tt_err *err)
{
    struct sim_lane *l = host;
    return n <= l->sim->reservable || tt_err_set(err, 0, "no VU beyond %u", l->sim->reservable);
}

static const struct tt_exec_host sim_host = {
    .reserve = sim_reserve,
    .activate = sim_activate,
    .iterate = sim_iterate,
    .retire = sim_retire,
    .interrupt = sim_interrupt,
    .drop = sim_drop,
    .claim = sim_claim,
    .claim_rest = sim_claim_rest,
    .give = sim_give,
    .take = sim_take,
    .hand_over = sim_hand_over,
    .enqueue = sim_enqueue,
    .unqueue = sim_unqueue,
    .discard_queue = sim_discard,
    .grow = sim_grow,
};

static inline uint64_t sim_constant_length(const struct sim *s, uint32_t slot, uint64_t number)
{
    (void)slot;
    (void)number;
    return *(const uint64_t *)s->length_arg;
}

/* A scenario of the executor with its usual defaults; the whole test, one worker. */
static inline struct sim *sim_new(const char *executor)
{
    struct sim *s = tt_xcalloc(1, sizeof *s);
    struct tt_err err = {0};
    s->cls = tt_exec_find(executor);
    assert_non_null(s->cls);
    s->sc.name = "s";
    s->sc.executor = executor;
    s->sc.exec = "default";
    s->sc.grow_one_by_one = true;
    s->n_lanes = 1;
    s->reservable = UINT32_MAX;
    s->length = sim_constant_length;
    assert_true(tt_segment_parse("", &s->segment, &err));
    return s;
}

/* False: the segment is not part of the sequence. */
static inline bool sim_segment(struct sim *s, const char *seg, const char *seq)
{
    struct tt_err err = {0};
    struct tt_stripe probe;
    if (!tt_segment_parse(seg, &s->segment, &err) ||
        !tt_sequence_parse(seq, &s->sequence, &s->n_sequence, &err) ||
        !tt_stripe_init(&probe, &s->segment, s->sequence, s->n_sequence, &err))
        return false;
    tt_stripe_fini(&probe);
    return true;
}

/* Divides the work and makes the executors. */
static inline void sim_begin(struct sim *s)
{
    struct tt_err err = {0};
    assert_true(tt_stripe_init(&s->machine, &s->segment, s->sequence, s->n_sequence, &err));
    s->has_work = true;
    if (s->given_work.lcd)
        s->work = s->given_work;
    else if (s->cls->work_items)
        s->has_work = tt_stripe_recut(&s->work, &s->segment, s->sequence, s->n_sequence,
                                      s->cls->work_items(&s->sc));
    else
        tt_stripe_worker(&s->work, &s->machine, 0, 1);
    s->spare = tt_stripe_scale(&s->machine, s->sc.max_vus) -
               tt_stripe_scale(&s->machine, s->sc.pre_allocated_vus);
    s->made = s->cls->max_slots(&s->sc, &s->machine);
    s->lanes = tt_xcalloc(s->n_lanes, sizeof *s->lanes);
    for (unsigned i = 0; i < s->n_lanes; i++) {
        struct sim_lane *l = &s->lanes[i];
        l->sim = s;
        l->portion.n_workers = s->n_lanes;
        tt_stripe_worker(&l->portion.vus, &s->machine, i, s->n_lanes);
        tt_stripe_worker(&l->portion.work, &s->work, i, s->n_lanes);
        l->portion.others = s->cls->max_slots(&s->sc, &l->portion.vus) < s->made;
        l->e = s->cls->create(&s->sc, &l->portion, &sim_host, l, s->sc.start_time_ns);
        l->due = s->sc.start_time_ns;
    }
}

static inline bool sim_finished(const struct sim *s)
{
    for (unsigned i = 0; i < s->n_lanes; i++)
        if (!s->cls->finished(s->lanes[i].e))
            return false;
    return true;
}

enum sim_kind { SIM_NONE, SIM_HANDED, SIM_GROWN, SIM_STEP, SIM_END };

/* The next event: at equal times letters, new VUs, steps, then ends of iterations. */
static inline enum sim_kind sim_next(struct sim *s, uint64_t *at, struct sim_lane **lane, size_t *k)
{
    enum sim_kind kind = SIM_NONE;
    *at = UINT64_MAX;
    for (unsigned i = 0; i < s->n_lanes; i++) {
        struct sim_lane *l = &s->lanes[i];
#define SIM_OFFER(when, what, index)                                                               \
    if ((when) < *at || ((when) == *at && (what) < kind)) {                                        \
        *at = (when);                                                                              \
        kind = (what);                                                                             \
        *lane = l;                                                                                 \
        *k = (index);                                                                              \
    }
        if (l->n_handed)
            SIM_OFFER(l->handed[0], SIM_HANDED, 0)
        if (l->n_grown)
            SIM_OFFER(l->grown[0], SIM_GROWN, 0)
        if (!s->cls->finished(l->e) && l->due != UINT64_MAX)
            SIM_OFFER(l->due, SIM_STEP, 0)
        for (uint32_t j = 0; j < l->n_slots; j++)
            if (l->slots[j].end)
                SIM_OFFER(l->slots[j].end, SIM_END, j)
#undef SIM_OFFER
    }
    return kind;
}

/* Until nothing is left to happen, or to a moment. Steps only when the executor has asked for it.
 */
static inline void sim_run(struct sim *s, uint64_t until)
{
    while (!sim_finished(s)) {
        uint64_t at, intended;
        struct sim_lane *l = NULL;
        size_t k = 0;
        enum sim_kind kind = sim_next(s, &at, &l, &k);
        assert_int_not_equal(kind, SIM_NONE); /* it would hang */
        if (at > until) {
            s->now = until;
            return;
        }
        s->now = at > s->now ? at : s->now;
        switch (kind) {
        case SIM_HANDED:
            intended = l->intended[0];
            memmove(l->handed, l->handed + 1, --l->n_handed * sizeof *l->handed);
            memmove(l->intended, l->intended + 1, l->n_handed * sizeof *l->intended);
            l->due = s->cls->handed(l->e, intended, s->now);
            break;
        case SIM_GROWN:
            memmove(l->grown, l->grown + 1, --l->n_grown * sizeof *l->grown);
            l->due = s->cls->grown(l->e, s->now, true);
            break;
        case SIM_STEP:
            l->due = s->cls->step(l->e, s->now);
            break;
        case SIM_END:
            l->slots[k].end = 0;
            s->full++;
            l->due = s->cls->iteration_done(l->e, (uint32_t)k, s->now, false);
            break;
        case SIM_NONE:
            break;
        }
    }
}

static inline void sim_free(struct sim *s)
{
    for (unsigned i = 0; i < s->n_lanes; i++) {
        struct sim_lane *l = &s->lanes[i];
        for (uint32_t k = 0; k < l->n_slots; k++)
            assert_false(l->slots[k].active);
        s->cls->destroy(l->e);
        tt_stripe_fini(&l->portion.vus);
        tt_stripe_fini(&l->portion.work);
        tt_free(l->slots);
        tt_free(l->grown);
    }
    tt_stripe_fini(&s->machine);
    tt_stripe_fini(&s->work);
    tt_free(s->sequence);
    tt_free(s->lanes);
    tt_free(s->starts);
    tt_free(s->line);
    tt_free((void *)(uintptr_t)s->sc.stages);
    tt_free(s);
}
