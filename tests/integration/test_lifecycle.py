# SPDX-License-Identifier: MIT
"""However a test ends, teardown and summary run and nothing measured is lost; scenarios that wait for others."""
import json
import os
import re
import signal
import subprocess
import time
import unittest

from ttload_case import TTLOAD, Case

ENDS = """
local tt, execution, metrics, json = require "ttload", require "ttload.execution", require "ttload.metrics", require "ttload.json"
local begun = metrics.counter("begun")
return {
  options = { vus = 4, duration = "1m", thresholds = { %s } },
  setup = function() tt.log.info("set up") %s end,
  default = function()
    begun:add(1)
    tt.sleep(0.005)
    %s
  end,
  teardown = function()
    local i = execution.instance
    tt.log.info("torn down", i.iterations_completed + i.iterations_interrupted, i.vus_active)
  end,
  handle_summary = function(data) return { stdout = json.encode(data) } end,
}
"""


class Endings(Case):
    def start(self, thresholds="", setup="", default=""):
        self.env = {**os.environ, "XDG_RUNTIME_DIR": self.folder}
        self.begin = time.monotonic()
        self.process = subprocess.Popen(
            [TTLOAD, "run", "--workers", "2", self.write("t.lua", ENDS % (thresholds, setup, default))], cwd=self.folder,
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.process.kill)

    def until_it_runs(self):
        for line in self.process.stderr:
            if re.search(rb"running .* [1-9]\d* iterations", line):
                return
        self.fail("it ended before it had run")

    def ends(self, code, torn_down=True):
        out, err = self.process.communicate(timeout=50)
        self.assertEqual(self.process.returncode, code, err.decode())
        self.assertLess(time.monotonic() - self.begin, 40)  # not by its duration
        self.summary = json.loads(out)
        metrics = self.summary["metrics"]
        down = re.search(r"torn down (\d+) (\d+)", err.decode())
        self.assertEqual(down is not None, torn_down, err.decode())
        if down:
            self.assertEqual(int(down.group(2)), 0)
            self.assertEqual(metrics["begun"]["values"]["count"], int(down.group(1)))
            self.assertGreaterEqual(metrics["begun"]["values"]["count"], metrics["iterations"]["values"]["count"])
        return metrics, err.decode()

    def test_by_a_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.start()
            self.until_it_runs()
            self.process.send_signal(number)
            self.ends(105)
            self.assertEqual([(t["what"], t["by"]) for t in self.summary["timeline"]], [(number.name, "signal")])

    def test_by_a_stop_from_outside(self):
        self.start()
        self.until_it_runs()
        subprocess.run([TTLOAD, "stop"], env=self.env, check=True, stdout=subprocess.DEVNULL, timeout=60)
        self.ends(103)

    def test_by_a_stop_while_it_is_paused(self):
        self.start()
        self.until_it_runs()
        for command in ("pause", "stop"):
            subprocess.run([TTLOAD, command], env=self.env, check=True, stdout=subprocess.DEVNULL, timeout=60)
        self.ends(103)

    def test_by_a_threshold(self):
        self.start('iterations = { { threshold = "count<10", abort_on_fail = true } }')
        metrics, err = self.ends(99)
        self.assertIn("abort_on_fail", err)
        self.assertGreaterEqual(metrics["iterations"]["values"]["count"], 10)
        self.assertFalse(metrics["iterations"]["thresholds"]["count<10"]["ok"])

    def test_by_a_threshold_only_after_its_delay(self):
        self.start('iterations = { { threshold = "count<10", abort_on_fail = true, delay_abort_eval = "3s" } }')
        self.ends(99)
        self.assertGreater(time.monotonic() - self.begin, 3)

    def test_by_abort_in_an_iteration(self):
        self.start(default='if execution.scenario.iteration_in_test == 50 then tt.abort("enough") end')
        _, err = self.ends(108)
        self.assertIn("enough", err)

    def test_by_abort_in_setup_without_teardown(self):
        self.start(setup='tt.abort("not today")')
        _, err = self.ends(108, torn_down=False)
        self.assertIn("not today", err)

    def test_by_a_signal_in_setup(self):
        self.start(setup="tt.sleep(60)")
        for line in self.process.stderr:
            if b"set up" in line:
                break
        self.process.send_signal(signal.SIGINT)
        self.ends(105, torn_down=False)


AFTER = """
local tt, execution = require "ttload", require "ttload.execution"
local function scenario(more)
  local s = { executor = "per-vu-iterations", vus = 2, iterations = 1 }
  for k, v in pairs(more) do s[k] = v end
  return s
end
return {
  options = { scenarios = { a = scenario { after = "b", start_time = "200ms" }, b = scenario {},
    c = scenario { after = "a" }, d = scenario { after = "b" } } },
  default = function()
    local s = execution.scenario
    print("BEGAN", s.name, s.start_time)
    tt.sleep(0.05)
    print("ENDED", s.name, tt.time() * 1000 // 1 | 0)
  end,
}
"""


class After(Case):
    def test_scenarios_start_when_those_they_wait_for_have_ended_on_every_worker(self):
        r = self.ttload("run", "-q", "--workers", "2", self.write("t.lua", AFTER))
        self.assertEqual(r.code, 0, r.err)
        began, ended = {}, {}
        for what, name, at in re.findall(r'"(BEGAN|ENDED)\t(\w)\t(\d+)"', r.err):
            times = began if what == "BEGAN" else ended
            times.setdefault(name, []).append(int(at))
        self.assertEqual({len(t) for t in [*began.values(), *ended.values()]}, {2})
        self.assertEqual(len(began), 4)
        self.assertGreaterEqual(min(began["a"]), max(ended["b"]) + 199)
        self.assertGreaterEqual(min(began["c"]), max(ended["a"]) - 1)
        self.assertGreaterEqual(min(began["d"]), max(ended["b"]) - 1)
        self.assertLess(max(began["d"]), min(began["a"]))


if __name__ == "__main__":
    unittest.main()
