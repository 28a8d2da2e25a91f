/* SPDX-License-Identifier: MIT */
/* IP addresses as numbers, ranges of them, and their text. Any thread. An IPv4 address that is
 * written as IPv6 (::ffff:1.2.3.4) is the IPv4 address. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 tt_u128;

struct tt_ip {
    bool six;
    tt_u128 bits; /* most significant byte first: 127.0.0.1 is 0x7f000001 */
};
/* Both ends belong to it and are of one family. */
struct tt_ip_range {
    struct tt_ip first;
    tt_u128 last;
};
enum { TT_IP_TEXT_SIZE = INET6_ADDRSTRLEN };

bool tt_ip_parse(const char *text, struct tt_ip *ip); /* no brackets, zone or port */
/* "1.2.3.4", "1.2.3.4:80", "::1", "[::1]", "[::1]:80"; *port 0: none is given. */
bool tt_ip_parse_port(const char *text, struct tt_ip *ip, uint16_t *port);
const char *tt_ip_text(const struct tt_ip *ip, char buf[TT_IP_TEXT_SIZE]);
/* False: another family. */
bool tt_ip_from_sockaddr(const struct sockaddr *sa, struct tt_ip *ip);
socklen_t tt_ip_to_sockaddr(const struct tt_ip *ip, uint16_t port, struct sockaddr_storage *sa);

bool tt_ip_range_parse_cidr(const char *text, struct tt_ip_range *r); /* "10.0.0.0/8" */
/* "IP", "IP-IP" or a CIDR block; of an IPv4 block wider than /31 the first and the last address
 * (network, broadcast) are left out. */
bool tt_ip_range_parse(const char *text, struct tt_ip_range *r);
bool tt_ip_range_has(const struct tt_ip_range *r, const struct tt_ip *ip);
