---@meta
-- SPDX-License-Identifier: MIT
-- For editors (LuaLS): ttload.metrics, ttload.json, ttload.encoding, ttload.testserver. Not loaded at run time.

---@class ttload.metric
---@field add fun(self: ttload.metric, value: number|boolean, tags?: table<string, string|number|boolean>)

---@class ttload.metrics
---@field counter fun(name: string): ttload.metric
---@field gauge fun(name: string): ttload.metric
---@field rate fun(name: string): ttload.metric
---@field trend fun(name: string, options?: { time?: boolean }): ttload.metric

---@class ttload.json
---@field null lightuserdata
---@field encode fun(value: any, options?: { indent?: boolean }): string
---@field decode fun(text: string): any
---@field array fun(list: table): table # stays a list when it is empty

---@alias ttload.base64form "std"|"rawstd"|"url"|"rawurl"
---@class ttload.encoding
---@field base64_encode fun(data: string, form?: ttload.base64form): string
---@field base64_decode fun(text: string, form?: ttload.base64form): string
---@field hex_encode fun(data: string): string
---@field hex_decode fun(text: string): string
---@field urlencode fun(text: string): string
---@field urldecode fun(text: string): string

---@class ttload.server
---@field endpoint string
---@field url string
---@field port integer
---@field stop fun(self: ttload.server)
---@field stats fun(self: ttload.server): table<string, integer>

---@class ttload.testserver
---@field tunnel fun(options?: table): ttload.server
---@field http fun(options?: table): ttload.server
---@field ws fun(options?: table): ttload.server
