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
    struct tt_options opt;
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

static int setup_with(void **state, const char *hosts)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->loop = tt_loop_new(NULL);
    tt_loop_use_fake_clock(f->loop, TT_NS_PER_S);
    f->opt.hosts = hosts ? cJSON_Parse(hosts) : NULL;
    f->r = tt_resolver_new(f->loop, &f->opt);
    asked = 0;
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, "{\"api.test\":\"127.0.0.9\",\"api.test:81\":\"127.0.0.8:8181\","
                             "\"*.example.com\":\"127.0.0.7\",\"*.b.example.com\":\"[::1]:90\","
                             "\"six.test\":\"::2\",\"bad.test\":\"not-an-ip\"}");
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tt_resolver_free(f->r);
    tt_loop_free(f->loop);
    cJSON_Delete(f->opt.hosts);
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

static void a_suffix_does_not_match_the_bare_domain(void **state)
{
    struct fixture *f = *state;
    char ip[64];
    uint16_t port;
    assert_false(tt_resolver_override(f->r, "example.com", 80, ip, &port));
    assert_true(tt_resolver_override(f->r, "x.example.com", 80, ip, &port));
    assert_string_equal(ip, "127.0.0.7");
    assert_int_equal(port, 0);
    assert_true(tt_resolver_override(f->r, "x.b.example.com", 80, ip, &port));
    assert_string_equal(ip, "::1");
    assert_int_equal(port, 90);
}

static void hosts_entry_without_an_ip_fails(void **state)
{
    struct asker a;
    start(*state, &a, "bad.test", 80);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.code, 1100);
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
    assert_string_equal(a.error, "no such host");
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
        T(a_suffix_does_not_match_the_bare_domain),
        T(hosts_entry_without_an_ip_fails),
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
