/* SPDX-License-Identifier: MIT */
/* The jar is one list in the order in which cookies are sent: paths descending, then by age. A VU
 * has a handful of cookies, so a walk over them beats an index. */
#include "proto/http/jar.h"
#include "base/memory.h"
#include "base/str.h"
#include "proto/http/headers.h"
#include <arpa/inet.h>
#include <string.h>

enum { HOST_MAX = 256 };

struct entry {
    struct entry *next;
    uint64_t number; /* in order of creation */
    struct tt_slice name, value, domain, path;
    int64_t expires_ms;
    bool persistent, host_only, secure;
    char block[];
};

struct tt_http_jar {
    unsigned refs;
    size_t n;
    uint64_t next_number;
    struct entry *first;
};

/* A URL as the jar sees it. */
struct place {
    char host[HOST_MAX]; /* lower case, without a dot at its end */
    size_t host_len;
    bool is_ip, secure;
    struct tt_slice path;
};

struct tt_http_jar *tt_http_jar_new(void)
{
    struct tt_http_jar *j = tt_xcalloc(1, sizeof *j);
    j->refs = 1;
    return j;
}

struct tt_http_jar *tt_http_jar_ref(struct tt_http_jar *j)
{
    j->refs++;
    return j;
}

void tt_http_jar_clear(struct tt_http_jar *j)
{
    while (j->first) {
        struct entry *e = j->first;
        j->first = e->next;
        tt_free(e);
    }
    j->n = 0;
}

bool tt_http_jar_empty(const struct tt_http_jar *j)
{
    return j->n == 0;
}

void tt_http_jar_unref(struct tt_http_jar *j)
{
    if (!j || --j->refs)
        return;
    tt_http_jar_clear(j);
    tt_free(j);
}

/* --- places ------------------------------------------------------------------------------------
 */

static bool same(struct tt_slice a, struct tt_slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static int compare(struct tt_slice a, struct tt_slice b)
{
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static void lower(char *to, struct tt_slice from)
{
    for (size_t i = 0; i < from.n; i++)
        to[i] = from.p[i] >= 'A' && from.p[i] <= 'Z' ? (char)(from.p[i] | 0x20) : from.p[i];
    to[from.n] = '\0';
}

static bool ends_in(struct tt_slice s, struct tt_slice suffix)
{
    return s.n > suffix.n && s.p[s.n - suffix.n - 1] == '.' &&
           memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0;
}

/* Browsers and Go's jar take this host for secure, whatever the scheme. */
static bool is_loopback(const struct place *at)
{
    struct tt_slice host = {at->host, at->host_len}, name = {"localhost", 9};
    struct in_addr v4;
    if (same(host, name) || ends_in(host, name) || strcmp(at->host, "::1") == 0)
        return true;
    return inet_pton(AF_INET, at->host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* False: no host that a cookie can belong to. */
static bool place_of(const struct tt_http_url *url, struct place *at)
{
    struct tt_slice host = url->host;
    struct in_addr v4;
    if (host.n && host.p[host.n - 1] == '.')
        host.n--;
    if (host.n == 0 || host.n >= sizeof at->host)
        return false;
    lower(at->host, host);
    at->host_len = host.n;
    at->is_ip = memchr(host.p, ':', host.n) || inet_pton(AF_INET, at->host, &v4) == 1;
    at->secure = url->https || is_loopback(at);
    size_t n = 0;
    while (n < url->rest.n && url->rest.p[n] != '?' && url->rest.p[n] != '#')
        n++;
    at->path = n ? (struct tt_slice){url->rest.p, n} : (struct tt_slice){"/", 1};
    return true;
}

static struct tt_slice folder_of(struct tt_slice path)
{
    size_t n = path.n;
    while (n > 1 && path.p[n - 1] != '/')
        n--;
    return n > 1 ? (struct tt_slice){path.p, n - 1} : (struct tt_slice){"/", 1};
}

/* --- storing -----------------------------------------------------------------------------------
 */

/* The last two labels of a host: what it may set cookies for at most, as no list of public suffixes
 * is asked. */
static struct tt_slice site_of(const struct place *at)
{
    size_t from = at->host_len, dots = 0;
    while (from > 0 && (at->host[from - 1] != '.' || ++dots < 2))
        from--;
    return (struct tt_slice){at->host + from, at->host_len - from};
}

/* The cookie's domain into *domain (text: room for it). False: not one that at may name. */
static bool take_domain(const struct place *at, struct tt_slice wanted, char text[HOST_MAX],
                        struct tt_slice *domain, bool *host_only)
{
    struct tt_slice host = {at->host, at->host_len};
    *domain = host;
    *host_only = true;
    if (wanted.n == 0)
        return true;
    if (at->is_ip)
        return same(wanted, host);
    if (wanted.p[0] == '.')
        wanted = (struct tt_slice){wanted.p + 1, wanted.n - 1};
    if (wanted.n == 0 || wanted.n >= HOST_MAX)
        return false;
    lower(text, wanted);
    wanted.p = text;
    if (!same(wanted, host) && !ends_in(host, wanted))
        return false;
    struct tt_slice site = site_of(at);
    *domain = wanted.n < site.n ? site : wanted;
    *host_only = !memchr(domain->p, '.', domain->n);
    return true;
}

/* Where the cookie is, or where it belongs. */
static struct entry **find(struct tt_http_jar *j, const struct entry *e)
{
    struct entry **at = &j->first;
    for (; *at; at = &(*at)->next)
        if (same((*at)->name, e->name) && same((*at)->domain, e->domain) &&
            same((*at)->path, e->path))
            break;
    return at;
}

static void take_out(struct tt_http_jar *j, struct entry **at)
{
    struct entry *e = *at;
    *at = e->next;
    tt_free(e);
    j->n--;
}

static void drop_oldest(struct tt_http_jar *j)
{
    struct entry **oldest = &j->first;
    for (struct entry **at = &j->first; *at; at = &(*at)->next)
        if ((*at)->number < (*oldest)->number)
            oldest = at;
    take_out(j, oldest);
}

static void insert(struct tt_http_jar *j, struct entry *e)
{
    struct entry **at = &j->first;
    for (; *at; at = &(*at)->next) {
        int order = compare(e->path, (*at)->path);
        if (order > 0 || (order == 0 && e->number < (*at)->number))
            break;
    }
    e->next = *at;
    *at = e;
    j->n++;
}

static char *copy(char *to, struct tt_slice *s)
{
    if (s->n)
        memcpy(to, s->p, s->n);
    s->p = to;
    return to + s->n;
}

static void add(struct tt_http_jar *j, const struct entry *like)
{
    struct entry *e =
        tt_xmalloc(sizeof *e + like->name.n + like->value.n + like->domain.n + like->path.n);
    *e = *like;
    copy(copy(copy(copy(e->block, &e->name), &e->value), &e->domain), &e->path);
    insert(j, e);
}

bool tt_http_jar_set(struct tt_http_jar *j, const struct tt_http_url *url,
                     const struct tt_http_cookie *c, int64_t now_ms)
{
    struct place at;
    char text[HOST_MAX];
    if (!place_of(url, &at))
        return false;
    struct entry e = {.name = c->name, .value = c->value, .secure = c->secure};
    if (!take_domain(&at, c->domain, text, &e.domain, &e.host_only))
        return false;
    e.path = c->path.n && c->path.p[0] == '/' ? c->path : folder_of(at.path);
    bool over = c->max_age < 0 || (c->max_age == 0 && c->has_expires && c->expires_ms <= now_ms);
    e.persistent = c->max_age > 0 || c->has_expires;
    e.expires_ms = c->expires_ms;
    if (c->max_age > 0)
        e.expires_ms =
            c->max_age < (INT64_MAX - now_ms) / 1000 ? now_ms + c->max_age * 1000 : INT64_MAX;
    struct entry **old = find(j, &e);
    e.number = *old ? (*old)->number : j->next_number++;
    if (*old)
        take_out(j, old);
    if (over)
        return true;
    if (j->n == TT_HTTP_JAR_MAX)
        drop_oldest(j);
    add(j, &e);
    return true;
}

void tt_http_jar_store(struct tt_http_jar *j, const struct tt_http_url *url, const char *head,
                       size_t n, int64_t now_ms)
{
    struct tt_http_header h;
    struct tt_http_cookie c;
    size_t at = 0;
    while (tt_http_headers_next(head, n, &at, &h))
        if (h.name.n == 10 && tt_strnieq(h.name.p, "Set-Cookie", 10) &&
            tt_http_cookie_parse(h.value, &c))
            tt_http_jar_set(j, url, &c, now_ms);
}

/* --- finding -----------------------------------------------------------------------------------
 */

static bool path_matches(struct tt_slice cookie, struct tt_slice path)
{
    if (path.n < cookie.n || memcmp(path.p, cookie.p, cookie.n) != 0)
        return false;
    return path.n == cookie.n || cookie.p[cookie.n - 1] == '/' || path.p[cookie.n] == '/';
}

static bool goes_to(const struct entry *e, const struct place *at)
{
    struct tt_slice host = {at->host, at->host_len};
    return (same(e->domain, host) || (!e->host_only && ends_in(host, e->domain))) &&
           path_matches(e->path, at->path) && (!e->secure || at->secure);
}

void tt_http_jar_for(struct tt_http_jar *j, const struct tt_http_url *url, int64_t now_ms,
                     tt_http_jar_each each, void *arg)
{
    struct place here;
    if (!j->first || !place_of(url, &here))
        return;
    for (struct entry **at = &j->first; *at;) {
        const struct entry *e = *at;
        if (e->persistent && e->expires_ms <= now_ms) {
            take_out(j, at);
            continue;
        }
        if (goes_to(e, &here))
            each(arg, e->name, e->value);
        at = &(*at)->next;
    }
}

void tt_http_jar_remove(struct tt_http_jar *j, const struct tt_http_url *url, struct tt_slice name)
{
    struct place here;
    if (!place_of(url, &here))
        return;
    for (struct entry **at = &j->first; *at;) {
        if (goes_to(*at, &here) && (!name.p || same((*at)->name, name)))
            take_out(j, at);
        else
            at = &(*at)->next;
    }
}
