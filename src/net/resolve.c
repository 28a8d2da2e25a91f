/* SPDX-License-Identifier: MIT */
/* The resolver: the hosts option, literals, .localhost (RFC 6761: never asked of a server), then a
 * cache over uv_getaddrinfo. Worker thread.
 *
 * An entry of the cache is made when a name is first asked and kept while its answer is fresh. Who
 * asks for a name that is being asked waits in the entry's list. A failed entry leaves the map
 * before its askers are told, so that whoever tries again asks anew. uv_getaddrinfo cannot be taken
 * back once a thread runs it: tt_resolver_free leaves such entries to their callback. */
#include "net/resolve.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/str.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_NS (300 * TT_NS_PER_S)
enum { MAX_ADDRS = 16, MAX_NAMES = 4096, MAX_HOST = 255 };

struct entry {
    uv_getaddrinfo_t req;
    struct tt_resolver *owner; /* NULL: the resolver is gone */
    char *name;
    bool asking, telling; /* telling: its askers are being told, it must stay */
    uint64_t until_ns;
    struct tt_lookup *waiting, **tail;
    size_t n;
    struct tt_address addrs[]; /* room for MAX_ADDRS while asking, shrunk to n */
};

struct override {
    char *name; /* lower case; "*" is cut off a suffix */
    bool suffix;
    char ip[64];
    uint16_t port; /* 0: keep */
};

struct tt_resolver {
    struct tt_loop *loop;
    struct tt_map names;
    TT_VEC(struct override) hosts;
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

/* --- the hosts option ------------------------------------------------------------------------ */

static void lower(char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s - 'A' + 'a');
}

/* "1.2.3.4", "1.2.3.4:80", "[::1]:80", "::1". */
static void split_ip_port(const char *text, struct override *o)
{
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[';
    uint64_t port;
    size_t n = strlen(text);
    if (colon && (bracketed ? colon[-1] == ']' : strchr(text, ':') == colon) &&
        tt_parse_u64(colon + 1, &port) && port <= UINT16_MAX) {
        o->port = (uint16_t)port;
        n = (size_t)(colon - text);
    }
    if (bracketed && n >= 2) {
        text++;
        n -= 2;
    }
    snprintf(o->ip, sizeof o->ip, "%.*s", (int)n, text);
}

static void add_override(struct tt_resolver *r, const char *name, const char *value)
{
    struct override o = {.suffix = name[0] == '*'};
    o.name = tt_xstrdup(name + (o.suffix ? 1 : 0));
    lower(o.name);
    split_ip_port(value, &o);
    tt_vec_push(&r->hosts, o);
}

/* The exact name, else the longest suffix. */
static const struct override *find_override(const struct tt_resolver *r, const char *name)
{
    const struct override *best = NULL;
    for (size_t i = 0; i < r->hosts.len; i++) {
        const struct override *o = &r->hosts.items[i];
        if (!o->suffix && tt_streq(o->name, name))
            return o;
        if (o->suffix && tt_ends_with(name, o->name) && strlen(name) > strlen(o->name) &&
            (!best || strlen(o->name) > strlen(best->name)))
            best = o;
    }
    return best;
}

bool tt_resolver_override(const struct tt_resolver *r, const char *host, uint16_t port, char ip[64],
                          uint16_t *new_port)
{
    char name[MAX_HOST + 16];
    if (!r->hosts.len || strlen(host) > MAX_HOST)
        return false;
    bool bare_v6 = host[0] != '[' && strchr(host, ':');
    snprintf(name, sizeof name, bare_v6 ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
    lower(name);
    const struct override *o = find_override(r, name);
    if (!o) {
        snprintf(name, sizeof name, "%s", host);
        lower(name);
        o = find_override(r, name);
    }
    if (!o)
        return false;
    memcpy(ip, o->ip, sizeof o->ip);
    *new_port = o->port;
    return true;
}

/* --- the system's resolver ------------------------------------------------------------------- */

static void finish(struct tt_resolver *r, struct tt_lookup *l, int code, const char *error)
{
    l->error_code = code;
    l->error = error;
    if (l->ended_ns != l->started_ns)
        l->ended_ns = tt_loop_now(r->loop);
    l->done(l);
}

static void succeed(struct tt_resolver *r, struct tt_lookup *l, const struct tt_address *addrs,
                    size_t n, uint16_t port)
{
    struct tt_address own[MAX_ADDRS]; /* askers differ in their ports */
    for (size_t i = 0; i < n; i++) {
        own[i] = addrs[i];
        set_port(&own[i], port);
    }
    l->addrs = own;
    l->n = n;
    finish(r, l, 0, NULL);
}

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
        e->until_ns = tt_loop_now(loop) + FRESH_NS;
        for (l = e->waiting; l; l = l->next)
            l->entry = e;
        tt_map_put(&r->names, e->name, e);
        e->telling = true;
        while ((l = next_waiting(e)))
            succeed(r, l, e->addrs, e->n, l->port);
        e->telling = false;
    } else {
        bool none = status == 0 || status == UV_EAI_NONAME || status == UV_EAI_NODATA;
        while ((l = next_waiting(e)))
            finish(r, l, none ? 1101 : 1100, none ? "no such host" : uv_strerror(status));
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
        succeed(r, l, e->addrs, e->n, port);
        return;
    }
    if (!e && !(e = ask(r, name, &status))) {
        finish(r, l, 1100, uv_strerror(status));
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

struct tt_resolver *tt_resolver_new(struct tt_loop *loop, const struct tt_options *opt)
{
    struct tt_resolver *r = tt_xcalloc(1, sizeof *r);
    r->loop = loop;
    tt_map_init(&r->names);
    const cJSON *hosts = opt ? opt->hosts : NULL;
    for (const cJSON *c = hosts ? hosts->child : NULL; c; c = c->next)
        if (c->string && cJSON_IsString(c))
            add_override(r, c->string, c->valuestring);
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
    for (size_t i = 0; i < r->hosts.len; i++)
        tt_free(r->hosts.items[i].name);
    tt_vec_fini(&r->hosts);
    tt_free(r);
}

/* With or without the dot of the root. */
static bool is_localhost(const char *name)
{
    return tt_streq(name, "localhost") || tt_streq(name, "localhost.") ||
           tt_ends_with(name, ".localhost") || tt_ends_with(name, ".localhost.");
}

void tt_resolve(struct tt_resolver *r, struct tt_lookup *l, const char *host, uint16_t port)
{
    struct tt_address fixed[2];
    char name[MAX_HOST + 2], ip[64];
    uint16_t new_port = 0;
    size_t n = strlen(host);
    l->addrs = NULL;
    l->n = 0;
    l->entry = NULL;
    l->next = NULL;
    l->started_ns = l->ended_ns = tt_loop_now(r->loop);
    if (!n || n > MAX_HOST) {
        finish(r, l, 1101, "no such host");
        return;
    }
    if (tt_resolver_override(r, host, port, ip, &new_port)) {
        if (parse_ip(ip, 0, &fixed[0]))
            succeed(r, l, fixed, 1, new_port ? new_port : port);
        else
            finish(r, l, 1100, "the hosts option gives no IP address for it");
        return;
    }
    if (parse_ip(host, 0, &fixed[0])) {
        succeed(r, l, fixed, 1, port);
        return;
    }
    memcpy(name, host, n + 1);
    lower(name);
    if (is_localhost(name)) {
        parse_ip("127.0.0.1", 0, &fixed[0]);
        parse_ip("::1", 0, &fixed[1]);
        succeed(r, l, fixed, 2, port);
        return;
    }
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
