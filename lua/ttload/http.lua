---@meta ttload.http
-- SPDX-License-Identifier: MIT
-- For editors (LuaLS): the module `ttload.http`. Not loaded at run time.

---@class ttload.http.params
---@field headers? table<string, string|number|boolean|string[]>
---@field tags? table<string, string|number|boolean>
---@field name? string # stands for the URL in tags
---@field timeout? number|string # "60s"
---@field redirects? integer
---@field throw? boolean
---@field response_type? "text"|"binary"|"none"
---@field json? any # the body, as JSON

---@class ttload.http.timings
---@field blocked number
---@field looking_up number
---@field connecting number
---@field tls_handshaking number
---@field sending number
---@field waiting number
---@field receiving number
---@field duration number

---@class ttload.http.response
---@field status integer # 0: failed
---@field status_text string?
---@field proto string?
---@field url string
---@field body string?
---@field headers table<string, string>
---@field cookies table<string, table[]>
---@field error string?
---@field error_code integer
---@field remote_ip string?
---@field remote_port integer
---@field timings ttload.http.timings # milliseconds
---@field request { method: string, url: string, headers: table<string, string>, body: string? }
---@field tls_version string?
---@field tls_cipher_suite string?
---@field json fun(self: ttload.http.response, path?: string): any

---@class ttload.http
local M = {}

---@param url string
---@param params? ttload.http.params
---@return ttload.http.response
function M.get(url, params) end

---@param url string
---@param params? ttload.http.params
---@return ttload.http.response
function M.head(url, params) end

---@param url string
---@param body? string|table<string, any>
---@param params? ttload.http.params
---@return ttload.http.response
function M.post(url, body, params) end

M.put, M.patch, M.del, M.options = M.post, M.post, M.post, M.post

---@param method string
---@param url string
---@param body? string|table<string, any>
---@param params? ttload.http.params
---@return ttload.http.response
function M.request(method, url, body, params) end

return M
