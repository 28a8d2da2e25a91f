# SPDX-License-Identifier: MIT
"""execution-segments.json, durations.json."""
import json
from fractions import Fraction
from harness import BARE, Own, Skip, canonical, expect, ns, script


def segment_parse(c, tools):
    got = tools.driver.ask(op="segment", text=c["in"])
    if c.get("exotic") and not got["ok"]:
        raise Skip("exotic number syntax")
    expect("ok", got["ok"], c["ok"])
    if c["ok"]:
        expect("canon", canonical(got), c["canon"])
        length = Fraction(got["to"]) - Fraction(got["from"])
        expect("length", length, Fraction(c["length"]))
        expect("float_length", abs(float(length) - c["float_length"]) <= 1e-9 * c["float_length"], True)


def sequence_parse(c, tools):
    got = tools.driver.ask(op="sequence", text=c["in"])
    if c.get("exotic") and not got["ok"]:
        raise Skip("exotic number syntax")
    expect("ok", got["ok"], c["ok"])
    if not c["ok"]:
        return
    parts = got["segments"]
    points = [parts[0]["from"]] + [p["to"] for p in parts] if parts else []
    expect("canon", ",".join(points), c["canon"])
    if c.get("segments") is not None:
        expect("segments", [canonical(p) for p in parts], c["segments"])
    expect("full", bool(points) and points[0] == "0" and points[-1] == "1", c["full"])
    if c.get("lcd") is not None and c["full"]:
        stripe = tools.driver.ask(op="stripe", seg=canonical(parts[0]), seq=c["in"])
        expect("lcd", stripe["lcd"], c["lcd"])


def split(c, tools):
    if not c["ok"]:
        expect("a number of parts that can be", c["n"] > 0, False)
        raise Skip("--execution-segment names one part; there is no call that splits into none")
    parts = [canonical(tools.driver.ask(op="within", base=c["seg"], sub=f"{i}/{c['n']}:{i + 1}/{c['n']}"))
             for i in range(c["n"])]
    expect("parts", parts, c["parts"])


def subsegment(c, tools):
    expect("out", canonical(tools.driver.ask(op="within", base=c["base"], sub=c["sub"])), c["out"])


def scaled(c, tools, **more):
    got = tools.driver.ask(op="stripe", scale=[p[0] for p in c["pairs"]], seg=c["seg"], seq=c.get("seq", ""), **more)
    expect("scaled", got.get("scaled"), [p[1] for p in c["pairs"]])
    return got


def stripe(c, tools, **more):
    got = tools.driver.ask(op="stripe", seg=c["seg"], seq=c["seq"], **more)
    expect("ok", got["ok"], c["ok"])
    if c["ok"]:
        for name in ("start", "lcd", "offsets"):
            expect(name, got[name], c[name])
    return got


def resegment(c, tools):
    stripe(c, tools, recut=c["value"])
    if c["ok"]:
        scaled(c, tools, recut=c["value"])


def segmented_index(c, tools):
    got = tools.driver.ask(op="walk", start=c["start"], offsets=c["offsets"], lcd=c["lcd"], ops=c["ops"])
    expect("steps", got["at"], c["exp"])


def vu_ids(c, tools):
    n = len(c["local_global"])
    got = tools.driver.ask(op="stripe", seg=c["seg"], seq=c["seq"], first=n)
    expect("ids", [[i + 1, g + 1] for i, g in enumerate(got["globals"])], c["local_global"])


def scale_plain(c, tools):
    raise Own("a segment without its sequence is striped like any other, not rounded")


SEGMENTS = {"segment_parse": segment_parse, "sequence_parse": sequence_parse, "split": split, "subsegment": subsegment,
            "scale_plain": scale_plain, "scale_striped": scaled, "striped": stripe, "resegment": resegment,
            "segmented_index": segmented_index, "vu_ids": vu_ids}


# --- durations ---------------------------------------------------------------------------------------

def parse(c, tools):
    """Bare numbers are seconds here and milliseconds there, so the answer is a thousand times longer."""
    got = tools.driver.ask(op="duration", text=c["in"])
    if c.get("exotic") and not got["ok"]:
        raise Skip("exotic number syntax")
    if BARE.fullmatch(c["in"]):
        if abs(float(c["in"])) > 9.2e9:
            raise Skip("bare numbers are seconds: this one is beyond 292 years")
        expect("ok", got["ok"], True)
        expect("seconds", abs(int(got["ns"]) - float(c["in"]) * 1e9) <= 1 + 1e-9 * abs(int(got["ns"])), True)
        return
    expect("ok", got["ok"], c["ok"])
    if c["ok"]:
        expect("ns", int(got["ns"]), int(c["ns"]))


def option(c, tools, value, source):
    """A value as an option, through the program itself."""
    if c["ok"] and c.get("ns", "").startswith("-"):
        raise Own("negative durations are refused")
    plan, code, err = source(value)
    expect(f"accepted ({err.strip()[:200]})", plan is not None, c["ok"])
    if c["ok"] and c.get("set", True):
        scale = 1000 if not isinstance(value, str) or BARE.fullmatch(value) else 1
        if scale == 1000 and isinstance(value, float) and int(c["ns"]) == 0:
            scale = 0  # less than a nanosecond there
        got = ns(plan["min_iteration_duration"])
        expect("ns", got if scale else 0, int(c["ns"]) * scale)


def in_config(c, tools):
    option(c, tools, json.loads(c["json"]),
           lambda v: tools.program.inspect(script(), config=json.dumps({"min_iteration_duration": v})))


def in_script(c, tools):
    value = float(c["value"]) if c["type"] in ("number",) else c["value"]
    if c["type"] == "uint64":
        value = int(value)
        if value * 10**9 > 2**63:
            raise Skip("bare numbers are seconds: this one is beyond 292 years")
    option(c, tools, value, lambda v: tools.program.inspect(script({"min_iteration_duration": v})))


def formatted(c, tools):
    if c["ns"].startswith("-"):
        raise Own("negative durations are refused")
    expect("text", tools.driver.ask(op="format", ns=c["ns"])["text"], c["text"])


DURATION_SECTIONS = {"parse": parse, "json": in_config, "script_value": in_script, "format": formatted}
