-- SPDX-License-Identifier: MIT
-- Runs the cases of one group of http-behavior.json: a case an iteration. What happens is told through tags of the
-- metric vector_step, so that the samples' file has the steps, their results and their samples in order. The runner
-- puts OPTIONS, CASES (a file of JSON) before this text.
-- luacheck: read globals OPTIONS CASES
local tt      = require "ttload"
local http    = require "ttload.http"
local json    = require "ttload.json"
local metrics = require "ttload.metrics"
local base64  = require("ttload.encoding").base64_encode

local M = { options = OPTIONS }
local cases = json.decode(tt.open(CASES))
local step_metric = metrics.counter("vector_step")
local at = 0
local case, jar, callback_is_set

local function cookies_of(res)
  local out = {}
  for name, list in pairs(res.cookies or {}) do
    local copies = {}
    for i, c in ipairs(list) do
      copies[i] = { name = c.name, value = c.value, domain = c.domain, path = c.path, http_only = c.http_only,
                    secure = c.secure, max_age = c.max_age, expires = c.expires }
    end
    out[name] = json.array(copies)
  end
  return out
end

local function result_of(res)
  if type(res) ~= "table" and type(res) ~= "userdata" then return { value = res } end
  local headers = {}
  for _, name in ipairs(case.headers) do headers[name] = res.headers and res.headers[name] end
  return {
    status = res.status, error_code = res.error_code, url = res.url, proto = res.proto, error = res.error,
    body = res.body and base64(res.body), tls_version = res.tls_version, headers = headers, cookies = cookies_of(res),
  }
end

local function callback(list)
  if list == json.null then return false end
  return http.expected_statuses(table.unpack(list))
end

local function params_of(p)
  if not p then return nil end
  local out = {}
  for name, value in pairs(p) do out[name] = value end
  if p.response_callback then out.response_callback = callback(p.response_callback) end
  if p.jar then out.jar = jar() end
  return out
end

local function url_of(req)
  return req.tpl and http.url(table.unpack(req.tpl)) or req.url
end

local function null_is_nil(v)
  if v == json.null then return nil end
  return v
end

local perform = {}

function perform.req(req)
  return result_of(http.request(req.method or "GET", url_of(req), null_is_nil(req.body), params_of(req.params)))
end

function perform.batch(list)
  local requests, keys = {}, {}
  for key, item in pairs(list) do
    keys[#keys + 1] = key
    if type(item) == "table" and item[1] then
      requests[key] = { item[1], item[2], null_is_nil(item[3]), params_of(item[4]) }
    elseif type(item) == "table" then
      requests[key] = { method = item.method, url = url_of(item), body = null_is_nil(item.body),
                        params = params_of(item.params) }
    else
      requests[key] = item
    end
  end
  local answers, out = http.batch(requests), {}
  for _, key in ipairs(keys) do out[key] = answers[key] and result_of(answers[key]) or json.null end
  return #list > 0 and json.array(out) or out
end

local function jar_for(step) return step.jar and jar() or http.cookie_jar() end

function perform.jar_set(words, step) jar_for(step):set(table.unpack(words)) return true end
function perform.jar_get(url, step) return jar_for(step):cookies_for_url(url) end
function perform.jar_clear(url, step) jar_for(step):clear(url) return true end
function perform.jar_delete(words, step) jar_for(step):delete(table.unpack(words)) return true end
function perform.set_callback(list)
  http.set_response_callback(callback(list))
  callback_is_set = true
  return true
end

local run_steps

function perform.group(name, step, id)
  tt.group(name, function() run_steps(step.steps, id .. ".") end)
  return json.null
end

local function mark(id, what, result)
  step_metric:add(1, { case = case.id, step = id, what = what, result = result and json.encode(result) or "" })
end

function run_steps(steps, prefix)
  for i, step in ipairs(steps) do
    local id = prefix .. (i - 1)
    mark(id, "begin")
    local ok, result
    for name, fn in pairs(perform) do
      if step[name] ~= nil then
        ok, result = pcall(fn, step[name], step, id)
        break
      end
    end
    if not ok then result = { threw = true, message = tostring(result) } end
    mark(id, "end", { result = result })
  end
end

function M.default()
  at = at + 1
  case = cases[at]
  local fresh
  jar = function()
    fresh = fresh or http.CookieJar.new()
    return fresh
  end
  if case.reset_callback and callback_is_set then
    callback_is_set = false
    http.set_response_callback(http.expected_statuses({ min = 200, max = 399 }))
  end
  run_steps(case.steps, "")
end

function M.handle_summary() return { stdout = "" } end

return M
