-- SPDX-License-Identifier: MIT
local tt = require "ttload"
local execution = require "ttload.execution"
local json = require "ttload.json"
local metrics = require "ttload.metrics"
local expect = require "lib.expect"

local seen = metrics.counter("seen")
local T = {}

expect.raises("execution.vu is not available in init", function() return execution.vu.id_in_test end)
expect.raises("execution.scenario is not available in init", function() return execution.scenario.name end)
expect.raises("execution.instance is not available in init", function() return pairs(execution.instance) end)
expect.raises("execution.test.options is not available in init", function() return execution.test.options end)
expect.raises("not allowed in init", function() execution.test.fail() end)
expect.equal(type(execution.test.abort), "function")

function T.vu_says_who_runs()
  expect.equal(execution.vu.id_in_test, 1)
  expect.equal(execution.vu.id_in_instance, 1)
  expect.equal(execution.vu.iteration_in_instance, 0)
  expect.equal(execution.vu.iteration_in_scenario, 0)
end

function T.scenario_says_what_runs()
  local s = execution.scenario
  expect.equal(s.name, "default")
  expect.equal(s.executor, "shared-iterations")
  expect.equal(s.iteration_in_instance, 0)
  expect.equal(s.iteration_in_test, 0)
  expect.equal(s.progress, 0) -- none of its iterations is done
  expect.equal(math.type(s.start_time), "integer")
  local ago = tt.time() * 1000 - s.start_time
  expect.ok(ago >= -1 and ago < 60000, "started " .. ago .. " ms ago")
end

function T.instance_counts()
  local i = execution.instance
  expect.equal(i.vus_active, 1)
  expect.equal(i.vus_initialized, 1)
  expect.equal(i.iterations_completed, 0)
  expect.equal(i.iterations_interrupted, 0)
  local before = i.current_test_run_duration
  tt.sleep(0.01)
  expect.ok(i.current_test_run_duration - before >= 9.9)
end

function T.fields_are_looked_up_when_they_are_read()
  local names = {}
  for name, value in pairs(execution.instance) do
    names[#names + 1] = name
    expect.equal(type(value), "number")
  end
  expect.equal(#names, 5)
  expect.raises("unknown field 'vus_activ' %(did you mean 'vus_active'", function()
    return execution.instance.vus_activ
  end)
  expect.raises("read%-only", function() execution.vu.id_in_test = 3 end)
  expect.raises("no field 'vus'", function() return execution.vus end)
end

function T.options_are_the_consolidated_ones_and_frozen()
  local o = execution.test.options
  expect.equal(o.vus, nil) -- became a scenario
  expect.equal(o.scenarios.default.executor, "shared-iterations")
  expect.equal(o.scenarios.default.iterations, 1)
  expect.equal(o.max_redirects, 10)
  expect.equal(#o.summary_trend_stats, 6)
  expect.equal(o.summary_trend_stats[1], "avg")
  expect.raises("read%-only", function() o.throw = true end)
  expect.raises("read%-only", function() o.scenarios.default.vus = 2 end)
  expect.raises("read%-only", rawset, o.summary_trend_stats, 1, "max")
  expect.equal(json.decode(json.encode(o)).scenarios.default.iterations, 1)
  expect.equal(rawequal(o, execution.test.options), true)
end

function T.tags_of_later_samples()
  local tags = execution.vu.tags
  expect.equal(tags.scenario, "default")
  expect.equal(tags.page, nil)
  tags.page, tags.step, tags.on = "home", 2.0, true
  expect.equal(tags.step, "2")
  expect.equal(tags.on, "true")
  seen:add(1)
  tt.group("g", function()
    expect.equal(tags.group, "::g")
    tags.page = "inner" -- changed in a group, it stays after it
    seen:add(10)
  end)
  expect.equal(tags.group, "")
  expect.equal(tags.page, "inner")
  seen:add(100)
  tt.spawn(function() seen:add(1000) end):wait()
  local all = {}
  for key, value in pairs(tags) do all[#all + 1] = key .. "=" .. value end
  table.sort(all)
  expect.equal(table.concat(all, " "), "group= on=true page=inner scenario=default step=2")
  tags.page = nil
  expect.equal(tags.page, nil)
  seen:add(10000)
end

function T.a_running_task_gets_the_tag_too()
  local task = tt.spawn(function()
    tt.sleep(0.005)
    return execution.vu.tags.late
  end)
  tt.sleep(0.001)
  execution.vu.tags.late = "yes"
  expect.equal(task:wait(), "yes")
  execution.vu.tags.late = nil
end

function T.misuse_of_tags_is_named()
  local tags = execution.vu.tags
  for _, name in ipairs { "group", "scenario", "check", "warmup" } do
    expect.raises(("'%s' is set by ttload itself"):format(name), function() tags[name] = "x" end)
  end
  expect.raises("a name is text", function() tags[1] = "x" end)
  expect.raises("'x' is text, a number or a boolean, not table", function() tags.x = {} end)
  local full
  for i = 1, 70 do full = full or not pcall(function() tags["t" .. i] = i end) end
  expect.ok(full, "70 tags fit")
  for i = 1, 70 do tags["t" .. i] = nil end
end

function T.metadata_is_kept()
  local m = execution.vu.metadata
  m.trace, m.n = "abc", 5
  m.trace = "abd"
  expect.equal(m.trace, "abd")
  expect.equal(m.n, "5")
  m.trace = nil
  m.never = nil
  local all = {}
  for key, value in pairs(m) do all[#all + 1] = key .. "=" .. value end
  expect.equal(table.concat(all, " "), "n=5")
  expect.raises("a name is text", function() m[1] = "x" end)
  expect.raises("not function", function() m.x = print end)
end

return expect.file(T, { thresholds = {
  seen = { "count==11111" },
  ["seen{page:home,step:2}"] = { "count==1" },
  ["seen{page:inner}"] = { "count==1110" },
} })
