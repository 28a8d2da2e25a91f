/* SPDX-License-Identifier: MIT */
/* What lasts of a VU from one iteration to the next, and from one activation to the next: tags,
 * metadata, counts. How late it starts. */
#include "rig.h"

static struct rig *quiet_rig(void)
{
    static const char *const subs[] = {"iterations{page:home}", NULL};
    return rig_new_with("return { default = function() end }", subs);
}

static void tags_last_until_the_next_activation(void **state)
{
    (void)state;
    struct rig *r = quiet_rig();
    struct tt_vu *vu = rig_vu(r, 1);
    assert_true(tt_vu_set_tag(vu, "page", "home"));
    rig_begin(r, vu);
    rig_begin(r, vu);
    assert_true(rig_values(r, "iterations{page:home}").sum == 2);
    tt_vu_activate(vu, &r->sc, NULL);
    assert_null(tt_tags_get(vu->tags, "page"));
    rig_begin(r, vu);
    assert_true(rig_values(r, "iterations{page:home}").sum == 2);
    assert_true(rig_values(r, "iterations").sum == 3);
    tt_vu_free(vu);
    rig_free(r);
}

static void a_set_that_cannot_be_kept_is_refused(void **state)
{
    (void)state;
    struct rig *r = quiet_rig();
    struct tt_vu *vu = rig_vu(r, 1);
    char value[32];
    size_t n = 0;
    bool ok = true;
    for (; ok && n < 200000; n++) {
        snprintf(value, sizeof value, "%zu", n);
        ok = tt_vu_set_tag(vu, "id", value);
    }
    assert_false(ok);
    assert_in_range(n, 90000, 110000);
    snprintf(value, sizeof value, "%zu", n - 2);
    assert_string_equal(tt_tags_get(vu->tags, "id"), value); /* the last that was taken */
    tt_vu_free(vu);
    rig_free(r);
}

static void metadata_lasts_until_the_next_activation(void **state)
{
    (void)state;
    struct rig *r = quiet_rig();
    struct tt_vu *vu = rig_vu(r, 1);
    tt_vu_set_metadata(vu, "a", "1");
    tt_vu_set_metadata(vu, "b", "2");
    tt_vu_set_metadata(vu, "a", NULL);
    rig_begin(r, vu);
    assert_int_equal(vu->metadata->n, 1);
    assert_string_equal(vu->metadata->items[0].key, "b");
    assert_string_equal(vu->metadata->items[0].value, "2");
    tt_vu_activate(vu, &r->sc, NULL);
    assert_null(vu->metadata);
    tt_vu_set_metadata(vu, "left", "over");
    tt_vu_free(vu);
    rig_free(r);
}

static void iterations_are_counted_by_scenario(void **state)
{
    (void)state;
    struct rig *r = quiet_rig();
    struct tt_vu *vu = rig_vu(r, 1);
    struct tt_scenario other = {.name = "other", .exec = "default"};
    const struct tt_scenario *const order[] = {&r->sc, &r->sc, &other, &r->sc, &other};
    const uint64_t counts[] = {0, 2, 0, 4, 2};
    for (size_t i = 0; i < 5; i++) {
        tt_vu_activate(vu, order[i], NULL);
        assert_int_equal(vu->iteration_in_scenario, counts[i]);
        rig_begin(r, vu);
        rig_begin(r, vu);
    }
    assert_int_equal(vu->iteration, 10);
    tt_vu_free(vu);
    rig_free(r);
}

static void lateness_is_measured_of_vus_by_the_clock(void **state)
{
    (void)state;
    struct rig *r = quiet_rig();
    struct tt_vu *vu = rig_vu(r, 1);
    rig_begin(r, vu); /* as of a looping executor */
    assert_int_equal(rig_values(r, "iteration_start_lateness").count, 0);
    vu->by_clock = true;
    tt_vu_iterate(vu, 0, tt_loop_now(r->loop) - 5000000, NULL, 0, rig_ended, r);
    tt_loop_run_ready(r->loop);
    struct tt_sink_values v = rig_values(r, "iteration_start_lateness");
    assert_int_equal(v.count, 1);
    assert_true(v.min == 5);
    vu->warming = true;
    rig_begin(r, vu);
    assert_int_equal(rig_values(r, "iteration_start_lateness").count, 1);
    tt_vu_free(vu);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_last_until_the_next_activation),
        cmocka_unit_test(a_set_that_cannot_be_kept_is_refused),
        cmocka_unit_test(metadata_lasts_until_the_next_activation),
        cmocka_unit_test(iterations_are_counted_by_scenario),
        cmocka_unit_test(lateness_is_measured_of_vus_by_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
