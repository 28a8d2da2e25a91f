---@meta ttload.execution
-- SPDX-License-Identifier: MIT
-- For editors (LuaLS): the module `ttload.execution`. Not loaded at run time.

---@class ttload.execution.vu
---@field id_in_test integer # from 1; 0 in setup, teardown and handle_summary
---@field id_in_instance integer
---@field iteration_in_instance integer # of this virtual user, from 0
---@field iteration_in_scenario integer
---@field tags table<string, string|number|boolean|nil> # of all its later samples; writable
---@field metadata table<string, string|number|boolean|nil> # for raw outputs only; writable

---In iterations only.
---@class ttload.execution.scenario
---@field name string
---@field executor string
---@field start_time integer # epoch milliseconds
---@field progress number # 0 to 1
---@field iteration_in_instance integer
---@field iteration_in_test integer # unique over virtual users, workers and machines

---@class ttload.execution.instance
---@field vus_active integer
---@field vus_initialized integer
---@field iterations_completed integer
---@field iterations_interrupted integer
---@field current_test_run_duration number # milliseconds, without pauses

---@class ttload.execution.test
---@field options table # consolidated, read-only
---@field abort fun(message?: string) # ends the test, exit code 108
---@field fail fun(message?: string) # the test goes on; exit code 110 when nothing worse happens

---@class ttload.execution
---@field vu ttload.execution.vu
---@field scenario ttload.execution.scenario
---@field instance ttload.execution.instance
---@field test ttload.execution.test
local M = {}

return M
