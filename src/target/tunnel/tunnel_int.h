/* SPDX-License-Identifier: MIT */
/* The tunnel server's state, shared by its files. Server's thread. */
#pragma once
#include "base/map.h"
#include "target/target.h"
#include "target/tunnel/message.h"
#include "target/tunnel/rules.h"

enum tt__tunnel_counter {
    TT__AGENTS,       /* upgrades accepted */
    TT__ESTABLISHED,  /* connection_established sent, once an agent */
    TT__REJECTED,     /* upgrades refused or dropped */
    TT__DISCONNECTED, /* agents gone */
    TT__REQUESTS,     /* HTTP requests */
    TT__FORWARDED,    /* sent on to an agent */
    TT__ANSWERED,     /* replied to with what the agent said, its errors included */
    TT__TIMEOUTS,     /* 504 for want of an answer */
    TT__ERRORS,       /* the service's other errors */
    TT__LATE,         /* answers for no waiting request */
    TT__BAD_MESSAGES, /* not understood */
    TT__ABANDONED,    /* callers that left before their answer */
    TT__N_COUNTERS,
};

struct tt__tunnel_config {
    struct tt_target_common common;
    const char *domain, *jwt_secret;
    bool require_auth, limits, throttle;
    uint64_t primary, public_form, noticing; /* choices */
    uint64_t timeout_ms, rate, burst, seed, idle_s, life_s;
    /* faults */
    double connect_reject, connect_drop, ready_ignore, lambda_error;
    double http_reject, req_drop, req_dup, resp_drop, disconnect_on_req;
    uint64_t connect_reject_status, connect_delay_ms, ready_delay_ms, http_reject_status;
    uint64_t req_delay_ms, resp_delay_ms, latency_ms, latency_jitter_ms;
    uint64_t disconnect_after_reqs, disconnect_after_s, disconnect_code;
};

struct tt__tunnel {
    struct tt_target *target;
    const struct tt__tunnel_config *config;
    struct tt_server *server;
    struct tt_loop *loop;
    struct tt_rng rng;
    struct tt_map agents;  /* by tunnel id */
    struct tt_map pending; /* by request id */
    struct tt__bucket bucket;
};

struct tt__agent {
    struct tt__tunnel *tunnel;
    struct tt_peer *ws;
    struct tt__address address;
    struct tt_timer ready, idle, end;
    unsigned ready_due; /* ready messages that wait for ready_delay_ms */
    bool established;
    uint64_t n_requests;
};

/* What an exchange's user points to. */
enum tt__waiting_kind { TT__WAITS_CONNECT, TT__WAITS_ANSWER };
struct tt__waiting {
    enum tt__waiting_kind kind;
    struct tt__tunnel *tunnel;
    struct tt_exchange *x;
};

void tt__tunnel_count(struct tt__tunnel *n, enum tt__tunnel_counter c);
void tt__tunnel_after(struct tt__tunnel *n, struct tt_timer *t, uint64_t ms); /* from now */
/* The configured delay plus latency and its jitter. */
uint64_t tt__tunnel_delay(struct tt__tunnel *n, uint64_t ms);
void tt__tunnel_error(struct tt__tunnel *n, struct tt_exchange *x, const struct tt__error *e);
/* agent.c */
void tt__agent_connect(struct tt__tunnel *n, struct tt_exchange *x);
void tt__agent_connect_gone(struct tt__waiting *w);
void tt__agent_open(struct tt_peer *ws, void *user);
void tt__agent_message(struct tt_peer *ws, const char *p, size_t n, bool binary, void *user);
void tt__agent_closed(struct tt_peer *ws, void *user);
void tt__agent_disconnect(struct tt__agent *a); /* as disconnect_code says */
/* forward.c */
void tt__forward_request(struct tt__tunnel *n, struct tt_exchange *x);
void tt__forward_gone(struct tt__waiting *w);
void tt__forward_answer(struct tt__tunnel *n, struct tt__message *m); /* takes its json */
