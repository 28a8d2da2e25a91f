/* SPDX-License-Identifier: MIT */
/* Tag sets: what is the same set, and how long one lasts that did not fit into the pool. */
#include "metric/tags.h"
#include "unit.h"

enum { CAPACITY = 3, FURTHER = 200 }; /* the empty set is one */

struct fixture {
    struct tt_registry *registry;
    struct tt_tagpool *pool;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->registry = tt_registry_new();
    tt_registry_freeze(f->registry);
    f->pool = tt_tagpool_new(f->registry, CAPACITY);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tt_tagpool_free(f->pool);
    tt_registry_free(f->registry);
    test_free(f);
    return 0;
}

static const struct tt_tags *numbered(struct fixture *f, int i)
{
    char value[16];
    snprintf(value, sizeof value, "%d", i);
    const struct tt_tag tag = {"n", value};
    return tt_tags_with(f->pool, tt_tags_empty(f->pool), &tag, 1);
}

static void fill(struct fixture *f, int from)
{
    for (int i = 0; i < FURTHER; i++)
        numbered(f, from + i);
}

static void the_same_tags_are_the_same_set(void **state)
{
    struct fixture *f = *state;
    const struct tt_tag ab[] = {{"a", "1"}, {"b", "2"}}, ba[] = {{"b", "2"}, {"a", "1"}};
    const struct tt_tags *empty = tt_tags_empty(f->pool);
    assert_ptr_equal(tt_tags_with(f->pool, empty, ab, 2), tt_tags_with(f->pool, empty, ba, 2));
    assert_int_equal(tt_tagpool_overflow(f->pool), 0);
}

static void sets_beyond_the_capacity_are_made_and_counted(void **state)
{
    struct fixture *f = *state;
    fill(f, 0);
    assert_int_equal(tt_tagpool_overflow(f->pool), FURTHER - CAPACITY + 1);
    assert_string_equal(tt_tags_get(numbered(f, 12345), "n"), "12345");
}

static void a_held_set_outlives_many_further_ones(void **state)
{
    struct fixture *f = *state;
    const struct tt_tags *held = NULL;
    fill(f, 0);
    tt_tags_hold(&held, numbered(f, 1000));
    fill(f, 2000);
    assert_string_equal(tt_tags_get(held, "n"), "1000");
    tt_tags_hold(&held, numbered(f, 1001)); /* lets go of the one before */
    fill(f, 3000);
    assert_string_equal(tt_tags_get(held, "n"), "1001");
    tt_tags_hold(&held, NULL);
    assert_null(held);
}

static void a_held_set_outlives_its_pool(void **state)
{
    struct fixture *f = *state;
    const struct tt_tags *held = NULL;
    fill(f, 0);
    tt_tags_hold(&held, numbered(f, 1000));
    tt_tagpool_free(f->pool);
    f->pool = NULL;
    assert_string_equal(tt_tags_get(held, "n"), "1000");
    tt_tags_hold(&held, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_same_tags_are_the_same_set),
        TEST(sets_beyond_the_capacity_are_made_and_counted),
        TEST(a_held_set_outlives_many_further_ones),
        TEST(a_held_set_outlives_its_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
