/* SPDX-License-Identifier: MIT */
/* Host names to addresses, one resolver per worker: the hosts option, IP literals, names under
 * .localhost, then a cache over the system's resolver (a look-up of one name is under way once at
 * most). Worker thread only; never blocks it. */
#pragma once
#include "loop/loop.h"
#include "plan/plan.h"
#include <sys/socket.h>

struct tt_resolver;
struct tt_address {
    struct sockaddr_storage sa;
    socklen_t len;
};
/* A look-up under way. Embedded by the asker. */
struct tt_lookup {
    void (*done)(struct tt_lookup *l);
    struct tt_address *addrs; /* valid until done returns; ports are set */
    size_t n;
    const char *error;             /* NULL on success: "no such host" ... */
    int error_code;                /* 0, 1101 no such host, 1100 other DNS failure */
    uint64_t started_ns, ended_ns; /* equal when nothing had to be asked */
    struct tt_lookup *next;        /* the rest is the resolver's; zero before the first use */
    void *entry;
    uint16_t port;
};

struct tt_resolver *tt_resolver_new(struct tt_loop *loop, const struct tt_options *opt);
/* Not from inside a done; no look-up is under way (cancel them). */
void tt_resolver_free(struct tt_resolver *r);
/* Starts a look-up. done may be called before this returns. */
void tt_resolve(struct tt_resolver *r, struct tt_lookup *l, const char *host, uint16_t port);
/* done is not called. In any state, also when nothing is under way. */
void tt_resolve_cancel(struct tt_resolver *r, struct tt_lookup *l);
/* The hosts option alone: does an entry match host[:port]? *ip gets text; *port 0 = keep. */
bool tt_resolver_override(const struct tt_resolver *r, const char *host, uint16_t port, char ip[64],
                          uint16_t *new_port);
/* "127.0.0.1:8080" / "[::1]:80" of an address; buf >= 64. */
void tt_address_text(const struct tt_address *a, char *buf, size_t size, uint16_t *port);
