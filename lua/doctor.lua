-- SPDX-License-Identifier: MIT
-- `ttload doctor`: the steps between this machine and a service, a line for each as it ends. Part of
-- the program (src/cli/cmd_doctor.c starts it), run by the engine that carries load, in setup():
-- what it finds is what a run would meet. What could not be checked is said to be so.
local tt = require "ttload"
local encoding = require "ttload.encoding"
local execution = require "ttload.execution"
local http = require "ttload.http"
local json = require "ttload.json"
local testserver = require "ttload.testserver"
local ws = require "ttload.ws"

local env = tt.env
local subject = json.decode(env.TTLOAD_DOCTOR) -- { url?, script?, max_vus?, options? }
local connect_timeout = env.CONNECT_TIMEOUT or "10s"
local request_timeout = env.REQUEST_TIMEOUT or "30s"

local function file(path)
  local ok, text = pcall(tt.open, path, "text")
  return ok and text or ""
end
local limits, ports = file("/proc/self/limits"), file("/proc/sys/net/ipv4/ip_local_port_range")

local M = { options = subject.options }

--- Lines ------------------------------------------------------------------------------------------

local secrets = {} -- texts that must not be printed
local failed, unchecked = {}, {}

local function masked(text)
  for _, secret in ipairs(secrets) do
    local from, to = text:find(secret, 1, true)
    while from do
      text = text:sub(1, from - 1) .. "****" .. text:sub(to + 1)
      from, to = text:find(secret, from + 4, true)
    end
  end
  return text
end

local function line(mark, step, ms, text, ...)
  local time = ms and (ms < 1000 and "%.1f ms" or "%.0f ms"):format(ms) or ""
  print(masked(("%s %-8s %9s  %s"):format(mark, step, time, text)))
  for _, advice in ipairs { ... } do print(masked((" "):rep(22) .. "-> " .. advice)) end
end

local function good(step, ...) line("✓", step, ...) end
local function bad(step, ...)
  failed[#failed + 1] = step
  line("✗", step, ...)
end
local function skip(step, text, ...)
  unchecked[#unchecked + 1] = step
  line("-", step, nil, text, ...)
end
--- Does not apply here: not counted as unchecked.
local function none(step, ...) line("-", step, nil, ...) end

local function span(seconds)
  local s = math.abs(seconds)
  for _, unit in ipairs { { 86400, "days" }, { 3600, "hours" }, { 60, "minutes" } } do
    if s >= 2 * unit[1] then return ("%d %s"):format(s // unit[1], unit[2]) end
  end
  return ("%d seconds"):format(math.floor(s))
end

local function day(seconds) return os.date("!%Y-%m-%d", math.floor(seconds)) end

-- Of what http and ws have taken as a duration.
local function milliseconds(duration)
  local units, sum = { ms = 1, s = 1000, m = 60000, h = 3600000, [""] = 1000 }, 0
  for n, unit in duration:gmatch("([%d.]+)(%a*)") do sum = sum + tonumber(n) * units[unit] end
  return sum
end

--- URLs -------------------------------------------------------------------------------------------

local default_ports = { http = 80, ws = 80, https = 443, wss = 443 }

-- nil for what is no URL of ours.
local function parse(url)
  local scheme, authority, path, query = url:match("^(%a+)://([^/?#]*)([^?#]*)%??([^#]*)")
  scheme = scheme and scheme:lower()
  if not default_ports[scheme or ""] then return nil end
  local user, at = authority:match("^(.*)@(.*)$")
  authority = at or authority
  local host, port = authority:match("^%[(.-)%]:?(%d*)$")
  if not host then host, port = authority:match("^([^:]+):?(%d*)$") end
  if not host then return nil end
  local u = { scheme = scheme, authority = authority, user = user, host = host, path = path, query = query }
  u.port = tonumber(port) or default_ports[scheme]
  u.secure = scheme == "https" or scheme == "wss"
  u.socket = scheme == "ws" or scheme == "wss"
  u.shown = scheme .. "://" .. u.authority .. path .. (query ~= "" and "?****" or "")
  u.numeric = host:find(":", 1, true) or host:match("^%d+%.%d+%.%d+%.%d+$")
  u.loopback = host == "localhost" or host:match("^127%.") or host == "::1"
  return u
end

--- Transport: dns, tcp, tls, answer ---------------------------------------------------------------

local phases = { "dns", "tcp", "tls", "answer" }
local by_timeout = { ["looking up"] = "dns", connecting = "tcp", TLS = "tls" }

-- Where a request without an answer failed.
local function failing_phase(res, secure)
  local code, text = res.error_code, res.error
  if code == 1100 or code == 1101 or code == 1111 then return "dns" end
  if code == 1010 or (code >= 1300 and code < 1400) or text:find("^x509") then return "tls" end
  if code == 1050 then
    for words, phase in pairs(by_timeout) do
      if text:find(words, 1, true) then return phase end
    end
    return "answer"
  end
  if res.timings.connecting > 0 then
    return secure and res.timings.tls_handshaking == 0 and "tls" or "answer"
  end
  return code >= 1110 and code < 1300 and "tcp" or "answer"
end

local advice_by_code = {
  [1101] = "no server knows this name: is it spelled right, deployed, in a private zone? option hosts gives an address",
  [1100] = "the name server does not answer: look at /etc/resolv.conf and the network",
  [1110] = "option blacklist_ips forbids this address",
  [1111] = "option block_hostnames forbids this name",
  [1211] = "nothing answers there: a firewall or security group drops packets, or the address is wrong",
  [1212] = "the machine is there and nothing listens on the port: is the service up, is the port right?",
  [1220] = "something in between, or the service's connection limit, cut the connection",
  [1300] = "the two sides agree on no version or cipher, or the port speaks something else: see option tls_version",
  [1301] = "the port does not speak TLS: is it ws:// or http://, or another port?",
  [1310] = "the issuer is not trusted here: give its certificate with --ca-file; to see the chain: "
    .. "--insecure-skip-tls-verify",
  [1311] = "the server has a certificate for other names: is the host right? see the hosts option, and the custom "
    .. "domain's certificate; to see the names: --insecure-skip-tls-verify",
  [1010] = "the server refused us: it may want a client certificate (option tls_auth)",
}
local advice_by_phase = {
  dns = "look at /etc/resolv.conf and the network",
  tcp = "no connection: is the address right, does a firewall drop packets?",
  tls = "look at the server's certificate and its TLS settings",
  answer = "it connects and does not answer: is it an HTTP service, is its function slow or cold?",
}

local function advice_for(code, text, phase)
  if text:find("has expired", 1, true) then
    return "the certificate must be renewed (or this machine's clock is wrong)"
  elseif text:find("not yet valid", 1, true) then
    return "is this machine's clock right?"
  elseif code == 1050 then
    return advice_by_phase[phase]
  end
  return advice_by_code[code] or advice_by_phase[phase]
end

local function certificate_line(url, res)
  local c = res.certificates and res.certificates[1]
  local how = ("%s %s"):format(res.tls_version, res.tls_cipher_suite)
  if not c then return skip("tls", how .. "; the certificate is not known") end
  local left = c.not_after - tt.time()
  local text = ("%s; certificate of %s by %s for %s, until %s (%s %s), chain of %d"):format(how, c.subject, c.issuer,
    table.concat(c.names, " "), day(c.not_after), span(left), left < 0 and "ago" or "left", #res.certificates)
  local ms = res.timings.tls_handshaking
  if execution.test.options.insecure_skip_tls_verify then
    return skip("tls", "not verified (insecure_skip_tls_verify): " .. text)
  elseif left < 14 * 86400 then
    return good("tls", ms, text .. ", name " .. url.host, "it expires soon: renew it")
  end
  good("tls", ms, text .. ", name " .. url.host)
end

local function good_phase(phase, url, res)
  local t = res.timings
  if phase == "dns" then
    if url.proxied then return none("dns", "the proxy looks the name up") end
    if url.numeric then return none("dns", url.host .. " is an address") end
    local ip = res.remote_ip
    return good("dns", t.looking_up, url.host .. (ip and " is " .. ip or " has an address"))
  elseif phase == "tcp" then
    return good("tcp", t.connecting, ("%s port %d%s"):format(res.remote_ip or url.host, res.remote_port
      or url.port, url.proxied and " (the proxy)" or ""))
  elseif phase == "tls" then
    if not url.secure then return none("tls", "not used: whoever is in between can read the token") end
    if res.status == 0 then return skip("tls", "the handshake went well; the certificate is not known") end
    return certificate_line(url, res)
  end
end

local function through(proxy) return "it went through " .. proxy end

-- A GET that shows the phases. False: the service cannot be reached.
local function check_transport(url, res, took)
  local at = res.status == 0 and failing_phase(res, url.secure)
  for i, phase in ipairs(phases) do
    if phase == at then
      if phase ~= "answer" then
        bad(phase, took, res.error, advice_for(res.error_code, res.error, phase),
          url.proxied and through(url.proxied) or nil)
        for k = i + 1, #phases - 1 do skip(phases[k], "not checked: " .. phase .. " failed") end
      end
      return phase == "answer"
    end
    good_phase(phase, url, res)
  end
  return true
end

--- Proxy ------------------------------------------------------------------------------------------

local function variable(name) -- as the HTTP engine reads them
  local value = env[name] or env[name:lower()]
  return value ~= "" and value or nil
end

-- The entry of NO_PROXY that names the host; a network (with a slash) is left to the engine.
local function excepted(list, url)
  local host = url.host:lower()
  for entry in (list or ""):lower():gmatch("[^%s,]+") do
    local name, port = entry:match("^([^:]+):(%d+)$")
    name = (name or entry):gsub("^%*?%.", "")
    local named = host == name or host:sub(-#name - 1) == "." .. name
    if entry == "*" or named and (not port or tonumber(port) == url.port) then return entry end
  end
end

-- The variable with the proxy for requests to the URL, masked; nil and why none is used.
local function proxy_for(url)
  local name = url.secure and "HTTPS_PROXY" or "HTTP_PROXY"
  local value = variable(name)
  if not value then return nil, "no " .. name .. " in the environment" end
  local shown = name .. "=" .. value:gsub("//[^/@]*@", "//****@")
  local exception = excepted(variable("NO_PROXY"), url)
  if url.socket then return nil, shown .. " is not used for WebSockets: they go directly" end
  if url.loopback then return nil, shown .. " is not used: a loopback host" end
  if exception then return nil, shown .. " is not used: NO_PROXY has " .. exception end
  if url.numeric and (variable("NO_PROXY") or ""):find("/", 1, true) then
    shown = shown .. " (unless a network in NO_PROXY has " .. url.host .. ")"
  end
  return shown
end

local function check_proxy(url)
  local proxy, why = proxy_for(url)
  if proxy then good("proxy", nil, proxy .. " carries the requests") else none("proxy", why) end
  return proxy
end

--- Token ------------------------------------------------------------------------------------------

local function find_token(url)
  for _, name in ipairs { "TOKEN", "TTF_TOKEN" } do
    if env[name] then return env[name], name end
  end
  local value = ("&" .. url.query):match("&token=([^&]*)")
  if value then return encoding.urldecode(value), "the URL's query", true end
end

-- The claims, or nil and what is wrong. Nothing is verified: the key is the service's.
local function claims_of(token)
  local head, body, signature = token:match("^([^.]+)%.([^.]+)%.([^.]*)$")
  if not head then return nil, "not three parts with dots between" end
  local function part(text)
    local ok, value = pcall(function() return json.decode(encoding.base64_decode(text, "rawurl")) end)
    return ok and type(value) == "table" and value or nil
  end
  local header, claims = part(head), part(body)
  if not header or not claims then return nil, "its header or claims are no base64url of JSON" end
  if signature == "" then return nil, "it has no signature" end
  return claims
end

-- What can be known without the service: { text, advice?, wrong? }.
local function read_token(token, from)
  if token == "" then return { text = from .. " is empty", wrong = true, advice = "set it, or unset it" } end
  if token:find("[%c%s]") then
    return { text = from .. " has blanks or line breaks in it", wrong = true,
      advice = "copy it anew, without 'Bearer' and line breaks" }
  end
  local claims, why = claims_of(token)
  if not claims then return { text = ("%s is no JWT: %s"):format(from, why), advice = "is it copied whole?" } end
  local sub = type(claims.sub) == "string" and claims.sub or nil -- JSON's null is not nil
  local text = ("%s, sub %s"):format(from, sub or "missing")
  local exp, nbf = tonumber(claims.exp), tonumber(claims.nbf)
  if not exp then return { text = text .. ", no exp", advice = "the tunnel service wants both sub and exp" } end
  local left = exp - tt.time()
  if left < 0 then
    return { text = ("%s, expired %s ago"):format(text, span(left)), wrong = true, advice = "get a new token" }
  end
  text = ("%s, expires in %s"):format(text, span(left))
  if nbf and nbf > tt.time() then text = ("%s, valid only in %s"):format(text, span(nbf - tt.time())) end
  if claims.aud and claims.aud ~= json.null then
    return { text = text .. ", has aud", advice = "where the key is a secret, a token with aud is refused" }
  end
  return { text = text, advice = sub and "was it signed with the service's key?" or "the tunnel service wants a sub" }
end

local or_else_403 = "403 may also mean a wrong path or stage, or a firewall"

-- verdict: the HTTP status that the service answered with; nil: it was not asked.
local function check_token(c, verdict)
  local refused, hint = verdict == 401 or verdict == 403, verdict == 403 and or_else_403 or nil
  local read = c.read
  if not read and refused then
    bad("token", nil, ("none given, and the service answers %d"):format(verdict), "give one: --env TOKEN=...", hint)
  elseif not read then
    none("token", verdict and "none given, none asked for" or "none given")
  elseif refused then
    bad("token", nil, ("%s; the service refuses it with %d"):format(read.text, verdict), read.advice, hint)
  elseif read.wrong then
    bad("token", nil, read.text, read.advice)
  elseif not verdict then
    skip("token", read.text .. "; decoded only: the service did not get it")
  else
    good("token", nil, read.text .. "; not refused (not verified here)")
  end
end

--- The tunnel -------------------------------------------------------------------------------------

local advice_by_status = {
  [400] = "the service does not understand the request: is the path right?",
  [401] = "see the token",
  [403] = "see the token; a wrong path or stage gives 403 too",
  [404] = "nothing has this path: is the stage in it right?",
  [413] = "the request is too large for the service",
  [426] = "the path wants a WebSocket",
  [429] = "throttled: look at the gateway's rate and burst limits",
  [500] = "the service failed: look at its function's errors",
  [502] = "the service's function failed: look at its errors",
  [503] = "the service has no capacity, or took over 29 s: look at its function's throttles and concurrency",
  [504] = "no answer in the service's time: look at the function's duration",
}

local function status_advice(status)
  return advice_by_status[status] or (status < 300 and "it answers as plain HTTP: is the path a WebSocket's?"
    or status < 400 and "a redirect: give the address that it leads to"
    or status < 500 and "the service refuses the request" or "look at the service's errors")
end

local function bearer(c)
  if c.token and not c.in_query and not c.unsendable then return { Authorization = "Bearer " .. c.token } end
  return {}
end

-- For check_clock: when an answer with a Date was asked for and came.
local function note_date(c, headers, from)
  if headers and headers.Date and not c.dated then
    c.dated = { date = headers.Date, from = from, to = tt.time() }
  end
end

-- The socket, or nil; and the status that the handshake got.
local function check_upgrade(c)
  local begin, from = tt.now(), tt.time()
  local socket, err = ws.open(c.url, { headers = bearer(c), timeout = connect_timeout })
  local ms = tt.now() - begin
  note_date(c, (socket or err).headers, from)
  if socket then
    good("upgrade", ms, "101 Switching Protocols")
    return socket, 101
  end
  if err.kind == "status" then
    bad("upgrade", ms, ("refused with status %d"):format(err.status), status_advice(err.status))
  elseif err.kind == "protocol" then
    bad("upgrade", ms, err.message, "is it a WebSocket service? a proxy in between may not let upgrades pass")
  else
    bad("upgrade", ms, err.message, advice_for(err.error_code or 1000, err.message, "answer"))
  end
  return nil, err.kind == "status" and err.status or nil
end

local function decode(text)
  local ok, message = pcall(json.decode, text)
  return ok and type(message) == "table" and message or {}
end

local function check_ready(socket)
  local begin, others = tt.now(), 0
  local deadline = begin + milliseconds(connect_timeout)
  socket:send(json.encode { type = "ready" })
  while true do
    local text, why = socket:receive(math.max(0, deadline - tt.now()) / 1000)
    local message = text and decode(text) or {}
    local ms = tt.now() - begin
    if why == "timeout" then
      bad("ready", ms, ("no connection_established in %s%s"):format(connect_timeout, others > 0
        and (", but %d other messages"):format(others) or ""), others > 0
        and "is it a tunnel service? --env TUNNEL=no for another WebSocket service"
        or "look at the function's duration, errors and concurrency, and at the database's throttling")
      return nil
    elseif not text then
      bad("ready", ms, ("closed with %s %s"):format(socket.close_code, socket.close_reason or ""),
        "look at the service's connection limits and its errors")
      return nil
    elseif message.type == "connection_established" and type(message.public_url) == "string" then
      good("ready", ms, "tunnel " .. tostring(message.tunnel_id) .. " at " .. message.public_url)
      return message.public_url
    elseif message.type == "error" or (message.type == nil and message.message) then
      bad("ready", ms, "the service says: " .. tostring(message.message), "look at its function's errors")
      return nil
    end
    others = others + 1
  end
end

-- The agent's side; seen gets when the request came.
local function answer_all(socket, seen, body)
  for text in socket:messages() do
    local request = decode(text)
    if request.type == "http_request" then
      seen.at = tt.now()
      socket:send(json.encode {
        type = "http_response",
        request_id = request.request_id,
        status_code = 200,
        headers = { ["content-type"] = { "text/plain" } },
        body = encoding.base64_encode(body),
      })
    end
  end
end

local function request_advice(url, res, seen)
  if res.status == 0 then
    local phase, proxy = failing_phase(res, url.secure), proxy_for(url)
    if phase ~= "answer" then
      return advice_for(res.error_code, res.error, phase), proxy and through(proxy)
        or "PUBLIC_BASE or the option hosts say where public URLs lead"
    end
  elseif res.status ~= 504 then
    return status_advice(res.status)
  end
  local way = seen.at and "the request reached the agent: its answer was lost, or came late"
    or "the request did not reach the agent: lost on its way in"
  return way, "the gateway gives up after 29 s; a shorter REQUEST_TIMEOUT is ours"
end

-- One request to the public URL, which we answer ourselves.
local function check_request(c, socket, public)
  local seen, body, headers = {}, ("doctor %d"):format(math.random(1 << 40)), {}
  if env.PUBLIC_BASE then
    local host, path = public:match("^%a+://([^/]+)(.*)$")
    public, headers.Host = env.PUBLIC_BASE:gsub("/+$", "") .. path, host
  end
  local url = parse(public)
  if not url then return bad("request", nil, "no URL: " .. public, "see PUBLIC_BASE") end
  local agent = tt.spawn(answer_all, socket, seen, body)
  local begin = tt.now()
  local from = tt.time()
  local res = http.get(public .. "/doctor", { headers = headers, timeout = request_timeout, redirects = 0,
    throw = false, response_type = "text" })
  local ms = tt.now() - begin
  note_date(c, res.headers, from)
  agent:cancel()
  if res.status ~= 200 then
    local what = res.status == 0 and res.error or ("status %d"):format(res.status)
    bad("request", ms, what, request_advice(url, res, seen))
  elseif res.body ~= body then
    bad("request", ms, "status 200, with another body than was sent", "does another service answer at the public URL?")
  else
    local text = ("status 200: %.1f ms to the agent, %.1f ms back"):format(seen.at - begin, begin + ms - seen.at)
    good("request", ms, text, ms >= 1000
      and "slow: a cold start, a throttled database, or how the service notices answers (polling or events)" or nil)
  end
end

--- Clock, limits ----------------------------------------------------------------------------------

local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11,
  Dec = 12 }

-- "Sun, 06 Nov 1994 08:49:37 GMT" in seconds since the epoch (Howard Hinnant's days_from_civil).
local function epoch(text)
  local d, name, y, h, m, s = (text or ""):match("(%d%d) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT")
  local month = months[name or ""]
  if not month then return nil end
  local year = tonumber(y) - (month <= 2 and 1 or 0)
  local era, in_year = year // 400, (153 * ((month + 9) % 12) + 2) // 5 + tonumber(d) - 1
  local yoe = year % 400
  local days = era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + in_year - 719468
  return days * 86400 + tonumber(h) * 3600 + tonumber(m) * 60 + tonumber(s)
end

local SKEW_MAX = 5 -- seconds; a Date has whole ones

local function check_clock(dated)
  local date = dated and epoch(dated.date)
  if not date then return skip("clock", "no answer with a Date came: not compared") end
  local ahead = (dated.from + dated.to) / 2 - (date + 0.5)
  if math.abs(ahead) <= SKEW_MAX + (dated.to - dated.from) / 2 then
    return good("clock", nil, ("ours and the service's differ by at most %d s"):format(SKEW_MAX))
  end
  bad("clock", nil, ("ours is %s %s the service's"):format(span(ahead), ahead > 0 and "ahead of" or "behind"),
    "times of tokens and certificates are judged by it: synchronise it (timedatectl, chronyc)")
end

local function check_limits()
  local files = tonumber(limits:match("Max open files%s+%S+%s+(%d+)")) -- hard: ttload raises the soft one
  local first, last = ports:match("(%d+)%s+(%d+)")
  local n_ports = first and last - first + 1
  if not files or not n_ports then return skip("limits", "/proc does not tell them") end
  local text = ("%d open files, %d ports to one address"):format(files, n_ports)
  local vus = subject.max_vus
  if not vus then return good("limits", nil, text) end
  text = ("%s; the script has up to %d virtual users"):format(text, vus)
  if 2 * vus + 64 > files then -- a socket and a connection for requests each
    bad("limits", nil, text, "raise ulimit -Hn, or divide the load with --execution-segment")
  elseif 2 * vus > n_ports then
    bad("limits", nil, text, "widen net.ipv4.ip_local_port_range, or give source addresses with local_ips")
  else
    good("limits", nil, text)
  end
end

--- All --------------------------------------------------------------------------------------------

local function endpoint()
  if subject.url then return subject.url, "" end
  for _, name in ipairs { "WS_ENDPOINT", "TTF_ENDPOINT" } do
    if env[name] then return env[name], " (" .. name .. ")" end
  end
  local none_given = " (an embedded tunnel server: no URL, no WS_ENDPOINT, no TTF_ENDPOINT)"
  return testserver.tunnel({}).endpoint, none_given
end

-- Not what is so short that the lines would become unreadable.
local function add_secret(text)
  if text and #text > 3 then secrets[#secrets + 1] = text end
end

-- A GET to the endpoint. To a WebSocket's it goes as the socket will: directly, without the token.
local function probe(c, url)
  local target = url.socket and c.url:gsub("^[wW][sS]", "http", 1) or c.url
  local from = tt.time()
  local params = { redirects = 0, throw = false, response_callback = false }
  if url.socket then
    params.timeout, params.http_version, params.proxy = connect_timeout, "1.1", false
  else
    params.timeout, params.headers = request_timeout, bearer(c)
  end
  local res = http.get(target, params)
  note_date(c, res.headers, from)
  return res, (tt.time() - from) * 1000
end

local function check_answer(c, res, took)
  if res.status == 0 then
    bad("request", took, res.error, advice_for(res.error_code, res.error, "answer"))
  elseif res.status < 300 then
    good("request", took, ("status %d, %s"):format(res.status, res.proto))
  else
    bad("request", took, ("status %d"):format(res.status), status_advice(res.status))
  end
  check_token(c, res.status ~= 0 and res.status or nil)
end

local function check_tunnel(c)
  local socket, status
  if c.unsendable then
    skip("upgrade", "not checked: the token cannot be sent")
  else
    socket, status = check_upgrade(c)
  end
  check_token(c, status)
  if env.TUNNEL == "no" then
    none("ready", "not a tunnel (TUNNEL=no)")
    none("request", "not a tunnel (TUNNEL=no)")
  else
    local public = socket and check_ready(socket)
    if not socket then skip("ready", "not checked: there is no connection") end
    if public then
      check_request(c, socket, public)
    else
      skip("request", "not checked: there is no tunnel")
    end
  end
  if socket then socket:close() end
end

local function check_service(c, url)
  url.proxied = check_proxy(url)
  local res, took = probe(c, url)
  if not check_transport(url, res, took) then
    check_token(c, nil)
    if url.socket then skip("upgrade", "not checked: the service cannot be reached") end
    if url.socket and env.TUNNEL ~= "no" then skip("ready", "not checked: the service cannot be reached") end
    return skip("request", "not checked: the service cannot be reached")
  end
  if url.socket then check_tunnel(c) else check_answer(c, res, took) end
end

local function conclude()
  local rest = #unchecked > 0 and "; not checked: " .. table.concat(unchecked, ", ") or ""
  if #failed == 0 then return print("what was checked is well" .. rest) end
  print("failed: " .. table.concat(failed, ", ") .. rest)
  execution.test.fail(table.concat(failed, ", "))
end

local function check_all(given, from)
  local url = parse(given)
  if not url then
    print("checking the endpoint" .. from)
    return bad("url", nil, "no ws://, wss://, http:// or https:// URL", "like wss://tunnel.example.com/dev")
  end
  local c = { url = given }
  c.token, c.token_from, c.in_query = find_token(url)
  c.read = c.token and read_token(c.token, c.token_from)
  c.unsendable = c.token and not c.in_query and c.token:find("[%c%s]") ~= nil
  for _, text in pairs { c.token or "", url.query, url.user or "" } do add_secret(text) end
  print("checking " .. url.shown .. from)
  if subject.script then good("script", nil, subject.script .. " loads; its options are used") end
  check_service(c, url)
  check_clock(c.dated)
  check_limits()
end

function M.setup()
  check_all(endpoint())
  conclude()
  return true
end

function M.default(checked)
  if not checked then tt.abort("doctor: nothing was checked (--no-setup?)") end
end

return M
