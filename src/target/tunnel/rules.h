/* SPDX-License-Identifier: MIT */
/* The service's rules without its connections: which tunnel a request is for, what its errors look
 * like, when an answer is noticed, how many requests are let in. Pure; any thread. */
#pragma once
#include "base/rng.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TT__TUNNEL_ID_LEN = 12,
    TT__WS_FRAME_MAX = 32768,
    TT__WS_MESSAGE_MAX = 131072,
    TT__BODY_RULE_MAX = 2097152, /* of a request's body, the service's own rule */
    TT__PAYLOAD_MAX = 10485760,  /* the gateway's */
    TT__IDLE_S = 600,
    TT__LIFE_S = 7200,
};

/* --- routing */
enum tt__route_mode { TT__ROUTE_NONE, TT__ROUTE_SUBDOMAIN, TT__ROUTE_PATH };
struct tt__route {
    enum tt__route_mode mode;
    char id[TT__TUNNEL_ID_LEN + 1];
    const char *path; /* what is forwarded; into the path given, or "/" */
};
/* Host first: one label before domain is the id and must look like one. Else the first segment of
 * the path. */
struct tt__route tt__route(const char *host, const char *path, const char *domain);
bool tt__tunnel_id_ok(const char *id, size_t n);
/* 12 of [a-z0-9]; letters twice as often as digits, as a lower-cased alphanumeric sample has. */
void tt__tunnel_id_new(struct tt_rng *rng, char *out);
void tt__connection_id_new(struct tt_rng *rng, char out[32]);
void tt__uuid4(struct tt_rng *rng, char out[37]);

/* --- errors */
enum tt__problem {
    TT__INTERNAL,     /* unknown tunnel, bad id, agent gone, message too long, bad base64 */
    TT__TIMEOUT,      /* no answer from the agent */
    TT__BODY_RULE,    /* over TT__BODY_RULE_MAX */
    TT__PAYLOAD,      /* over TT__PAYLOAD_MAX */
    TT__THROTTLED,    /* over the token bucket */
    TT__UNAVAILABLE,  /* injected 503 */
    TT__BAD_GATEWAY,  /* injected 502 */
    TT__UNAUTHORIZED, /* connect */
    TT__FORBIDDEN,
};
struct tt__error {
    int status;
    const char *type, *body;
    const char *x_tunnel_error; /* or NULL */
};
/* The body of TT__BODY_RULE is a format for the size (unsigned long long). */
const struct tt__error *tt__error_of(enum tt__problem problem);
/* For an injected status; TT__INTERNAL's when it is none of the table's. */
const struct tt__error *tt__error_for_status(unsigned status);

/* --- when an answer is noticed */
enum tt__noticing { TT__POLLING, TT__INSTANT, TT__EVENT };
/* The first look at or after elapsed_ms since the request was sent on. */
uint64_t tt__next_look(enum tt__noticing how, uint64_t elapsed_ms);
/* When the caller gets its 504; answers are noticed until then. */
uint64_t tt__give_up(enum tt__noticing how, uint64_t timeout_ms);

/* --- throttling */
struct tt__bucket {
    double rate, burst, tokens;
    uint64_t last_ns;
};
void tt__bucket_init(struct tt__bucket *b, double rate, double burst, uint64_t now_ns);
bool tt__bucket_take(struct tt__bucket *b, uint64_t now_ns);

bool tt__chance(struct tt_rng *rng, double p); /* draws only when p is between 0 and 1 */
