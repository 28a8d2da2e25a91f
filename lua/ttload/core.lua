---@meta ttload
-- SPDX-License-Identifier: MIT
-- For editors (LuaLS): the module `ttload`. Not loaded at run time.

---@class ttload.task
---@field wait fun(self: ttload.task, timeout?: number|string): ... # the function's results, or nil, err
---@field cancel fun(self: ttload.task)
---@field status fun(self: ttload.task): "running"|"returned"|"failed"|"cancelled"

---Numbers by distribution; arguments are numbers, or durations ("500ms"), which become seconds.
---@alias ttload.amount number|string
---@class ttload.random
---@field uniform fun(low: ttload.amount, high: ttload.amount): number
---@field normal fun(mean: ttload.amount, deviation: ttload.amount, low?: ttload.amount, high?: ttload.amount): number
---@field exponential fun(mean: ttload.amount, high?: ttload.amount): number
---@field lognormal fun(median: ttload.amount, sigma: number, high?: ttload.amount): number

---@class ttload
---@field env table<string, string>
---@field random ttload.random
---@field log { debug: fun(...), info: fun(...), warn: fun(...), error: fun(...) }
local M = {}

---Records each check; true if all held.
---@param subject any
---@param checks table<string, boolean|fun(subject: any): any>
---@param tags? table<string, string|number|boolean>
---@return boolean
function M.check(subject, checks, tags) end

---Tags what fn emits with the group, records group_duration.
---@param name string
---@param fn fun(): ...
---@return any ...
function M.group(name, fn) end

---@param time number|string # seconds, or "500ms"
function M.sleep(time) end

---Ends this iteration as an error.
---@param message? string
function M.fail(message) end

---Ends the test, exit code 108.
---@param message? string
function M.abort(message) end

---Runs fn beside, in the same virtual user.
---@param fn fun(...): ...
---@return ttload.task
function M.spawn(fn, ...) end

---Waits for all tasks: their first results by the same keys; or nil, err, key of the first that failed.
---@param tasks table<any, ttload.task>
---@return table|nil, any, any
function M.all(tasks) end

---Waits for the first task: its key and its results.
---@param tasks table<any, ttload.task>
---@return any key, any ...
function M.race(tasks) end

---A file's content; init only.
---@param path string
---@param mode? "text"|"binary"
---@return string
function M.open(path, mode) end

---@return number # monotonic milliseconds
function M.now() end

---@return number # epoch seconds
function M.time() end

---The standard summary of handle_summary's data.
---@param data table
---@return string
function M.summary_text(data) end

return M
