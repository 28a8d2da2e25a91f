/* SPDX-License-Identifier: MIT */
/* Tasks on a fake clock: results, waiting for one, all or the first, time-outs, cancelling. */
#include "body.h"

static void a_tasks_results_are_kept_for_every_waiter(void **state)
{
    (void)state;
    holds("local t = tt.spawn(function(...) return select('#', ...), nil, ... end, 1, nil)\n"
          "for _ = 1, 2 do\n"
          "  local r = table.pack(t:wait())\n"
          "  assert(r.n == 4 and r[1] == 2 and r[2] == nil and r[3] == 1 and r[4] == nil)\n"
          "end\n"
          "assert(t:status() == 'returned')\n"
          "assert(select('#', tt.spawn(function() end):wait()) == 0)",
          0);
    holds("local t, got = tt.spawn(function() tt.sleep(0.01) return 'x' end), 0\n"
          "for _ = 1, 3 do tt.spawn(function() if t:wait() == 'x' then got = got + 1 end end) end\n"
          "tt.sleep(0.02) assert(got == 3)",
          20);
}

static void a_task_runs_when_its_maker_waits(void **state)
{
    (void)state;
    holds("local ran = false\n"
          "local t = tt.spawn(function() ran = true end)\n"
          "assert(not ran and t:status() == 'running') tt.sleep(0)\n"
          "assert(ran and t:status() == 'returned')",
          1);
}

static void a_wait_that_times_out_leaves_the_task_alone(void **state)
{
    (void)state;
    holds("local t = tt.spawn(function() tt.sleep(0.05) return 'late' end)\n"
          "local v, why = t:wait('10ms') assert(v == nil and why == 'timeout')\n"
          "v, why = t:wait(0) assert(v == nil and why == 'timeout')\n"
          "assert(t:status() == 'running' and t:wait(60) == 'late')\n"
          "assert(t:wait('1ms') == 'late')", /* it has ended: no time-out */
          50);
    holds("local t = tt.spawn(function() tt.sleep(0.01) return 1 end)\n"
          "local v = t:wait('10ms')", /* at the same moment: either, and no crash */
          10);
}

static void a_cancelled_task_is_one_with_an_error(void **state)
{
    (void)state;
    holds(
        "local t = tt.spawn(tt.sleep, 60) tt.sleep(0.01) t:cancel() t:cancel()\n"
        "local v, why = t:wait() assert(v == nil and why == 'cancelled')\n"
        "assert(t:status() == 'cancelled')\n"
        "t = tt.spawn(function() error('never begun') end) t:cancel()\n" /* before its first turn */
        "tt.sleep(0) assert(t:status() == 'cancelled')\n"
        "t = tt.spawn(function() return 1 end) tt.sleep(0) t:cancel()\n"
        "assert(t:status() == 'returned' and t:wait() == 1)",
        20);
}

static void cancelling_wakes_whoever_waits(void **state)
{
    (void)state;
    holds("local t, why = tt.spawn(tt.sleep, 60)\n"
          "tt.spawn(function() why = select(2, t:wait()) end)\n"
          "tt.sleep(0.01) t:cancel() tt.sleep(0) assert(why == 'cancelled')",
          11);
}

static void a_task_can_neither_wait_for_nor_cancel_itself(void **state)
{
    (void)state;
    holds("local t, said\n"
          "t = tt.spawn(function() said = { select(2, pcall(t.wait, t)),\n"
          "  select(2, pcall(t.cancel, t)), select(2, pcall(tt.all, { t })) } end)\n"
          "t:wait()\n"
          "assert(said[1]:find('wait for itself') and said[2]:find('cancel itself'))\n"
          "assert(said[3]:find('wait for itself'), said[3])",
          1);
}

static void a_failure_nobody_waits_for_ends_the_iteration(void **state)
{
    (void)state;
    ends("tt.spawn(function() tt.sleep(0.01) error('alone') end) tt.sleep(60)", 20, TT_FAILED,
         "alone");
    holds("local t = tt.spawn(function() tt.sleep(0.01) error('awaited') end)\n"
          "local _, e = t:wait() assert(e:find('awaited') and t:status() == 'failed')",
          20);
}

static void all_gives_first_results_by_the_same_keys(void **state)
{
    (void)state;
    holds("local r = tt.all { a = tt.spawn(function() tt.sleep(0.02) return 1, 2 end),\n"
          "  b = tt.spawn(function() end), [3] = tt.spawn(function() return false end) }\n"
          "assert(r.a == 1 and r.b == true and r[3] == false)\n"
          "assert(next(tt.all {}) == nil)",
          20);
    holds("local t = tt.spawn(function() return 'once' end) tt.sleep(0)\n"
          "local r = tt.all { t, t } assert(r[1] == 'once' and r[2] == 'once')",
          1);
}

static void all_names_the_first_that_failed(void **state)
{
    (void)state;
    holds("local function late(s) return tt.spawn(function() tt.sleep(s) error('at ' .. s, 0) end) "
          "end\n"
          "local v, e, key = tt.all { late(0.03), late(0.01), late(0.02), tt.spawn(tt.sleep, 0.05) "
          "}\n"
          "assert(v == nil and key == 2 and e:find('at 0.01'), e)",
          50);
    holds("local t = tt.spawn(tt.sleep, 60) t:cancel()\n"
          "local v, e, key = tt.all { x = t } assert(v == nil and e == 'cancelled' and key == 'x')",
          0);
}

static void race_is_won_by_who_ends_first(void **state)
{
    (void)state;
    holds("local slow, won = tt.spawn(tt.sleep, 60)\n"
          "local key, a, b = tt.race { slow, tt.spawn(function() tt.sleep(0.01) return 'x', 'y' "
          "end) }\n"
          "assert(key == 2 and a == 'x' and b == 'y') slow:cancel()",
          10);
    /* both end before the waiting one runs again: the list's order does not matter */
    holds("local a, b\n"
          "b = tt.spawn(function() tt.sleep(0.01) return 'b' end)\n"
          "a = tt.spawn(function() b:wait() return 'a' end)\n"
          "local key, v = tt.race { a, b } assert(key == 2 and v == 'b')",
          10);
    holds("local key, v, e = tt.race { x = tt.spawn(function() error('lost', 0) end) }\n"
          "assert(key == 'x' and v == nil and e:find('lost'))",
          1);
    holds("local done = tt.spawn(function() return 1 end) tt.sleep(0)\n"
          "local key = tt.race { tt.spawn(tt.sleep, 0.01), done } assert(key == 2)",
          10);
}

static void joins_take_tables_of_tasks_only(void **state)
{
    (void)state;
    holds("local function says(text, f, ...)\n"
          "  local ok, e = pcall(f, ...) assert(not ok and e:find(text), e) end\n"
          "says('no tasks', tt.race, {})\n"
          "says('found a number', tt.race, { 1 })\n"
          "says('found a table', tt.all, { {} })\n"
          "says('table expected', tt.all)\n"
          "says('function expected', tt.spawn, 5)\n"
          "says('duration', tt.spawn(print).wait, tt.spawn(print), 'soon')",
          1);
}

static void a_task_that_is_forgotten_ends_all_the_same(void **state)
{
    (void)state;
    holds("ran = 0\n"
          "for _ = 1, 300 do tt.spawn(function() tt.sleep(0.01) ran = ran + 1 end) end\n"
          "for _ = 1, 50 do local _ = {} end tt.sleep(0.02) assert(ran == 300)",
          20);
}

static void a_waiter_that_is_cancelled_leaves_the_others(void **state)
{
    (void)state;
    holds("local t, got = tt.spawn(function() tt.sleep(0.03) return 'x' end)\n"
          "local first = tt.spawn(function() t:wait() error('not reached') end)\n"
          "tt.spawn(function() got = t:wait() end)\n"
          "tt.sleep(0.01) first:cancel() tt.sleep(0.03) assert(got == 'x')",
          40);
    holds("local a, b = tt.spawn(tt.sleep, 0.03), tt.spawn(tt.sleep, 0.03)\n"
          "local w = tt.spawn(function() tt.all { a, b } error('not reached') end)\n"
          "local r = tt.spawn(function() tt.race { a, b } error('not reached') end)\n"
          "tt.sleep(0.01) w:cancel() r:cancel() a:wait() b:wait()",
          40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tasks_results_are_kept_for_every_waiter),
        cmocka_unit_test(a_task_runs_when_its_maker_waits),
        cmocka_unit_test(a_wait_that_times_out_leaves_the_task_alone),
        cmocka_unit_test(a_cancelled_task_is_one_with_an_error),
        cmocka_unit_test(cancelling_wakes_whoever_waits),
        cmocka_unit_test(a_task_can_neither_wait_for_nor_cancel_itself),
        cmocka_unit_test(a_failure_nobody_waits_for_ends_the_iteration),
        cmocka_unit_test(all_gives_first_results_by_the_same_keys),
        cmocka_unit_test(all_names_the_first_that_failed),
        cmocka_unit_test(race_is_won_by_who_ends_first),
        cmocka_unit_test(joins_take_tables_of_tasks_only),
        cmocka_unit_test(a_task_that_is_forgotten_ends_all_the_same),
        cmocka_unit_test(a_waiter_that_is_cancelled_leaves_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
