---@meta ttload.ws
-- SPDX-License-Identifier: MIT
-- For editors (LuaLS): the module `ttload.ws`. Not loaded at run time.

---@class ttload.ws.compression
---@field client_max_window_bits? integer # 9 to 15
---@field server_max_window_bits? integer # 9 to 15
---@field client_no_context_takeover? boolean
---@field server_no_context_takeover? boolean

---@class ttload.ws.params
---@field compression? "deflate"|ttload.ws.compression
---@field fragment_size? integer # bytes; longer messages are sent in several frames
---@field headers? table<string, string|number|boolean|string[]>
---@field tags? table<string, string|number|boolean>
---@field redirects? integer # how many are followed; option max_redirects
---@field timestamp? string|{ field: string, unit?: "ms"|"s"|"us"|"ns" } # when a JSON message was sent: ws_msg_latency
---@field jar? ttload.http.CookieJar # instead of the VU's
---@field tls_server_name? string # SNI, and the name that is verified, instead of the URL's host
---@field proxy? string|false # instead of the environment's
---@field unix_socket? string # a path to connect to, whatever the URL's host
---@field subprotocols? string|string[]
---@field timeout? number|string # of the handshake, "60s"
---@field max_message_size? integer # bytes, 16 MiB
---@field scope? "iteration"|"vu"

---@class ttload.ws.error
---@field message string
---@field kind "url"|"connect"|"timeout"|"status"|"protocol"|"closed"
---@field phase "lookup"|"connect"|"tls"|"answer"|nil # of a timeout
---@field error_code integer
---@field status integer?
---@field body string?
---@field headers table<string, string>?

---@class ttload.ws.socket
---@field status integer
---@field headers table<string, string>
---@field subprotocol string
---@field close_code integer?
---@field close_reason string?
---@field closed boolean
---@field buffered integer # bytes not sent yet
---@field url string
---@field tls_version string?
---@field tls_cipher_suite string?
---@field tls_resumed boolean # with the TLS session of an earlier connection
---@field certificates ttload.http.certificate[]? # as the server sent them, its own first; nil without TLS
---@field ocsp ttload.http.ocsp? # nil without TLS
local S = {}

---@param text string
---@return true?, "closed"?
function S:send(text) end

---@param bytes string
---@return true?, "closed"?
function S:send_binary(bytes) end

---Sends a message and waits for the one that answers it.
---@param message string|table # a table is sent as JSON
---@param params? { match?: string|fun(text: string, kind: string): boolean?, timeout?: number|string, tags?: table }
---@return string? text, "text"|"binary"|"timeout"|"closed" kind
function S:request(message, params) end

---@param data? string
---@return true?, "closed"?
function S:ping(data) end

---@param code? integer # 1000; any is sent, 1005: none
---@param reason? string
function S:close(code, reason) end

---@param timeout? number|string
---@return string? text, "text"|"binary"|"timeout"|"closed" kind
function S:receive(timeout) end

---@return fun(): string?, string
function S:messages() end

---@param event "open"|"message"|"binary_message"|"ping"|"pong"|"close"|"error"
---@param fn fun(...)
function S:on(event, fn) end

---@param fn fun()
---@param delay number|string
---@return integer timer
function S:set_timeout(fn, delay) end

---@param fn fun()
---@param interval number|string
---@return integer timer
function S:set_interval(fn, interval) end

---Calls fn on an absolute schedule.
---@param interval number|string
---@param fn fun()
---@return integer timer
function S:every(interval, fn) end

---@param timer integer
function S:clear(timer) end

---@class ttload.ws
local M = {}

---@param url string
---@param params? ttload.ws.params
---@return ttload.ws.socket?, ttload.ws.error?
function M.open(url, params) end

---@class ttload.ws.backoff
local B = {}
---Waits a little longer each time.
function B:sleep() end
---The connection holds: begins anew.
function B:reset() end

---@param options? { delay?: number|string, factor?: number, max?: number|string, jitter?: number }
---@return ttload.ws.backoff
function M.backoff(options) end

---@class ttload.ws.fanout
local F = {}
---The message is about to be sent.
---@param id string|number
function F:sent(id) end
---A receiver has got it.
---@param id string|number
function F:received(id) end

---How long one message takes to many receivers, on any VU of the process.
---@param name string
---@param options { receivers: integer, timeout?: number|string }
---@return ttload.ws.fanout
function M.fanout(name, options) end

---@class ttload.ws.storm
local W = {}
---Waits for the time, drops the socket, waits a part of the jitter.
---@param socket? ttload.ws.socket
function W:strike(socket) end
---The VU is connected again: ws_reconnect_duration.
function W:recovered() end

---@param options? { at?: number|string, jitter?: number|string }
---@return ttload.ws.storm
function M.storm(options) end

---Returns when the socket has closed and its handlers have returned; raises what one of them raised.
---@param url string
---@param params ttload.ws.params?
---@param fn fun(socket: ttload.ws.socket)
---@return { status: integer, url: string, headers: table, body: string, error: string?, error_code: integer }
function M.connect(url, params, fn) end

return M
