/* SPDX-License-Identifier: MIT */
/* Source addresses; see source.h. */
#include "net/source.h"
#include <errno.h>
#include <sys/socket.h>

int tt_source_bind(int fd, const struct tt_ip *ip)
{
    struct sockaddr_storage sa;
    int domain = 0, one = 1;
    socklen_t len = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
        return errno;
    if ((domain == AF_INET6) != ip->six)
        return EAFNOSUPPORT;
#ifdef IP_BIND_ADDRESS_NO_PORT
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
#endif
    len = tt_ip_to_sockaddr(ip, 0, &sa);
    return bind(fd, (const struct sockaddr *)&sa, len) < 0 ? errno : 0;
}
