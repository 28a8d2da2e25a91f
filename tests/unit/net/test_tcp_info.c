/* SPDX-License-Identifier: MIT */
#include "net/tcp_info.h"
#include "unit.h"
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static void a_connection_has_a_round_trip_time(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    struct tt_tcp_info info;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
    assert_false(tt_tcp_info(fd, &info)); /* not connected */
    assert_int_equal(connect(fd, (struct sockaddr *)&a, n), 0);
    assert_true(tt_tcp_info(fd, &info));
    assert_true(info.rtt_us > 0);
    assert_int_equal(info.retransmits, 0);
    close(fd);
    close(listener);
}

static void other_descriptors_have_none(void **state)
{
    (void)state;
    struct tt_tcp_info info;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_false(tt_tcp_info(pair[0], &info));
    assert_false(tt_tcp_info(-1, &info));
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_has_a_round_trip_time),
        cmocka_unit_test(other_descriptors_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
