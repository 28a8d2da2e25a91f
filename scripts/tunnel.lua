-- SPDX-License-Identifier: MIT
-- Load test of an HTTP tunnel service. Each virtual user opens a tunnel, sends requests to its public
-- URL and answers them itself, through the tunnel's WebSocket, at the same time.
--
-- Settings (--env NAME=VALUE): WS_ENDPOINT or TTF_ENDPOINT (none: an embedded server is started),
-- TOKEN or TTF_TOKEN, REQUESTS, REQUEST_TIMEOUT, HOLD, PUBLIC_BASE, SUMMARY.
local tt = require "ttload"
local metrics = require "ttload.metrics"
local testserver = require "ttload.testserver"
local tunnel = require "lib.tunnel"

local env = tt.env
local requests = tunnel.whole_number("REQUESTS", env.REQUESTS or 5)
local hold_ms = tunnel.milliseconds("HOLD", env.HOLD or "30s")

local success = metrics.rate("tunnel_establishment_success")
local failures = metrics.counter("tunnel_establishment_failures")
local establishment = metrics.trend("tunnel_establishment_time", { time = true })
local answered = metrics.rate("http_request_success")
local request_time = metrics.trend("http_request_time", { time = true })
local total = metrics.counter("total_http_requests")

local M = {}

M.options = {
  stages = {
    { duration = "30s", target = 5 },
    { duration = "2m", target = 20 },
    { duration = "3m", target = 20 },
    { duration = "30s", target = 0 },
  },
  thresholds = {
    tunnel_establishment_success = { "rate>0.95" },
    tunnel_establishment_time = { "p(95)<5000" },
    http_request_success = { "rate>0.95" },
    http_request_time = { "p(95)<1000" },
  },
  submetrics = tunnel.failure_metrics("tunnel_establishment_failures"),
}

function M.setup()
  local endpoint = env.WS_ENDPOINT or env.TTF_ENDPOINT
  if not endpoint then
    endpoint = testserver.tunnel({}).endpoint
    tt.log.info("no WS_ENDPOINT given: testing an embedded tunnel server at " .. endpoint)
  end
  return { endpoint = endpoint }
end

function M.default(data)
  local begin = tt.now()
  local t, cause = tunnel.open(data.endpoint, { token = env.TOKEN or env.TTF_TOKEN, public_base = env.PUBLIC_BASE })
  tt.check(t, { ["handshake is 101"] = cause == nil or cause.status == 101 })
  success:add(t ~= nil)
  if not t then
    failures:add(1, { cause = cause.name })
    return tt.sleep(1)
  end
  establishment:add(tt.now() - begin)

  for i = 1, requests do
    if i > 1 then tt.sleep(0.5) end
    local res = t:get("/load-test/" .. i, { timeout = env.REQUEST_TIMEOUT or "5s" })
    local fast = res.timings.duration < 1000
    tt.check(res, { ["status is 200"] = res.status == 200, ["answer under 1 s"] = fast })
    total:add(1)
    request_time:add(res.timings.duration)
    answered:add(res.status == 200 and fast)
  end
  tt.sleep(math.max(0, hold_ms - (tt.now() - begin)) / 1000)
  t:close()
  tt.sleep(1)
end

M.handle_summary = tunnel.summary(env.SUMMARY or "summary.json")

return M
