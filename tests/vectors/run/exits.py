# SPDX-License-Identifier: MIT
"""exit-codes.json: the numbers, and runs that a few words describe."""
import json
import os
import re
import signal
import time
from harness import DURATIONS, Failed, Skip, expect, lua, milliseconds, snake

NAMES = {"ok": "OK", "thresholds_have_failed": "THRESHOLDS", "cloud_test_run_failed": "CLOUD", "cloud_failed_to_get_progress": "CLOUD_PROGRESS",
         "setup_timeout": "SETUP_TIMEOUT", "teardown_timeout": "TEARDOWN_TIMEOUT", "generic_timeout": "TIMEOUT",
         "script_stopped_from_rest_api": "API_STOP", "invalid_config": "CONFIG", "external_abort": "SIGNAL",
         "cannot_start_rest_api": "API_BIND", "script_exception": "SCRIPT", "script_aborted": "ABORT",
         "go_panic": "INTERNAL", "marked_as_failed": "MARKED_FAILED"}
HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "src", "base", "exitcode.h")


def codes(c, _tools):
    """Ours may go by another name: the number must be taken for the same purpose."""
    with open(HEADER, encoding="utf-8") as f:
        ours = {int(n): name for name, n in re.findall(r"TT_EXIT_(\w+) = (\d+)", f.read())}
    expect("name of the number", ours.get(c["code"]), NAMES.get(c["id"], ours.get(c["code"])))


class Run:
    """A script and a command line that grow as phrases are understood."""

    def __init__(self):
        self.options, self.words, self.env, self.thresholds = {}, [], {}, {}
        self.bodies = {"init": "", "default": "", "setup": "", "teardown": "", "handle_summary": ""}
        self.metrics, self.text, self.path, self.signals, self.config = [], None, "t.lua", [], None
        self.has_default = True

    def add(self, place, code):
        self.bodies[place] += f" {code}"

    def script(self):
        if self.text is not None:
            return self.text
        if self.thresholds:
            self.options["thresholds"] = self.thresholds
        lines = ['local tt = require "ttload"', 'local http = require "ttload.http"', 'local metrics = require "ttload.metrics"',
                 'local execution = require "ttload.execution"', *self.metrics,
                 'local function mark(what) tt.log.info("mark:" .. what) end', self.bodies["init"],
                 f"local M = {{ options = {lua(self.options)} }}"]
        for name, body in self.bodies.items():
            if name == "init" or name == "handle_summary" and not body or name == "default" and not self.has_default:
                continue
            seen = 'if data == "from setup" then mark("data") end' if name in ("default", "teardown") else ""
            lines.append(f'function M.{name}(data) mark("{name}") {seen} {body} mark("after:{name}")'
                         + (' return "from setup"' if name == "setup" else "") + " end")
        return "\n".join(lines + ["return M", ""])


def seconds(text):
    return float(re.match(r"[\d.]+", text)[0]) * (0.001 if text.endswith("ms") else 60 if text.endswith("m") else 1)


# What a function does: phrase -> Lua. http to a port that nobody has is refused.
ACTIONS = [
    (r"(?:is )?(?:empty|ok|returns|nothing)", ""),
    (r"throws|throws? .*|error", 'error("boom")'),
    (r"(?:calls )?fail\(.*\)", 'tt.fail("enough")'),
    (r"(?:calls )?(?:exec\.)?test\.abort\(.*\)|abort\(.*\)|aborts", 'tt.abort("enough")'),
    (r"(?:calls )?(?:exec\.)?test\.fail\(.*\)", 'execution.test.fail("enough")'),
    (r"sleeps? ([\d.]+(?:ms|s|m)?)", lambda m: f"tt.sleep({seconds(m[1])})"),
    (r"([\d.]+(?:ms|s|m)) sleep", lambda m: f"tt.sleep({seconds(m[1])})"),
    (r"http refused", 'http.get("http://127.0.0.1:1/")'),
    (r"rejects?.*|(?:async|promise).*(?:reject|throw).*", 'error("boom")'),
    (r"check (?:false|fails)", 'tt.check(1, { no = false })'),
]


def action(text):
    for pattern, code in ACTIONS:
        m = re.fullmatch(pattern, text.strip())
        if m:
            return code(m) if callable(code) else code
    return None


def do(run, place, text):
    """Phrases joined by a comma, 'then' or 'and'."""
    for part in re.split(r", | then | and ", text):
        code = action(part)
        if code is None:
            raise Failed(f"not understood: {place} {text!r}")
        run.add(place, code)


def threshold(run, text):
    m = re.fullmatch(r"custom (counter|gauge|rate|trend) (\S+)(?: (?:with samples ([\d.,]+)|never added|no samples))?(,? ?abort\w*)?", text)
    metric, expression = "iterations", text
    if m:
        run.metrics.append(f'local custom = metrics.{m[1]}("custom")')
        run.add("default", " ".join(f"custom:add({v})" for v in (m[3] or "").split(",") if v))
        metric, expression = "custom", m[2]
    elif re.match(r"\w+(\{.*\})?: ", text):
        metric, expression = text.split(": ", 1)
    elif re.match(r"(failing|fails)", text):
        expression = "count<0"
    elif re.match(r"(passing|passes)", text):
        expression = "count>=0"
    item = {"threshold": re.sub(r",? ?(with )?abort\w*.*", "", expression)}
    item["abort_on_fail"] = bool(re.search("abort", text))
    run.thresholds.setdefault(metric, []).append(item)


def flag(run, text):
    if text == "segment not in sequence":
        run.words += ["--execution-segment", "0:1/3", "--execution-segment-sequence", "0,1/2,1"]
    elif text == "segment gets no VU":
        run.words += ["--execution-segment", "2/3:1", "--execution-segment-sequence", "0,1/3,2/3,1"]
    elif text.startswith("-"):
        words = text.split()
        run.words += [milliseconds(w) if b in ("-d", "--duration") else w for b, w in zip([""] + words, words)]
    else:
        raise Failed(f"not understood: flag {text!r}")


SCENARIO = re.compile(r"(?:(constant-vus|ramping-vus|shared-iterations|per-vu-iterations)|(\d+) VUs?|(\d+) iterations?(?: each)?|"
                      r"(gracefulStop|maxDuration|startTime) (\w+)|(?:for )?([\d.]+m?s))(?: |$)")


def scenario(run, text):
    out = {}
    for part in text.split(", "):
        if action(part) is not None:
            run.add("default", action(part))
            continue
        while part and not re.fullmatch(r"\w+ of \w+", part):
            m = SCENARIO.match(part)
            if not m:
                raise Failed(f"not understood: scenario {text!r} ({part!r})")
            executor, vus, iterations, name, value, duration = m.groups()
            more = {"executor": executor, "vus": vus and int(vus), "iterations": iterations and int(iterations),
                    snake(name or "none"): value, "duration": duration}
            out.update((k, v) for k, v in more.items() if v is not None)
            part = part[m.end():]
    out.setdefault("executor", "per-vu-iterations" if "duration" not in out else "constant-vus")
    run.options["scenarios"] = {"s": out}


def signals(run, text):
    for name, after, again in re.findall(r"(SIG\w+)(?: after ([\d.]+) ?s)?( twice)?", text):
        run.signals += [(name, float(after or 1))] + ([(name, 0.3)] if again else [])


def option(run, text):
    name, _, value = text.partition(" ")
    if name == "summaryTrendStats":
        run.options["summary_trend_stats"] = value.split(",")
    elif value in ("", "true", "false"):
        run.words.append(f"--{snake(name).replace('_', '-')}={value or 'true'}")
    else:
        run.options[snake(name)] = milliseconds(value) if name in DURATIONS else value


def script(run, text):
    if text == "syntax error":
        run.text = "return {\n  default = function( end\n}"
    elif re.match(r"no default|without default", text):
        run.has_default = False
    elif re.match(r"(not found|missing|does not exist)", text):
        run.path = "missing.lua"
    elif re.match(r"empty", text):
        run.text = ""
    else:
        do(run, "init", re.sub(r"^(init|top level) | in init.*$", "", text))


def understand(when):
    run = Run()
    names = {"handleSummary": "handle_summary", "init": "init", "default": "default", "setup": "setup", "teardown": "teardown"}
    for key, value in when.items():
        if key in names:
            do(run, names[key], value)
        elif key == "check":
            run.add("default", f"tt.check(1, {{ it = {str(value).lower()} }})")
        elif key == "samples":
            run.metrics.append('local many = metrics.trend("many")')
            run.add("default", f"for i = 1, {int(value)} do many:add(i) end")
        elif key in ("threshold", "flag", "scenario", "signal", "option", "script"):
            {"threshold": threshold, "flag": flag, "scenario": scenario, "signal": signals, "option": option,
             "script": script}[key](run, value)
        elif key == "env":
            run.env.update([value.replace("K6_", "TTLOAD_", 1).split("=", 1)])
        elif key == "config":
            run.config = "{ not json" if re.search("bad|broken|invalid|wrong", value) else value
        elif re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", key) and not isinstance(value, dict):
            run.options[snake(key)] = milliseconds(value) if key in DURATIONS else value
        else:
            raise Failed(f"not understood: {key} {value!r}")
    return run


def start(run, tools):
    if run.path == "t.lua":
        tools.program.write("t.lua", run.script())
    if run.config is not None:
        run.words += ["--config", tools.program.write("config.json", run.config)]
    export = os.path.join(tools.program.folder.name, "export.json")
    if os.path.exists(export):
        os.remove(export)
    words = ["run", "--quiet", "--summary-export", export, *run.words, run.path]
    return tools.program.start(words, run.env), export


def iterations_of(export):
    if not os.path.exists(export):
        return 0
    with open(export, encoding="utf-8") as f:
        metric = json.load(f)["metrics"].get("iterations", {})
    return metric.get("values", metric).get("count", 0)


def case(c, tools):
    if "nan" in str(c["when"]).lower():
        raise Skip("exotic number syntax")
    run = understand(c["when"])
    process, export = start(run, tools)
    for name, after in run.signals:
        time.sleep(after)
        process.send_signal(getattr(signal, name))
    try:
        out, err = process.communicate(timeout=60)
    except Exception as e:
        process.kill()
        raise Failed("the run does not end") from e
    text = out + err
    expect(f"exit code ({err.strip()[-200:]})", process.returncode, c["exit_code"])
    expect("iterations", iterations_of(export), c["iterations_metric"])
    if "iterations_started" in c:
        expect("iterations_started", text.count("mark:default"), c["iterations_started"])
    for field, what in (("setup_ran", "mark:setup"), ("teardown_ran", "mark:teardown"), ("setup_data_seen", "mark:data")):
        if field in c:
            expect(field, what in text, c[field])
    if "code_after_ran" in c:
        expect("code_after_ran", "mark:after:default" in text, c["code_after_ran"])


EXITS = {"codes": codes, "cases": case}
