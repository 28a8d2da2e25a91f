/* SPDX-License-Identifier: MIT */
/* Batches over a transport that is made up: who may start when, and that all ends well. Also the
 * rate limit of the option rps, which decides when a call starts. */
#include "fake_transport.h"
#include "proto/http/batch.h"

static struct tt_http_exchange *under_way[HOPS_MAX];
static size_t n_under_way;

static void many_start(void *self, struct tt_http_session *s, struct tt_http_exchange *x)
{
    (void)s;
    fake_note(self, x);
    under_way[n_under_way++] = x;
}

static void take_out(const struct tt_http_exchange *x)
{
    size_t i = 0;
    while (under_way[i] != x)
        i++;
    memmove(under_way + i, under_way + i + 1, (--n_under_way - i) * sizeof *under_way);
}

static void many_cancel(void *self, struct tt_http_exchange *x)
{
    ((struct fake *)self)->cancelled++;
    take_out(x);
}

/* The i-th that is under way gets its answer. */
static void answer(size_t i, const char *head, int error)
{
    struct tt_http_exchange *x = under_way[i];
    take_out(x);
    x->at.end = x->at.looked_up + 1;
    if (error)
        tt_http_error_set(&x->error, error, "made to fail");
    else
        tt_buf_puts(&x->head, head);
    x->done(x);
}

struct fixture {
    struct http_rig *h;
    struct tt_http_transport transport;
    struct tt_http_batch b;
};

static int setup(void **state)
{
    struct fixture *f = tt_xcalloc(1, sizeof *f);
    static const struct answer none[1];
    f->h = http_rig_new(none, 1, NULL);
    f->transport = fake_transport;
    f->transport.start = many_start;
    f->transport.cancel = many_cancel;
    f->h->engine.transport = &f->transport;
    f->h->engine.opt = &f->h->rig->plan->opt;
    n_under_way = 0;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tt_http_batch_fini(&f->b);
    assert_int_equal(n_under_way, 0);
    http_rig_free(f->h);
    tt_free(f);
    return 0;
}

static enum tt_http_version asked_for;

static void begin(struct fixture *f, const char *const *urls, size_t n)
{
    tt_http_batch_fini(&f->b);
    tt_http_batch_init(&f->b, &f->h->engine, n);
    tt_op_init(&f->b.op, &fake_op_class);
    for (size_t i = 0; i < n; i++) {
        struct tt_http_call *c = http_rig_call(f->h, "GET", urls[i]);
        add_header(c, "X-Batch", "1");
        c->special.version = asked_for;
        c->is_special = asked_for != TT_HTTP_VERSION_ANY;
        tt_http_batch_add(&f->b, c);
    }
    tt_http_batch_start(&f->b);
}

static const char *const mixed[] = {"http://127.0.0.1/1", "http://127.0.0.1/2",
                                    "http://127.0.0.1/3", "http://127.0.0.2/4",
                                    "http://127.0.0.2/5"};
static const char *const secure[] = {"https://127.0.0.1/1", "https://127.0.0.1/2",
                                     "https://127.0.0.1/3"};

static void a_full_host_does_not_hold_up_others(void **state)
{
    struct fixture *f = *state;
    f->h->rig->plan->opt.batch_per_host = 1;
    begin(f, mixed, 5);
    assert_int_equal(n_under_way, 2);
    assert_string_equal(under_way[0]->url, mixed[0]);
    assert_string_equal(under_way[1]->url, mixed[3]);
    answer(1, "HTTP/1.1 200 OK\r\n", 0);
    assert_string_equal(under_way[1]->url, mixed[4]);
    while (n_under_way)
        answer(0, "HTTP/1.1 200 OK\r\n", 0);
    assert_true(f->b.op.finished);
}

static void the_limit_of_all_holds_in_order(void **state)
{
    struct fixture *f = *state;
    f->h->rig->plan->opt.batch = 2;
    begin(f, mixed, 5);
    for (size_t i = 2; i < 5; i++) {
        assert_int_equal(n_under_way, 2);
        assert_false(f->b.op.finished);
        answer(0, "HTTP/1.1 200 OK\r\n", 0);
        assert_string_equal(under_way[1]->url, mixed[i]);
    }
    answer(0, "HTTP/1.1 200 OK\r\n", 0);
    answer(0, NULL, TT_HTTP_E_RESET); /* a failure ends no other */
    assert_true(f->b.op.finished);
    assert_int_equal(f->b.entries[0].call->status.code, 200);
    assert_int_equal(f->b.entries[4].call->x.error.code, TT_HTTP_E_RESET);
}

static void over_tls_one_goes_ahead_until_it_has_a_connection(void **state)
{
    struct fixture *f = *state;
    begin(f, secure, 3);
    assert_int_equal(n_under_way, 1);
    under_way[0]->ready(under_way[0]);
    assert_int_equal(n_under_way, 3);
    while (n_under_way)
        answer(0, "HTTP/2 200 OK\r\n", 0);
    begin(f, secure, 3); /* the connection may be gone: one goes ahead again */
    assert_int_equal(n_under_way, 1);
    answer(0, NULL, TT_HTTP_E_REFUSED); /* the others find out for themselves */
    assert_int_equal(n_under_way, 2);
    while (n_under_way)
        answer(0, "HTTP/2 200 OK\r\n", 0);
    assert_true(f->b.op.finished);
}

static void an_origin_without_http2_needs_no_leader(void **state)
{
    struct fixture *f = *state;
    begin(f, secure, 1);
    answer(0, "HTTP/1.1 200 OK\r\n", 0);
    begin(f, secure, 3);
    assert_int_equal(n_under_way, 3);
    while (n_under_way)
        answer(0, "HTTP/1.1 200 OK\r\n", 0);
}

static void calls_that_ask_for_http1_need_no_leader(void **state)
{
    struct fixture *f = *state;
    asked_for = TT_HTTP_VERSION_1_1;
    begin(f, secure, 3);
    asked_for = TT_HTTP_VERSION_ANY;
    assert_int_equal(n_under_way, 3);
    while (n_under_way)
        answer(0, "HTTP/1.1 200 OK\r\n", 0);
}

static void nothing_to_send_is_over_at_once(void **state)
{
    struct fixture *f = *state;
    begin(f, mixed, 0);
    assert_true(f->b.op.finished);
}

static void a_batch_that_is_dropped_puts_its_calls_back(void **state)
{
    struct fixture *f = *state;
    f->h->rig->plan->opt.batch = 2;
    begin(f, mixed, 5);
    answer(0, "HTTP/1.1 200 OK\r\n", 0);
    tt_http_batch_fini(&f->b);
    assert_int_equal(f->h->fake.cancelled, 2);
    size_t pooled = 0;
    for (struct tt_http_call *c = f->h->engine.idle; c; c = c->next)
        pooled++;
    assert_int_equal(pooled, 5);
}

static void calls_take_turns_of_the_rate_limit(void **state)
{
    struct fixture *f = *state;
    struct tt_rate_limit limit = {.interval_ns = 10 * TT_NS_PER_MS};
    struct tt_loop *loop = f->h->rig->loop;
    f->h->rig->plan->rate_limit = &limit;
    begin(f, mixed, 3);
    assert_int_equal(n_under_way, 1);
    uint64_t now = tt_loop_now(loop);
    tt_loop_fake_advance(loop, now + 9 * TT_NS_PER_MS);
    assert_int_equal(n_under_way, 1);
    tt_loop_fake_advance(loop, now + 10 * TT_NS_PER_MS);
    assert_int_equal(n_under_way, 2);
    tt_http_batch_fini(&f->b); /* the third stops waiting */
    tt_loop_fake_advance(loop, now + 100 * TT_NS_PER_MS);
    assert_int_equal(n_under_way, 0);
    f->h->rig->plan->rate_limit = NULL;
}

static void an_unused_rate_is_not_saved_up(void **state)
{
    struct tt_rate_limit limit = {.interval_ns = 10};
    (void)state;
    assert_int_equal(tt_rate_limit_take(&limit, 1000), 1000);
    assert_int_equal(tt_rate_limit_take(&limit, 1000), 1010);
    assert_int_equal(tt_rate_limit_take(&limit, 2000), 2000);
    assert_int_equal(tt_rate_limit_take(&limit, 2001), 2010);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_full_host_does_not_hold_up_others),
        T(the_limit_of_all_holds_in_order),
        T(over_tls_one_goes_ahead_until_it_has_a_connection),
        T(an_origin_without_http2_needs_no_leader),
        T(calls_that_ask_for_http1_need_no_leader),
        T(nothing_to_send_is_over_at_once),
        T(a_batch_that_is_dropped_puts_its_calls_back),
        T(calls_take_turns_of_the_rate_limit),
        cmocka_unit_test(an_unused_rate_is_not_saved_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
