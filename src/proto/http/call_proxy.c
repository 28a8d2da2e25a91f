/* SPDX-License-Identifier: MIT */
/* Which proxy a hop goes through, and where that is. libcurl would look a proxy's name up on a
 * thread of its own, past the options hosts, dns and blacklist_ips; so the engine looks it up and
 * tells libcurl the addresses. Worker thread. */
#include "base/ip.h"
#include "base/str.h"
#include "proto/http/call_int.h"
#include <stdio.h>
#include <string.h>

/* scheme://user:password@host:port/..., of which only the host must be there. */
struct proxy_url {
    struct tt_slice scheme, userinfo, host; /* host: without brackets */
    uint16_t port;                          /* as Go's client: the scheme's when none is given */
};

static uint16_t default_port(struct tt_slice scheme)
{
    if (scheme.n > 5) /* socks4 ... */
        return 1080;
    return scheme.n == 5 && tt_strnieq(scheme.p, "https", 5) ? 443 : 80;
}

static bool split(const char *url, struct proxy_url *u)
{
    const char *sep = strstr(url, "://"), *p = sep ? sep + 3 : url;
    size_t n = strcspn(p, "/?#");
    const char *end = p + n, *at = end;
    u->scheme = sep ? (struct tt_slice){url, (size_t)(sep - url)} : (struct tt_slice){"http", 4};
    while (at > p && at[-1] != '@')
        at--;
    u->userinfo = (struct tt_slice){p, (size_t)(at - p)}; /* with its @ */
    u->port = default_port(u->scheme);
    const char *close = *at == '[' ? memchr(at, ']', (size_t)(end - at)) : NULL;
    const char *colon = memchr(close ? close : at, ':', (size_t)(end - (close ? close : at)));
    const char *host_end = colon ? colon : end;
    u->host = (struct tt_slice){at, (size_t)(host_end - at)};
    if (close)
        u->host = (struct tt_slice){at + 1, (size_t)(close - at - 1)};
    if (u->host.n == 0 || u->host.n >= TT_HTTP_HOST_MAX || (close && host_end != close + 1))
        return false;
    if (!colon || colon + 1 == end)
        return true;
    char digits[6];
    uint64_t port;
    size_t len = (size_t)(end - colon - 1);
    if (len >= sizeof digits)
        return false;
    memcpy(digits, colon + 1, len);
    digits[len] = '\0';
    if (!tt_parse_u64(digits, &port) || port == 0 || port > 65535)
        return false;
    u->port = (uint16_t)port;
    return true;
}

/* Does the proxy get the target's address instead of its name? */
static bool wants_address(struct tt_slice scheme)
{
    return scheme.n == 6 &&
           (tt_strnieq(scheme.p, "socks4", 6) || tt_strnieq(scheme.p, "socks5", 6));
}

bool tt__http_set_proxy(struct tt_http_call *c)
{
    struct tt_http_special *s = &c->special;
    const char *proxy = s->proxy;
    if (!c->ignores_proxies) /* the script has not said: the environment, hop by hop */
        proxy = tt_http_proxy_for(&c->engine->proxies, &c->parsed);
    s->proxy_url[0] = s->proxy_at[0] = '\0';
    c->proxy_host[0] = '\0';
    if (!proxy || !*proxy)
        return true;
    struct proxy_url u;
    if (!split(proxy, &u))
        return false;
    memcpy(c->proxy_host, u.host.p, u.host.n);
    c->proxy_host[u.host.n] = '\0';
    c->proxy_port = u.port;
    c->proxy_wants_address = wants_address(u.scheme);
    bool six = strchr(c->proxy_host, ':') != NULL;
    int n = snprintf(s->proxy_url, sizeof s->proxy_url, "%.*s://%.*s%s%s%s:%u", (int)u.scheme.n,
                     u.scheme.p, (int)u.userinfo.n, u.userinfo.p, six ? "[" : "", c->proxy_host,
                     six ? "]" : "", u.port);
    c->is_special = true;
    return n < (int)sizeof s->proxy_url;
}

void tt__http_proxy_found(struct tt_http_call *c, const struct tt_lookup *l)
{
    struct tt_http_special *s = &c->special;
    struct tt_ip ip;
    char text[TT_IP_TEXT_SIZE];
    if (tt_ip_parse(c->proxy_host, &ip))
        return; /* it is in the URL */
    size_t n =
        (size_t)snprintf(s->proxy_at, sizeof s->proxy_at, "+%s:%u:", c->proxy_host, c->proxy_port);
    for (size_t i = 0; i < l->n && i < TT_HTTP_ADDRESSES_MAX && n < sizeof s->proxy_at; i++)
        if (tt_ip_from_sockaddr((const struct sockaddr *)&l->addrs[i].sa, &ip))
            n += (size_t)snprintf(s->proxy_at + n, sizeof s->proxy_at - n, "%s%s", i ? "," : "",
                                  tt_ip_text(&ip, text));
}
