/* SPDX-License-Identifier: MIT */
/* The service's rules; see rules.h. */
#include "target/tunnel/rules.h"
#include "base/str.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool tt__tunnel_id_ok(const char *id, size_t n)
{
    if (n != TT__TUNNEL_ID_LEN)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!(id[i] >= 'a' && id[i] <= 'z') && !(id[i] >= '0' && id[i] <= '9'))
            return false;
    return true;
}

static struct tt__route by_id(enum tt__route_mode mode, const char *id, size_t n, const char *path)
{
    struct tt__route r = {.mode = TT__ROUTE_NONE, .path = path};
    if (!tt__tunnel_id_ok(id, n))
        return r;
    r.mode = mode;
    memcpy(r.id, id, n);
    return r;
}

struct tt__route tt__route(const char *host, const char *path, const char *domain)
{
    size_t n = strcspn(host, ":");
    size_t d = strlen(domain);
    if (n > d + 1 && host[n - d - 1] == '.' && strncasecmp(host + n - d, domain, d) == 0) {
        size_t label = n - d - 1;
        if (!memchr(host, '.', label))
            return by_id(TT__ROUTE_SUBDOMAIN, host, label, path);
    }
    const char *id = path + (*path == '/');
    size_t len = strcspn(id, "/");
    return by_id(TT__ROUTE_PATH, id, len, id[len] ? id + len : "/");
}

void tt__tunnel_id_new(struct tt_rng *rng, char *out)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = 0; i < TT__TUNNEL_ID_LEN; i++)
        out[i] = alphabet[tt_rng_below(rng, sizeof alphabet - 1)];
    out[TT__TUNNEL_ID_LEN] = '\0';
}

void tt__connection_id_new(struct tt_rng *rng, char out[32])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < 15; i++)
        out[i] = alphabet[tt_rng_below(rng, 64)];
    memcpy(out + 15, "=", 2);
}

void tt__uuid4(struct tt_rng *rng, char out[37])
{
    uint64_t a = tt_rng_next(rng), b = tt_rng_next(rng);
    snprintf(out, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
             (unsigned)(0x8000 | (b >> 48 & 0x3fff)), (unsigned long long)(b & 0xffffffffffffULL));
}

/* --- errors */

#define JSON "application/json"
static const struct tt__error errors[] = {
    [TT__INTERNAL] = {500, JSON, "{\"message\":\"Internal Server Error\"}", NULL},
    [TT__TIMEOUT] = {504, "text/plain", "Gateway Timeout: No response from agent",
                     "Gateway Timeout"},
    [TT__BODY_RULE] = {413, "text/plain",
                       "Request body too large: %llu bytes (maximum: 2097152 bytes)",
                       "Request Entity Too Large"},
    [TT__PAYLOAD] = {413, JSON, "{\"message\":\"Request Entity Too Large\"}", NULL},
    [TT__THROTTLED] = {429, JSON, "{\"message\":\"Too Many Requests\"}", NULL},
    [TT__UNAVAILABLE] = {503, JSON, "{\"message\":\"Service Unavailable\"}", NULL},
    [TT__BAD_GATEWAY] = {502, JSON, "{\"message\":\"Internal server error\"}", NULL},
    [TT__UNAUTHORIZED] = {401, JSON, "{\"message\":\"Unauthorized\"}", NULL},
    [TT__FORBIDDEN] = {403, JSON, "{\"message\":\"Forbidden\"}", NULL},
};

const struct tt__error *tt__error_of(enum tt__problem problem)
{
    return &errors[problem];
}

const struct tt__error *tt__error_for_status(unsigned status)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].status == (int)status && i != TT__BODY_RULE)
            return &errors[i];
    return &errors[TT__INTERNAL];
}

/* --- noticing: the service polls a table, so answers are seen in steps */

uint64_t tt__next_look(enum tt__noticing how, uint64_t elapsed_ms)
{
    uint64_t at = 0, step = 50, most = 500;
    if (how == TT__INSTANT)
        return elapsed_ms;
    if (how == TT__EVENT) {
        if (elapsed_ms <= 200)
            return 200;
        at = 500;
        step = most = 400;
    }
    while (at < elapsed_ms) {
        at += step;
        step = step * 2 > most ? most : step * 2;
    }
    return at;
}

uint64_t tt__give_up(enum tt__noticing how, uint64_t timeout_ms)
{
    return tt__next_look(how, timeout_ms);
}

/* --- throttling */

void tt__bucket_init(struct tt__bucket *b, double rate, double burst, uint64_t now_ns)
{
    *b = (struct tt__bucket){.rate = rate, .burst = burst, .tokens = burst, .last_ns = now_ns};
}

bool tt__bucket_take(struct tt__bucket *b, uint64_t now_ns)
{
    b->tokens += (double)(now_ns - b->last_ns) * 1e-9 * b->rate;
    b->last_ns = now_ns;
    if (b->tokens > b->burst)
        b->tokens = b->burst;
    if (b->tokens < 1)
        return false;
    b->tokens -= 1;
    return true;
}

bool tt__chance(struct tt_rng *rng, double p)
{
    if (p <= 0)
        return false;
    return p >= 1 || tt_rng_double(rng) < p;
}
