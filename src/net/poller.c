/* SPDX-License-Identifier: MIT */
/* An epoll set inside the loop's. Level-triggered. */
#include "net/poller.h"
#include "base/memory.h"
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BATCH = 128 };

struct tt_poller {
    uv_poll_t poll; /* of the set */
    struct tt_loop *loop;
    void (*fire)(void *owner, int events);
    int set, err; /* -1 and why: the process has no descriptor left */
    struct epoll_event batch[BATCH];
    int at, n; /* of the batch that is being told */
};

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct tt_poller *p = (struct tt_poller *)poll;
    (void)status;
    (void)events;
    p->n = epoll_wait(p->set, p->batch, BATCH, 0);
    for (p->at = 0; p->at < p->n;) {
        const struct epoll_event *e = &p->batch[p->at++];
        bool failing = e->events & EPOLLERR, ended = e->events & (EPOLLERR | EPOLLHUP);
        if (!e->data.ptr)
            continue;
        p->fire(e->data.ptr, (e->events & EPOLLIN || ended ? TT_POLL_READ : 0) |
                                 (e->events & EPOLLOUT || ended ? TT_POLL_WRITE : 0) |
                                 (failing ? TT_POLL_ERROR : 0));
        tt_loop_run_ready(p->loop);
    }
    p->n = 0;
}

struct tt_poller *tt_poller_new(struct tt_loop *loop, void (*fire)(void *owner, int events))
{
    struct tt_poller *p = tt_xcalloc(1, sizeof *p);
    p->loop = loop;
    p->fire = fire;
    p->set = epoll_create1(EPOLL_CLOEXEC);
    p->err = p->set < 0 ? errno : 0;
    if (p->set >= 0)
        p->err = -uv_poll_init(tt_loop_uv(loop), &p->poll, p->set);
    if (!p->err)
        p->err = -uv_poll_start(&p->poll, UV_READABLE, on_readable);
    return p;
}

static void on_closed(uv_handle_t *h)
{
    tt_free(h);
}

void tt_poller_free(struct tt_poller *p)
{
    bool watched = p->poll.loop;
    if (watched)
        uv_close((uv_handle_t *)&p->poll, on_closed);
    if (p->set >= 0)
        close(p->set);
    if (!watched)
        tt_free(p);
}

int tt_poller_watch(struct tt_poller *p, int fd, void *owner, int events, int *armed)
{
    struct epoll_event e = {.events = (events & TT_POLL_READ ? EPOLLIN : 0U) |
                                      (events & TT_POLL_WRITE ? EPOLLOUT : 0U),
                            .data.ptr = owner};
    if (p->err || events == *armed)
        return p->err;
    /* errors are told even when nothing is watched for: hence out of the set */
    int op = !events ? EPOLL_CTL_DEL : *armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(p->set, op, fd, &e) < 0)
        return errno;
    *armed = events;
    if (!events)
        tt_poller_forget(p, owner);
    return 0;
}

void tt_poller_forget(struct tt_poller *p, const void *owner)
{
    for (int i = p->at; i < p->n; i++)
        if (p->batch[i].data.ptr == owner)
            p->batch[i].data.ptr = NULL;
}
