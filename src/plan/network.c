/* SPDX-License-Identifier: MIT */
/* The network options: host patterns, networks, source addresses, name look-ups; see network.h. */
#include "plan/network.h"
#include "base/exitcode.h"
#include "base/str.h"
#include "base/units.h"
#include "plan/options_int.h"
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

/* Who reads the options, and whom faults are told. */
struct reader {
    struct tt_network *n;
    struct tt_arena *a;
    void (*problem)(void *arg, const char *text);
    void *arg;
};

static void TT_PRINTF(2, 3) problem(struct reader *r, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    r->problem(r->arg, text);
}

/* --- names --------------------------------------------------------------------------------------
 */

/* Labels of letters, digits and inner hyphens, with dots between. */
static bool labels_valid(const char *s, size_t n, bool underscores)
{
    bool fresh = true;
    for (size_t i = 0; i < n; i++) {
        bool last = i + 1 == n || s[i + 1] == '.';
        if (s[i] == '.') {
            if (fresh || i + 1 == n)
                return false;
            fresh = true;
        } else if (isalnum((unsigned char)s[i]) || (underscores && s[i] == '_')) {
            fresh = false;
        } else if (s[i] != '-' || fresh || last) {
            return false;
        }
    }
    return true;
}

bool tt_host_pattern_valid(const char *text, bool of_hosts)
{
    const char *colon = of_hosts ? strchr(text, ':') : NULL;
    uint64_t port;
    size_t star = text[0] == '*' ? 1 : 0;
    if (star && text[1] == '.')
        star = 2;
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    if (colon && (!tt_parse_u64(colon + 1, &port) || port > UINT16_MAX))
        return false;
    return labels_valid(text + star, n - star, of_hosts);
}

static const char *lower(struct tt_arena *a, const char *s)
{
    char *copy = tt_arena_strdup(a, s);
    for (char *p = copy; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

static struct tt_host_pattern *add_pattern(struct tt_host_patterns *p, struct tt_arena *a,
                                           const char *text)
{
    const char *name = lower(a, text);
    struct tt_host_pattern *new;
    if (name[0] != '*') {
        new = tt_arena_alloc(a, sizeof *new);
        tt_map_put(&p->exact, name, new);
    } else {
        struct tt_host_pattern *all = tt_arena_alloc(a, (p->n_wild + 1) * sizeof *all);
        if (p->n_wild)
            memcpy(all, p->wild, p->n_wild * sizeof *all);
        new = &all[p->n_wild++];
        new->suffix = name + 1;
        new->n = strlen(new->suffix);
        p->wild = all;
    }
    new->text = tt_arena_strdup(a, text);
    return new;
}

const struct tt_host_pattern *tt_host_find(const struct tt_host_patterns *p, const char *name)
{
    char key[300];
    const struct tt_host_pattern *best = NULL;
    size_t n = strlen(name);
    if (n >= sizeof key)
        return NULL;
    for (size_t i = 0; i <= n; i++)
        key[i] = (char)tolower((unsigned char)name[i]);
    const struct tt_host_pattern *exact = tt_map_get(&p->exact, key);
    for (size_t i = 0; !exact && i < p->n_wild; i++) {
        const struct tt_host_pattern *w = &p->wild[i];
        if (w->n <= n && memcmp(key + n - w->n, w->suffix, w->n) == 0 && (!best || w->n > best->n))
            best = w;
    }
    return exact ? exact : best;
}

static void read_hosts(struct reader *r, const cJSON *hosts)
{
    for (const cJSON *c = hosts ? hosts->child : NULL; c; c = c->next) {
        struct tt_ip ip;
        uint16_t port;
        if (!c->string) {
            problem(r, "hosts: expected a table [\"name\"] = \"ip[:port]\"");
        } else if (!tt_host_pattern_valid(c->string, true) &&
                   !tt_ip_parse_port(c->string, &ip, &port)) {
            problem(r,
                    "hosts['%s']: expected a name, like api.example.com, api.example.com:443 or "
                    "*.example.com (* at the start only)",
                    c->string);
        } else if (!cJSON_IsString(c) || !tt_ip_parse_port(c->valuestring, &ip, &port)) {
            problem(r, "hosts['%s']: expected text \"IP\" or \"IP:PORT\"", c->string);
        } else {
            struct tt_host_pattern *p = add_pattern(&r->n->hosts, r->a, c->string);
            p->ip = ip;
            p->port = port;
        }
    }
}

static void read_blocked(struct reader *r, const struct tt_text_list *names)
{
    for (size_t i = 0; i < names->n; i++) {
        if (tt_host_pattern_valid(names->items[i], false))
            add_pattern(&r->n->blocked, r->a, names->items[i]);
        else
            problem(r,
                    "block_hostnames: '%s': expected a name, like api.example.com or "
                    "*.example.com (* at the start only)",
                    names->items[i]);
    }
}

/* --- addresses ----------------------------------------------------------------------------------
 */

static void read_blacklist(struct reader *r, const struct tt_text_list *nets)
{
    struct tt_ip_range *all = tt_arena_alloc(r->a, (nets->n + 1) * sizeof *all);
    for (size_t i = 0; i < nets->n; i++) {
        if (tt_ip_range_parse_cidr(nets->items[i], &all[r->n->n_blacklist]))
            r->n->n_blacklist++;
        else
            problem(r, "blacklist_ips: '%s': expected a network, like 10.0.0.0/8 or 127.0.0.1/32",
                    nets->items[i]);
    }
    r->n->blacklist = all;
}

bool tt_network_blacklisted(const struct tt_network *n, const struct tt_ip *ip)
{
    for (size_t i = 0; i < n->n_blacklist; i++)
        if (tt_ip_range_has(&n->blacklist[i], ip))
            return true;
    return false;
}

bool tt_ip_pool_parse(const struct tt_text_list *items, struct tt_arena *a, struct tt_ip_pool *pool,
                      struct tt_err *err)
{
    struct tt_ip_range *ranges = tt_arena_alloc(a, (items->n + 1) * sizeof *ranges);
    for (size_t i = 0; i < items->n; i++)
        if (!tt_ip_range_parse(items->items[i], &ranges[i]))
            return tt_err_set(err, TT_EXIT_CONFIG,
                              "'%s': expected an IP address, a range like 10.0.0.1-10.0.0.9, or a "
                              "network like 10.0.0.0/24",
                              items->items[i]);
    *pool = (struct tt_ip_pool){ranges, items->n};
    return true;
}

/* Sizes are kept as size - 1: ::/0 has 2^128 addresses. */
uint64_t tt_ip_pool_size(const struct tt_ip_pool *pool)
{
    tt_u128 total = 0;
    for (size_t i = 0; i < pool->n; i++) {
        tt_u128 size_1 = pool->ranges[i].last - pool->ranges[i].first.bits;
        total += (size_1 >> 64 ? UINT64_MAX : size_1) + 1;
    }
    return total > UINT64_MAX ? UINT64_MAX : (uint64_t)total;
}

struct tt_ip tt_ip_pool_at(const struct tt_ip_pool *pool, uint64_t index)
{
    uint64_t total = tt_ip_pool_size(pool);
    tt_u128 at = total ? index % total : index;
    for (size_t i = 0; i < pool->n; i++) {
        struct tt_ip ip = pool->ranges[i].first;
        tt_u128 size_1 = pool->ranges[i].last - ip.bits;
        if (at <= size_1) {
            ip.bits += at;
            return ip;
        }
        at -= size_1 + 1;
    }
    return (struct tt_ip){0}; /* not reached: one of the ranges holds it */
}

bool tt_network_local_ip(const struct tt_network *n, uint64_t vu_id, struct tt_ip *ip)
{
    if (n->local.n)
        *ip = tt_ip_pool_at(&n->local, vu_id ? vu_id - 1 : 0);
    return n->local.n > 0;
}

/* --- look-ups -----------------------------------------------------------------------------------
 */

static bool choose(const char *what, const char *text, const char *const (*names)[3], size_t n,
                   unsigned *out, struct tt_err *err)
{
    char all[160] = "";
    for (unsigned i = 0; i < n; i++) {
        for (size_t k = 0; k < 3; k++)
            if (names[i][k] && strcmp(text, names[i][k]) == 0) {
                *out = i;
                return true;
            }
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", names[i][0]);
    }
    return tt_err_set(err, TT_EXIT_CONFIG, "%s: '%.60s': expected one of %s", what, text, all);
}

static bool set_ttl(struct tt_dns *dns, const cJSON *v, struct tt_err *err)
{
    if (cJSON_IsString(v) && strcmp(v->valuestring, "inf") == 0) {
        dns->ttl_ns = UINT64_MAX;
        return true;
    }
    return tt__json_duration(v, &dns->ttl_ns, err) || tt_err_wrap(err, "ttl");
}

static bool set_dns(struct tt_dns *dns, const cJSON *v, struct tt_err *err)
{
    static const char *const fields[] = {"ttl", "select", "policy"};
    static const char *const selects[][3] = {
        {"first"}, {"random"}, {"round_robin", "round-robin", "roundRobin"}};
    static const char *const policies[][3] = {{"prefer_ipv4", "preferIPv4"},
                                              {"prefer_ipv6", "preferIPv6"},
                                              {"only_ipv4", "onlyIPv4"},
                                              {"only_ipv6", "onlyIPv6"},
                                              {"any"}};
    unsigned i = 0;
    if (strcmp(v->string, "ttl") == 0)
        return set_ttl(dns, v, err);
    bool select = strcmp(v->string, "select") == 0;
    if (!select && strcmp(v->string, "policy") != 0)
        return tt__unknown("field", v->string, fields, 3, err);
    const char *text = cJSON_IsString(v) ? v->valuestring : "";
    if (!(select ? choose("select", text, selects, 3, &i, err)
                 : choose("policy", text, policies, 5, &i, err)))
        return false;
    if (select)
        dns->select = (enum tt_dns_select)i;
    else
        dns->policy = (enum tt_dns_policy)i;
    return true;
}

bool tt_dns_parse(const cJSON *v, struct tt_dns *dns, struct tt_err *err)
{
    bool ok = true;
    if (!cJSON_IsString(v)) {
        for (const cJSON *c = v->child; ok && c; c = c->next)
            ok = c->string
                     ? set_dns(dns, c, err)
                     : tt_err_set(err, TT_EXIT_CONFIG, "expected a table with ttl, select, policy");
        return ok;
    }
    char *copy = tt_xstrdup(v->valuestring), *rest = copy, *one;
    while (ok && (one = strsep(&rest, ","))) {
        char *eq = strchr(one, '=');
        cJSON item = {.type = cJSON_String, .string = one};
        if (!eq) {
            ok = tt_err_set(err, TT_EXIT_CONFIG,
                            "'%.60s': expected ttl=5m,select=random,"
                            "policy=prefer_ipv4 or a part of it",
                            one);
            break;
        }
        *eq = '\0';
        item.valuestring = eq + 1;
        ok = set_dns(dns, &item, err);
    }
    tt_free(copy);
    return ok;
}

/* --- all of it ----------------------------------------------------------------------------------
 */

void tt_network_init(struct tt_network *n)
{
    *n = (struct tt_network){.dns = {300ull * 1000000000, TT_DNS_RANDOM, TT_DNS_PREFER_IPV4}};
    tt_map_init(&n->hosts.exact);
    tt_map_init(&n->blocked.exact);
}

void tt_network_read(struct tt_network *n, struct tt_arena *a, const struct tt_options *o,
                     void (*tell)(void *arg, const char *text), void *arg)
{
    struct reader r = {n, a, tell, arg};
    struct tt_err err;
    read_hosts(&r, o->hosts);
    read_blocked(&r, &o->block_hostnames);
    read_blacklist(&r, &o->blacklist_ips);
    if (!tt_ip_pool_parse(&o->local_ips, a, &n->local, &err))
        problem(&r, "local_ips: %s", err.text);
    if (o->dns && !tt_dns_parse(o->dns, &n->dns, &err))
        problem(&r, "dns: %s", err.text);
    n->checks_ips = n->n_blacklist || o->hosts;
}

void tt_network_fini(struct tt_network *n)
{
    tt_map_fini(&n->hosts.exact, NULL);
    tt_map_fini(&n->blocked.exact, NULL);
}
