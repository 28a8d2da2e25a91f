/* SPDX-License-Identifier: MIT */
/* TLS in front of a WebSocket. TLS is ended by this folder, so libwebsockets gets one end of a
 * socket pair, and bytes are carried between the other end and the TLS connection, with bounded
 * buffers. Server's thread. */
#include "serve/serve_int.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_pair(uv_poll_t *h, int status, int events);

static void pair_flush(struct tt_client *c)
{
    while (c->in.len) {
        ssize_t n = send(c->pair_fd, c->in.data, c->in.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            tt_buf_clear(&c->in); /* the WebSocket is gone; what it said last is still read */
            return;
        }
        if (n <= 0)
            return;
        tt_buf_consume(&c->in, (size_t)n);
    }
}

void tt__relay_poll(struct tt_client *c)
{
    bool full = c->out.len - c->out_at > TT__RELAY_HIGH || c->close_after;
    int events = (full ? 0 : UV_READABLE) | (c->in.len ? UV_WRITABLE : 0);
    if (events == c->pair_events)
        return;
    c->pair_events = events;
    if (events)
        uv_poll_start(&c->pair_poll, events, on_pair);
    else
        uv_poll_stop(&c->pair_poll);
}

void tt__relay_input(struct tt_client *c)
{
    pair_flush(c);
    tt__client_poll(c);
}

static void on_pair(uv_poll_t *h, int status, int events)
{
    struct tt_client *c = h->data;
    if (status < 0) {
        tt__client_destroy(c, false);
        return;
    }
    if (events & UV_WRITABLE)
        pair_flush(c);
    if (events & UV_READABLE) {
        ssize_t n = recv(c->pair_fd, c->server->scratch, TT__SCRATCH, 0);
        if (n > 0)
            tt__client_write(c, c->server->scratch, (size_t)n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            tt__client_finish(c);
    }
    if (!c->dead)
        tt__client_poll(c);
}

int tt__relay_start(struct tt_client *c)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        tt__client_destroy(c, true);
        return -1;
    }
    c->pair_fd = pair[0];
    c->state = TT__RELAY;
    uv_poll_init(tt_loop_uv(c->server->loop), &c->pair_poll, pair[0]);
    c->pair_poll.data = c;
    c->handles++;
    tt__client_poll(c);
    return pair[1];
}
