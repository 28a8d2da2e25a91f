/* SPDX-License-Identifier: MIT */
/* IP addresses and ranges. Any thread. */
#include "base/ip.h"
#include "base/str.h"
#include <arpa/inet.h>
#include <string.h>

static void from_bytes(const unsigned char *p, size_t n, struct tt_ip *ip)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    ip->six = n == 16 && memcmp(p, mapped, sizeof mapped) != 0;
    if (n == 16 && !ip->six) {
        p += sizeof mapped;
        n -= sizeof mapped;
    }
    ip->bits = 0;
    for (size_t i = 0; i < n; i++)
        ip->bits = ip->bits << 8 | p[i];
}

static void to_bytes(const struct tt_ip *ip, unsigned char *p)
{
    tt_u128 bits = ip->bits;
    for (size_t i = ip->six ? 16 : 4; i-- > 0; bits >>= 8)
        p[i] = (unsigned char)bits;
}

bool tt_ip_parse(const char *text, struct tt_ip *ip)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1)
        from_bytes(bytes, 4, ip);
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        from_bytes(bytes, 16, ip);
    else
        return false;
    return true;
}

static bool parse_part(const char *text, size_t n, struct tt_ip *ip)
{
    char part[TT_IP_TEXT_SIZE];
    while (n && *text == ' ')
        text++, n--;
    while (n && text[n - 1] == ' ')
        n--;
    if (n >= sizeof part)
        return false;
    memcpy(part, text, n);
    part[n] = '\0';
    return tt_ip_parse(part, ip);
}

bool tt_ip_parse_port(const char *text, struct tt_ip *ip, uint16_t *port)
{
    const char *colon = strrchr(text, ':'), *close = strrchr(text, ']');
    uint64_t n;
    *port = 0;
    if (text[0] == '[') {
        if (!close || !parse_part(text + 1, (size_t)(close - text - 1), ip))
            return false;
        if (!close[1])
            return true;
        colon = close + 1;
    } else if (!colon || strchr(text, ':') != colon) {
        return tt_ip_parse(text, ip);
    } else if (!parse_part(text, (size_t)(colon - text), ip)) {
        return false;
    }
    if (*colon != ':' || !tt_parse_u64(colon + 1, &n) || n > UINT16_MAX)
        return false;
    *port = (uint16_t)n;
    return true;
}

const char *tt_ip_text(const struct tt_ip *ip, char buf[TT_IP_TEXT_SIZE])
{
    unsigned char bytes[16];
    to_bytes(ip, bytes);
    return inet_ntop(ip->six ? AF_INET6 : AF_INET, bytes, buf, TT_IP_TEXT_SIZE);
}

bool tt_ip_from_sockaddr(const struct sockaddr *sa, struct tt_ip *ip)
{
    if (sa->sa_family == AF_INET)
        from_bytes((const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4, ip);
    else if (sa->sa_family == AF_INET6)
        from_bytes((const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16,
                   ip);
    else
        return false;
    return true;
}

socklen_t tt_ip_to_sockaddr(const struct tt_ip *ip, uint16_t port, struct sockaddr_storage *sa)
{
    struct sockaddr_in *v4 = (void *)sa;
    struct sockaddr_in6 *v6 = (void *)sa;
    memset(sa, 0, sizeof *sa);
    sa->ss_family = ip->six ? AF_INET6 : AF_INET;
    *(ip->six ? &v6->sin6_port : &v4->sin_port) = htons(port);
    to_bytes(ip, ip->six ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr);
    return ip->six ? sizeof *v6 : sizeof *v4;
}

/* --- ranges ------------------------------------------------------------------------------------
 */

bool tt_ip_range_parse_cidr(const char *text, struct tt_ip_range *r)
{
    const char *slash = strchr(text, '/');
    uint64_t n;
    if (!slash || !parse_part(text, (size_t)(slash - text), &r->first) ||
        !tt_parse_u64(slash + 1, &n) || n > (r->first.six ? 128 : 32))
        return false;
    unsigned free_bits = (r->first.six ? 128 : 32) - (unsigned)n;
    tt_u128 mask = free_bits == 128 ? ~(tt_u128)0 : ((tt_u128)1 << free_bits) - 1;
    r->last = r->first.bits | mask;
    r->first.bits &= ~mask;
    return true;
}

bool tt_ip_range_parse(const char *text, struct tt_ip_range *r)
{
    const char *dash = strchr(text, '-');
    struct tt_ip last;
    if (dash) {
        bool ok = parse_part(text, (size_t)(dash - text), &r->first) &&
                  parse_part(dash + 1, strlen(dash + 1), &last);
        r->last = ok ? last.bits : 0;
        return ok && last.six == r->first.six && last.bits >= r->first.bits;
    }
    if (!strchr(text, '/')) {
        bool ok = parse_part(text, strlen(text), &r->first);
        r->last = ok ? r->first.bits : 0;
        return ok;
    }
    if (!tt_ip_range_parse_cidr(text, r))
        return false;
    if (!r->first.six && r->last - r->first.bits > 1) {
        r->first.bits++;
        r->last--;
    }
    return true;
}

bool tt_ip_range_has(const struct tt_ip_range *r, const struct tt_ip *ip)
{
    return ip->six == r->first.six && ip->bits >= r->first.bits && ip->bits <= r->last;
}
