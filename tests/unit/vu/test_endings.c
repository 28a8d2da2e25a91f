/* SPDX-License-Identifier: MIT */
/* What __close handlers may do while something ends: an ending of theirs is not taken for
 * another's, and an ending that is under way is not lost. */
#include "body.h"

/* A variable to be closed whose handler has this body. */
#define CLOSES(body) "local c <close> = setmetatable({}, {__close = function() " body " end})\n"

/* Afterwards an error is caught as ever. */
#define STILL_CATCHES                                                                              \
    "local ok, e = pcall(error, 'caught', 0) assert(not ok and e == 'caught')\n"                   \
    "assert(select(2, coroutine.resume(coroutine.create(error), 'x')) == 'x')\n"

static void fail_in_the_handler_of_a_cancelled_task_ends_nothing_else(void **state)
{
    (void)state;
    holds("local t = tt.spawn(function() " CLOSES(
              "tt.fail('late')") " tt.sleep(60) end)\n"
                                 "tt.sleep(0.01) t:cancel()\n" STILL_CATCHES
                                 "assert(t:status() == 'cancelled')",
          20);
}

static void fail_in_the_handler_of_a_failed_fiber_ends_nothing_else(void **state)
{
    (void)state;
    holds("local t = tt.spawn(function() " CLOSES(
              "tt.fail('late')") " error('early') end)\n"
                                 "local _, e = t:wait() assert(e:find('early'), e)\n" STILL_CATCHES,
          20);
    ends("local t = tt.spawn(function() " CLOSES(
             "tt.fail('late')") " tt.fail('early') end)\n"
                                "local _, e = t:wait() assert(e == 'early', e)\n" STILL_CATCHES
                                " tt.fail('own')",
         20, TT_FAILED, "own");
}

static void the_next_iteration_catches_errors_too(void **state)
{
    (void)state;
    struct rig *r = rig_new(
        "local tt = require 'ttload'\nlocal M, n = {}, 0\nfunction M.default()\n"
        "n = n + 1\nif n == 1 then " CLOSES("tt.fail('late')") " tt.sleep(60) end\n" STILL_CATCHES
                                                               "end\nreturn M\n");
    struct tt_vu *vu = rig_vu(r, 1);
    rig_begin(r, vu);
    tt_vu_interrupt(vu);
    assert_int_equal(r->how, TT_INTERRUPTED);
    rig_begin(r, vu);
    if (r->how != TT_DONE)
        fail_msg("%s", r->message);
    tt_vu_free(vu);
    rig_free(r);
}

static void abort_in_a_handler_ends_the_test(void **state)
{
    (void)state;
    ends("local t = tt.spawn(function() " CLOSES("tt.abort('enough')") " tt.sleep(60) end)\n"
                                                                       "tt.sleep(0.01) t:cancel()",
         20, TT_ABORTED, "enough");
    ends(CLOSES("tt.abort('enough')") "error('early')", 0, TT_ABORTED, "");
    struct tt_vu *vu;
    struct rig *r = run(CLOSES("tt.abort('enough')") "tt.sleep(60)", 10, &vu);
    tt_vu_interrupt(vu);
    assert_int_equal(r->how, TT_ABORTED);
    tt_vu_free(vu);
    rig_free(r);
}

static void an_ending_goes_on_past_handlers(void **state)
{
    (void)state;
    ends("local t = tt.spawn(function() " CLOSES(
             "error('in close')") " tt.sleep(60) end)\n"
                                  "pcall(function()\n" CLOSES(
                                      "tt.sleep(0.01) t:cancel()") "tt.fail('mine') end)\n"
                                                                   "error('not reached')",
         50, TT_FAILED, "mine");
}

static void a_handler_can_neither_wait_nor_spawn(void **state)
{
    (void)state;
    holds(
        "local said = {}\n"
        "local inner = tt.spawn(tt.sleep, 60)\n"
        "local t = tt.spawn(function()\n" CLOSES("inner:cancel()\n" /* which closes another
                                                                       coroutine in between */
                                                 "for _, f in ipairs { function() tt.sleep(1) end, "
                                                 "function() tt.spawn(print) end,\n"
                                                 "function() inner:wait() end } do said[#said + 1] "
                                                 "= select(2, pcall(f)) end") "tt.sleep(60) end)\n"
                                                                              "tt.sleep(0.01) "
                                                                              "t:cancel()\n"
                                                                              "assert(#said == 3)\n"
                                                                              "for _, text in "
                                                                              "ipairs(said) do "
                                                                              "assert(text:find('"
                                                                              "clos'), text) end",
        20);
}

static void a_handlers_error_of_any_type_is_logged(void **state)
{
    (void)state;
    struct tt_vu *vu;
    struct rig *r = run(CLOSES("error({})") "tt.sleep(60)", 10, &vu);
    tt_vu_interrupt(vu);
    assert_non_null(strstr(r->log, "(error object is a table value)"));
    tt_vu_free(vu);
    rig_free(r);
}

static void an_ending_closes_the_coroutines_it_passes(void **state)
{
    (void)state;
    static const char *const through[] = {
        "coroutine.wrap(function() %s tt.fail('out') end)()",
        "coroutine.resume(coroutine.create(function() %s tt.fail('out') end))",
        "coroutine.wrap(function() %s coroutine.wrap(function() tt.fail('out') end)() end)()",
        "coroutine.wrap(function() %s tt.sleep(0.01) tt.fail('out') end)()",
    };
    for (size_t i = 0; i < sizeof through / sizeof *through; i++) {
        char body[512];
        struct tt_vu *vu;
        snprintf(body, sizeof body, through[i], CLOSES("tt.log.info('closed')"));
        struct rig *r = run(body, 20, &vu);
        assert_int_equal(r->how, TT_FAILED);
        assert_string_equal(r->message, "out");
        if (!strstr(r->log, "closed"))
            fail_msg("'%s' has not closed its variable", body);
        tt_vu_free(vu);
        rig_free(r);
    }
}

static void a_wrapped_coroutines_error_closes_it_and_says_where(void **state)
{
    (void)state;
    holds("local closed = false\n"
          "local f = coroutine.wrap(function() " CLOSES(
              "closed = true") " error('inside') end)\n"
                               "local ok, e = pcall(f) assert(not ok and e:find('inside') and "
                               "closed)\n"
                               "ok, e = pcall(f) assert(e:find('dead coroutine'), e)\n"
                               "local object = {}\n" /* other values pass as they are */
                               "ok, e = pcall(coroutine.wrap(function() error(object) end)) "
                               "assert(e == object)",
          0);
    ends("pcall(coroutine.wrap(function() " CLOSES("tt.abort('enough')") " error('x') end))", 0,
         TT_ABORTED, "enough");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_in_the_handler_of_a_cancelled_task_ends_nothing_else),
        cmocka_unit_test(fail_in_the_handler_of_a_failed_fiber_ends_nothing_else),
        cmocka_unit_test(the_next_iteration_catches_errors_too),
        cmocka_unit_test(abort_in_a_handler_ends_the_test),
        cmocka_unit_test(an_ending_goes_on_past_handlers),
        cmocka_unit_test(a_handler_can_neither_wait_nor_spawn),
        cmocka_unit_test(a_handlers_error_of_any_type_is_logged),
        cmocka_unit_test(an_ending_closes_the_coroutines_it_passes),
        cmocka_unit_test(a_wrapped_coroutines_error_closes_it_and_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
