---@meta ttload.html
-- SPDX-License-Identifier: MIT
-- For editors (LuaLS): the module `ttload.html`. Not loaded at run time.

---@class ttload.html.selection
---@operator len: integer
local S = {}

---@param selector string
---@return ttload.html.selection
function S:find(selector) end

---@param which string|ttload.html.selection|fun(i: integer, node: ttload.html.selection): boolean?
---@return ttload.html.selection
function S:filter(which) end

S.not_ = S.filter

---@param selector string
---@return ttload.html.selection
function S:has(selector) end

---@param selector string
---@return boolean
function S:is(selector) end

---@param selector string
---@return ttload.html.selection
function S:closest(selector) end

---@param selector? string
---@return ttload.html.selection
function S:children(selector) end

S.parent, S.parents, S.siblings = S.children, S.children, S.children
S.next, S.prev, S.next_all, S.prev_all = S.children, S.children, S.children, S.children

---@return ttload.html.selection
function S:first() end

---@return ttload.html.selection
function S:last() end

---@param i integer # from 1; negative: from the end
---@return ttload.html.selection
function S:eq(i) end

---@param from integer
---@param to? integer
---@return ttload.html.selection
function S:slice(from, to) end

---@return integer
function S:size() end

---@param fn fun(i: integer, node: ttload.html.selection): boolean? # false ends it
---@return ttload.html.selection
function S:each(fn) end

---@param fn fun(i: integer, node: ttload.html.selection): any # nil is left out
---@return any[]
function S:map(fn) end

---@return string
function S:text() end

---@return string?
function S:html() end

---@param name string
---@param default? any
---@return any
function S:attr(name, default) end

---@param name? string
---@return any
function S:data(name) end

---@return string|string[]|nil
function S:val() end

---@return string
function S:serialize() end

---@return { name: string, value: string }[]
function S:serialize_array() end

---@return table<string, string|string[]>
function S:serialize_object() end

---@class ttload.html
local M = {}

---@param text string
---@param selector? string
---@return ttload.html.selection
function M.parse(text, selector) end

return M
