# SPDX-License-Identifier: MIT
"""What the vector files' runners share: the driver, the built ttload, verdicts, names and units."""
import json
import os
import re
import subprocess
import tempfile


class Skip(Exception):
    """A difference that the vectors' README names; the text is the reason."""


class Own(Skip):
    """A further difference, with its reason in docs/differences.md."""


class Failed(Exception):
    pass


def expect(what, got, want):
    if got != want:
        raise Failed(f"{what}: got {str(got)[:300]}, expected {str(want)[:300]}")


def filled(v, places):
    """The same value with every placeholder, like {base}, replaced."""
    if isinstance(v, str):
        return re.sub(r"\{\w+\}", lambda m: places.get(m.group(), m.group()), v)
    if isinstance(v, list):
        return [filled(x, places) for x in v]
    if isinstance(v, dict):
        return {k: filled(x, places) for k, x in v.items()}
    return v


def points(path):
    """Metric, value and tags of each sample that the output json wrote."""
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            p = json.loads(line)
            if p["type"] == "Point":
                yield p["metric"], p["data"]["value"], p["data"]["tags"]


def near(what, got, want, tolerance=1000):
    """Lists of whole numbers, each within the tolerance (ns)."""
    if len(got) != len(want) or any(abs(a - b) > tolerance for a, b in zip(got, want)):
        raise Failed(f"{what}: got {str(got)[:300]}, expected {str(want)[:300]}")


class Driver:
    """One process that answers questions; started anew when a question brings it down."""

    def __init__(self, path):
        self.path = path
        self.process = None

    def ask(self, **question):
        if self.process is None:
            self.process = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL, text=True)
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.process.wait()
            code, self.process = self.process.returncode, None
            raise Failed(f"the driver ended ({code}) on {json.dumps(question)[:300]}")
        return json.loads(line)

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


class Program:
    """The built ttload."""

    def __init__(self, path):
        self.path = path
        self.folder = tempfile.TemporaryDirectory(prefix="ttload-vectors-")
        self.clean = {k: v for k, v in os.environ.items() if not k.startswith("TTLOAD_")}
        self.clean["XDG_CONFIG_HOME"] = self.clean["XDG_RUNTIME_DIR"] = self.folder.name

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def start(self, words, env=None):
        return subprocess.Popen([self.path, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, cwd=self.folder.name, env={**self.clean, **(env or {})})

    def run(self, words, env=None, timeout=60):
        p = self.start(words, env)
        out, err = p.communicate(timeout=timeout)
        return p.returncode, out, err

    def inspect(self, script, words=(), env=None, config=None):
        """(plan or None, exit code, standard error)."""
        extra = [] if config is None else ["--config", self.write("config.json", config)]
        code, out, err = self.run(["inspect", self.write("script.lua", script), *extra, *words], env)
        return (json.loads(out) if code == 0 else None), code, err

    def close(self):
        self.folder.cleanup()


# --- names and units ---------------------------------------------------------------------------------

def snake(name):
    """startVUs -> start_vus, insecureSkipTLSVerify -> insecure_skip_tls_verify"""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z]{2,})", r"\1_\2", words).lower()


BARE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
DURATIONS = {"duration", "startTime", "gracefulStop", "gracefulRampDown", "maxDuration", "timeUnit", "setupTimeout",
             "teardownTimeout", "minIterationDuration"}


def milliseconds(v):
    """k6 takes a bare number for milliseconds, ttload for seconds: say the unit."""
    if isinstance(v, (int, float)) and not isinstance(v, bool):
        return f"{v!r}ms"
    if isinstance(v, str) and BARE.fullmatch(v):
        return v + "ms"
    return v


def fields(obj, inner=None):
    """An object's names in snake_case, durations with their unit; inner: name -> translation of the value."""
    if not isinstance(obj, dict):
        return obj
    out = {}
    for name, value in obj.items():
        if name in DURATIONS:
            value = milliseconds(value)
        elif inner and name in inner:
            value = inner[name](value)
        out[snake(name)] = value
    return out


def stages(v):
    return [fields(s) for s in v] if isinstance(v, list) else v


def scenarios(v):
    return {name: fields(s, {"stages": stages}) for name, s in v.items()} if isinstance(v, dict) else v


def options(v):
    return fields(v, {"stages": stages, "scenarios": scenarios})


def lua(v):
    """A JSON value as Lua source."""
    if v is None:
        return "nil"
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, (int, float)):
        return repr(v)
    if isinstance(v, str):
        return '"' + "".join(c if c.isalnum() or c in " _-:./%()" else "".join(f"\\x{b:02x}" for b in c.encode())
                             for c in v) + '"'
    if isinstance(v, list):
        return "{" + ",".join(lua(x) for x in v) + "}"
    return "{" + ",".join(f"[{lua(k)}]={lua(x)}" for k, x in v.items()) + "}"


def execs(v):
    """Every text of a field exec anywhere in v: functions that a script must have."""
    found = set()
    if isinstance(v, dict):
        for name, x in v.items():
            found |= {x} if name == "exec" and isinstance(x, str) else execs(x)
    elif isinstance(v, list):
        for x in v:
            found |= execs(x)
    return found


def script(opts=None, functions=(), body="", init=""):
    """A script with these options and empty functions."""
    lines = ['local tt = require "ttload"', init, f"local M = {{options = {lua(opts or {})}}}",
             f"M.default = function(data) {body} end"]
    lines += [f"M[{lua(f)}] = function() end" for f in functions if f != "default"]
    return "\n".join(lines + ["return M", ""])


NS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1, "d": 86400 * 10**9}


def ns(text):
    """The nanoseconds of a duration as ttload prints it."""
    total, parts = 0, re.findall(r"(\d+)(?:\.(\d+))?(ms|us|µs|ns|d|h|m|s)", text)
    for whole, fraction, unit in parts:
        total += int(whole) * NS[unit]
        if fraction:
            total += int(fraction) * NS[unit] // 10**len(fraction)
    return total


def canonical(segment):
    return f"{segment['from']}:{segment['to']}"


def changes(steps):
    """Steps without those that change nothing."""
    out = []
    for s in steps:
        if not out or list(s[1:]) != list(out[-1][1:]):
            out.append(list(s))
    return out
