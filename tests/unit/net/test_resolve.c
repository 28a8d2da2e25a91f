/* SPDX-License-Identifier: MIT */
/* The resolver, with getaddrinfo replaced by a table: the test's own symbol comes before libc's. */
#include "base/clock.h"
#include "base/str.h"
#include "net/resolve.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static _Atomic int asked;
static char asked_name[256];

/* "two.test": two addresses, "one*": one; "later.test": EAI_AGAIN; others do not exist. */
int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
    (void)service;
    asked++;
    snprintf(asked_name, sizeof asked_name, "%s", node);
    if (tt_streq(node, "later.test"))
        return EAI_AGAIN;
    if (!tt_streq(node, "two.test") && !tt_starts_with(node, "one"))
        return EAI_NONAME;
    struct addrinfo *list = NULL;
    for (unsigned i = tt_streq(node, "two.test") ? 2 : 1; i > 0; i--) {
        struct addrinfo *ai = calloc(1, sizeof *ai + sizeof(struct sockaddr_in));
        struct sockaddr_in *sa = (void *)(ai + 1);
        sa->sin_family = AF_INET;
        sa->sin_addr.s_addr = htonl(0x0a000000u + i);
        *ai = (struct addrinfo){.ai_family = AF_INET,
                                .ai_socktype = hints->ai_socktype,
                                .ai_addrlen = sizeof *sa,
                                .ai_addr = (void *)sa,
                                .ai_next = list};
        list = ai;
    }
    *res = list;
    return 0;
}

void freeaddrinfo(struct addrinfo *ai)
{
    while (ai) {
        struct addrinfo *next = ai->ai_next;
        free(ai);
        ai = next;
    }
}

struct asker {
    struct tt_lookup l;
    int calls, code;
    size_t n;
    char text[2][64];
    char error[80];
    struct asker *cancels;
    struct fixture *f;
};
struct fixture {
    struct tt_loop *loop;
    struct tt_resolver *r;
    struct tt_arena arena;
    struct tt_options opt;
    struct tt_network rules;
};

static void on_done(struct tt_lookup *l)
{
    struct asker *a = (struct asker *)(void *)l;
    a->calls++;
    a->code = l->error_code;
    a->n = l->n;
    snprintf(a->error, sizeof a->error, "%s", l->error ? l->error : "");
    for (size_t i = 0; i < l->n && i < 2; i++)
        tt_address_text(&l->addrs[i], a->text[i], sizeof a->text[i], NULL);
    if (a->cancels)
        tt_resolve_cancel(a->f->r, &a->cancels->l);
}

static void no_problem(void *arg, const char *text)
{
    (void)arg;
    fail_msg("%s", text);
}

/* The options as JSON. */
static void use_rules(struct fixture *f, const char *options)
{
    struct tt_err err = {0};
    cJSON *v = cJSON_Parse(options);
    assert_true(tt_options_apply_json(&f->opt, &f->arena, v, TT_LAYER_SCRIPT, "options", &err));
    cJSON_Delete(v);
    tt_network_fini(&f->rules);
    tt_network_init(&f->rules);
    tt_network_read(&f->rules, &f->arena, &f->opt, no_problem, NULL);
    tt_resolver_free(f->r);
    f->r = tt_resolver_new(f->loop, &f->rules);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->loop = tt_loop_new(NULL);
    tt_loop_use_fake_clock(f->loop, TT_NS_PER_S);
    tt_arena_init(&f->arena);
    tt_options_init(&f->opt, &f->arena);
    tt_network_init(&f->rules);
    use_rules(f, "{\"hosts\":{\"api.test\":\"127.0.0.9\",\"api.test:81\":\"127.0.0.8:8181\","
                 "\"*.example.com\":\"127.0.0.7\",\"*.b.example.com\":\"[::1]:90\","
                 "\"six.test\":\"::2\"},\"dns\":\"select=first\"}");
    asked = 0;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tt_resolver_free(f->r);
    tt_loop_free(f->loop);
    tt_network_fini(&f->rules);
    tt_options_fini(&f->opt);
    tt_arena_fini(&f->arena);
    free(f);
    return 0;
}

static void start(struct fixture *f, struct asker *a, const char *host, uint16_t port)
{
    *a = (struct asker){.l.done = on_done, .f = f};
    tt_resolve(f->r, &a->l, host, port);
}

static void wait_for(struct fixture *f, struct asker *a)
{
    while (!a->calls)
        tt_loop_run_once(f->loop, true);
}

static void at_once(struct fixture *f, const char *host, uint16_t port, const char *text)
{
    struct asker a;
    start(f, &a, host, port);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.code, 0);
    assert_string_equal(a.text[0], text);
    assert_true(a.l.started_ns == a.l.ended_ns);
    assert_int_equal(asked, 0);
}

static void literals_need_no_lookup(void **state)
{
    at_once(*state, "127.0.0.1", 8080, "127.0.0.1:8080");
    at_once(*state, "[::1]", 443, "[::1]:443");
    at_once(*state, "::1", 443, "[::1]:443");
}

static void names_under_localhost_are_loopback(void **state)
{
    struct asker a;
    at_once(*state, "localhost", 80, "127.0.0.1:80");
    at_once(*state, "LocalHost.", 80, "127.0.0.1:80");
    start(*state, &a, "vu7.localhost", 80);
    assert_int_equal(a.n, 2);
    assert_string_equal(a.text[0], "127.0.0.1:80");
    assert_string_equal(a.text[1], "[::1]:80");
    assert_int_equal(asked, 0);
}

static void hosts_option_prefers_port_then_name_then_longest_suffix(void **state)
{
    at_once(*state, "api.test", 80, "127.0.0.9:80");
    at_once(*state, "API.test", 81, "127.0.0.8:8181");
    at_once(*state, "a.example.com", 80, "127.0.0.7:80");
    at_once(*state, "a.b.example.com", 80, "[::1]:90");
    at_once(*state, "six.test", 5, "[::2]:5");
}

static void refused_names_and_networks_have_their_codes(void **state)
{
    struct fixture *f = *state;
    struct asker a;
    use_rules(f, "{\"block_hostnames\":[\"*.bad.test\"],\"blacklist_ips\":[\"10.0.0.1/32\","
                 "\"127.0.0.0/29\",\"::2/128\"]}");
    start(f, &a, "A.bad.TEST", 80);
    assert_int_equal(a.code, 1111);
    assert_non_null(strstr(a.error, "'*.bad.test'"));
    start(f, &a, "127.0.0.1", 80);
    assert_int_equal(a.code, 1110);
    assert_non_null(strstr(a.error, "127.0.0.1"));
    start(f, &a, "::ffff:127.0.0.1", 80);
    assert_int_equal(a.code, 1110);
    start(f, &a, "six.test", 80); /* an entry of hosts is no way around it */
    assert_int_equal(a.code, 1110);
    at_once(f, "127.0.0.8", 80, "127.0.0.8:80");
    start(f, &a, "two.test", 80); /* what is left of its addresses is used */
    wait_for(f, &a);
    assert_int_equal(a.n, 1);
    assert_string_equal(a.text[0], "10.0.0.2:80");
    start(f, &a, "one.test", 80);
    wait_for(f, &a);
    assert_int_equal(a.code, 1110);
}

static void policy_orders_or_drops_a_family(void **state)
{
    struct fixture *f = *state;
    struct asker a;
    use_rules(f, "{\"dns\":{\"policy\":\"prefer_ipv6\"}}");
    start(f, &a, "localhost", 80);
    assert_string_equal(a.text[0], "[::1]:80");
    assert_string_equal(a.text[1], "127.0.0.1:80");
    use_rules(f, "{\"dns\":{\"policy\":\"only_ipv6\"}}");
    start(f, &a, "localhost", 80);
    assert_int_equal(a.n, 1);
    assert_string_equal(a.text[0], "[::1]:80");
    at_once(f, "127.0.0.1", 80, "127.0.0.1:80"); /* nothing to look up */
    use_rules(f, "{\"dns\":{\"policy\":\"prefer_ipv4\"}}");
    a = (struct asker){.l.done = on_done, .l.family = AF_INET6, .f = f};
    tt_resolve(f->r, &a.l, "localhost", 80);
    assert_int_equal(a.n, 1);
    assert_string_equal(a.text[0], "[::1]:80");
}

static void round_robin_takes_turns_and_an_asker_may_keep_its_turn(void **state)
{
    struct fixture *f = *state;
    struct asker a;
    uint64_t turn = 0;
    use_rules(f, "{\"dns\":\"select=roundRobin\"}");
    for (int i = 0; i < 4; i++) {
        start(f, &a, "two.test", 80);
        wait_for(f, &a);
        assert_int_equal(a.n, 2);
        assert_string_equal(a.text[0], i % 2 ? "10.0.0.2:80" : "10.0.0.1:80");
        assert_string_equal(a.text[1], i % 2 ? "10.0.0.1:80" : "10.0.0.2:80");
    }
    assert_int_equal(asked, 1);
    for (int i = 0; i < 3; i++) {
        a = (struct asker){.l.done = on_done, .l.turn = &turn, .f = f};
        tt_resolve(f->r, &a.l, "two.test", 80);
        assert_string_equal(a.text[0], "10.0.0.1:80");
    }
}

static void random_takes_every_address_at_some_time(void **state)
{
    struct fixture *f = *state;
    struct asker a;
    bool seen[2] = {false, false};
    use_rules(f, "{\"dns\":\"select=random\"}");
    for (int i = 0; i < 200; i++) {
        start(f, &a, "two.test", 80);
        wait_for(f, &a);
        seen[tt_streq(a.text[0], "10.0.0.2:80")] = true;
    }
    assert_true(seen[0] && seen[1]);
}

static void ttl_decides_how_long_an_answer_is_kept(void **state)
{
    struct fixture *f = *state;
    struct asker a;
    use_rules(f, "{\"dns\":\"ttl=0\"}");
    for (int i = 1; i <= 3; i++) {
        start(f, &a, "one.test", 80);
        assert_int_equal(a.calls, 0);
        wait_for(f, &a);
        assert_int_equal(asked, i);
    }
    use_rules(f, "{\"dns\":\"ttl=inf\"}");
    start(f, &a, "one.test", 80);
    wait_for(f, &a);
    tt_loop_fake_advance(f->loop, 1000000 * TT_NS_PER_S);
    start(f, &a, "one.test", 80);
    assert_int_equal(a.calls, 1);
    assert_int_equal(asked, 4);
}

static void answer_is_cached_until_it_is_old(void **state)
{
    struct fixture *f = *state;
    struct asker a;
    start(f, &a, "two.test", 80);
    assert_int_equal(a.calls, 0);
    wait_for(f, &a);
    assert_int_equal(a.n, 2);
    assert_string_equal(a.text[0], "10.0.0.1:80");
    assert_string_equal(a.text[1], "10.0.0.2:80");
    start(f, &a, "TWO.test", 443);
    assert_int_equal(a.calls, 1);
    assert_string_equal(a.text[0], "10.0.0.1:443");
    assert_int_equal(asked, 1);
    tt_loop_fake_advance(f->loop, 302 * TT_NS_PER_S);
    start(f, &a, "two.test", 80);
    wait_for(f, &a);
    assert_int_equal(asked, 2);
}

static void askers_of_one_name_share_a_lookup(void **state)
{
    struct fixture *f = *state;
    struct asker a, b;
    start(f, &a, "one.test", 1);
    start(f, &b, "one.test", 2);
    wait_for(f, &b);
    assert_int_equal(asked, 1);
    assert_string_equal(a.text[0], "10.0.0.1:1");
    assert_string_equal(b.text[0], "10.0.0.1:2");
}

static void failures_are_told_and_not_kept(void **state)
{
    struct fixture *f = *state;
    struct asker a;
    start(f, &a, "none.test", 80);
    wait_for(f, &a);
    assert_int_equal(a.code, 1101);
    assert_string_equal(a.error, "lookup none.test: no such host");
    start(f, &a, "none.test", 80);
    assert_int_equal(a.calls, 0);
    wait_for(f, &a);
    assert_int_equal(asked, 2);
    start(f, &a, "later.test", 80);
    wait_for(f, &a);
    assert_int_equal(a.code, 1100);
}

static void empty_and_endless_names_do_not_exist(void **state)
{
    char name[400];
    struct asker a;
    memset(name, 'a', sizeof name);
    name[399] = '\0';
    start(*state, &a, name, 80);
    assert_int_equal(a.code, 1101);
    start(*state, &a, "", 80);
    assert_int_equal(a.code, 1101);
    assert_int_equal(asked, 0);
}

static void cancelled_asker_is_not_told(void **state)
{
    struct fixture *f = *state;
    struct asker a, b, c;
    start(f, &a, "one.test", 1);
    start(f, &b, "one.test", 2);
    start(f, &c, "one.test", 3);
    tt_resolve_cancel(f->r, &c.l); /* the last one: the list's end moves */
    tt_resolve_cancel(f->r, &a.l);
    tt_resolve_cancel(f->r, &a.l); /* twice is fine */
    start(f, &c, "one.test", 4);
    wait_for(f, &c);
    assert_int_equal(a.calls, 0);
    assert_int_equal(b.calls, 1);
    tt_resolve_cancel(f->r, &b.l);
}

static void done_may_cancel_another_asker(void **state)
{
    struct fixture *f = *state;
    struct asker a, b, c;
    start(f, &a, "one.test", 1);
    start(f, &b, "one.test", 2);
    start(f, &c, "one.test", 3);
    a.cancels = &b;
    wait_for(f, &c);
    assert_int_equal(b.calls, 0);
}

static void resolver_dies_while_the_system_is_asked(void **state)
{
    struct fixture *f = *state;
    struct asker a;
    start(f, &a, "one.test", 1);
    tt_resolve_cancel(f->r, &a.l);
    tt_resolver_free(f->r);
    f->r = NULL;
    tt_loop_free(f->loop);
    f->loop = tt_loop_new(NULL);
    assert_int_equal(a.calls, 0);
}

static void full_cache_drops_the_oldest(void **state)
{
    struct fixture *f = *state;
    struct asker a;
    char name[32];
    for (int i = 0; i <= 4096; i++) {
        snprintf(name, sizeof name, "one%d.test", i);
        start(f, &a, name, 80);
        wait_for(f, &a);
    }
    assert_int_equal(asked, 4097);
    start(f, &a, "one1.test", 80);
    assert_int_equal(a.calls, 1);
    start(f, &a, "one0.test", 80);
    wait_for(f, &a);
    assert_int_equal(asked, 4098);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(literals_need_no_lookup),
        T(names_under_localhost_are_loopback),
        T(hosts_option_prefers_port_then_name_then_longest_suffix),
        T(refused_names_and_networks_have_their_codes),
        T(policy_orders_or_drops_a_family),
        T(round_robin_takes_turns_and_an_asker_may_keep_its_turn),
        T(random_takes_every_address_at_some_time),
        T(ttl_decides_how_long_an_answer_is_kept),
        T(answer_is_cached_until_it_is_old),
        T(askers_of_one_name_share_a_lookup),
        T(failures_are_told_and_not_kept),
        T(empty_and_endless_names_do_not_exist),
        T(cancelled_asker_is_not_told),
        T(done_may_cancel_another_asker),
        T(resolver_dies_while_the_system_is_asked),
        T(full_cache_drops_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
