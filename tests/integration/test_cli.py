# SPDX-License-Identifier: MIT
"""The command line: what users do wrong, exit codes, signals, summary files."""
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time
import unittest

from ttload_case import ROOT, TTLOAD, Case

GOOD = "return { options = { iterations = 1 }, default = function() end }\n"


def script(options="", body="", extra=""):
    return f"""local tt = require "ttload"
local metrics = require "ttload.metrics"
local M = {{ options = {{ {options} }} }}
{extra}
function M.default() {body} end
return M
"""


# (name, script text or None, arguments, exit code, what the message names)
BAD_INPUT = [
    ("missing_file", None, ["run", "missing.lua"], 255, r"missing\.lua"),
    ("no_script", None, ["run"], 255, r"SCRIPT|script"),
    ("unknown_command", None, ["rnu"], 255, r"rnu.*run"),
    ("syntax_error", "return {\n  default = function( end\n}", ["run", "t.lua"], 107, r"t\.lua:2:"),
    ("error_at_the_top_level", "local x = nil\nreturn x.y", ["run", "t.lua"], 107, r"t\.lua:2:"),
    ("no_table_returned", "print('x')", ["run", "t.lua"], 107, r"t\.lua"),
    ("missing_module", 'require "nowhere"\nreturn {}', ["run", "t.lua"], 107, r"nowhere"),
    ("unknown_option_in_script", script("vuss = 1"), ["run", "t.lua"], 104, r"vuss.*did you mean 'vus'"),
    ("wrong_type", script('vus = "many"'), ["run", "t.lua"], 104, r"vus"),
    ("bad_duration", script('vus = 1, duration = "10x"'), ["run", "t.lua"], 104, r"duration.*10x"),
    ("bad_threshold", script('iterations = 1, thresholds = { checks = { "rate>>1" } }'), ["run", "t.lua"], 104,
     r"rate>>1"),
    ("wrong_method_in_threshold", script('iterations = 1, thresholds = { checks = { "p(95)<1" } }'), ["run", "t.lua"],
     104, r"checks"),
    ("unknown_metric_in_threshold", script('iterations = 1, thresholds = { chekcs = { "rate>0.9" } }'),
     ["run", "t.lua"], 104, r"chekcs.*did you mean 'checks'"),
    ("unknown_exec", script('scenarios = { a = { executor = "shared-iterations", exec = "nowhere" } }'),
     ["run", "t.lua"], 255, r"nowhere"),
    ("unknown_executor", script('scenarios = { a = { executor = "shared-iteration" } }'), ["run", "t.lua"], 104,
     r"shared-iteration"),
    ("unknown_scenario_field", script('scenarios = { a = { executor = "constant-vus", duration = "1s", vuss = 1 } }'),
     ["run", "t.lua"], 104, r"vuss"),
    ("unknown_flag", GOOD, ["run", "--vusers", "1", "t.lua"], 255, r"--vusers"),
    ("flag_without_value", GOOD, ["run", "t.lua", "--vus"], 255, r"--vus"),
    ("flag_of_wrong_type", GOOD, ["run", "--vus", "x", "t.lua"], 255, r"--vus: 'x'"),
    ("bad_env", GOOD, ["run", "--env", "1X=2", "t.lua"], 255, r"1X"),
    ("bad_stage", GOOD, ["run", "--stage", "10s", "t.lua"], 255, r"stage"),
    ("unknown_system_tag", script('system_tags = { "url", "methd" }'), ["run", "t.lua"], 104,
     r"system_tags\[2\]: .*methd.*did you mean 'method'"),
    ("every_problem_at_once",
     script('vus = 1, setup_timeout = {}, max_redirect = 1, thresholds = { chekcs = { "rate>0.9" } }'), ["run", "t.lua"],
     104, r"(?s)max_redirect'.*did you mean 'max_redirects'.*options\.setup_timeout: .*thresholds: .*chekcs"),
    ("every_problem_of_every_scenario",
     script("""scenarios = { a = { executor = "constant-vus", vus = 0, duration = "5" .. "x" },
       checkout = { executor = "ramping-vus", stages = { { duration = "1s", target = 1 }, { duration = "1s", target = -2 } } } }"""),
     ["run", "t.lua"], 104, r"(?s)scenarios\.a\.duration: .*scenarios\.checkout\.stages\[2\]\.target: "),
    ("no_time_at_all", script('iterations = 1, max_cpu_time = 0, handle_summary_timeout = "0s"'), ["run", "t.lua"], 104,
     r"(?s)handle_summary_timeout: expected more than 0.*max_cpu_time: expected more than 0"),
    ("limits_out_of_range", script("iterations = 1, rps = 1e-9, max_decompression_ratio = -1"), ["run", "t.lua"], 104,
     r"(?s)rps: expected.*max_decompression_ratio: expected"),
    ("setup_is_no_function", script("iterations = 1", "", "M.setup = { 1 }"), ["run", "t.lua"], 104, r"setup: expected a function"),
    ("option_of_the_command_line", script('iterations = 1, quiet = true'), ["run", "t.lua"], 104, r"quiet.*--quiet or TTLOAD_QUIET"),
    ("missing_config", GOOD, ["run", "--config", "none.json", "t.lua"], 104, r"none\.json"),
    ("bad_metric_name", script("iterations = 1", "", 'metrics.counter("1 bad")'), ["run", "t.lua"], 107, r"t\.lua:4:"),
]


class BadInput(Case):
    """Each: one message that names the place, the exit code, no stack of C."""


def make_test(text, arguments, code, names):
    def test(self):
        if text is not None:
            self.write("t.lua", text)
        result = self.ttload(*arguments)
        self.assertEqual(result.code, code, result.err)
        self.assertRegex(result.err, names)
        self.assertEqual(result.out, "")
        self.assertNotIn("[C]: in ?", result.err)
        self.assertEqual(len(re.findall(r"level=error|^error:|^ttload: ", result.err, re.M)) <= 1, True, result.err)

    return test


for name, text, arguments, code, names in BAD_INPUT:
    setattr(BadInput, "test_" + name, make_test(text, arguments, code, names))


class ExitCodes(Case):
    def code(self, text, *arguments):
        self.write("t.lua", text)
        return self.ttload("run", "--quiet", *arguments, "t.lua")

    def test_success_is_0(self):
        self.assertEqual(self.code(GOOD).code, 0)

    def test_a_failed_threshold_is_99_and_marked(self):
        r = self.code(script('iterations = 2, thresholds = { checks = { "rate>0.9" } }', "tt.check(1, { no = false })"))
        self.assertEqual(r.code, 99)
        self.assertRegex(r.out, r"✗.*rate>0\.9")
        self.assertIn("checks", r.err)

    def test_a_threshold_without_samples_fails_unless_allowed(self):
        r = self.code(script('iterations = 1, thresholds = { checks = { "rate>0.9" } }'))
        self.assertEqual(r.code, 99)
        self.assertIn("no samples", r.out)
        r = self.code(script('iterations = 1, thresholds = { checks = { { threshold = "rate>0.9", allow_empty = true } } }'))
        self.assertEqual(r.code, 0, r.err)

    def test_errors_of_an_iteration_do_not_fail_the_run(self):
        r = self.code(script("iterations = 3", 'error("boom")'))
        self.assertEqual(r.code, 0)
        self.assertRegex(r.err, r"t\.lua:5: boom")
        self.assertIn("3 times", r.err)

    def test_a_failing_setup_is_107(self):
        r = self.code(script("iterations = 1", "", 'function M.setup() error("no") end'))
        self.assertEqual(r.code, 107, r.err)

    def test_a_slow_setup_is_100(self):
        r = self.code(script('iterations = 1, setup_timeout = "100ms"', "", "function M.setup() tt.sleep(20) end"))
        self.assertEqual(r.code, 100, r.err)

    def test_a_slow_teardown_is_101(self):
        r = self.code(script('iterations = 1, teardown_timeout = "100ms"', "", "function M.teardown() tt.sleep(20) end"))
        self.assertEqual(r.code, 101, r.err)
        self.assertIn("iterations", r.out)

    def test_a_failing_teardown_is_107(self):
        r = self.code(script("iterations = 1", "", 'function M.teardown() error("no") end'))
        self.assertEqual(r.code, 107, r.err)
        self.assertIn("iterations", r.out)

    def test_abort_in_setup_is_108_without_iterations_and_teardown(self):
        r = self.code(script("iterations = 1", 'tt.log.info("ran")',
                             'function M.setup() tt.abort("no") end function M.teardown() tt.log.info("torn down") end'))
        self.assertEqual(r.code, 108, r.err)
        self.assertNotIn("ran", r.err)
        self.assertNotIn("torn down", r.err)

    def test_handle_summary_never_changes_the_exit_code(self):
        for body in ('error("no")', "tt.sleep(20)", "return 5"):
            r = self.code(script('iterations = 1, handle_summary_timeout = "100ms"', "",
                                 f"function M.handle_summary() {body} end"))
            self.assertEqual(r.code, 0, r.err)
            self.assertIn("iterations", r.out)

    def test_setup_and_teardown_can_be_left_out(self):
        text = script("iterations = 1", "", """function M.setup() tt.log.info("set up") end
function M.teardown() tt.log.info("torn down") end""")
        r = self.code(text, "--no-setup")
        self.assertNotIn("set up", r.err)
        self.assertIn("torn down", r.err)
        r = self.code(text, "--no-teardown")
        self.assertIn("set up", r.err)
        self.assertNotIn("torn down", r.err)

    def test_abort_counts_the_iteration_that_called_it(self):
        r = self.code(script("vus = 1, iterations = 5", "tt.abort()"), "--summary-export", "s.json")
        self.assertEqual(r.code, 108, r.err)
        self.assertEqual(r.json("s.json")["metrics"]["iterations"]["count"], 1)

    def test_abort_is_108_with_teardown_and_summary(self):
        r = self.code(script("iterations = 1", 'tt.abort("enough")', 'function M.teardown() tt.log.info("torn down") end'))
        self.assertEqual(r.code, 108, r.err)
        self.assertIn("enough", r.err)
        self.assertIn("torn down", r.err)
        self.assertIn("TOTAL RESULTS", r.out)

    # A thread under ThreadSanitizer gets no signal while it only computes.
    @unittest.skipIf(os.environ.get("LANE") == "tsan", "signals are deferred in this lane")
    def test_a_runaway_script_is_interrupted_each_time(self):
        r = self.code(script('iterations = 3, max_cpu_time = "100ms", thresholds = { script_errors = { "count==3" } }',
                             "while true do end"))
        self.assertEqual(r.code, 0, r.err)
        self.assertRegex(r.err, r"t\.lua:5.*")

    def test_setup_data_reaches_every_vu_and_teardown(self):
        r = self.code("""local tt = require "ttload"
local M = { options = { vus = 3, iterations = 9, thresholds = { checks = { "rate==1" } } } }
function M.setup() return { list = { 1, 2, { deep = "x" } } } end
function M.default(data) tt.check(data, { same = data.list[3].deep == "x" }) data.list[3].mine = true end
function M.teardown(data) if data.list[3].mine then error("shared") end end
return M""")
        self.assertEqual(r.code, 0, r.err)


class DryRun(Case):
    TEXT = """local tt = require "ttload"
local M = { options = { thresholds = { checks = { "rate>0.9" } }, scenarios = {
  a = { executor = "ramping-arrival-rate", pre_allocated_vus = 50, stages = { { duration = "1h", target = 100 } },
        exec = "one", env = { WHO = "me" } },
  b = { executor = "ramping-vus", stages = { { duration = "1h", target = 100000000 } }, exec = "two", after = "a" } } } }
function M.one() tt.check(1, { no = false }) tt.log.info("ran one for " .. tt.env.WHO) end
function M.two() tt.log.info("ran two") end
return M
"""

    def test_each_scenario_runs_once_and_nothing_is_judged(self):
        self.write("t.lua", self.TEXT)
        r = self.ttload("run", "--dry-run", "--quiet", "t.lua", "--execution-segment", "1/2:1")
        self.assertEqual(r.code, 0, r.err)
        self.assertEqual(r.err.count("ran one for me"), 1)
        self.assertEqual(r.err.count("ran two"), 1)
        self.assertIn("thresholds are not judged", r.err)

    def test_what_no_request_could_use_is_found_before_the_start(self):
        self.write("t.lua", "return { default = function() print('started') end }")
        for flag, message in (("--ca-file=nowhere.pem", "ca_file: no certificates in 'nowhere.pem'"),
                              ("--max-url-names=-1", "max_url_names: expected 0 (no limit) or more")):
            result = self.ttload("run", flag, "t.lua")
            self.assertEqual(result.code, 104)
            self.assertIn(message, result.err)
            self.assertNotIn("started", result.err)

    def test_options_are_checked_all_the_same(self):
        self.write("t.lua", self.TEXT.replace("rate>0.9", "rate>>0.9"))
        self.assertEqual(self.ttload("run", "--dry-run", "t.lua").code, 104)


class Plans(Case):
    def test_a_ramp_to_a_hundred_million_is_planned_at_once(self):
        self.write("t.lua", script('stages = { { duration = "1h", target = 100000000 } }'))
        r = self.ttload("inspect", "--execution-requirements", "t.lua", timeout=30)
        needs = json.loads(r.out)
        self.assertEqual((needs["max_vus"], needs["max_duration"]), (100000000, "1h0m30s"))
        if os.environ.get("LANE", "plain") == "plain":  # sanitizers have memory of their own
            self.assertGreater(needs["memory_per_vu_bytes"], 0)
        self.assertEqual(needs["estimated_memory_bytes"], needs["memory_per_vu_bytes"] * 100000000)
        self.assertEqual(needs["vus_over_time"], [])


    def test_the_processes_of_a_test_expect_together_what_one_does(self):
        self.write("t.lua", script("""scenarios = {
  a = { executor = "shared-iterations", vus = 5, iterations = 33 },
  b = { executor = "per-vu-iterations", vus = 7, iterations = 3 },
  c = { executor = "constant-arrival-rate", rate = 0.3, duration = "5s", pre_allocated_vus = 9 },
  d = { executor = "ramping-arrival-rate", stages = { { duration = "5s", target = 7 } }, pre_allocated_vus = 9 } }"""))

        def expected(*arguments):
            r = self.ttload("inspect", "--execution-requirements", "t.lua", *arguments)
            return json.loads(r.out)["expected_iterations"]

        whole = 33 + 7 * 3 + 2 + 17  # at 0 s and 3.3 s; the area below the ramp is 17.5
        self.assertEqual(expected(), whole)
        parts = [expected("--execution-segment", s, "--execution-segment-sequence", "0,1/4,2/4,1")
                 for s in ("0:1/4", "1/4:2/4", "2/4:1")]
        self.assertEqual(sum(parts), whole)
        self.assertLess(max(parts), whole)


class Completion(Case):
    def complete(self, *words):
        _, out, _ = self.shell("bash", f"""source completion.bash
COMP_WORDS=(ttload {' '.join(repr(w) for w in words)}); COMP_CWORD={len(words)}; _ttload; printf '%s\\n' "${{COMPREPLY[@]}}" """)
        return out.split()

    def shell(self, name, text):
        p = subprocess.run([name, "-c", text], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
        self.assertEqual((p.returncode, p.stderr), (0, ""))
        return p.returncode, p.stdout, p.stderr

    def setUp(self):
        super().setUp()
        for name in ("bash", "zsh", "fish"):
            self.write(f"completion.{name}", self.ttload("completion", name).out)

    def test_bash_completes_commands_flags_values_and_scripts(self):
        self.write("load.lua", "")
        self.write("notes.txt", "")
        self.assertEqual(self.complete("insp"), ["inspect"])
        self.assertEqual(self.complete("run", "--max-red"), ["--max-redirects"])
        self.assertEqual(self.complete("run", "--summary-mode", "f"), ["full"])
        self.assertEqual(self.complete("run", "lo"), ["load.lua"])
        self.assertEqual(self.complete("doctor", "lo"), ["load.lua"])
        self.assertEqual(self.complete("run", "no"), [])
        self.assertEqual(self.complete("run", "--config", "no"), ["notes.txt"])
        self.assertEqual(self.complete("run", "--vus", ""), [])
        self.assertEqual(self.complete("serve", ""), ["tunnel", "http", "ws"])

    def test_every_flag_is_in_every_script(self):
        flags = set(re.findall(r"`--([a-z-]+)", self.ttload("help", "options").out))
        self.assertGreater(len(flags), 30)
        for name in ("bash", "zsh", "fish"):
            with open(os.path.join(self.folder, f"completion.{name}"), encoding="utf-8") as f:
                text = f.read()
            for flag in flags:
                self.assertRegex(text, rf"(--|-l ){flag}\b")

    def test_zsh_and_fish_can_read_theirs(self):
        for name in ("zsh", "fish"):
            if shutil.which(name):
                self.shell(name, f"{name} -n completion.{name}")

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_completes_flags_and_values(self):
        _, out, _ = self.shell("fish", 'source completion.fish; complete -C "ttload run --max-red"; complete -C "ttload run --summary-mode f"')
        self.assertIn("--max-redirects", out)
        self.assertIn("full", out)

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_takes_the_function(self):
        _, out, _ = self.shell("zsh", "autoload -U compinit; compinit -u -d dump; source ./completion.zsh; echo $_comps[ttload]")
        self.assertEqual(out, "_ttload\n")

    def test_an_unknown_shell_is_told(self):
        r = self.ttload("completion", "tcsh")
        self.assertEqual(r.code, 255)
        self.assertIn("bash, zsh or fish", r.err)


class Signals(Case):
    TEXT = script('vus = 2, duration = "60s"', "tt.sleep(0.05)", 'function M.teardown() tt.log.info("torn down") end')

    def start(self, text):
        self.write("t.lua", text)
        p = subprocess.Popen([TTLOAD, "run", "t.lua"], cwd=self.folder, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in p.stderr:
            if re.search(rb"running .* [1-9]\d* iterations", line):
                return p
        self.fail("it ended before it had run")

    def test_ctrl_c_stops_with_teardown_and_summary(self):
        p = self.start(self.TEXT)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=30)
        self.assertEqual(p.returncode, 105, err)
        self.assertIn(b"torn down", err)
        self.assertIn(b"iterations", out)

    def test_a_second_ctrl_c_exits_at_once(self):
        p = self.start(self.TEXT.replace('tt.log.info("torn down")', 'tt.log.info("torn down") tt.sleep(30)'))
        p.send_signal(signal.SIGINT)
        while b"torn down" not in p.stderr.readline():
            pass
        begin = time.monotonic()
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=30)
        self.assertEqual(p.returncode, 105)
        self.assertLess(time.monotonic() - begin, 10)


    def test_an_internal_error_is_109(self):
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
        p = self.start(self.TEXT)
        p.send_signal(signal.SIGABRT)
        _, err = p.communicate(timeout=30)
        self.assertEqual(p.returncode, 109)
        self.assertIn(b"internal error", err)


class Outputs(Case):
    def test_handle_summary_writes_files_and_streams(self):
        self.write("t.lua", """local tt, json = require "ttload", require "ttload.json"
local M = { options = { iterations = 4 } }
function M.default() tt.check(1, { yes = true }) end
function M.handle_summary(data)
  return { ["out/summary.json"] = json.encode(data), stdout = "said\\n" .. tt.summary_text(data) }
end
return M""")
        r = self.ttload("run", "--quiet", "t.lua")
        self.assertEqual(r.code, 0, r.err)
        self.assertTrue(r.out.startswith("said\n"))
        data = r.json("out/summary.json")
        self.assertEqual(data["metrics"]["iterations"]["values"]["count"], 4)
        self.assertEqual(data["metrics"]["checks"]["values"]["rate"], 1)
        self.assertEqual(data["root_group"]["checks"][0]["passes"], 4)

    def test_json_has_every_sample(self):
        script = self.write("s.lua", """
local tt = require "ttload"
return { options = { vus = 3, iterations = 30 }, default = function() tt.check(1, { one = true }) end }
""")
        result = self.ttload("run", "--quiet", "--workers", "2", "--out", "json=all,of it.json", script)
        self.assertEqual(result.code, 0, result.err)
        with open(os.path.join(self.folder, "all,of it.json"), encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        checks = [p["data"] for p in lines if p["type"] == "Point" and p["metric"] == "checks"]
        self.assertEqual(len(checks), 30)
        self.assertEqual(checks[0]["tags"], {"check": "one", "group": "", "scenario": "default"})
        self.assertEqual({p["metric"] for p in lines if p["type"] == "Point"},
                         {p["metric"] for p in lines if p["type"] == "Metric"})
        self.assertLess({"iterations", "iteration_duration"}, {p["metric"] for p in lines})

    def test_warm_up_is_in_the_samples_with_its_tag(self):
        script = self.write("s.lua", """
return { options = { scenarios = { a = { executor = "per-vu-iterations", iterations = 2, warmup = "1h" } } },
         default = function() end }
""")
        result = self.ttload("run", "--quiet", "--out", "json=out.json", script)
        self.assertEqual(result.code, 0, result.err)
        with open(os.path.join(self.folder, "out.json"), encoding="utf-8") as f:
            points = [p for p in map(json.loads, f) if p["type"] == "Point" and p["metric"] == "iterations"]
        self.assertEqual([p["data"]["tags"].get("warmup") for p in points], ["true", "true"])

    def test_vus_and_duration_replace_the_scripts_stages(self):
        self.write("t.lua", script('stages = { { duration = "1h", target = 5 } }', "tt.sleep(0.1)"))
        begin = time.monotonic()
        r = self.ttload("run", "--vus", "3", "--duration", "1s", "t.lua")
        self.assertEqual(r.code, 0, r.err)
        self.assertLess(time.monotonic() - begin, 30)
        self.assertIn("up to 3 VUs", r.err)

    def test_a_ramp_of_short_iterations_ends_on_every_worker(self):
        self.write("t.lua", script("""stages = { { duration = "300ms", target = 4 }, { duration = "300ms", target = 0 } }""",
                                   "tt.sleep(0.001)"))
        for workers in ("1", "2", "3"):
            r = self.ttload("run", "--quiet", "--workers", workers, "t.lua", timeout=60)
            self.assertEqual(r.code, 0, r.err)

    def test_version_and_help(self):
        self.assertRegex(self.ttload("version").out, r"^ttload \d+\.\d+")
        self.assertIn("--vus", self.ttload("help", "run").out)
        self.assertIn("run", self.ttload("--help").out)

    def test_the_options_page_is_the_programs(self):
        with open(os.path.join(ROOT, "docs", "options.md"), encoding="utf-8") as f:
            self.assertEqual(f.read(), self.ttload("help", "options").out)

    def test_env_reaches_the_script(self):
        self.write("t.lua", script("iterations = 1", 'if tt.env.A ~= "b=c" then tt.abort("env") end'))
        self.assertEqual(self.ttload("run", "--env", "A=b=c", "t.lua").code, 0)
        self.assertEqual(self.ttload("run", "t.lua", env={"A": "b=c"}).code, 0)
        self.assertEqual(self.ttload("run", "t.lua").code, 108)

    def test_the_scripts_folder_is_where_modules_are_found(self):
        self.write("lib/m.lua", "return { n = 42 }")
        self.write("t.lua", 'local m = require "lib.m"\nassert(m.n == 42)\n' + GOOD)
        r = self.ttload("run", "--quiet", os.path.join(self.folder, "t.lua"))
        self.assertEqual(r.code, 0, r.err)
