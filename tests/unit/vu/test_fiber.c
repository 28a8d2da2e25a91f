/* SPDX-License-Identifier: MIT */
/* Fibers of a VU on a fake clock: waiting at any depth, tasks, endings, cuts in any state. */
#include "body.h"
#include "unit.h"

static void waits_suspend_at_any_depth(void **state)
{
    (void)state;
    lasts("tt.sleep(0.1)", 100);
    lasts("tt.sleep('30ms') tt.sleep(0.07)", 100);
    lasts("pcall(function() pcall(tt.sleep, 0.1) end)", 100);
    lasts("local t = setmetatable({}, {__index = function() tt.sleep(0.1) return 1 end}) local _ = "
          "t.x",
          100);
    lasts("local t = setmetatable({}, {__lt = function() tt.sleep(0.1) return true end}) local _ = "
          "t < t",
          100);
    lasts("for _ in function(_, i) tt.sleep(0.05) return not i and 1 or nil end do end", 100);
    lasts("local co = coroutine.wrap(function() tt.sleep(0.06) coroutine.yield() tt.sleep(0.04) "
          "end) co() co()",
          100);
    lasts("do local c <close> = setmetatable({}, {__close = function() tt.sleep(0.1) end}) end",
          100);
    lasts("local a = coroutine.wrap(function() local b = coroutine.wrap(function() tt.sleep(0.1) "
          "end) b() end) a()",
          100);
}

static void an_iteration_lasts_until_its_tasks_have_ended(void **state)
{
    (void)state;
    lasts("tt.spawn(function() tt.sleep(0.1) end)", 100);
    lasts("tt.spawn(function() tt.sleep(0.05) tt.spawn(tt.sleep, 0.05) end)", 100);
    lasts("local t = tt.spawn(tt.sleep, 60) tt.sleep(0.1) t:cancel()", 100);
    lasts("tt.race { tt.spawn(tt.sleep, 0.02), tt.spawn(tt.sleep, 0.1) }", 100);
    lasts("tt.all { tt.spawn(tt.sleep, 0.02), tt.spawn(tt.sleep, 0.1) }", 100);
    lasts("tt.spawn(tt.sleep, 0.1):wait('10ms')", 100);
}

static void errors_end_the_iteration_with_their_place(void **state)
{
    (void)state;
    ends("error('boom')", 0, TT_FAILED, ":4: boom");
    ends("tt.sleep(0.01) local x = nil; x()", 20, TT_FAILED, ":4: attempt to call a nil value");
    ends("error { code = 1 }", 0, TT_FAILED, "table");
    ends("tt.spawn(function() error('in a task') end) tt.sleep(60)", 1, TT_FAILED, "in a task");
    ends("local _, e = tt.spawn(function() error('kept') end):wait() assert(e:find('kept'))", 1,
         TT_DONE, "");
    ends("tt.fail('no more')", 0, TT_FAILED, "no more");
}

static void fail_and_abort_pass_every_pcall(void **state)
{
    (void)state;
    ends("pcall(pcall, tt.fail, 'out') error('not reached')", 0, TT_FAILED, "out");
    ends("xpcall(tt.fail, function() return 'caught' end, 'out')", 0, TT_FAILED, "out");
    ends("local co = coroutine.create(function() tt.fail('out') end) coroutine.resume(co) "
         "error('x')",
         0, TT_FAILED, "out");
    ends("pcall(tt.abort, 'enough')", 0, TT_ABORTED, "enough");
    ends("tt.spawn(function() pcall(tt.abort, 'enough') end):wait()", 1, TT_ABORTED, "enough");
}

static void waiting_where_c_cannot_be_left_is_an_error(void **state)
{
    (void)state;
    ends("table.sort({ 3, 1, 2 }, function(a, b) tt.sleep(1) return a < b end)", 0, TT_FAILED,
         "cannot wait inside a callback of sort");
    ends("string.gsub('a', 'a', function() tt.sleep(1) end)", 0, TT_FAILED,
         "cannot wait inside a callback of gsub");
    ends("tostring(setmetatable({}, {__tostring = function() tt.sleep(1) return '' end}))", 0,
         TT_FAILED, "cannot wait");
}

static void a_waiting_coroutine_cannot_be_resumed_by_others(void **state)
{
    (void)state;
    ends("local co = coroutine.create(function() tt.sleep(0.1) end)\n"
         "tt.spawn(function() coroutine.resume(co) end) tt.sleep(0.01)\n"
         "local ok, e = coroutine.resume(co) assert(not ok, 'resumed') error('said: ' .. e)",
         200, TT_FAILED, "said: ");
}

/* Cut while it waits: everything is closed, nothing is left behind (the sanitizer lanes see). */
static void cut(const char *body, uint64_t ms, const char *logged)
{
    struct tt_vu *vu;
    struct rig *r = run(body, ms, &vu);
    assert_false(r->ended);
    tt_vu_interrupt(vu);
    assert_true(r->ended);
    assert_int_equal(r->how, TT_INTERRUPTED);
    if (!strstr(r->log, logged))
        fail_msg("'%s' is not in the log: %s", logged, r->log);
    rig_begin(r, vu); /* and it can begin anew */
    tt_vu_free(vu);
    rig_free(r);
}

static void a_vu_can_be_cut_in_any_state(void **state)
{
    (void)state;
    cut("tt.sleep(60)", 10, "");
    cut("tt.sleep(60)", 0, "");
    cut("pcall(function() local co = coroutine.wrap(function() tt.sleep(60) end) co() end)", 10,
        "");
    cut("tt.spawn(function() tt.sleep(60) end) tt.sleep(60)", 0, "");
    cut("for i = 1, 10 do tt.spawn(function() tt.spawn(tt.sleep, 60):wait() end) end", 10, "");
    cut("tt.all { tt.spawn(tt.sleep, 60), tt.spawn(tt.sleep, 60) }", 10, "");
    cut("tt.race { tt.spawn(tt.sleep, 60), tt.spawn(tt.sleep, 60) }", 10, "");
    cut("tt.group('g', function() tt.sleep(60) end)", 10, "");
}

static void a_cut_closes_what_is_to_be_closed(void **state)
{
    (void)state;
    cut("local c <close> = setmetatable({}, {__close = function() tt.log.info('closed it') end})\n"
        "tt.sleep(60)",
        10, "closed it");
    cut("local c <close> = setmetatable({}, {__close = function() error('in close') end})\n"
        "tt.sleep(60)",
        10, "in close");
    cut("local c <close> = setmetatable({}, {__close = function() tt.sleep(1) end})\n"
        "tt.sleep(60)",
        10, "cannot wait");
}

static void vus_share_nothing(void **state)
{
    (void)state;
    struct rig *r =
        rig_new("local n = 0\nlocal M = {}\nfunction M.default() n = n + 1 g = (g or 0) + 1 "
                "error(('n=%d g=%d'):format(n, g)) end\nreturn M");
    struct tt_vu *a = rig_vu(r, 1), *b = rig_vu(r, 2);
    rig_begin(r, a);
    assert_non_null(strstr(r->message, "n=1 g=1"));
    rig_begin(r, a);
    assert_non_null(strstr(r->message, "n=2 g=2"));
    rig_begin(r, b);
    assert_non_null(strstr(r->message, "n=1 g=1"));
    tt_vu_free(a);
    tt_vu_free(b);
    rig_free(r);
}

static void init_may_not_wait(void **state)
{
    (void)state;
    struct rig *r = rig_new("local tt = require 'ttload'\ntt.sleep(1)\nreturn {}");
    struct tt_err err = {0};
    assert_null(tt_vu_new(r->w, 1, &err));
    assert_non_null(strstr(err.text, "sleep is not allowed in init"));
    assert_int_equal(err.exit_code, 107);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_suspend_at_any_depth),
        cmocka_unit_test(an_iteration_lasts_until_its_tasks_have_ended),
        cmocka_unit_test(errors_end_the_iteration_with_their_place),
        cmocka_unit_test(fail_and_abort_pass_every_pcall),
        cmocka_unit_test(waiting_where_c_cannot_be_left_is_an_error),
        cmocka_unit_test(a_waiting_coroutine_cannot_be_resumed_by_others),
        cmocka_unit_test(a_vu_can_be_cut_in_any_state),
        cmocka_unit_test(a_cut_closes_what_is_to_be_closed),
        cmocka_unit_test(vus_share_nothing),
        cmocka_unit_test(init_may_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
