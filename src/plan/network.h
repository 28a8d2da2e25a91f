/* SPDX-License-Identifier: MIT */
/* The network options, parsed: which names and addresses may be reached and by which address, from
 * where, and how names are looked up. Made by the coordinator as part of the plan, then immutable
 * and read by all. What it holds lives in the arena it was parsed into. */
#pragma once
#include "base/ip.h"
#include "base/map.h"
#include "plan/options.h"

/* A name, or "*" and the end of names, lower case; with or without ":port". */
struct tt_host_pattern {
    const char *text;   /* as written */
    const char *suffix; /* what follows the "*" */
    size_t n;           /* of suffix */
    struct tt_ip ip;    /* of the hosts option */
    uint16_t port;      /* likewise; 0: the one that is asked for */
};
struct tt_host_patterns {
    struct tt_map exact; /* name -> struct tt_host_pattern */
    const struct tt_host_pattern *wild;
    size_t n_wild;
};

enum tt_dns_select { TT_DNS_FIRST, TT_DNS_RANDOM, TT_DNS_ROUND_ROBIN };
enum tt_dns_policy {
    TT_DNS_PREFER_IPV4,
    TT_DNS_PREFER_IPV6,
    TT_DNS_ONLY_IPV4,
    TT_DNS_ONLY_IPV6,
    TT_DNS_ANY
};
struct tt_dns {
    uint64_t ttl_ns; /* 0: ask each time; UINT64_MAX: for ever */
    enum tt_dns_select select;
    enum tt_dns_policy policy;
};

struct tt_ip_pool {
    const struct tt_ip_range *ranges;
    size_t n;
};

struct tt_network {
    struct tt_host_patterns hosts, blocked;
    const struct tt_ip_range *blacklist;
    size_t n_blacklist;
    struct tt_ip_pool local; /* n 0: the system chooses */
    struct tt_dns dns;
    bool checks_ips; /* a literal address may be replaced or refused too */
};

void tt_network_init(struct tt_network *n); /* the defaults */
/* From hosts, block_hostnames, blacklist_ips, local_ips and dns. problem is told each fault. */
void tt_network_read(struct tt_network *n, struct tt_arena *a, const struct tt_options *o,
                     void (*problem)(void *arg, const char *text), void *arg);
void tt_network_fini(struct tt_network *n);

/* The entry for a name as it is written, port and all; the exact one, else the longest "*" entry.
 * NULL: none. */
const struct tt_host_pattern *tt_host_find(const struct tt_host_patterns *p, const char *name);
bool tt_network_blacklisted(const struct tt_network *n, const struct tt_ip *ip);
/* The source address of a VU (ids count from 1); false: the system chooses. */
bool tt_network_local_ip(const struct tt_network *n, uint64_t vu_id, struct tt_ip *ip);

/* The parts, also for their own sake. of_hosts: a port may follow, and names of containers have
 * underscores. */
bool tt_host_pattern_valid(const char *text, bool of_hosts);
bool tt_ip_pool_parse(const struct tt_text_list *items, struct tt_arena *a, struct tt_ip_pool *pool,
                      struct tt_err *err);
uint64_t tt_ip_pool_size(const struct tt_ip_pool *pool);                   /* at most UINT64_MAX */
struct tt_ip tt_ip_pool_at(const struct tt_ip_pool *pool, uint64_t index); /* wraps */
/* "ttl=5m,select=random,policy=prefer_ipv4" or a table of the same; *dns has the defaults. */
bool tt_dns_parse(const cJSON *v, struct tt_dns *dns, struct tt_err *err);
