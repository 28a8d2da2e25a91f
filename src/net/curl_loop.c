/* SPDX-License-Identifier: MIT */
/* libcurl on the loop: one multi, one uv_poll per socket, one timer. Worker thread.
 *
 * What costs time here was measured (libcurl 7.88.1, keep-alive GETs):
 * - libcurl asks to watch a socket for each request and to stop watching after it. Stopping for
 *   real costs two epoll_ctl per request, 4 us of 16. So CURL_POLL_REMOVE of a socket that was read
 *   from is only noted; the watcher stays armed until the socket is closed, or becomes readable
 *   while nobody wants it (the peer closed an idle connection; libcurl finds out when it reuses
 *   it). One that was written to goes at once: libcurl closes sockets that are not connected yet
 *   without calling CLOSESOCKETFUNCTION, and a watcher on a closed socket makes libuv abort.
 * - libcurl asks for a timer of 0 ms to start a transfer. A flag (kick) and an immediate call of
 *   curl_multi_socket_action replace it.
 * - CURLMOPT_MAXCONNECTS unset means 4 x the transfers under way, applied to each share's pool: a
 *   VU that visits several origins would reconnect all the time. No other limit of the multi is
 *   set: its waiting list is one for all VUs and a VU stuck on a dead host would stall the others.
 * A fd number comes back as soon as it is closed, so the watcher is closed first. */
#include "net/curl_loop.h"
#include "base/clock.h"
#include "base/exitcode.h"
#include "base/memory.h"
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

struct watch {
    uv_poll_t poll;
    struct tt_curl *owner;
    curl_socket_t fd;
    int armed; /* UV_READABLE | UV_WRITABLE that the poll handle has */
    int want;  /* what libcurl asked for last; 0 after CURL_POLL_REMOVE */
};

struct tt_curl {
    struct tt_loop *loop;
    CURLM *multi;
    struct watch **by_fd;
    size_t n_fds;
    struct tt_timer timer;
    struct tt_transfer *fresh; /* PREREQ seen, first write not stamped */
    bool kick;                 /* libcurl wants to run now */
    bool driving;              /* inside drive(): start() leaves the work to it */
};

static void stamp_fresh(struct tt_curl *c)
{
    if (!c->fresh)
        return;
    uint64_t now = tt_now_ns();
    while (c->fresh) {
        struct tt_transfer *t = c->fresh;
        c->fresh = t->next_fresh;
        t->sent_ns = now;
        if (t->sent && t->running)
            t->sent(t);
    }
}

static int duplicate(CURL *easy, CURLcode result)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (result == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
    return fd == CURL_SOCKET_BAD ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static void collect(struct tt_curl *c)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(c->multi, &left))) {
        CURL *easy = m->easy_handle;
        CURLcode result = m->data.result;
        void *owner = NULL;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&owner);
        struct tt_transfer *t = owner;
        if (t->take)
            t->taken = duplicate(easy, result); /* libcurl closes its own with the next call */
        curl_multi_remove_handle(c->multi, easy);
        t->running = false;
        t->done(t, result);
    }
}

static void act(struct tt_curl *c, curl_socket_t fd, int events)
{
    int running;
    curl_multi_socket_action(c->multi, fd, events, &running);
    stamp_fresh(c);
    collect(c);
}

/* What libcurl wants to do now without a socket's event. */
static void drive_due(struct tt_curl *c)
{
    c->driving = true;
    while (c->kick) {
        c->kick = false;
        act(c, CURL_SOCKET_TIMEOUT, 0);
    }
    c->driving = false;
}

static void drive(struct tt_curl *c, curl_socket_t fd, int events)
{
    c->driving = true;
    act(c, fd, events);
    drive_due(c);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
    struct watch *w = (struct watch *)p;
    if (!w->want) {
        uv_poll_stop(p);
        w->armed = 0;
        return;
    }
    if (status < 0) { /* libuv has stopped it; libcurl finds the reason when it reads or writes */
        events = w->want;
        uv_poll_start(p, w->armed = w->want, on_poll);
    }
    int ev = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
             (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    struct tt_curl *c = w->owner;
    drive(c, w->fd, ev);
    tt_loop_run_ready(c->loop); /* w may be gone */
}

static void on_watch_closed(uv_handle_t *h)
{
    tt_free(h);
}

static struct watch *watch_of(struct tt_curl *c, curl_socket_t fd)
{
    size_t i = (size_t)fd;
    if (i >= c->n_fds) {
        size_t n = c->n_fds ? c->n_fds : 64;
        while (n <= i)
            n *= 2;
        c->by_fd = tt_xreallocarray(c->by_fd, n, sizeof *c->by_fd);
        for (size_t k = c->n_fds; k < n; k++)
            c->by_fd[k] = NULL;
        c->n_fds = n;
    }
    if (!c->by_fd[i]) {
        struct watch *w = tt_xcalloc(1, sizeof *w);
        w->owner = c;
        w->fd = fd;
        if (uv_poll_init_socket(tt_loop_uv(c->loop), &w->poll, fd) != 0) {
            tt_free(w);
            return NULL;
        }
        c->by_fd[i] = w;
    }
    return c->by_fd[i];
}

static void unwatch(struct tt_curl *c, curl_socket_t fd)
{
    size_t i = (size_t)fd;
    if (i >= c->n_fds || !c->by_fd[i])
        return;
    struct watch *w = c->by_fd[i];
    c->by_fd[i] = NULL;
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socketp)
{
    (void)socketp;
    struct tt_curl *c = arg;
    void *owner = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&owner);
    if (owner && what != CURL_POLL_REMOVE)
        ((struct tt_transfer *)owner)->fd = fd;
    int want = what == CURL_POLL_REMOVE ? 0
                                        : (what & CURL_POLL_IN ? UV_READABLE : 0) |
                                              (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    if (!want && ((size_t)fd >= c->n_fds || !c->by_fd[fd]))
        return 0;
    struct watch *w = watch_of(c, fd);
    if (w && !want && w->want != UV_READABLE) {
        unwatch(c, fd);
        return 0;
    }
    if (!w)
        return -1;
    w->want = want;
    if (want && want != w->armed) {
        w->armed = want;
        uv_poll_start(&w->poll, want, on_poll);
    }
    return 0;
}

int tt_curl_close_socket(struct tt_curl *c, curl_socket_t fd)
{
    unwatch(c, fd);
    return close(fd);
}

static int on_close_socket(void *arg, curl_socket_t fd)
{
    return tt_curl_close_socket(arg, fd);
}

static int on_timer_request(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    struct tt_curl *c = arg;
    if (ms == 0)
        c->kick = true;
    else if (ms < 0)
        tt_timer_stop(c->loop, &c->timer);
    else
        tt_timer_start(c->loop, &c->timer, tt_loop_now(c->loop) + (uint64_t)ms * TT_NS_PER_MS);
    return 0;
}

static void on_timer(struct tt_timer *timer)
{
    struct tt_curl *c = (struct tt_curl *)((char *)timer - offsetof(struct tt_curl, timer));
    drive(c, CURL_SOCKET_TIMEOUT, 0);
}

static int on_prereq(void *arg, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
    (void)peer_ip;
    (void)local_ip;
    (void)peer_port;
    (void)local_port;
    struct tt_transfer *t = arg;
    t->prereq_ns = tt_now_ns();
    t->next_fresh = t->curl->fresh;
    t->curl->fresh = t;
    return CURL_PREREQFUNC_OK;
}

struct tt_curl *tt_curl_new(struct tt_loop *loop, size_t max_idle, struct tt_err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        tt_err_set(err, TT_EXIT_OTHER, "libcurl does not start");
        return NULL;
    }
    CURLM *multi = curl_multi_init();
    if (!multi) {
        curl_global_cleanup();
        tt_err_set(err, TT_EXIT_OTHER, "libcurl gives no multi handle (out of file descriptors?)");
        return NULL;
    }
    struct tt_curl *c = tt_xcalloc(1, sizeof *c);
    c->loop = loop;
    c->multi = multi;
    tt_timer_init(&c->timer, on_timer);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_request);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                      max_idle < INT32_MAX ? (long)max_idle : INT32_MAX);
    return c;
}

void tt_curl_free(struct tt_curl *c)
{
    if (!c)
        return;
    curl_multi_cleanup(c->multi);
    tt_timer_stop(c->loop, &c->timer);
    for (size_t i = 0; i < c->n_fds; i++)
        unwatch(c, (curl_socket_t)i);
    tt_free(c->by_fd);
    tt_free(c);
    curl_global_cleanup();
}

CURL *tt_curl_easy_new(struct tt_curl *c, struct tt_transfer *t)
{
    CURL *easy = curl_easy_init();
    TT_ASSERT(easy); /* fails for want of memory only */
    t->easy = easy;
    t->curl = c;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, c);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_prereq);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
    return easy;
}

void tt_curl_start(struct tt_curl *c, struct tt_transfer *t)
{
    t->prereq_ns = t->sent_ns = 0;
    t->fd = CURL_SOCKET_BAD;
    t->running = true;
    CURLMcode rc = curl_multi_add_handle(c->multi, t->easy);
    TT_ASSERT(rc == CURLM_OK);
    if (c->driving)
        return;
    drive_due(c);
}

void tt_curl_resume(struct tt_curl *c, struct tt_transfer *t)
{
    if (!t->running)
        return;
    CURLcode rc = curl_easy_pause(t->easy, CURLPAUSE_CONT);
    if (rc != CURLE_OK) { /* the write callback refused what had been kept for it */
        curl_multi_remove_handle(c->multi, t->easy);
        t->running = false;
        t->done(t, rc);
    } else if (!c->driving) { /* a timer of 0 ms was asked for */
        drive_due(c);
    }
}

void tt_curl_cancel(struct tt_curl *c, struct tt_transfer *t)
{
    if (!t->running)
        return;
    t->running = false;
    curl_multi_remove_handle(c->multi, t->easy);
    /* Removing one may make others due; they are driven from the next turn, not from in here. */
    if (c->kick && !c->driving)
        tt_timer_start(c->loop, &c->timer, tt_loop_now(c->loop));
}
