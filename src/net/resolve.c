/* SPDX-License-Identifier: MIT */
/* The resolver: blocked names, the hosts option, literals, .localhost (RFC 6761: never asked of a
 * server), then a cache over uv_getaddrinfo; last the refused networks. Worker thread.
 *
 * An entry of the cache is made when a name is first asked and kept while its answer is fresh. Who
 * asks for a name that is being asked waits in the entry's list. A failed entry leaves the map
 * before its askers are told, so that whoever tries again asks anew. uv_getaddrinfo cannot be taken
 * back once a thread runs it: tt_resolver_free leaves such entries to their callback. */
#include "net/resolve.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/str.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ADDRS = 16, MAX_NAMES = 4096, MAX_HOST = 255 };

struct entry {
    uv_getaddrinfo_t req;
    struct tt_resolver *owner; /* NULL: the resolver is gone */
    char *name;
    bool asking, telling; /* telling: its askers are being told, it must stay */
    uint64_t until_ns;
    uint64_t turns; /* of round robin */
    struct tt_lookup *waiting, **tail;
    size_t n;
    struct tt_address addrs[]; /* room for MAX_ADDRS while asking, shrunk to n */
};

struct tt_resolver {
    struct tt_loop *loop;
    struct tt_map names;
    const struct tt_network *rules;
    struct tt_network defaults; /* when no rules are given */
    struct tt_rng rng;
    bool has_hosts;
};

/* --- addresses ------------------------------------------------------------------------------- */

static void set_port(struct tt_address *a, uint16_t port)
{
    if (a->sa.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&a->sa)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)&a->sa)->sin_port = htons(port);
}

/* "127.0.0.1", "::1", "[::1]", "fe80::1%lo". */
static bool parse_ip(const char *text, uint16_t port, struct tt_address *a)
{
    char bare[64];
    struct sockaddr_in *v4 = (void *)&a->sa;
    struct sockaddr_in6 *v6 = (void *)&a->sa;
    size_t n = strlen(text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (!n || n >= sizeof bare)
        return false;
    memcpy(bare, text, n);
    bare[n] = '\0';
    memset(a, 0, sizeof *a);
    if (uv_ip4_addr(bare, port, v4) == 0) {
        a->len = sizeof *v4;
        return true;
    }
    if (strchr(bare, ':') && uv_ip6_addr(bare, port, v6) == 0) {
        a->len = sizeof *v6;
        return true;
    }
    return false;
}

void tt_address_text(const struct tt_address *a, char *buf, size_t size, uint16_t *port)
{
    char ip[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *v4 = (const void *)&a->sa;
    const struct sockaddr_in6 *v6 = (const void *)&a->sa;
    bool six = a->sa.ss_family == AF_INET6;
    uint16_t p = ntohs(six ? v6->sin6_port : v4->sin_port);
    if (six)
        inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof ip);
    else
        inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof ip);
    snprintf(buf, size, six ? "[%s]:%u" : "%s:%u", ip, (unsigned)p);
    if (port)
        *port = p;
}

static void lower(char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s - 'A' + 'a');
}

/* --- which addresses, in which order -------------------------------------------------------------
 */

/* Stable: those that are wanted first come first. Gives how many they are. */
static size_t bring_forward(struct tt_address *a, size_t n, int family)
{
    struct tt_address other[MAX_ADDRS];
    size_t kept = 0, others = 0;
    for (size_t i = 0; i < n; i++)
        if (a[i].sa.ss_family == family)
            a[kept++] = a[i];
        else
            other[others++] = a[i];
    memcpy(a + kept, other, others * sizeof *a);
    return kept;
}

static void rotate(struct tt_address *a, size_t n, uint64_t by)
{
    struct tt_address turned[MAX_ADDRS];
    for (size_t i = 0; i < n; i++)
        turned[i] = a[(i + by) % n];
    memcpy(a, turned, n * sizeof *a);
}

/* The dns option: the preferred family first and in it the chosen address; the others follow as
 * what to try next. turns NULL: the address is given, there is nothing to choose. Gives how many
 * are left. */
static size_t arrange(struct tt_resolver *r, struct tt_lookup *l, struct tt_address *a, size_t n,
                      uint64_t *turns)
{
    const struct tt_dns *dns = &r->rules->dns;
    bool only = dns->policy == TT_DNS_ONLY_IPV4 || dns->policy == TT_DNS_ONLY_IPV6;
    bool six = dns->policy == TT_DNS_PREFER_IPV6 || dns->policy == TT_DNS_ONLY_IPV6;
    size_t first = n;
    if (l->family)
        first = n = bring_forward(a, n, l->family);
    if (!turns)
        return n;
    if (dns->policy != TT_DNS_ANY)
        first = bring_forward(a, n, six ? AF_INET6 : AF_INET);
    if (only)
        n = first;
    if (!first)
        first = n; /* none of the preferred: choose among the others */
    if (first < 2 || dns->select == TT_DNS_FIRST)
        return n;
    uint64_t fresh = 0, *turn = l->turn ? l->turn : &fresh;
    if (!*turn)
        *turn = dns->select == TT_DNS_RANDOM ? 1 + tt_rng_below(&r->rng, UINT32_MAX) : ++*turns;
    rotate(a, first, *turn - 1);
    return n;
}

static size_t drop_blacklisted(const struct tt_resolver *r, struct tt_address *a, size_t n)
{
    struct tt_ip ip;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!tt_ip_from_sockaddr((const struct sockaddr *)&a[i].sa, &ip) ||
            !tt_network_blacklisted(r->rules, &ip))
            a[kept++] = a[i];
    return kept;
}

/* The entry of the hosts option for host:port, else for host. */
static const struct tt_host_pattern *find_override(const struct tt_resolver *r, const char *host,
                                                   uint16_t port)
{
    char name[MAX_HOST + 16];
    bool bare_v6 = host[0] != '[' && strchr(host, ':');
    if (!r->has_hosts)
        return NULL;
    snprintf(name, sizeof name, bare_v6 ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
    const struct tt_host_pattern *p = tt_host_find(&r->rules->hosts, name);
    return p ? p : tt_host_find(&r->rules->hosts, host);
}

/* --- answers -------------------------------------------------------------------------------------
 */

static void finish(struct tt_resolver *r, struct tt_lookup *l)
{
    if (l->ended_ns != l->started_ns)
        l->ended_ns = tt_loop_now(r->loop);
    l->done(l);
}

static void TT_PRINTF(4, 5)
    fail(struct tt_resolver *r, struct tt_lookup *l, int code, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    l->error_code = code;
    l->error = text;
    finish(r, l);
}

static void succeed(struct tt_resolver *r, struct tt_lookup *l, const struct tt_address *addrs,
                    size_t n, uint16_t port, uint64_t *turns)
{
    struct tt_address own[MAX_ADDRS]; /* askers differ in their ports and their turns */
    memcpy(own, addrs, n * sizeof *addrs);
    n = arrange(r, l, own, n, turns);
    if (!n) {
        fail(r, l, 1101,
             l->family ? "no address of the family of local_ips"
                       : "no address that the policy of the option dns allows");
        return;
    }
    n = drop_blacklisted(r, own, n);
    if (!n) {
        char ip[64];
        tt_address_text(addrs, ip, sizeof ip, NULL);
        *strrchr(ip, ':') = '\0';
        fail(r, l, 1110, "the address %s is refused by blacklist_ips", ip);
        return;
    }
    for (size_t i = 0; i < n; i++)
        set_port(&own[i], port);
    l->addrs = own;
    l->n = n;
    l->error_code = 0;
    l->error = NULL;
    finish(r, l);
}

/* --- the system's resolver ------------------------------------------------------------------- */

static void free_entry(void *p)
{
    struct entry *e = p;
    tt_free(e->name);
    tt_free(e);
}

static void keep_addrs(struct entry *e, const struct addrinfo *ai)
{
    for (; ai && e->n < MAX_ADDRS; ai = ai->ai_next) {
        if ((ai->ai_family != AF_INET && ai->ai_family != AF_INET6) ||
            ai->ai_addrlen > sizeof(struct sockaddr_storage))
            continue;
        struct tt_address *a = &e->addrs[e->n++];
        memset(a, 0, sizeof *a);
        memcpy(&a->sa, ai->ai_addr, ai->ai_addrlen);
        a->len = ai->ai_addrlen;
    }
}

static struct tt_lookup *next_waiting(struct entry *e)
{
    struct tt_lookup *l = e->waiting;
    if (l) {
        e->waiting = l->next;
        l->next = NULL;
        l->entry = NULL;
    }
    return l;
}

static uint64_t fresh_until(const struct tt_resolver *r, uint64_t now)
{
    uint64_t ttl = r->rules->dns.ttl_ns;
    return ttl < TT_NEVER - now ? now + ttl : TT_NEVER;
}

static void on_answer(uv_getaddrinfo_t *req, int status, struct addrinfo *ai)
{
    struct entry *e = req->data;
    struct tt_resolver *r = e->owner;
    struct tt_lookup *l;
    if (status == 0)
        keep_addrs(e, ai);
    uv_freeaddrinfo(ai);
    if (!r) {
        free_entry(e);
        return;
    }
    struct tt_loop *loop = r->loop;
    tt_map_remove(&r->names, e->name);
    if (e->n) {
        size_t size = sizeof *e + e->n * sizeof *e->addrs;
        if (!e->waiting)
            e->tail = NULL; /* it points into e */
        e = tt_xrealloc(e, size);
        e->asking = false;
        e->until_ns = fresh_until(r, tt_loop_now(loop));
        for (l = e->waiting; l; l = l->next)
            l->entry = e;
        tt_map_put(&r->names, e->name, e);
        e->telling = true;
        while ((l = next_waiting(e)))
            succeed(r, l, e->addrs, e->n, l->port, &e->turns);
        e->telling = false;
    } else {
        bool none = status == 0 || status == UV_EAI_NONAME || status == UV_EAI_NODATA;
        while ((l = next_waiting(e)))
            fail(r, l, none ? 1101 : 1100, "lookup %s: %s", e->name,
                 none ? "no such host" : uv_strerror(status));
        free_entry(e);
    }
    tt_loop_run_ready(loop);
}

static void make_room(struct tt_resolver *r)
{
    if (tt_map_count(&r->names) < MAX_NAMES)
        return;
    for (struct tt_map_iter it = tt_map_first(&r->names); tt_map_next(&it);) {
        struct entry *e = it.value;
        if (!e->asking && !e->telling) {
            tt_map_remove(&r->names, e->name);
            free_entry(e);
            return;
        }
    }
}

/* NULL with *status when the system cannot even start. */
static struct entry *ask(struct tt_resolver *r, const char *name, int *status)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    make_room(r);
    struct entry *e = tt_xcalloc(1, sizeof *e + MAX_ADDRS * sizeof *e->addrs);
    e->owner = r;
    e->name = tt_xstrdup(name);
    e->asking = true;
    e->tail = &e->waiting;
    e->req.data = e;
    *status = uv_getaddrinfo(tt_loop_uv(r->loop), &e->req, on_answer, name, NULL, &hints);
    if (*status) {
        free_entry(e);
        return NULL;
    }
    tt_map_put(&r->names, name, e);
    return e;
}

static void resolve_name(struct tt_resolver *r, struct tt_lookup *l, const char *name,
                         uint16_t port)
{
    int status;
    struct entry *e = tt_map_get(&r->names, name);
    if (e && !e->asking && !e->telling && e->until_ns <= l->started_ns) {
        tt_map_remove(&r->names, e->name);
        free_entry(e);
        e = NULL;
    }
    if (e && !e->asking) {
        succeed(r, l, e->addrs, e->n, port, &e->turns);
        return;
    }
    if (!e && !(e = ask(r, name, &status))) {
        fail(r, l, 1100, "lookup %s: %s", name, uv_strerror(status));
        return;
    }
    l->port = port;
    l->ended_ns = 0; /* differs from the start: finish() stamps it */
    l->entry = e;
    l->next = NULL;
    *e->tail = l;
    e->tail = &l->next;
}

/* --- public ---------------------------------------------------------------------------------- */

struct tt_resolver *tt_resolver_new(struct tt_loop *loop, const struct tt_network *rules)
{
    struct tt_resolver *r = tt_xcalloc(1, sizeof *r);
    r->loop = loop;
    tt_map_init(&r->names);
    tt_network_init(&r->defaults);
    r->rules = rules ? rules : &r->defaults;
    r->has_hosts = r->rules->hosts.n_wild || tt_map_count(&r->rules->hosts.exact);
    tt_rng_seed(&r->rng, tt_random_seed());
    return r;
}

void tt_resolver_free(struct tt_resolver *r)
{
    if (!r)
        return;
    for (struct tt_map_iter it = tt_map_first(&r->names); tt_map_next(&it);) {
        struct entry *e = it.value;
        TT_ASSERT(!e->waiting);
        if (e->asking) {
            e->owner = NULL;
            uv_cancel((uv_req_t *)&e->req);
        } else {
            free_entry(e);
        }
    }
    tt_map_fini(&r->names, NULL);
    tt_network_fini(&r->defaults);
    tt_free(r);
}

/* With or without the dot of the root. */
static bool is_localhost(const char *name)
{
    return tt_streq(name, "localhost") || tt_streq(name, "localhost.") ||
           tt_ends_with(name, ".localhost") || tt_ends_with(name, ".localhost.");
}

/* What needs no look-up: an entry of hosts, a literal, names under .localhost. Gives how many
 * addresses; 0: ask. */
static size_t at_hand(const struct tt_resolver *r, const char *host, struct tt_address out[2],
                      uint16_t *port)
{
    const struct tt_host_pattern *entry = find_override(r, host, *port);
    if (entry) {
        out[0].len = tt_ip_to_sockaddr(&entry->ip, 0, &out[0].sa);
        *port = entry->port ? entry->port : *port;
        return 1;
    }
    if (parse_ip(host, 0, &out[0]))
        return 1;
    if (!is_localhost(host))
        return 0;
    parse_ip("127.0.0.1", 0, &out[0]);
    parse_ip("::1", 0, &out[1]);
    return 2;
}

void tt_resolve(struct tt_resolver *r, struct tt_lookup *l, const char *host, uint16_t port)
{
    struct tt_address fixed[2];
    char name[MAX_HOST + 2];
    size_t n = strlen(host);
    l->addrs = NULL;
    l->n = 0;
    l->entry = NULL;
    l->next = NULL;
    l->started_ns = l->ended_ns = tt_loop_now(r->loop);
    if (!n || n > MAX_HOST) {
        fail(r, l, 1101, "lookup: no such host");
        return;
    }
    memcpy(name, host, n + 1);
    lower(name);
    const struct tt_host_pattern *blocked = tt_host_find(&r->rules->blocked, name);
    if (blocked && !parse_ip(name, 0, &fixed[0])) {
        fail(r, l, 1111, "the name %s is refused by block_hostnames ('%s')", name, blocked->text);
        return;
    }
    uint64_t turns = 0;
    n = at_hand(r, name, fixed, &port);
    if (n)
        succeed(r, l, fixed, n, port, n > 1 ? &turns : NULL);
    else
        resolve_name(r, l, name, port);
}

void tt_resolve_cancel(struct tt_resolver *r, struct tt_lookup *l)
{
    struct entry *e = l->entry;
    (void)r;
    if (!e)
        return;
    struct tt_lookup **p = &e->waiting;
    while (*p != l)
        p = &(*p)->next;
    *p = l->next;
    if (e->tail == &l->next)
        e->tail = p;
    l->entry = NULL;
    l->next = NULL;
}
