/* SPDX-License-Identifier: MIT */
/* Linux's TCP_INFO. */
#include "net/tcp_info.h"
#include "base/err.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>

bool tt_tcp_info(int fd, struct tt_tcp_info *out)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
        return false;
    *out = (struct tt_tcp_info){info.tcpi_rtt, info.tcpi_total_retrans};
    return info.tcpi_rtt != 0; /* 0: not connected yet */
}

static pthread_once_t slot_once = PTHREAD_ONCE_INIT;
static int slot; /* written once */

static void make_slot(void)
{
    slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    TT_ASSERT(slot >= 0);
}

int tt_tcp_info_ssl(SSL *ssl, int fd)
{
    pthread_once(&slot_once, make_slot);
    uintptr_t kept = (uintptr_t)SSL_get_ex_data(ssl, slot); /* + 1: NULL is none */
    if (kept)
        return (int)(kept - 1);
    if (fd >= 0)
        TT_ASSERT(SSL_set_ex_data(ssl, slot, (void *)((uintptr_t)fd + 1)) == 1);
    return fd;
}
