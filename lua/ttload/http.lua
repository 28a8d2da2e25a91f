---@meta ttload.http
-- SPDX-License-Identifier: MIT
-- For editors (LuaLS): the module `ttload.http`. Not loaded at run time.

---@alias ttload.http.body string|table<string, any>|fun(): string? # text, form, next piece

---@class ttload.http.params
---@field auth? "basic"|"digest"|"ntlm"|"aws-sigv4" # what the URL's user:password@ is for
---@field aws? { access_key: string, secret_key: string, region: string, service: string, session_token?: string }
---@field http_version? "1.0"|"1.1"|"2"|"2-prior-knowledge"|"3"
---@field proxy? string|false # URL; false: none, also none of the environment's
---@field tls_server_name? string # SNI, and the name that is verified, instead of the URL's host
---@field unix_socket? string # path
---@field compression? string|string[] # "gzip", "deflate", "br", "zstd", or several
---@field cookies? table<string, string|number|boolean|{ value: string|number|boolean, replace?: boolean }>
---@field jar? ttload.http.CookieJar # instead of the VU's
---@field headers? table<string, string|number|boolean|string[]>|{ [1]: string, [2]: string|number|string[] }[]
---@field query? table<string, string|number|boolean|(string|number|boolean)[]> # added to the URL, encoded
---@field response_callback? ttload.http.expected_statuses|false
---@field tags? table<string, string|number|boolean>
---@field name? string # stands for the URL in tags
---@field timeout? number|string # "60s"
---@field redirects? integer
---@field throw? boolean
---@field response_type? "text"|"binary"|"none"
---@field json? any # the body, as JSON
---@field on_chunk? fun(piece: string, res: ttload.http.response): boolean? # the body as it arrives; false ends it
---@field reconnect? integer|{ max: integer?, delay: (number|string)? } # of sse

---@class ttload.http.cookie
---@field name string
---@field value string
---@field domain string
---@field path string
---@field secure boolean
---@field http_only boolean
---@field max_age integer # seconds; 0: not given, -1: over
---@field expires integer? # ms since the epoch

---@class ttload.http.cookie_options
---@field domain? string
---@field path? string
---@field expires? string # "Sun, 24 Jul 2033 17:01:02 GMT"
---@field max_age? integer # seconds
---@field secure? boolean
---@field http_only? boolean

---@class ttload.http.CookieJar
local CookieJar = {}

---@return ttload.http.CookieJar
function CookieJar.new() end

---@param url string
---@return table<string, string[]>
function CookieJar:cookies_for_url(url) end

---@param url string
---@param name string
---@param value string|number|boolean
---@param options? ttload.http.cookie_options
function CookieJar:set(url, name, value, options) end

---Takes out the cookies that would be sent to url.
---@param url string
function CookieJar:clear(url) end

---@param url string
---@param name string
function CookieJar:delete(url, name) end

---Milliseconds.
---@class ttload.http.timings
---@field blocked number
---@field looking_up number
---@field connecting number
---@field tls_handshaking number
---@field sending number
---@field waiting number
---@field receiving number
---@field duration number # sending + waiting + receiving
---@field first_byte number # from the begin, with blocked, to the first byte of the response; 0: none came
---@field last_byte number # the same to its end, or to that of what came

---@class ttload.http.request
---@field method string
---@field url string
---@field headers table<string, string>
---@field body string?
---@field cookies table<string, { name: string, value: string }[]>

---@class ttload.http.certificate
---@field subject string # "CN=api.test,O=Test"
---@field issuer string
---@field serial string # hex
---@field not_before integer # seconds since the epoch
---@field not_after integer
---@field names string[] # host names and addresses that it is for
---@field sha256 string # of its DER form, hex
---@field pem string

---@class ttload.http.ocsp # the stapled response, whose signature is not checked; times are seconds since the epoch
---@field status "good"|"revoked"|"server_failed"|"unknown" # "unknown" also where nothing was stapled
---@field produced_at integer?
---@field this_update integer?
---@field next_update integer?
---@field revoked_at integer?
---@field revocation_reason string? # "key_compromise", ...

---@class ttload.http.response
---@field status integer # 0: failed
---@field status_text string?
---@field proto string?
---@field url string
---@field body string?
---@field headers table<string, string>
---@field cookies table<string, ttload.http.cookie[]>
---@field error string?
---@field error_code integer
---@field remote_ip string?
---@field remote_port integer
---@field timings ttload.http.timings # milliseconds
---@field request ttload.http.request # what was sent at last
---@field tls_version string?
---@field tls_cipher_suite string?
---@field tls_resumed boolean # with the TLS session of an earlier connection
---@field certificates ttload.http.certificate[]? # as the server sent them, its own first; nil without TLS
---@field ocsp ttload.http.ocsp? # nil without TLS
---@field body_size integer # bytes of the body, decompressed
---@field wire_size integer # bytes of the body as they came
---@field json fun(self: ttload.http.response, path?: string): any
---@field html fun(self: ttload.http.response, selector?: string): ttload.html.selection
---@field submit_form fun(self: ttload.http.response, args?: ttload.http.submit_form): ttload.http.response
---@field click_link fun(self: ttload.http.response, args?: ttload.http.click_link): ttload.http.response

---@class ttload.http.submit_form
---@field form_selector? string # "form"
---@field submit_selector? string # '[type="submit"]'
---@field fields? table<string, any> # over what the page says
---@field params? ttload.http.params

---@class ttload.http.click_link
---@field selector? string # "a[href]"
---@field params? ttload.http.params

---@class ttload.http.event
---@field event string # "message" when the server gives no name
---@field data string
---@field id string?
---@field retry integer? # milliseconds

---@class ttload.http.request # or by position: { method, url, body, params }
---@field method? string # "GET"
---@field url string
---@field body? string|table<string, any>
---@field params? ttload.http.params

---@class ttload.http
local M = { CookieJar = CookieJar }

M.TLS_1_0, M.TLS_1_1, M.TLS_1_2, M.TLS_1_3 = "tls1.0", "tls1.1", "tls1.2", "tls1.3"

---@class ttload.http.url

---A URL that is named by its format, with "${}" in place of what varies.
---@param format string # as string.format
---@return ttload.http.url
function M.url(format, ...) end

---@class ttload.http.file

---A part of a form that is sent as multipart/form-data.
---@param data string
---@param name? string # of the file, "file" by default
---@param content_type? string # "application/octet-stream" by default
---@return ttload.http.file
function M.file(data, name, content_type) end

---@class ttload.http.expected_statuses

---Which statuses are fine: numbers, or { min =, max = }.
---@return ttload.http.expected_statuses
function M.expected_statuses(...) end

---For this VU, from now on; nil: no request counts as failed or not.
---@param callback ttload.http.expected_statuses|false|nil
function M.set_response_callback(callback) end

---The VU's jar.
---@return ttload.http.CookieJar
function M.cookie_jar() end

---@param url string|ttload.http.url
---@param params? ttload.http.params
---@return ttload.http.response
function M.get(url, params) end

---@param url string|ttload.http.url
---@param params? ttload.http.params
---@return ttload.http.response
function M.head(url, params) end

---@param url string|ttload.http.url
---@param body? ttload.http.body
---@param params? ttload.http.params
---@return ttload.http.response
function M.post(url, body, params) end

M.put, M.patch, M.del, M.options = M.post, M.post, M.post, M.post

---@param method string
---@param url string|ttload.http.url
---@param body? ttload.http.body
---@param params? ttload.http.params
---@return ttload.http.response
function M.request(method, url, body, params) end

---@param url string
---@param params ttload.http.params?
---@param fn fun(event: ttload.http.event, res: ttload.http.response): boolean?
---@return ttload.http.response
---@return integer events
function M.sse(url, params, fn) end

---@param requests table<any, string|ttload.http.request|any[]> # a list or a map
---@return table<any, ttload.http.response> # the same keys
function M.batch(requests) end

return M
