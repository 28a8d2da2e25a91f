-- SPDX-License-Identifier: MIT
-- ttload.json and ttload.encoding.
local encoding = require "ttload.encoding"
local json = require "ttload.json"
local expect = require "lib.expect"

local T = {}

function T.json_goes_there_and_back()
  local text = '{"a":[1,2.5,"x",true,null],"e":{},"n":9007199254740993}'
  local value = json.decode(text)
  expect.equal(value.a[2], 2.5)
  expect.equal(value.a[5], json.null)
  expect.equal(math.type(value.a[1]), "integer")
  expect.equal(json.encode { b = 1, a = { 1, 2 }, c = "é\n" }, '{"a":[1,2],"b":1,"c":"é\\n"}')
  expect.equal(json.encode(json.array {}), "[]")
  expect.equal(json.encode {}, "{}")
  expect.equal(json.encode(0.1), "0.1")
end

function T.json_says_what_it_cannot_write()
  expect.raises("function", json.encode, { deep = { fn = print } })
  expect.raises("deep%.list%[2%]", json.encode, { deep = { list = { 1, print } } })
  local t = {}
  t.t = t
  expect.raises("cycle", json.encode, t)
  expect.raises("", json.encode, 0 / 0)
  expect.raises("mixed", json.encode, { 1, x = 2 })
end

function T.bad_json_is_an_error_with_its_place()
  expect.raises("line 2", json.decode, "{\n x }")
  expect.raises("", json.decode, "")
  expect.raises("", json.decode)
end

function T.base64_has_its_forms()
  expect.equal(encoding.base64_encode("\251\255"), "+/8=")
  expect.equal(encoding.base64_encode("\251\255", "rawurl"), "-_8")
  expect.equal(encoding.base64_decode("+/8="), "\251\255")
  expect.equal(encoding.base64_decode("-_8", "rawurl"), "\251\255")
  expect.raises("", encoding.base64_encode, "x", "other")
end

function T.hex_and_urls()
  expect.equal(encoding.hex_encode("\0\255a"), "00ff61")
  expect.equal(encoding.hex_decode("00FF61"), "\0\255a")
  expect.equal(encoding.urldecode(encoding.urlencode("a b&c=é/")), "a b&c=é/")
end

return expect.file(T)
