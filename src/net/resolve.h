/* SPDX-License-Identifier: MIT */
/* Host names to addresses, one resolver per worker: the network options' rules, IP literals, names
 * under .localhost, then a cache over the system's resolver (a look-up of one name is under way
 * once at most). Worker thread only; never blocks it. */
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
    int family;     /* AF_INET or AF_INET6: of local_ips; 0: any */
    uint64_t *turn; /* which of several addresses, for asking again: chosen when it is 0. NULL:
                       chosen anew each time */
    struct tt_address *addrs; /* the chosen first; valid until done returns; ports are set */
    size_t n;
    const char *error; /* NULL on success; valid until done returns */
    int error_code;    /* 0, 1101 no such host, 1100 other DNS failure, 1110 a refused address, 1111
                          a refused name */
    uint64_t started_ns, ended_ns; /* equal when nothing had to be asked */
    struct tt_lookup *next;        /* the rest is the resolver's; zero before the first use */
    void *entry;
    uint16_t port;
};

/* rules NULL: defaults. */
struct tt_resolver *tt_resolver_new(struct tt_loop *loop, const struct tt_network *rules);
/* Not from inside a done; no look-up is under way (cancel them). */
void tt_resolver_free(struct tt_resolver *r);
/* Starts a look-up. done may be called before this returns. */
void tt_resolve(struct tt_resolver *r, struct tt_lookup *l, const char *host, uint16_t port);
/* done is not called. In any state, also when nothing is under way. */
void tt_resolve_cancel(struct tt_resolver *r, struct tt_lookup *l);
/* "127.0.0.1:8080" / "[::1]:80" of an address; buf >= 64. */
void tt_address_text(const struct tt_address *a, char *buf, size_t size, uint16_t *port);
