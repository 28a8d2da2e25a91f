# SPDX-License-Identifier: MIT
"""options-validation.json and options-layers.json, through `ttload inspect`."""
import json
import re
from harness import BARE, Failed, Own, Skip, changes, execs, expect, milliseconds, ns, options, scenarios, script, snake

INVALID = 104


def fractional(obj):
    """Is there a rate or a target of an arrival rate that is not whole?"""
    def broken(v):
        return isinstance(v, float) and v != int(v)
    for s in (obj or {}).values() if isinstance(obj, dict) else ():
        if not isinstance(s, dict):
            continue
        targets = [t.get("target") for t in s.get("stages") or [] if isinstance(t, dict)] \
            if s.get("executor") == "ramping-arrival-rate" else []
        if any(broken(v) for v in [s.get("rate"), s.get("startRate"), *targets]):
            return True
    return False


def stage_without_duration(opts):
    """k6 leaves such a stage out and says nothing."""
    stages = (opts or {}).get("stages")
    return any(isinstance(s, dict) and s.get("duration") is None for s in stages or [])


def negative(obj):
    return any(str(s.get("gracefulRampDown", "")).startswith("-") for s in (obj or {}).values() if isinstance(s, dict))


def unknown_option(plan, err):
    if plan is None and "unknown option" in err:
        raise Skip("unknown options are errors")


def refused(what, plan, code, err):
    expect(f"{what}: the plan", plan, None)
    if code not in (INVALID, 255):
        raise Failed(f"{what}: exit code {code}: {err[:200]}")


def same_scenario(name, got, want):
    """A scenario of the plan against k6's, default values included."""
    for field, value in want.items():
        if value is None or field == "name":
            continue
        ours = got.get(snake(field[:-3] if field.endswith("_ns") else field))
        if field.endswith("_ns"):
            ours = ns(ours) if ours is not None else None
        elif field == "stages":
            ours = [[ns(s["duration"]), s["target"]] for s in ours]
            value = [[s["duration_ns"], s["target"] or 0] if isinstance(s, dict) else s for s in value]
        elif field in ("env", "tags"):
            ours, value = ours or {}, value or {}
        expect(f"{name}.{field}", ours, value)


def same_scenarios(plan, want):
    expect("scenarios", sorted(plan["scenarios"]), sorted(want))
    for name, scenario in want.items():
        same_scenario(name, plan["scenarios"][name], scenario)


def scenario_case(c, tools):
    try:
        parsed = json.loads(c["json"])
        text, functions = json.dumps({"scenarios": scenarios(parsed)}), execs(parsed)
    except ValueError:
        parsed, text, functions = None, '{"scenarios": %s}' % c["json"], ()
    source = script(functions=functions)
    plan, code, err = tools.program.inspect(source, config=text)
    if not c["valid"]:
        if plan is not None and fractional(parsed):
            raise Skip("fractional rates are taken")
        refused("invalid scenarios", plan, code, err)
        for name, n in (c.get("error_counts") or {}).items():
            if n and f"scenarios.{name}" not in err:
                raise Failed(f"no error about scenarios.{name}: {err[:200]}")
        return
    if plan is None and negative(parsed):
        raise Own("negative durations are refused")
    expect(f"accepted ({err.strip()[:300]})", plan is not None, True)
    if not parsed:
        return
    same_scenarios(plan, c["derived"])
    if c.get("requirements") is None:  # too many to be written down
        return
    expect("sorted", [n for n in plan["scenarios"]], c["sorted"])
    needs, _, err = tools.program.inspect(source, ["--execution-requirements"], config=text)
    got = changes([[round(s[0] * 1e9), s[1], s[2]] for s in needs["vus_over_time"]])
    expect("requirements", got, changes(c["requirements"]))
    expect("max_planned_vus", needs["planned_vus"], c["max_planned_vus"])
    expect("max_possible_vus", needs["max_vus"], c["max_possible_vus"])
    if c["final"] and needs["max_duration"] is not None:
        expect("end_ns", ns(needs["max_duration"]), c["end_ns"])


def shortcut_case(c, tools):
    try:
        parsed = json.loads(c["json"])
    except ValueError:
        parsed = None
    text = json.dumps(options(parsed)) if parsed is not None else c["json"]
    plan, code, err = tools.program.inspect(script(functions=execs(parsed)), config=text)
    if not (c.get("parse_ok", True) and c["derive_ok"] and c["valid"]):
        if plan is not None and fractional((parsed or {}).get("scenarios")):
            raise Skip("fractional rates are taken")
        refused("invalid options", plan, code, err)
        return
    if plan is None and stage_without_duration(parsed):
        raise Own("a stage without a duration is an error, not left out")
    unknown_option(plan, err)
    expect(f"accepted ({err.strip()[:300]})", plan is not None, True)
    same_scenarios(plan, c["derived"])


def stage_text(c, tools):
    text = c["in"]
    duration, colon, target = text.rpartition(":")
    if colon:
        text = f"{milliseconds(duration)}:{target}"
    plan, code, err = tools.program.inspect(script(), ["-s", text])
    if not c["ok"]:
        if plan is not None and BARE.fullmatch(duration):
            raise Skip("bare numbers are seconds, in stages as text too")
        refused("not a stage", plan, code, err)
        return
    if c["target"] is not None and c["target"] < 0 or c["duration_ns"] is None:
        # read there as a text, and refused as an option: here at once
        refused("no stage that can be run", plan, code, err)
        return
    expect(f"accepted ({err.strip()[:200]})", plan is not None, True)
    stage = plan["scenarios"]["default"]["stages"][0]
    expect("stage", [ns(stage["duration"]), stage["target"]], [c["duration_ns"], c["target"]])


def setup_timeout(c, tools):
    plan, code, err = tools.program.inspect(script({"setup_timeout": milliseconds(c["in"])}))
    expect(f"accepted ({err.strip()[:200]})", plan is not None, c["ok"])


def segment_in_sequence(c, tools):
    words = [w for flag, v in (("--execution-segment", c["seg"]), ("--execution-segment-sequence", c["seq"])) if v
             for w in (flag, v)]
    plan, code, err = tools.program.inspect(script(), words)
    expect(f"accepted ({err.strip()[:200]})", plan is not None, c["ok"])


# --- layers ------------------------------------------------------------------------------------------

ENV_DURATIONS = {"K6_DURATION", "K6_SETUP_TIMEOUT", "K6_TEARDOWN_TIMEOUT", "K6_MIN_ITERATION_DURATION"}
FLAG_DURATIONS = {"-d", "--duration", "--setup-timeout", "--teardown-timeout", "--min-iteration-duration"}
STAGE_NAMES = {"-s", "--stage", "--stages", "K6_STAGES"}


def with_units(text):
    """Stages as text, bare durations in milliseconds."""
    return ",".join(re.sub(r"^([^:]*):", lambda m: f"{milliseconds(m[1])}:", s) for s in text.split(","))


def environment(lines):
    out = {}
    for line in lines or []:
        name, _, value = line.partition("=")
        if name in ENV_DURATIONS:
            value = milliseconds(value)
        elif name in STAGE_NAMES:
            value = with_units(value)
        out["TTLOAD_" + name[3:] if name.startswith("K6_") else name] = value
    return out


def command_line(words):
    out, before = [], ""
    for word in words or []:
        flag, eq, value = word.partition("=")
        if eq and flag in FLAG_DURATIONS | STAGE_NAMES:
            word = f"{flag}={milliseconds(value) if flag in FLAG_DURATIONS else with_units(value)}"
        out.append(milliseconds(word) if before in FLAG_DURATIONS else with_units(word) if before in STAGE_NAMES else word)
        before = word
    return out


def same_options(plan, want):
    for name, value in want.items():
        ours = plan.get(snake(name[:-3] if name.endswith("_ns") else name))
        if name.endswith("_ns"):
            ours = ns(ours) if ours is not None else None
        elif isinstance(value, list):
            ours, value = sorted(ours or []), sorted(v for v in value if v)
        expect(name, ours, value)


def layers_case(c, tools):
    def read(text):
        return options(json.loads(text)) if text else None
    try:
        config, own = read(c["file"]), read(c["script"])
        config = json.dumps(config) if config is not None else None
    except ValueError:
        config, own = c["file"], None
    given = [v for v in (own, json.loads(config) if config and config.startswith("{") else None) if v]
    plan, code, err = tools.program.inspect(script(own, execs(given)), command_line(c["cli"]), environment(c["env"]), config)
    if not c["ok"]:
        if plan is not None and any(BARE.fullmatch(word) and before in FLAG_DURATIONS
                                    for before, word in zip(c["cli"] or [], (c["cli"] or [])[1:])):
            raise Skip("bare numbers are seconds, on the command line too")
        refused(f"fails in {c['stage']}", plan, code, err)
        return
    unknown_option(plan, err)
    expect(f"accepted ({err.strip()[:300]})", plan is not None, True)
    same_options(plan, c["options"])
    same_scenarios(plan, c["scenarios"])
    if c.get("warned"):
        expect("a warning", "warning" in err, True)


VALIDATION = {"scenarios": scenario_case, "shortcuts": shortcut_case, "stage_text": stage_text,
              "setup_timeout": setup_timeout, "segment_in_sequence": segment_in_sequence}
LAYERS = {"layers": layers_case}
