/* SPDX-License-Identifier: MIT */
/* The tunnel service's rules: routing, ids, noticing, throttling, errors. */
#include "target/tunnel/rules.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DOMAIN "tunnel.localhost"
#define ID     "abc123def456"

static void expect_route(const char *host, const char *path, enum tt__route_mode mode,
                         const char *forwarded)
{
    struct tt__route r = tt__route(host, path, DOMAIN);
    assert_int_equal(r.mode, mode);
    if (mode == TT__ROUTE_NONE)
        return;
    assert_string_equal(r.id, ID);
    assert_string_equal(r.path, forwarded);
}

static void a_label_before_the_domain_is_the_tunnel(void **state)
{
    (void)state;
    expect_route(ID "." DOMAIN, "/a/b", TT__ROUTE_SUBDOMAIN, "/a/b");
    expect_route(ID "." DOMAIN ":8080", "/", TT__ROUTE_SUBDOMAIN, "/");
    expect_route("x." DOMAIN, "/" ID "/a", TT__ROUTE_NONE, NULL); /* no way back to the path */
}

static void other_hosts_name_the_tunnel_in_the_path(void **state)
{
    (void)state;
    expect_route(DOMAIN, "/" ID "/a/b", TT__ROUTE_PATH, "/a/b");
    expect_route("127.0.0.1:80", "/" ID, TT__ROUTE_PATH, "/");
    expect_route("a." ID "." DOMAIN, "/" ID "/", TT__ROUTE_PATH, "/");
    expect_route("", "/", TT__ROUTE_NONE, NULL);
    expect_route("", "/ABC123DEF456/", TT__ROUTE_NONE, NULL);
}

static void new_ids_are_well_formed(void **state)
{
    (void)state;
    struct tt_rng rng;
    char id[TT__TUNNEL_ID_LEN + 1], uuid[37];
    tt_rng_seed(&rng, 1);
    for (int i = 0; i < 1000; i++) {
        tt__tunnel_id_new(&rng, id);
        assert_true(tt__tunnel_id_ok(id, strlen(id)));
        tt__uuid4(&rng, uuid);
        assert_int_equal(strlen(uuid), 36);
        assert_true(uuid[14] == '4' && strchr("89ab", uuid[19]));
    }
}

static void polling_looks_at_doubling_steps(void **state)
{
    (void)state;
    static const uint64_t looks[] = {0, 50, 150, 350, 750, 1250, 1750};
    for (size_t i = 0; i + 1 < sizeof looks / sizeof *looks; i++) {
        assert_int_equal(tt__next_look(TT__POLLING, looks[i]), looks[i]);
        assert_int_equal(tt__next_look(TT__POLLING, looks[i] + 1), looks[i + 1]);
    }
    assert_int_equal(tt__give_up(TT__POLLING, 25000), 25250);
}

static void event_mode_looks_every_400_ms(void **state)
{
    (void)state;
    assert_int_equal(tt__next_look(TT__EVENT, 0), 200);
    assert_int_equal(tt__next_look(TT__EVENT, 201), 500);
    assert_int_equal(tt__next_look(TT__EVENT, 501), 900);
    assert_int_equal(tt__give_up(TT__EVENT, 25000), 25300);
}

static void instant_mode_notices_at_once(void **state)
{
    (void)state;
    assert_int_equal(tt__next_look(TT__INSTANT, 7), 7);
    assert_int_equal(tt__give_up(TT__INSTANT, 25000), 25000);
}

static void the_bucket_fills_at_its_rate_up_to_its_burst(void **state)
{
    (void)state;
    struct tt__bucket b;
    const uint64_t second = 1000000000;
    tt__bucket_init(&b, 50, 100, 0);
    for (int i = 0; i < 100; i++)
        assert_true(tt__bucket_take(&b, 0));
    assert_false(tt__bucket_take(&b, 0));
    assert_true(tt__bucket_take(&b, second / 50));
    assert_false(tt__bucket_take(&b, second / 50));
    for (int i = 0; i < 100; i++)
        assert_true(tt__bucket_take(&b, 100 * second));
    assert_false(tt__bucket_take(&b, 100 * second));
}

static void errors_are_the_services(void **state)
{
    (void)state;
    const struct tt__error *e = tt__error_of(TT__TIMEOUT);
    assert_int_equal(e->status, 504);
    assert_string_equal(e->body, "Gateway Timeout: No response from agent");
    assert_string_equal(e->x_tunnel_error, "Gateway Timeout");
    e = tt__error_of(TT__INTERNAL);
    assert_int_equal(e->status, 500);
    assert_string_equal(e->body, "{\"message\":\"Internal Server Error\"}");
    assert_int_equal(tt__error_for_status(429)->status, 429);
    assert_string_equal(tt__error_for_status(413)->type, "application/json");
    assert_int_equal(tt__error_for_status(599)->status, 500);
}

static void chances_are_drawn_only_when_open(void **state)
{
    (void)state;
    struct tt_rng a, b;
    int hits = 0;
    tt_rng_seed(&a, 7);
    tt_rng_seed(&b, 7);
    assert_false(tt__chance(&a, 0));
    assert_true(tt__chance(&a, 1));
    assert_int_equal(tt_rng_next(&a), tt_rng_next(&b));
    for (int i = 0; i < 10000; i++)
        hits += tt__chance(&a, 0.25);
    assert_in_range(hits, 2200, 2800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_before_the_domain_is_the_tunnel),
        cmocka_unit_test(other_hosts_name_the_tunnel_in_the_path),
        cmocka_unit_test(new_ids_are_well_formed),
        cmocka_unit_test(polling_looks_at_doubling_steps),
        cmocka_unit_test(event_mode_looks_every_400_ms),
        cmocka_unit_test(instant_mode_notices_at_once),
        cmocka_unit_test(the_bucket_fills_at_its_rate_up_to_its_burst),
        cmocka_unit_test(errors_are_the_services),
        cmocka_unit_test(chances_are_drawn_only_when_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
