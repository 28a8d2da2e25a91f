/* SPDX-License-Identifier: MIT */
/* What the system knows of a TCP connection. Any thread. */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

struct tt_tcp_info {
    uint32_t rtt_us;      /* the system's smoothed round-trip time */
    uint32_t retransmits; /* segments sent again since the connection began */
};
/* False: fd is none of a TCP connection, or the system does not tell. */
bool tt_tcp_info(int fd, struct tt_tcp_info *out);
/* The socket that a TLS connection is known to have; the first time, fd becomes it (-1: not known).
 * For users of libcurl, whose connections do not tell. */
int tt_tcp_info_ssl(SSL *ssl, int fd);
