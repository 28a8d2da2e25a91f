-- SPDX-License-Identifier: MIT
-- The agent's side of an HTTP tunnel, for scenario files: opening a tunnel, answering the requests
-- that come through it while the same virtual user sends them, and the block of figures at the end.
local tt = require "ttload"
local encoding = require "ttload.encoding"
local http = require "ttload.http"
local json = require "ttload.json"
local ws = require "ttload.ws"

local M = {}

local CONNECT_TIMEOUT = "10s" -- for connection_established

-- Ways to fail, with what to look at.
local causes = {
  { "connect", "no connection: is the endpoint right, and is the service up?" },
  { "http_status", "the handshake was refused: look at the service's errors and its throttling limits" },
  { "auth", "the token was refused: is TOKEN (or TTF_TOKEN) set, and not expired?" },
  { "error_frame", "the service failed on the ready message: look at its function's errors" },
  { "timeout", "no connection_established in " .. CONNECT_TIMEOUT .. ": look at the function's duration, its "
    .. "concurrency and the database's throttling" },
  { "closed", "the service closed the connection before the tunnel was up: look at its connection limits" },
}

--- Settings ---------------------------------------------------------------------------------------

function M.whole_number(name, value)
  local n = math.tointeger(tonumber(value))
  if not n or n < 0 then error(("%s: a whole number from 0 is expected, not '%s'"):format(name, value), 0) end
  return n
end

local units = { ms = 1, s = 1000, m = 60000, h = 3600000 }

--- "30s", "1m30s" or a number of seconds, in milliseconds.
function M.milliseconds(name, value)
  if tonumber(value) and tonumber(value) >= 0 then return tonumber(value) * 1000 end
  local sum, rest = 0, tostring(value)
  rest = rest:gsub("(%d+%.?%d*)(%l+)", function(n, unit)
    if not units[unit] then return nil end
    sum = sum + tonumber(n) * units[unit]
    return ""
  end)
  if rest ~= "" or value == "" then
    error(("%s: a duration such as 30s is expected, not '%s'"):format(name, value), 0)
  end
  return sum
end

--- The sub-metrics of a counter that has a cause tag.
function M.failure_metrics(counter)
  local list = {}
  for i, cause in ipairs(causes) do list[i] = ("%s{cause:%s}"):format(counter, cause[1]) end
  return list
end

--- Answering ----------------------------------------------------------------------------------------

local function answer(socket, request)
  socket:send(json.encode {
    type = "http_response",
    request_id = request.request_id,
    status_code = 200,
    headers = { ["content-type"] = { "application/json" } },
    body = encoding.base64_encode(json.encode { ok = true, method = request.method, uri = request.uri }),
    processing_time_ms = 0,
  })
end

local function decode(text)
  local ok, message = pcall(json.decode, text)
  return ok and type(message) == "table" and message or {}
end

-- A task of the virtual user, until the socket closes.
local function answer_all(socket)
  for text in socket:messages() do
    local message = decode(text)
    if message.type == "http_request" then
      answer(socket, message)
    elseif message.type == "ping" then
      socket:send(json.encode { type = "pong" })
    end
  end
end

--- Opening ------------------------------------------------------------------------------------------

local function refused(err)
  if err.status == 401 or err.status == 403 then return "auth" end
  if err.status and err.kind == "status" then return "http_status" end
  return err.kind == "timeout" and "timeout" or "connect"
end

local function wait_established(socket)
  local deadline = tt.now() + M.milliseconds("CONNECT_TIMEOUT", CONNECT_TIMEOUT)
  while true do
    local text, why = socket:receive(math.max(0, deadline - tt.now()) / 1000)
    if not text then return nil, why end -- "timeout" or "closed"
    local message = decode(text)
    if message.type == "connection_established" then return message end
    -- What the service cannot process is answered by a frame without a type.
    if message.type == "error" or message.type == nil then return nil, "error_frame" end
  end
end

local Tunnel = {}
Tunnel.__index = Tunnel

--- Opens a tunnel and begins to answer its requests. Settings: token, public_base.
--- Returns it, or nil and { name = cause, status = of the handshake }.
function M.open(endpoint, settings)
  local headers = {}
  if settings.token then headers.Authorization = "Bearer " .. settings.token end
  local socket, err = ws.open(endpoint, { headers = headers, timeout = CONNECT_TIMEOUT })
  if not socket then return nil, { name = refused(err), status = err.status or 0 } end
  socket:send(json.encode { type = "ready", action = "ready" })
  local message, why = wait_established(socket)
  if not message then
    socket:close()
    return nil, { name = why, status = 101 }
  end
  local self = setmetatable({ socket = socket, url = message.public_url, headers = {} }, Tunnel)
  if settings.public_base then -- another scheme and authority, the same Host and path
    local host, path = self.url:match("^%a+://([^/]+)(.*)$")
    self.url, self.headers.Host = settings.public_base:gsub("/+$", "") .. path, host
  end
  tt.spawn(answer_all, socket)
  return self
end

--- Sends a GET to the tunnel's public URL.
function Tunnel:get(path, params)
  params.headers, params.name = self.headers, "tunnel" .. (path:match("^/[^/]*") or "")
  return http.get(self.url .. path, params)
end

function Tunnel:close()
  self.socket:close()
end

--- The summary ----------------------------------------------------------------------------------------

local function ms(value)
  return value < 1000 and ("%.0fms"):format(value) or ("%.1fs"):format(value / 1000)
end

-- "no samples" or the figure, and what a threshold says of it.
local function judged(metric, stat, format, words)
  local text, mark = "no samples", ""
  if metric and metric.values[stat] then text = format(metric.values[stat]) end
  for _, threshold in pairs(metric and metric.thresholds or {}) do
    if threshold.no_samples then return "no samples  ← Threshold failed" end
    if not threshold.ok then mark = "  ← " .. words .. " threshold" end
  end
  return text .. mark
end

local function block(data)
  local m, lines = data.metrics, { "Tunnel Metrics:" }
  local function line(label, name, stat, format, words)
    lines[#lines + 1] = ("  %s: %s"):format(label, judged(m[name], stat, format, words))
  end
  local percent = function(rate) return ("%.2f%%"):format(rate * 100) end
  line("Establishment Success Rate", "tunnel_establishment_success", "rate", percent, "Below")
  line("Establishment Time (p95)", "tunnel_establishment_time", "p(95)", ms, "Above")
  line("HTTP Request Time (p95)", "http_request_time", "p(95)", ms, "Above")
  local hints = {}
  for _, cause in ipairs(causes) do
    local metric = m[("tunnel_establishment_failures{cause:%s}"):format(cause[1])]
    local count = metric and metric.values.count or 0
    if count > 0 then hints[#hints + 1] = ("  %d x %s: %s"):format(count, cause[1], cause[2]) end
  end
  if #hints > 0 then
    lines[#lines + 1] = "Tunnels that failed:"
    table.move(hints, 1, #hints, #lines + 1, lines)
  end
  return table.concat(lines, "\n")
end

--- A handle_summary that prints the usual summary and the block, and writes the figures to path.
function M.summary(path)
  return function(data)
    return {
      stdout = tt.summary_text(data) .. "\n" .. block(data) .. "\n",
      [path] = json.encode(data),
    }
  end
end

return M
