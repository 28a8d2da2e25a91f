/* SPDX-License-Identifier: MIT */
/* Which proxy the environment wants. */
#include "proto/http/proxies.h"
#include "base/str.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_ = 256 };

static const char *variable(const char *upper, const char *lower)
{
    const char *v = getenv(upper);
    return v && *v ? v : getenv(lower);
}

struct tt_http_proxies tt_http_proxies_of_environment(void)
{
    return (struct tt_http_proxies){variable("HTTP_PROXY", "http_proxy"),
                                    variable("HTTPS_PROXY", "https_proxy"),
                                    variable("NO_PROXY", "no_proxy")};
}

/* An address as bytes; its length, 0: text is none. */
static size_t address(const char *text, unsigned char out[16])
{
    if (inet_pton(AF_INET, text, out) == 1)
        return 4;
    return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

static bool is_loopback(const char *host)
{
    static const unsigned char six[16] = {[15] = 1};
    unsigned char a[16];
    size_t n = address(host, a);
    return tt_strieq(host, "localhost") || (n == 4 && a[0] == 127) ||
           (n == 16 && memcmp(a, six, 16) == 0);
}

static bool in_network(const char *host, const char *network, const char *bits_text)
{
    unsigned char a[16], b[16];
    uint64_t bits;
    size_t n = address(host, a);
    if (n == 0 || address(network, b) != n || !tt_parse_u64(bits_text, &bits) || bits > n * 8)
        return false;
    size_t whole = (size_t)bits / 8;
    unsigned mask = 0xff00U >> (bits % 8) & 0xff;
    return memcmp(a, b, whole) == 0 && (whole == n || ((a[whole] ^ b[whole]) & mask) == 0);
}

static bool under(const char *host, const char *domain)
{
    size_t n = strlen(host), m = strlen(domain);
    return n > m && host[n - m - 1] == '.' && tt_strieq(host + n - m, domain);
}

/* One entry of NO_PROXY, lower or upper case. */
static bool entry_matches(char *entry, const char *host, uint16_t port)
{
    unsigned char a[16], b[16];
    char *slash = strchr(entry, '/'), *colon = strrchr(entry, ':');
    if (strcmp(entry, "*") == 0)
        return true;
    if (slash) {
        *slash = '\0';
        return in_network(host, entry, slash + 1);
    }
    if (colon && (strchr(entry, ':') == colon || entry[0] == '[')) { /* else an IPv6 address */
        uint64_t wanted;
        if (tt_parse_u64(colon + 1, &wanted)) {
            if (wanted != port)
                return false;
            *colon = '\0';
        }
    }
    size_t n = strlen(entry);
    if (n > 1 && entry[0] == '[' && entry[n - 1] == ']') {
        entry[n - 1] = '\0';
        entry++;
    }
    size_t len = address(entry, a);
    if (len)
        return address(host, b) == len && memcmp(a, b, len) == 0;
    if (strncmp(entry, "*.", 2) == 0)
        entry++;
    return entry[0] == '.' ? under(host, entry + 1) : tt_strieq(host, entry) || under(host, entry);
}

static bool excluded(const char *list, const char *host, uint16_t port)
{
    char entry[NAME_MAX_];
    for (const char *p = list ? list : ""; *p;) {
        p += strspn(p, " \t,");
        size_t n = strcspn(p, " \t,");
        if (n && n < sizeof entry) {
            memcpy(entry, p, n);
            entry[n] = '\0';
            if (entry_matches(entry, host, port))
                return true;
        }
        p += n;
    }
    return false;
}

const char *tt_http_proxy_for(const struct tt_http_proxies *p, const struct tt_http_url *url)
{
    const char *proxy = url->https ? p->https : p->http;
    char host[NAME_MAX_];
    if (!proxy || !*proxy || url->host.n >= sizeof host)
        return NULL;
    memcpy(host, url->host.p, url->host.n);
    host[url->host.n] = '\0';
    return is_loopback(host) || excluded(p->no_proxy, host, url->port) ? NULL : proxy;
}
