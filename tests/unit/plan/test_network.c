/* SPDX-License-Identifier: MIT */
/* The network options against k6's answers, and what is ours. */
#include "plan/network.h"
#include "unit.h"
#include "vectors.h"

struct fixture {
    struct tt_arena arena;
    struct tt_options opt;
    struct tt_network n;
    char problems[2000];
    cJSON *vectors;
};

static int setup(void **state)
{
    struct fixture *f = tt_xcalloc(1, sizeof *f);
    tt_arena_init(&f->arena);
    tt_options_init(&f->opt, &f->arena);
    tt_network_init(&f->n);
    f->vectors = vectors_read("network-options.json");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    cJSON_Delete(f->vectors);
    tt_network_fini(&f->n);
    tt_options_fini(&f->opt);
    tt_arena_fini(&f->arena);
    tt_free(f);
    return 0;
}

static void on_problem(void *arg, const char *text)
{
    struct fixture *f = arg;
    strncat(f->problems, text, sizeof f->problems - strlen(f->problems) - 2);
    strcat(f->problems, "\n");
}

static void read_options(struct fixture *f, const cJSON *options)
{
    struct tt_err err = {0};
    assert_true(
        tt_options_apply_json(&f->opt, &f->arena, options, TT_LAYER_SCRIPT, "options", &err));
    tt_network_fini(&f->n);
    tt_network_init(&f->n);
    f->problems[0] = '\0';
    tt_network_read(&f->n, &f->arena, &f->opt, on_problem, f);
}

static void read_text(struct fixture *f, const char *options)
{
    cJSON *v = cJSON_Parse(options);
    read_options(f, v);
    cJSON_Delete(v);
}

/* An option whose value is a part of a vector. */
static void read_option(struct fixture *f, const char *name, const cJSON *value)
{
    cJSON *v = cJSON_CreateObject();
    cJSON_AddItemToObject(v, name, cJSON_Duplicate(value, true));
    read_options(f, v);
    cJSON_Delete(v);
    assert_string_equal(f->problems, "");
}

static void hosts_match_as_in_k6(void **state)
{
    struct fixture *f = *state;
    const cJSON *hosts = field(f->vectors, "hosts"), *q;
    read_option(f, "hosts", field(hosts, "map"));
    cJSON_ArrayForEach(q, field(hosts, "queries"))
    {
        char got[80] = "", ip[TT_IP_TEXT_SIZE];
        const struct tt_host_pattern *p = tt_host_find(&f->n.hosts, text(q, "query"));
        if (p)
            snprintf(got, sizeof got, p->ip.six ? "[%s]:%u" : "%s:%u", tt_ip_text(&p->ip, ip),
                     (unsigned)p->port);
        assert_string_equal(got, cJSON_IsNull(field(q, "out")) ? "" : text(q, "out"));
    }
}

static void blocked_names_match_as_in_k6(void **state)
{
    struct fixture *f = *state;
    const cJSON *block = field(f->vectors, "block_hostnames"), *q;
    read_option(f, "block_hostnames", field(block, "patterns"));
    cJSON_ArrayForEach(q, field(block, "queries"))
    {
        const struct tt_host_pattern *p = tt_host_find(&f->n.blocked, text(q, "host"));
        assert_string_equal(p ? p->text : "", text(q, "pattern"));
    }
    cJSON_ArrayForEach(q, field(f->vectors, "block_pattern_valid"))
        assert_int_equal(tt_host_pattern_valid(text(q, "in"), false), cJSON_IsTrue(field(q, "ok")));
}

static void networks_and_ranges_parse_as_in_k6(void **state)
{
    struct fixture *f = *state;
    struct tt_ip_range r;
    char ip[TT_IP_TEXT_SIZE];
    const cJSON *q;
    cJSON_ArrayForEach(q, field(f->vectors, "cidr"))
    {
        assert_int_equal(tt_ip_range_parse_cidr(text(q, "in"), &r), cJSON_IsTrue(field(q, "ok")));
        if (cJSON_IsTrue(field(q, "ok")))
            assert_ptr_equal(strstr(text(q, "canon"), tt_ip_text(&r.first, ip)), text(q, "canon"));
    }
    cJSON_ArrayForEach(q, field(f->vectors, "ip_block"))
    {
        assert_int_equal(tt_ip_range_parse(text(q, "in"), &r), cJSON_IsTrue(field(q, "ok")));
        if (!cJSON_IsTrue(field(q, "ok")))
            continue;
        assert_string_equal(tt_ip_text(&r.first, ip), text(q, "first"));
        struct tt_ip last = {r.first.six, r.last};
        assert_string_equal(tt_ip_text(&last, ip), text(q, "last"));
        assert_int_equal((uint64_t)(r.last - r.first.bits) + 1,
                         strtoull(text(q, "count"), NULL, 10));
    }
}

static const char *local(struct fixture *f, uint64_t vu)
{
    static char buf[TT_IP_TEXT_SIZE];
    struct tt_ip ip;
    return tt_network_local_ip(&f->n, vu, &ip) ? tt_ip_text(&ip, buf) : "";
}

static void source_addresses_go_round_the_pool(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(local(f, 1), "");
    read_text(f, "{\"local_ips\":\"10.0.0.0/30,10.1.0.7, fd00::1-fd00::2\"}");
    assert_string_equal(f->problems, "");
    assert_string_equal(local(f, 1), "10.0.0.1");
    assert_string_equal(local(f, 2), "10.0.0.2");
    assert_string_equal(local(f, 3), "10.1.0.7");
    assert_string_equal(local(f, 5), "fd00::2");
    assert_string_equal(local(f, 6), "10.0.0.1");
    assert_string_equal(local(f, 0), "10.0.0.1"); /* setup and teardown */
    read_text(f, "{\"local_ips\":[\"10.0.0.9\",\"::/0\"]}");
    assert_string_equal(local(f, 1), "10.0.0.9");
    assert_string_equal(local(f, 3), "::1");
}

static void dns_text_is_read_as_in_k6(void **state)
{
    struct fixture *f = *state;
    static const char *const selects[] = {"first", "random", "roundRobin"};
    static const char *const policies[] = {"preferIPv4", "preferIPv6", "onlyIPv4", "onlyIPv6",
                                           "any"};
    const cJSON *q;
    cJSON_ArrayForEach(q, field(field(f->vectors, "dns"), "cases"))
    {
        struct tt_err err;
        struct tt_network n;
        cJSON *in = cJSON_CreateString(text(q, "in"));
        const cJSON *ttl = field(q, "ttl");
        bool ours = cJSON_IsString(ttl) && (strcmp(ttl->valuestring, "abc") == 0 ||
                                            ttl->valuestring[0] == '-'); /* k6 fails later */
        tt_network_init(&n);
        assert_int_equal(tt_dns_parse(in, &n.dns, &err), cJSON_IsTrue(field(q, "ok")) && !ours);
        if (cJSON_IsTrue(field(q, "ok")) && !ours) {
            const cJSON *s = field(q, "select"), *p = field(q, "policy");
            assert_string_equal(selects[n.dns.select],
                                cJSON_IsString(s) ? s->valuestring : "random");
            assert_string_equal(policies[n.dns.policy],
                                cJSON_IsString(p) ? p->valuestring : "preferIPv4");
        }
        cJSON_Delete(in);
        tt_network_fini(&n);
    }
}

static void dns_is_a_table_too_and_bare_numbers_are_seconds(void **state)
{
    struct fixture *f = *state;
    read_text(f, "{\"dns\":{\"ttl\":30,\"select\":\"round_robin\",\"policy\":\"only_ipv6\"}}");
    assert_string_equal(f->problems, "");
    assert_true(f->n.dns.ttl_ns == 30000000000ull);
    assert_int_equal(f->n.dns.select, TT_DNS_ROUND_ROBIN);
    assert_int_equal(f->n.dns.policy, TT_DNS_ONLY_IPV6);
    read_text(f, "{\"dns\":\"ttl=inf,select=round-robin\"}");
    assert_true(f->n.dns.ttl_ns == UINT64_MAX);
}

static void every_fault_is_told_with_its_option(void **state)
{
    struct fixture *f = *state;
    static const char *const expected[] = {
        "hosts['a*b']: expected a name",  "hosts['x']: expected text",
        "block_hostnames: 'a..b'",        "blacklist_ips: '10.0.0.0': expected a network",
        "local_ips: 'nothing': expected", "dns: unknown field 'tl' (did you mean 'ttl'?)"};
    read_text(f, "{\"hosts\":{\"a*b\":\"1.2.3.4\",\"x\":\"name\"},\"block_hostnames\":\"a..b\","
                 "\"blacklist_ips\":\"10.0.0.0\",\"local_ips\":\"nothing\",\"dns\":\"tl=1\"}");
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_non_null(strstr(f->problems, expected[i]));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(hosts_match_as_in_k6),
        T(blocked_names_match_as_in_k6),
        T(networks_and_ranges_parse_as_in_k6),
        T(source_addresses_go_round_the_pool),
        T(dns_text_is_read_as_in_k6),
        T(dns_is_a_table_too_and_bare_numbers_are_seconds),
        T(every_fault_is_told_with_its_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
