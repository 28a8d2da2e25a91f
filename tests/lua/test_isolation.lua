-- SPDX-License-Identifier: MIT
-- VUs share nothing, setup's data is copied, iterations are numbered.
local tt = require "ttload"
local lib = require "lib.counted"

global_counter = 0 -- luacheck: ignore
local upvalue = 0

local M = { options = { vus = 4, iterations = 40, thresholds = {
  checks = { "rate==1" }, iterations = { "count==40" },
  script_errors = { { threshold = "count==0", allow_empty = true } } } } }

function M.setup()
  return { list = { 1, 2 }, word = "w" }
end

function M.default(data)
  global_counter = global_counter + 1 -- luacheck: ignore
  upvalue = upvalue + 1
  local n = lib.next()
  tt.sleep(0.001)
  data.list[1] = data.list[1] + 1
  tt.check(nil, {
    ["globals are the VU's"] = global_counter == upvalue, -- luacheck: ignore
    ["modules are the VU's"] = n == upvalue,
    ["setup's data is the VU's copy"] = data.list[1] == upvalue + 1,
  })
end

function M.teardown(data)
  if data.list[1] ~= 1 then error("teardown sees a VU's changes") end
end

return M
