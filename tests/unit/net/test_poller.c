/* SPDX-License-Identifier: MIT */
/* The poller: who is told of what, and that closed sockets are told of nothing. */
#include "net/poller.h"
#include "unit.h"
#include <sys/socket.h>
#include <unistd.h>

struct end {
    int fd, peer, armed, got;
    struct end *kills; /* is closed when this one is told */
};
static struct tt_poller *poller;

static void end_close(struct end *e)
{
    if (e->fd < 0)
        return;
    close(e->fd);
    tt_poller_forget(poller, e);
    e->fd = -1;
}

static void fire(void *owner, int events)
{
    struct end *e = owner;
    assert_true(e->fd >= 0);
    e->got |= events;
    if (e->kills)
        end_close(e->kills);
}

static struct tt_loop *start(struct end *ends, size_t n)
{
    struct tt_err err = {0};
    struct tt_loop *loop = tt_loop_new(&err);
    poller = tt_poller_new(loop, fire);
    for (size_t i = 0; i < n; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        ends[i] = (struct end){.fd = pair[0], .peer = pair[1]};
        assert_int_equal(tt_poller_watch(poller, pair[0], &ends[i], TT_POLL_READ, &ends[i].armed),
                         0);
    }
    return loop;
}

static void stop(struct tt_loop *loop, struct end *ends, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        end_close(&ends[i]);
        close(ends[i].peer);
    }
    tt_poller_free(poller);
    tt_loop_drain(loop);
    tt_loop_free(loop);
}

static void a_socket_is_told_what_it_watches_for(void **state)
{
    (void)state;
    struct end e[2];
    struct tt_loop *loop = start(e, 2);
    assert_int_equal(write(e[1].peer, "x", 1), 1);
    tt_loop_run_once(loop, true);
    assert_int_equal(e[0].got, 0);
    assert_int_equal(e[1].got, TT_POLL_READ);
    assert_int_equal(tt_poller_watch(poller, e[1].fd, &e[1], 0, &e[1].armed), 0);
    assert_int_equal(tt_poller_watch(poller, e[0].fd, &e[0], TT_POLL_WRITE, &e[0].armed), 0);
    e[1].got = 0;
    tt_loop_run_once(loop, true);
    assert_int_equal(e[0].got, TT_POLL_WRITE);
    assert_int_equal(e[1].got, 0); /* though it is readable */
    stop(loop, e, 2);
}

static void the_peers_end_wakes_readers(void **state)
{
    (void)state;
    struct end e;
    struct tt_loop *loop = start(&e, 1);
    shutdown(e.peer, SHUT_RDWR);
    tt_loop_run_once(loop, true);
    assert_true(e.got & TT_POLL_READ);
    stop(loop, &e, 1);
}

static void a_socket_closed_in_a_batch_is_told_nothing(void **state)
{
    (void)state;
    struct end e[2];
    struct tt_loop *loop = start(e, 2);
    e[0].kills = &e[1]; /* whichever comes first */
    e[1].kills = &e[0];
    for (int i = 0; i < 2; i++)
        assert_int_equal(write(e[i].peer, "x", 1), 1);
    tt_loop_run_once(loop, true);
    assert_int_equal(e[0].got + e[1].got, TT_POLL_READ);
    stop(loop, e, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_is_told_what_it_watches_for),
        cmocka_unit_test(the_peers_end_wakes_readers),
        cmocka_unit_test(a_socket_closed_in_a_batch_is_told_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
