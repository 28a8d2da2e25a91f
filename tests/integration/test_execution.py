# SPDX-License-Identifier: MIT
"""What a script knows of the run, over workers and machines, and what it can do to it."""
import json
import os
import unittest

from ttload_case import Case

HEAD = """
local tt, execution, json = require "ttload", require "ttload.execution", require "ttload.json"
local function say(...) print("SAID " .. json.encode { ... }) end
"""


class Execution(Case):
    def said(self, text, *arguments, code=0):
        """What say() was called with in a run of the script."""
        result = self.ttload("run", "--quiet", *arguments, self.write("t.lua", HEAD + text))
        self.assertEqual(result.code, code, result.err)
        return [json.loads(line.split("SAID ", 1)[1].rsplit('" source', 1)[0].replace('\\"', '"'))
                for line in result.err.splitlines() if "SAID " in line]

    def test_a_seed_gives_each_vu_the_same_numbers_whatever_the_number_of_workers(self):
        text = """
local first = math.random(1 << 40)
return { options = { scenarios = { s = { executor = "per-vu-iterations", vus = 5, iterations = 3 } } },
  default = function()
    tt.sleep(tt.random.uniform(0, 0.01)) -- the VUs go at their own pace
    say(execution.vu.id_in_test, execution.vu.iteration_in_instance, first, math.random(1 << 40))
  end }"""
        runs = [sorted(self.said(text, "--seed", seed, "--workers", workers))
                for seed, workers in (("7", "1"), ("7", "2"), ("7", "5"), ("8", "1"))]
        self.assertEqual(len(runs[0]), 15)
        self.assertEqual(len({row[3] for row in runs[0]}), 15)
        self.assertEqual(runs[0], runs[1])
        self.assertEqual(runs[0], runs[2])
        self.assertNotEqual(runs[0], runs[3])

    def test_numbers_are_unique_over_workers_and_machines(self):
        text = """
return { options = { scenarios = { s = { executor = "shared-iterations", vus = 6, iterations = 24 } } },
  default = function()
    local s, vu = execution.scenario, execution.vu
    tt.sleep(0.01)
    say(s.iteration_in_test, s.iteration_in_instance, vu.id_in_test, vu.id_in_instance)
  end }"""
        rows, vus = [], set()
        for segment in ("0:1/3", "1/3:2/3", "2/3:1"):
            part = self.said(text, "--workers", "2", "--execution-segment", segment, "--execution-segment-sequence",
                             "0,1/3,2/3,1")
            self.assertEqual(sorted(row[1] for row in part), list(range(8)))
            self.assertEqual({row[3] for row in part}, {1, 2})
            rows += part
            vus |= {row[2] for row in part}
        self.assertEqual(sorted(row[0] for row in rows), list(range(24)))
        self.assertEqual(vus, set(range(1, 7)))

    def test_progress_and_counts_are_of_all_workers(self):
        rows = self.said("""
return { options = { scenarios = { s = { executor = "per-vu-iterations", vus = 2, iterations = 4 } } },
  default = function()
    local before = execution.scenario.progress
    tt.sleep(0.05)
    say(before, execution.instance.vus_active, execution.instance.vus_initialized)
  end,
  teardown = function() say(execution.instance.iterations_completed, execution.instance.vus_active) end }""",
                         "--workers", "2")
        self.assertEqual(rows.pop(), [8, 0])
        self.assertEqual({row[2] for row in rows}, {2})
        self.assertEqual(max(row[1] for row in rows), 2)
        self.assertEqual(rows[0][0], 0)
        self.assertEqual({round(row[0] * 8, 6) % 1 for row in rows}, {0})
        self.assertGreaterEqual(max(row[0] for row in rows), 6 / 8)

    def test_progress_is_of_the_time_where_time_decides(self):
        rows = self.said("""
return { options = { scenarios = { s = { executor = "constant-arrival-rate", rate = 20, duration = "1s", pre_allocated_vus = 2 } } },
  default = function() say(execution.scenario.iteration_in_test, execution.scenario.progress) end }""")
        self.assertEqual(len(rows), 20)
        for number, progress in rows:
            self.assertGreaterEqual(progress, number / 20)
        self.assertLess(sorted(rows)[0][1], 1)

    def test_setup_and_teardown_know_the_instance_but_no_scenario(self):
        rows = self.said("""
local function look()
  local _, err = pcall(function() return execution.scenario.name end)
  say(execution.vu.id_in_test, execution.instance.vus_initialized, err, execution.vu.tags.group)
end
return { options = { vus = 2, iterations = 2 }, setup = look, teardown = look, default = function() end }""")
        for row, group in zip(rows, ("::setup", "::teardown")):
            self.assertEqual((row[0], row[1], row[3]), (0, 2, group))
            self.assertRegex(row[2], r"t\.lua:\d+: ttload\.execution\.scenario is available in iterations only")

    def fails(self, options, default, code, extra=""):
        text = HEAD + "return { options = { %s }, default = function() %s end, %s }" % (options, default, extra)
        result = self.ttload("run", "--quiet", self.write("t.lua", text))
        self.assertEqual(result.code, code, result.err)
        return result

    def test_a_test_marked_as_failed_goes_on_and_ends_with_110(self):
        r = self.fails("iterations = 3", "execution.test.fail('stale data')", 110)
        self.assertEqual(r.err.count("marked the test as failed: stale data"), 1)
        self.assertRegex(r.out, r"iterations\.*: 3 ")
        self.fails("iterations = 1", "", 110, "teardown = function() execution.test.fail() end")
        self.fails("iterations = 1", "", 110, "setup = function() execution.test.fail() end")

    def test_worse_endings_win_over_the_mark(self):
        self.fails("iterations = 1, thresholds = { iterations = 'count>1' }", "execution.test.fail()", 99)
        self.fails("iterations = 1", "execution.test.fail() execution.test.abort('enough')", 108)
        r = self.fails("iterations = 1", "", 0, "handle_summary = function() execution.test.fail() end")
        self.assertIn("not allowed in handle_summary", r.err)

    def test_abort_is_the_cores(self):
        r = self.fails("iterations = 1", "pcall(execution.test.abort, 'enough')", 108)
        self.assertIn("aborted by the script: enough", r.err)

    def test_tags_reach_submetrics_also_in_a_warm_up(self):
        result = self.script("""
  local tags = require("ttload.execution").vu.tags
  expect(tags.warmup, n < 1 and "true" or nil)
  if n == 0 then tags.page = "home" end
  n = n + 1
  expect(tags.page, "home")
  tt.sleep(n == 1 and 1 or 0.01)""", head="""local n = 0
M.options = { submetrics = { "iterations{page:home}" }, scenarios = { s = { executor = "constant-vus", duration = "1500ms",
  warmup = "500ms", graceful_stop = "0s" } } }""")
        self.assertEqual(result.code, 0, result.err)
        metrics = result.json()["metrics"]
        self.assertNotIn("script_errors", metrics, result.err)
        self.assertGreater(metrics["iterations"]["values"]["count"], 1)
        self.assertEqual(metrics["iterations{page:home}"]["values"]["count"], metrics["iterations"]["values"]["count"])

    def test_metadata_reach_raw_outputs_and_no_figure(self):
        result = self.script("""
  local vu = require("ttload.execution").vu
  if vu.iteration_in_scenario == 1 then vu.metadata.trace = "t1" end
  tt.check(1, { ok = true })""", "--iterations", "2", "--out", "json=out.json")
        self.assertEqual(result.code, 0, result.err)
        with open(os.path.join(self.folder, "out.json"), encoding="utf-8") as f:
            points = [p["data"] for p in map(json.loads, f) if p["metric"] == "checks" and p["type"] == "Point"]
        self.assertEqual([p.get("metadata") for p in points], [None, {"trace": "t1"}])
        self.assertNotIn("trace", json.dumps(result.json()))

    def test_system_tags_vu_and_iter_are_metadata(self):
        result = self.script("""
  local vu = require("ttload.execution").vu
  tt.check(1, { ok = true }, { vu_is = vu.id_in_instance, iter_is = vu.iteration_in_instance })""", "--vus", "2",
                             "--iterations", "6", "--system-tags", "scenario,vu,iter", "--out", "json=out.json")
        self.assertEqual(result.code, 0, result.err)
        with open(os.path.join(self.folder, "out.json"), encoding="utf-8") as f:
            points = [p["data"] for p in map(json.loads, f) if p["metric"] == "checks" and p["type"] == "Point"]
        self.assertEqual(len(points), 6)
        for p in points:
            tags = p["tags"]
            self.assertEqual(p["metadata"], {"vu": tags.pop("vu_is"), "iter": tags.pop("iter_is")})
            self.assertEqual(tags, {"scenario": "default"})


if __name__ == "__main__":
    unittest.main()
