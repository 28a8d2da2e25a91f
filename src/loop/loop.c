/* SPDX-License-Identifier: MIT */
/* The event loop; see loop.h. Timers: a heap in nanoseconds over one timerfd (uv_timer is off by
 * half a millisecond), armed for the next due time but at most every 100 us, so that 10,000 timers
 * a second cost no more than 10,000 wake-ups; all that are due fire in every turn. */
#include "loop/loop.h"
#include "base/clock.h"
#include "base/exitcode.h"
#include "base/memory.h"
#include <errno.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { MIN_SPACING_NS = 100000, READY_ROUNDS = 64 };

struct tt_loop {
    uv_loop_t uv;
    uv_poll_t timer_poll;
    uv_check_t check;
    uv_prepare_t prepare;
    uv_idle_t busy; /* active while work is ready: the loop must not sleep */
    uv_async_t doorbell;
    int timer_fd;
    uint64_t armed_ns, fired_ns;
    struct tt_heap timers;
    struct tt_ready *ready_head, **ready_tail;
    bool running_ready, stop, is_fake;
    uint64_t fake_ns;
    struct tt_mutex lock; /* the mailbox's */
    struct tt_letter *mail_head, **mail_tail;
    bool mail_closed;
};

static void turn(struct tt_loop *l);

static void on_check(uv_check_t *h)
{
    turn(h->data);
}

static void on_prepare(uv_prepare_t *h)
{
    turn(h->data);
}

static void on_idle(uv_idle_t *h)
{
    (void)h;
}

static void on_timer_fd(uv_poll_t *h, int status, int events)
{
    struct tt_loop *l = h->data;
    uint64_t expirations;
    (void)status;
    (void)events;
    ssize_t n = read(l->timer_fd, &expirations, sizeof expirations);
    (void)n;
    l->armed_ns = TT_NEVER;
    l->fired_ns = tt_now_ns();
}

static void deliver_mail(struct tt_loop *l)
{
    tt_mutex_lock(&l->lock);
    struct tt_letter *m = l->mail_head;
    l->mail_head = NULL;
    l->mail_tail = &l->mail_head;
    tt_mutex_unlock(&l->lock);
    while (m) {
        struct tt_letter *next = m->next;
        m->deliver(m);
        m = next;
    }
}

static void on_doorbell(uv_async_t *h)
{
    deliver_mail(h->data);
}

struct tt_loop *tt_loop_new(struct tt_err *err)
{
    struct tt_loop *l = tt_xcalloc(1, sizeof *l);
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (l->timer_fd < 0) {
        tt_err_sys(err, TT_EXIT_OTHER, errno, "cannot make an event loop");
        tt_free(l);
        return NULL;
    }
    int e = uv_loop_init(&l->uv);
    if (e) {
        tt_err_set(err, TT_EXIT_OTHER, "cannot make an event loop: %s", uv_strerror(e));
        close(l->timer_fd);
        tt_free(l);
        return NULL;
    }
    l->armed_ns = TT_NEVER;
    tt_heap_init(&l->timers);
    l->ready_tail = &l->ready_head;
    l->mail_tail = &l->mail_head;
    tt_mutex_init(&l->lock);
    uv_poll_init(&l->uv, &l->timer_poll, l->timer_fd);
    uv_check_init(&l->uv, &l->check);
    uv_prepare_init(&l->uv, &l->prepare);
    uv_idle_init(&l->uv, &l->busy);
    uv_async_init(&l->uv, &l->doorbell, on_doorbell);
    l->timer_poll.data = l->check.data = l->prepare.data = l->busy.data = l->doorbell.data = l;
    uv_poll_start(&l->timer_poll, UV_READABLE, on_timer_fd);
    uv_check_start(&l->check, on_check);
    uv_prepare_start(&l->prepare, on_prepare);
    return l;
}

void tt_loop_free(struct tt_loop *l)
{
    if (!l)
        return;
    tt_loop_close_mailbox(l);
    TT_ASSERT(!l->ready_head && l->timers.len == 0);
    uv_close((uv_handle_t *)&l->timer_poll, NULL);
    uv_close((uv_handle_t *)&l->check, NULL);
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->busy, NULL);
    uv_close((uv_handle_t *)&l->doorbell, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    TT_ASSERT(uv_loop_close(&l->uv) == 0);
    close(l->timer_fd);
    tt_heap_fini(&l->timers);
    tt_mutex_fini(&l->lock);
    tt_free(l);
}

uv_loop_t *tt_loop_uv(struct tt_loop *l)
{
    return &l->uv;
}

uint64_t tt_loop_now(const struct tt_loop *l)
{
    return l->is_fake ? l->fake_ns : tt_now_ns();
}

/* --- ready list
 * ------------------------------------------------------------------------------------ */

void tt_ready_init(struct tt_ready *r, void (*run)(struct tt_ready *r))
{
    *r = (struct tt_ready){.run = run};
}

void tt_loop_ready(struct tt_loop *l, struct tt_ready *r)
{
    if (r->queued)
        return;
    r->queued = true;
    r->next = NULL;
    *l->ready_tail = r;
    l->ready_tail = &r->next;
}

void tt_loop_unready(struct tt_loop *l, struct tt_ready *r)
{
    struct tt_ready **p = &l->ready_head;
    if (!r->queued)
        return;
    while (*p != r)
        p = &(*p)->next;
    *p = r->next;
    if (l->ready_tail == &r->next)
        l->ready_tail = p;
    r->queued = false;
    r->next = NULL;
}

void tt_loop_run_ready(struct tt_loop *l)
{
    if (l->running_ready)
        return;
    l->running_ready = true;
    /* Bounded, so that items that make each other ready cannot keep I/O and timers waiting. */
    for (int rounds = 0; l->ready_head && rounds < READY_ROUNDS; rounds++) {
        struct tt_ready **end = l->ready_tail;
        bool last = false;
        while (l->ready_head && !last) {
            struct tt_ready *r = l->ready_head;
            last = &r->next == end;
            l->ready_head = r->next;
            if (!l->ready_head)
                l->ready_tail = &l->ready_head;
            r->next = NULL;
            r->queued = false;
            r->run(r);
        }
    }
    l->running_ready = false;
}

/* --- timers
 * ---------------------------------------------------------------------------------------- */

void tt_timer_init(struct tt_timer *t, void (*fire)(struct tt_timer *t))
{
    *t = (struct tt_timer){.fire = fire};
}

void tt_timer_start(struct tt_loop *l, struct tt_timer *t, uint64_t due_ns)
{
    tt_heap_remove(&l->timers, &t->node);
    tt_heap_push(&l->timers, &t->node, due_ns);
}

void tt_timer_stop(struct tt_loop *l, struct tt_timer *t)
{
    tt_heap_remove(&l->timers, &t->node);
}

bool tt_timer_running(const struct tt_timer *t)
{
    return t->node.index != 0;
}

static void fire_due(struct tt_loop *l)
{
    struct tt_heap_node *n = tt_heap_min(&l->timers);
    if (!n)
        return;
    uint64_t now = tt_loop_now(l);
    /* A timer that starts itself again in the past waits for the next turn. */
    uint64_t newest = l->timers.next_seq;
    while ((n = tt_heap_min(&l->timers)) && n->key <= now && n->seq < newest) {
        struct tt_timer *t = (struct tt_timer *)(void *)n;
        tt_heap_remove(&l->timers, n);
        t->fire(t);
    }
}

static void arm(struct tt_loop *l)
{
    struct tt_heap_node *n = tt_heap_min(&l->timers);
    if (!n || l->is_fake)
        return;
    uint64_t due = n->key > l->fired_ns + MIN_SPACING_NS ? n->key : l->fired_ns + MIN_SPACING_NS;
    if (due >= l->armed_ns)
        return; /* it will wake earlier and look again */
    struct itimerspec spec = {.it_value = {(time_t)(due / TT_NS_PER_S), (long)(due % TT_NS_PER_S)}};
    timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
    l->armed_ns = due;
}

static void turn(struct tt_loop *l)
{
    fire_due(l);
    tt_loop_run_ready(l);
    arm(l);
    struct tt_heap_node *n = tt_heap_min(&l->timers);
    bool more = l->ready_head || (n && !l->is_fake && n->key <= l->fired_ns);
    if (more && !uv_is_active((uv_handle_t *)&l->busy))
        uv_idle_start(&l->busy, on_idle);
    else if (!more && uv_is_active((uv_handle_t *)&l->busy))
        uv_idle_stop(&l->busy);
}

/* --- running
 * --------------------------------------------------------------------------------------- */

void tt_loop_run(struct tt_loop *l)
{
    prctl(PR_SET_TIMERSLACK, 1UL);
    while (!l->stop)
        uv_run(&l->uv, UV_RUN_DEFAULT);
    l->stop = false;
}

void tt_loop_stop(struct tt_loop *l)
{
    l->stop = true;
    uv_stop(&l->uv);
}

void tt_loop_run_once(struct tt_loop *l, bool wait)
{
    uv_run(&l->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

static void count_closing(uv_handle_t *h, void *arg)
{
    if (uv_is_closing(h))
        ++*(unsigned *)arg;
}

void tt_loop_drain(struct tt_loop *l)
{
    unsigned closing;
    do {
        uv_run(&l->uv, UV_RUN_NOWAIT);
        tt_loop_run_ready(l);
        closing = 0;
        uv_walk(&l->uv, count_closing, &closing);
    } while (l->ready_head || closing);
}

/* --- mailbox
 * --------------------------------------------------------------------------------------- */

bool tt_loop_post(struct tt_loop *l, struct tt_letter *letter)
{
    letter->next = NULL;
    tt_mutex_lock(&l->lock);
    bool open = !l->mail_closed;
    if (open) {
        *l->mail_tail = letter;
        l->mail_tail = &letter->next;
        uv_async_send(&l->doorbell);
    }
    tt_mutex_unlock(&l->lock);
    return open;
}

void tt_loop_close_mailbox(struct tt_loop *l)
{
    tt_mutex_lock(&l->lock);
    l->mail_closed = true;
    tt_mutex_unlock(&l->lock);
    deliver_mail(l);
}

/* --- fake clock
 * ------------------------------------------------------------------------------------- */

void tt_loop_use_fake_clock(struct tt_loop *l, uint64_t now_ns)
{
    l->is_fake = true;
    l->fake_ns = now_ns;
}

void tt_loop_fake_advance(struct tt_loop *l, uint64_t to_ns)
{
    struct tt_heap_node *n;
    tt_loop_run_ready(l);
    while ((n = tt_heap_min(&l->timers)) && n->key <= to_ns) {
        if (n->key > l->fake_ns)
            l->fake_ns = n->key;
        tt_heap_remove(&l->timers, n);
        struct tt_timer *t = (struct tt_timer *)(void *)n;
        t->fire(t);
        while (l->ready_head)
            tt_loop_run_ready(l);
    }
    l->fake_ns = to_ns;
}
