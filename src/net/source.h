/* SPDX-License-Identifier: MIT */
/* Binding sockets to a source address (the option local_ips). Any thread. */
#pragma once
#include "base/ip.h"

/* Before connect; the port is chosen by connect, per destination, so that one address is good for
 * more connections than it has ports. 0, or an errno: EAFNOSUPPORT when the socket is of the other
 * family. */
int tt_source_bind(int fd, const struct tt_ip *ip);
