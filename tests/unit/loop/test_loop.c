/* SPDX-License-Identifier: MIT */
/* The loop: timers on a fake clock, the ready list, letters from other threads. */
#include "base/memory.h"
#include "loop/loop.h"
#include "unit.h"

static char seen[64];
static struct tt_loop *loop;

static void note(char c)
{
    size_t n = strlen(seen);
    seen[n] = c;
    seen[n + 1] = '\0';
}

static int setup(void **state)
{
    struct tt_err err = {0};
    (void)state;
    seen[0] = '\0';
    loop = tt_loop_new(&err);
    return loop ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    tt_loop_drain(loop);
    tt_loop_free(loop);
    return 0;
}

struct item {
    struct tt_timer timer;
    struct tt_ready ready;
    struct tt_letter letter;
    char name;
    int again;
    uint64_t period_ns;
};

static void fired(struct tt_timer *t)
{
    struct item *i = (struct item *)(void *)t;
    note(i->name);
    if (i->again-- > 0)
        tt_timer_start(loop, t, tt_loop_now(loop) + i->period_ns);
}

static void ran(struct tt_ready *r)
{
    struct item *i = (struct item *)(void *)((char *)r - offsetof(struct item, ready));
    note(i->name);
    if (i->again-- > 0)
        tt_loop_ready(loop, r);
}

static struct item item(char name)
{
    struct item i = {.name = name};
    tt_timer_init(&i.timer, fired);
    tt_ready_init(&i.ready, ran);
    return i;
}

static void timers_fire_in_order_of_their_time(void **state)
{
    (void)state;
    struct item a = item('a'), b = item('b'), c = item('c'), d = item('d');
    tt_loop_use_fake_clock(loop, 1000);
    tt_timer_start(loop, &c.timer, 1300);
    tt_timer_start(loop, &a.timer, 1100);
    tt_timer_start(loop, &b.timer, 1200);
    tt_timer_start(loop, &d.timer, 5000);
    tt_loop_fake_advance(loop, 1199);
    assert_string_equal(seen, "a");
    tt_loop_fake_advance(loop, 1300);
    assert_string_equal(seen, "abc");
    assert_true(tt_timer_running(&d.timer));
    assert_false(tt_timer_running(&a.timer));
    tt_timer_stop(loop, &d.timer);
    tt_loop_fake_advance(loop, 9999);
    assert_string_equal(seen, "abc");
    assert_int_equal(tt_loop_now(loop), 9999);
}

static void a_timer_may_be_moved_and_start_itself_again(void **state)
{
    (void)state;
    struct item a = item('a'), b = item('b');
    tt_loop_use_fake_clock(loop, 0);
    a.again = 2;
    a.period_ns = 100;
    tt_timer_start(loop, &b.timer, 50);
    tt_timer_start(loop, &b.timer, 250); /* moved */
    tt_timer_start(loop, &a.timer, 100);
    tt_loop_fake_advance(loop, 1000);
    assert_string_equal(seen, "aaba");
}

static void a_hundred_timers_stay_in_order(void **state)
{
    (void)state;
    struct item many[100];
    tt_loop_use_fake_clock(loop, 0);
    for (int i = 0; i < 100; i++) {
        many[i] = item((char)('0' + (i * 37 % 100) / 10));
        tt_timer_start(loop, &many[i].timer, (uint64_t)(i * 37 % 100) + 1);
    }
    for (int i = 0; i < 100; i += 2)
        tt_timer_stop(loop, &many[i].timer);
    tt_loop_fake_advance(loop, 200);
    assert_int_equal(strlen(seen), 50);
    for (size_t i = 1; i < 50; i++)
        assert_true(seen[i] >= seen[i - 1]);
}

static void ready_items_run_once_in_order_until_none_is_left(void **state)
{
    (void)state;
    struct item a = item('a'), b = item('b'), c = item('c');
    b.again = 1;
    tt_loop_ready(loop, &a.ready);
    tt_loop_ready(loop, &b.ready);
    tt_loop_ready(loop, &a.ready); /* queued already */
    tt_loop_ready(loop, &c.ready);
    tt_loop_unready(loop, &c.ready);
    tt_loop_run_ready(loop);
    assert_string_equal(seen, "abb");
}

static void delivered(struct tt_letter *l)
{
    struct item *i = (struct item *)(void *)((char *)l - offsetof(struct item, letter));
    note(i->name);
    if (i->name == 'z')
        tt_loop_stop(loop);
    tt_free(i);
}

static void *post_letters(void *arg)
{
    (void)arg;
    for (char c = 'a'; c <= 'z'; c++) {
        struct item *i = tt_xcalloc(1, sizeof *i);
        i->name = c;
        i->letter.deliver = delivered;
        assert_true(tt_loop_post(loop, &i->letter));
    }
    return NULL;
}

static void letters_of_another_thread_come_in_order(void **state)
{
    (void)state;
    struct tt_thread t = {0};
    struct tt_err err = {0};
    assert_true(tt_thread_start(&t, "sender", post_letters, NULL, &err));
    tt_loop_run(loop);
    tt_thread_join(&t);
    assert_string_equal(seen, "abcdefghijklmnopqrstuvwxyz");
}

static void a_closed_mailbox_delivers_what_it_has_and_refuses_more(void **state)
{
    (void)state;
    struct item *a = tt_xcalloc(1, sizeof *a), *b = tt_xcalloc(1, sizeof *b);
    a->name = 'a';
    b->name = 'b';
    a->letter.deliver = b->letter.deliver = delivered;
    assert_true(tt_loop_post(loop, &a->letter));
    tt_loop_close_mailbox(loop);
    assert_string_equal(seen, "a");
    assert_false(tt_loop_post(loop, &b->letter));
    tt_free(b);
}

static void real_timers_are_not_early(void **state)
{
    (void)state;
    struct item a = item('a');
    uint64_t due = tt_loop_now(loop) + 3000000;
    tt_timer_start(loop, &a.timer, due);
    while (!seen[0])
        tt_loop_run_once(loop, true);
    assert_true(tt_loop_now(loop) >= due);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(timers_fire_in_order_of_their_time),
        TEST(a_timer_may_be_moved_and_start_itself_again),
        TEST(a_hundred_timers_stay_in_order),
        TEST(ready_items_run_once_in_order_until_none_is_left),
        TEST(letters_of_another_thread_come_in_order),
        TEST(a_closed_mailbox_delivers_what_it_has_and_refuses_more),
        TEST(real_timers_are_not_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
