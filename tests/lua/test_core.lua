-- SPDX-License-Identifier: MIT
local tt = require "ttload"
local metrics = require "ttload.metrics"
local expect = require "lib.expect"

local held = metrics.counter("held")
local T = {}

function T.check_records_and_answers()
  expect.equal(tt.check(1, { yes = true, also = function(v) return v == 1 end }), true)
  expect.equal(tt.check(1, { no_ = false }), false)
  expect.equal(tt.check(1, { raises_ = function() error("inside") end }), false)
  expect.raises("table", tt.check, 1)
  expect.raises("table", tt.check, 1, "x")
end

function T.group_returns_what_its_function_does()
  local a, b = tt.group("g", function() return 1, tt.group("h", function() return 2 end) end)
  expect.equal(a, 1)
  expect.equal(b, 2)
  expect.raises("inside", tt.group, "g", function() error("inside") end)
  expect.raises("function", tt.group, "g")
end

function T.sleep_takes_seconds_or_text_and_waits()
  local begin = tt.now()
  tt.sleep(0.02)
  tt.sleep("20ms")
  expect.ok(tt.now() - begin >= 39.9)
  expect.raises("apples", tt.sleep, "3 apples")
  expect.raises("", tt.sleep, -1)
  expect.raises("", tt.sleep, {})
end

function T.sleep_works_in_coroutines_pcall_and_metamethods()
  local co = coroutine.wrap(function() tt.sleep(0.001) coroutine.yield(1) tt.sleep(0.001) return 2 end)
  expect.equal(co(), 1)
  expect.equal(co(), 2)
  expect.ok(pcall(function() tt.sleep(0.001) end))
  local t = setmetatable({}, { __index = function(_, k) tt.sleep(0.001) return k end,
    __add = function() tt.sleep(0.001) return "sum" end })
  expect.equal(t.x, "x")
  expect.equal(t + 1, "sum")
  do
    local closed = false
    do local c <close> = setmetatable({}, { __close = function() tt.sleep(0.001) closed = true end }) expect.ok(c) end
    expect.ok(closed)
  end
  local slow_order = function(a, b) tt.sleep(0.001) return a < b end
  expect.raises("sort", function() table.sort({ 3, 2, 1 }, slow_order) end)
  expect.raises("a C function", table.sort, { 3, 2, 1 }, slow_order)
end

function T.tasks_run_at_once_and_return_values()
  local begin = tt.now()
  local tasks = {}
  for i = 1, 10 do tasks[i] = tt.spawn(function(n) tt.sleep(0.05) return n, n * 2 end, i) end
  for i, task in ipairs(tasks) do
    local a, b = task:wait()
    expect.equal(a, i)
    expect.equal(b, i * 2)
  end
  expect.ok(tt.now() - begin < 400) -- one after another: 500
end

function T.a_tasks_failure_is_its_waiters()
  local task = tt.spawn(function() error("in the task") end)
  local value, err = task:wait()
  expect.equal(value, nil)
  expect.matches(err, "in the task")
  local value2, why = tt.spawn(function() tt.sleep(0.2) end):wait("10ms")
  expect.equal(value2, nil)
  expect.equal(why, "timeout")
end

function T.cancelled_tasks_close_what_they_hold()
  local closed = false
  local task = tt.spawn(function()
    local c <close> = setmetatable({}, { __close = function() closed = true end })
    expect.ok(c)
    tt.sleep(60)
  end)
  tt.sleep(0.005)
  task:cancel()
  tt.sleep(0.005)
  expect.ok(closed)
end

function T.all_and_race_wait_for_many()
  local fast = function() tt.sleep(0.005) return "fast" end
  local slow = function() tt.sleep(0.05) return "slow" end
  local got = tt.all { a = tt.spawn(fast), b = tt.spawn(slow) }
  expect.equal(got.a, "fast")
  expect.equal(got.b, "slow")
  local key, value = tt.race { tt.spawn(slow), tt.spawn(fast) }
  expect.equal(key, 2)
  expect.equal(value, "fast")
  local none, err, which = tt.all { x = tt.spawn(function() error("broken") end) }
  expect.equal(none, nil)
  expect.matches(err, "broken")
  expect.equal(which, "x")
end

function T.time_goes_on()
  local a, b = tt.now(), tt.time()
  tt.sleep(0.01)
  expect.ok(tt.now() > a and tt.time() > b and tt.time() > 1.7e9)
end

function T.env_is_read_only()
  expect.equal(tt.env.SURELY_NOT_SET, nil)
  expect.raises("", function() tt.env.X = "1" end)
end

function T.unknown_functions_are_errors_with_a_suggestion()
  expect.raises("did you mean 'sleep'", function() return tt.sleeep end)
  expect.raises("", function() tt.mine = 1 end)
end

function T.the_sandbox_holds()
  for _, name in ipairs { "exit", "execute", "remove", "rename", "tmpname" } do
    expect.ok(not pcall(function() os[name]("x") end), "os." .. name)
  end
  expect.raises("", function() string.mine = 1 end) -- luacheck: ignore
  expect.equal(load(string.dump(function() end)), nil)
  expect.raises("", function() setmetatable({}, { __gc = print }) end)
end

function T.metrics_take_what_fits_their_type()
  held:add(2, { kind = "x" })
  expect.raises("number", held.add, held, "2")
  expect.raises("grows", held.add, held, -1)
  expect.raises("NaN", held.add, held, 0 / 0)
  expect.raises("init", metrics.counter, "late")
  expect.matches(held, "counter held")
end

return expect.file(T)
