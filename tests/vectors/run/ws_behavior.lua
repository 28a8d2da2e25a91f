-- SPDX-License-Identifier: MIT
-- Runs the cases of one group of ws-behavior.json: a case an iteration. What happens is told through tags of the metric
-- vector_step, so that the samples' file has the cases, their results and their samples in order. The runner puts
-- OPTIONS, CASES (a file of JSON) before this text.
-- luacheck: read globals OPTIONS CASES
local tt      = require "ttload"
local http    = require "ttload.http"
local json    = require "ttload.json"
local metrics = require "ttload.metrics"
local ws      = require "ttload.ws"
local unhex   = require("ttload.encoding").hex_decode

local LONG = 4000 -- bytes; longer messages are told by their size and sum
local EVENTS = { open = "open", message = "message", binaryMessage = "binary_message", ping = "ping", pong = "pong",
                 close = "close", error = "error" }

local M = { options = OPTIONS }
local cases = json.decode(tt.open(CASES))
local step_metric = metrics.counter("vector_step")
local at = 0
local case, socket, log, reached

local function note(...) log[#log + 1] = json.array({ ... }) end

local function sum(text)
  local total = 0
  for i = 1, #text do total = total + text:byte(i) end
  return { bytes = #text, sum = total }
end

local payload_of = {}
function payload_of.message(text) return #text > LONG and sum(text) or text end
function payload_of.binaryMessage(data) return #data > LONG and sum(data) or json.array({ data:byte(1, -1) }) end
function payload_of.close(code) return code end

local run

local perform = {}
function perform.send(text) socket:send(text) end
function perform.sendBinary(hex) socket:send_binary(unhex(hex)) end
function perform.ping() socket:ping() end
function perform.close(code) socket:close(code or 1001) end
function perform.throw() error("thrown") end
function perform.mark(text) note("mark", text) end

function perform.timeout(ms, actions)
  socket:set_timeout(function()
    note("timeout")
    run(actions)
  end, ms .. "ms")
end

function perform.interval(ms, actions, n)
  local ticks = 0
  socket:set_interval(function()
    ticks = ticks + 1
    note("interval", ticks)
    if ticks == n then run(actions) end
  end, ms .. "ms")
end

function perform.when(name, n, actions)
  reached[name] = (reached[name] or 0) + 1
  if reached[name] == n then run(actions) end
end

function run(actions)
  for _, action in ipairs(actions) do perform[action[1]](table.unpack(action, 2)) end
end

-- The handlers of an event: lists of actions.
local function handlers_of(kind)
  local list = case.on and case.on[kind] or {}
  if list[1] and type(list[1][1]) == "table" then return list end
  return { list }
end

local function prepare(s)
  socket = s
  note("setup")
  for kind, name in pairs(EVENTS) do
    for _, actions in ipairs(handlers_of(kind)) do
      socket:on(name, function(value)
        local payload = payload_of[kind]
        if payload then note(kind, payload(value)) else note(kind) end
        run(actions)
      end)
    end
  end
  run(case.setup or {})
end

local function params_of(p)
  local out = { redirects = 0, headers = { ["X-Vector-Case"] = case.id } }
  for name, value in pairs(p or {}) do
    if name == "headers" then
      for k, v in pairs(value) do out.headers[k] = v end
    elseif name == "jar" then
      out.jar = http.CookieJar.new()
    else
      out[name] = value
    end
  end
  local jar = out.jar or http.cookie_jar()
  for _, cookie in ipairs(case.jar or {}) do jar:set(table.unpack(cookie)) end
  return out
end

local function mark(what, result)
  step_metric:add(1, { case = case.id, what = what, result = result and json.encode(result) or "" })
end

function M.default()
  at = at + 1
  case, log, reached = cases[at], {}, {}
  mark("begin")
  local ok, res = pcall(ws.connect, case.url, params_of(case.params), prepare)
  local result = { threw = not ok, events = json.array(log) }
  if ok then
    result.status, result.url, result.body, result.error = res.status, res.url, res.body, res.error
    result.headers = res.headers
  else
    result.message = tostring(res)
  end
  mark("end", result)
end

function M.handle_summary() return { stdout = "" } end

return M
