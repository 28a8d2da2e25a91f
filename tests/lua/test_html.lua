-- SPDX-License-Identifier: MIT
-- ttload.html: selections.
local expect = require "lib.expect"
local html = require "ttload.html"
local tt = require "ttload"

local T = {}

local page = [[
<html><head><title>Shop</title></head><body>
<ul class="items"><li id="one" data-price="9.5" data-user-id="7">One <b>x</b></li>
<li id="two" data-price="12">Two</li><li id="three" data-flag="true" data-text="01">Three</li></ul>
<form action="/buy"><input name="q" value="a b"><input type="checkbox" name="box" value="1" checked>
<input type="checkbox" name="box" value="2" checked>
<select name="s" multiple><option selected>m<option selected>n</select>
<textarea name="t">text</textarea></form></body></html>]]

local function ids(selection)
  return table.concat(selection:map(function(_, item) return item:attr("id") end), " ")
end

function T.find_and_walk()
  local doc = html.parse(page)
  expect.equal(doc:find("title"):text(), "Shop")
  local items = doc:find("li")
  expect.equal(#items, 3)
  expect.equal(items:size(), 3)
  expect.equal(ids(items), "one two three")
  expect.equal(ids(items:first()), "one")
  expect.equal(ids(items:last()), "three")
  expect.equal(ids(items:eq(2)), "two")
  expect.equal(ids(items:eq(-2)), "two")
  expect.equal(#items:eq(4), 0)
  expect.equal(#items:eq(-4), 0)
  expect.equal(#items:eq(0), 0)
  expect.equal(ids(items:slice(2)), "two three")
  expect.equal(ids(items:slice(1, -2)), "one two")
  expect.equal(ids(items:eq(1):next()), "two")
  expect.equal(ids(items:eq(3):prev()), "two")
  expect.equal(ids(items:eq(1):next_all()), "two three")
  expect.equal(ids(items:eq(3):prev_all()), "one two")
  expect.equal(ids(items:eq(2):siblings()), "one three")
  expect.equal(ids(items:eq(2):siblings("#three")), "three")
  expect.equal(ids(doc:find("ul"):children()), "one two three")
  expect.equal(ids(doc:find("ul"):children("[data-flag]")), "three")
  expect.equal(doc:find("b"):parent():attr("id"), "one")
  expect.equal(doc:find("b"):closest("ul"):attr("class"), "items")
  expect.equal(#doc:find("b"):parents(), 4)
  expect.equal(#doc:find("b"):parents("body, html"), 2)
  expect.equal(#items:parent(), 1) -- each node once
  expect.equal(#doc:find("nothing"):find("b"), 0)
  expect.equal(#html.parse(page, "li"), 3)
end

function T.filters()
  local items = html.parse(page, "li")
  expect.equal(ids(items:filter("[data-price]")), "one two")
  expect.equal(ids(items:filter(function(i) return i ~= 2 end)), "one three")
  expect.equal(ids(items:filter(items:eq(2))), "two")
  expect.equal(ids(items:not_("[data-price]")), "three")
  expect.equal(ids(items:not_(function(i) return i == 1 end)), "two three")
  expect.equal(ids(items:has("b")), "one")
  expect.equal(items:is("#two"), true)
  expect.equal(items:is("p"), false)
end

function T.texts_and_attributes()
  local items = html.parse(page, "li")
  expect.equal(items:text(), "One xTwoThree")
  expect.equal(items:html(), "One <b>x</b>")
  expect.equal(items:attr("id"), "one")
  expect.equal(items:attr("none"), nil)
  expect.equal(items:attr("none", "default"), "default")
  expect.equal(items:find("nothing"):html(), nil)
  expect.equal(items:find("nothing"):attr("id"), nil)
  expect.equal(items:find("nothing"):text(), "")
  expect.equal(tostring(items), "html selection of 3 nodes")
end

function T.data_attributes_are_values()
  local items = html.parse(page, "li")
  expect.equal(items:data("price"), 9.5)
  expect.equal(items:eq(2):data("price"), 12)
  expect.equal(math.type(items:eq(2):data("price")), "integer")
  expect.equal(items:data("user-id"), 7)
  expect.equal(items:data("user_id"), 7)
  expect.equal(items:data().user_id, 7)
  expect.equal(items:data("none"), nil)
  expect.equal(items:eq(3):data("flag"), true)
  expect.equal(items:eq(3):data("text"), "01") -- a number would not read back as it
end

function T.forms_are_serialized()
  local form = html.parse(page, "form")
  expect.equal(form:serialize(), "q=a+b&box=1&box=2&s=m&s=n&t=text")
  local object = form:serialize_object()
  expect.equal(object.q, "a b")
  expect.equal(table.concat(object.box, ","), "1,2")
  expect.equal(table.concat(object.s, ","), "m,n")
  local list = form:serialize_array()
  expect.equal(#list, 6)
  expect.equal(list[2].name .. list[2].value, "box1")
  expect.equal(form:find("textarea"):val(), "text")
  expect.equal(form:find("input"):val(), "a b")
  expect.equal(table.concat(form:find("select"):val(), ","), "m,n")
  expect.equal(form:val(), nil)
end

function T.functions_may_wait_and_raise()
  local items = html.parse(page, "li")
  local seen = {}
  local same = items:each(function(i, item)
    tt.sleep(0.001)
    seen[i] = item:attr("id")
    return i < 2 -- false ends it
  end)
  expect.equal(table.concat(seen, " "), "one two")
  expect.equal(rawequal(same, items), true)
  expect.equal(#items:filter(function(i) tt.sleep(0.001) return i > 1 end), 2)
  expect.equal(#items:map(function(i) tt.sleep(0.001) return i ~= 2 and i or nil end), 2)
  expect.raises("mine", items.each, items, function() error("mine") end)
end

function T.misuse_is_told()
  local doc = html.parse(page)
  expect.raises("bad selector 'li%[': a name is expected at character 4", doc.find, doc, "li[")
  expect.raises("unknown pseudo%-class ':hover'", html.parse, page, "a:hover")
  expect.raises("a selector %(text%) is expected", doc.find, doc, 1)
  expect.raises("did you mean 'filter'", function() return doc.filtre end)
  expect.raises("", doc.find, {}, "li")
end

function T.a_selection_keeps_its_page()
  local items = html.parse(page):find("li")
  for _ = 1, 200 do html.parse(page:rep(20)) end
  expect.equal(ids(items), "one two three")
end

return expect.file(T)
