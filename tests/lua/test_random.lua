-- SPDX-License-Identifier: MIT
local tt = require "ttload"
local expect = require "lib.expect"

local random = tt.random
local T = {}

--- Mean and deviation of many draws, which are all between low and high.
local function draw(low, high, fn, ...)
  local n, sum, squares = 20000, 0, 0
  for _ = 1, n do
    local v = fn(...)
    expect.ok(v >= low and v <= high, ("%s is not between %s and %s"):format(v, low, high))
    sum, squares = sum + v, squares + v * v
  end
  return sum / n, math.sqrt(squares / n - (sum / n) ^ 2)
end

local function near(got, want)
  expect.ok(math.abs(got - want) < 0.05 * math.max(1, want), ("expected about %s, got %s"):format(want, got))
end

function T.uniform_is_as_likely_everywhere()
  local mean, deviation = draw(1, 3, random.uniform, 1, 3)
  near(mean, 2)
  near(deviation, 2 / math.sqrt(12))
  expect.equal(random.uniform(4, 4), 4)
end

function T.normal_is_cut_at_its_bounds()
  local mean, deviation = draw(0, math.huge, random.normal, 8, 1)
  near(mean, 8)
  near(deviation, 1)
  near((draw(0, math.huge, random.normal, 0, 1)), math.sqrt(2 / math.pi)) -- never negative, unless told
  near((draw(-math.huge, math.huge, random.normal, 0, 1, -100)), 0)
  mean, deviation = draw(9.9, 10.1, random.normal, 10, 50, 9.9, 10.1) -- a narrow part of a wide bell is flat
  near(mean, 10)
  near(deviation, 0.2 / math.sqrt(12))
  near((draw(10, 11, random.normal, 10, 1, 10, 11)), 10.46) -- (1 - exp(-1/2)) / sqrt(2 pi) / 0.3413
  expect.equal(random.normal(3, 0), 3)
  expect.equal(random.normal(3, 1, 3, 3), 3)
end

function T.exponential_has_its_mean_and_its_end()
  local mean, deviation = draw(0, math.huge, random.exponential, 2)
  near(mean, 2)
  near(deviation, 2)
  near((draw(0, 2, random.exponential, 2, 2)), 2 * (1 - 1 / (math.exp(1) - 1)))
end

function T.lognormal_has_its_median_and_its_end()
  near((draw(0, math.huge, random.lognormal, 2, 0.5)), 2 * math.exp(0.125))
  local below = 0
  for _ = 1, 10000 do
    if random.lognormal(2, 0.5) < 2 then below = below + 1 end
  end
  near(below / 10000, 0.5)
  draw(0, 3, random.lognormal, 2, 0.5, 3)
  expect.equal(random.lognormal(2, 0), 2)
end

function T.durations_are_text_or_seconds()
  expect.equal(random.uniform("500ms", "500ms"), 0.5)
  draw(1, 2, random.uniform, "1s", 2)
  local begin = tt.now()
  tt.sleep(random.uniform("5ms", "10ms"))
  expect.ok(tt.now() - begin >= 4.9)
end

function T.the_numbers_are_the_vus_own_stream()
  math.randomseed(3)
  local a = random.uniform(0, 1)
  math.randomseed(3)
  expect.equal(math.random(), a)
end

function T.misuse_is_named()
  expect.raises("interval is empty", random.uniform, 2, 1)
  expect.raises("number expected", random.uniform, 1)
  expect.raises("finite", random.uniform, 0, 0 / 0)
  expect.raises("apples", random.uniform, "3 apples", 1)
  expect.raises("not negative", random.normal, 1, -1)
  expect.raises("above the mean", random.normal, 1, 1, 2)
  expect.raises("below the mean", random.normal, 1, 1, 0, 0.5)
  expect.raises("above 0", random.exponential, 0)
  expect.raises("above 0", random.exponential, 1, 0)
  expect.raises("above 0", random.lognormal, 0, 1)
  expect.raises("not negative", random.lognormal, 1, -1)
  expect.raises("below the median", random.lognormal, 1, 1, 0.5)
  expect.raises("no field 'gauss'", function() return random.gauss end)
  expect.raises("read%-only", function() random.uniform = nil end)
end

return expect.file(T)
