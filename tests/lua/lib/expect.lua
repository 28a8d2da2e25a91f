-- SPDX-License-Identifier: MIT
-- Assertions of the Lua API's tests. A failure ends the test run with exit code 108.
local tt = require "ttload"

local M = {}

local function show(v)
  return type(v) == "string" and ("%q"):format(v) or tostring(v)
end

local function fail(text)
  local _, placed = pcall(error, text, 4) -- the test's line
  tt.abort(placed)
end

function M.equal(got, want)
  if got ~= want then fail(("expected %s, got %s"):format(show(want), show(got))) end
end

function M.ok(value, text)
  if not value then fail(text or "expected a true value") end
end

function M.matches(text, pattern)
  if not tostring(text):find(pattern) then fail(("%s does not match %s"):format(show(text), show(pattern))) end
end

--- fn(...) raises an error that matches the pattern.
function M.raises(pattern, fn, ...)
  local good, err = pcall(fn, ...)
  if good then fail("no error; expected one that matches " .. show(pattern)) end
  M.matches(err, pattern)
end

--- The scenario file of a test: its functions are run one after another, in one iteration.
function M.file(tests, options)
  local names, m = {}, { options = options or {} }
  m.options.vus, m.options.iterations = 1, 1
  m.options.thresholds = m.options.thresholds or {}
  m.options.thresholds.iterations = { "count==1" } -- an error of a test ends the iteration
  m.options.thresholds.script_errors = { { threshold = "count==0", allow_empty = true } }
  for name in pairs(tests) do names[#names + 1] = name end
  table.sort(names)
  function m.default(data)
    for _, name in ipairs(names) do
      tests[name](data)
    end
  end
  return m
end

return M
