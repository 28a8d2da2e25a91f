# SPDX-License-Identifier: MIT
"""The six executor files: needs, start times, iteration numbers, whole runs on the fake clock."""
from harness import changes, expect, near, snake

BY = {"constant": "c", "global_iter": "g", "vu_id": "v"}


def scenario(config):
    """A run's config in ttload's names, times in ns; big numbers as text."""
    out = {}
    for name, value in config.items():
        if name == "stages_ns_target" or name == "stages":
            out["stages"] = value or []
            continue
        bare, _, unit = name.rpartition("_")
        if unit == "ms":
            value, name = round(value * 1e6), bare
        elif unit == "ns":
            name = bare
        out[snake(name)] = str(value) if isinstance(value, int) and abs(value) > 2**53 else value
    return out


def runs(executor):
    def run(c, tools):
        want = c["expect"]
        got = tools.driver.ask(op="run", executor=executor, scenario=scenario(c["config"]), seg=c["seg"], seq=c["seq"],
                               iteration_ns=[round(ms * 1e6) for ms in c["iteration_ms"]], by=BY[c["iteration_by"]],
                               init_ns=round(c.get("unplanned_init_ms", 0) * 1e6))
        expect("taken", got["ok"], True)
        near("starts_ns", sorted(got["starts_ns"]), want["starts_ns"])
        expect("global_iters", sorted(got["global_iters"]), want["global_iters"])
        for name in ("full", "interrupted", "dropped", "initialized_vus", "insufficient_vus_warning"):
            if want.get(name) is not None:
                expect(name, got[name], want[name])
        if "iters_per_vu_sorted" in want:
            expect("iters_per_vu", sorted(got["iters_per_vu"]), want["iters_per_vu_sorted"])
        near("end_ns", [got["end_ns"]], [want["end_ns"]])
    return run


def needs(executor, c, tools, **config):
    got = tools.driver.ask(op="needs", executor=executor, seg=c["seg"], seq=c["seq"], scenario=scenario(config))
    expect("taken", got["ok"], True)
    return got


def at_once(executor, c, tools, **config):
    """A run whose iterations take no time: what would start, and when."""
    got = tools.driver.ask(op="run", executor=executor, seg=c["seg"], seq=c["seq"], scenario=scenario(config),
                           iteration_ns=[0], by="c", **({"stripe": c["stripe"]} if "stripe" in c else {}))
    expect("taken", got["ok"], True)
    return got


def required(c, got):
    """VU needs, [offset, planned] or [offset, planned, unplanned]."""
    steps = [s if len(s) == 3 else [*s, 0] for s in c["requirements"]]
    expect("requirements", changes(got["needs"]), changes(steps))


def closed(executor, *names):
    """constant-vus and the two with iterations: the case's names that are the scenario's."""
    def run(c, tools):
        config = {n: c[n] for n in names}
        got = at_once(executor, c, tools, **{**config, "duration_ns": 1} if executor == "constant-vus" else config)
        if c["has_work"] or "scaled_iterations" not in c:
            expect("scaled_vus", got["slots"], c["scaled_vus"])
            required(c, needs(executor, c, tools, **config))
        if "scaled_iterations" in c:
            expect("has_work", got["has_work"], c["has_work"])
            expect("scaled_iterations", got["work"], c["scaled_iterations"])
            expect("global_iters", sorted(got["global_iters"]), c["global_iters"])
        if "total_iterations" in c:
            expect("total_iterations", len(got["starts_ns"]), c["total_iterations"])
            expect("iterations_per_vu", set(got["iters_per_vu"]) <= {c["iterations_per_vu"]}, True)
            head = c["global_iters_head"]
            expect("global_iters", sorted(got["global_iters"])[:len(head)], head)
    return run


def constant_arrivals(c, tools):
    config = {"duration_ns": c["duration_ns"], "gracefulStop_ns": c["gracefulStop_ns"], "maxVUs": c["maxVUs"],
              "preAllocatedVUs": c["preAllocatedVUs"], "rate": c["rate"], "timeUnit_ns": c["timeUnit_ns"]}
    required(c, needs("constant-arrival-rate", c, tools, **config))
    got = at_once("constant-arrival-rate", c, tools, **{**config, "preAllocatedVUs": c["maxVUs"]})
    expect("has_work", got["has_work"], c["has_work"])
    starts = got["starts_ns"]
    # a boundary: one more start falls exactly on the end, and k6 itself does either
    if c["boundary"] and len(starts) != len(c["offsets_ns"]):
        expect("starts at the boundary", abs(len(starts) - len(c["offsets_ns"])), 1)
        starts = starts[:len(c["offsets_ns"])]
        c = {**c, "offsets_ns": c["offsets_ns"][:len(starts)]}
    near("offsets_ns", starts, c["offsets_ns"])
    # the starts are numbered in the instance's own order; which global ticks they are shows in their times
    period = c["timeUnit_ns"] / c["rate"]
    if period > 2000:
        expect("global_iters", [round(s / period) for s in starts], c.get("global_iters", [])[:len(starts)])


def ramping_arrivals(c, tools):
    got = at_once("ramping-arrival-rate", c, tools, startRate=c["startRate"], timeUnit_ns=c["timeUnit_ns"],
                  stages=c["stages"], preAllocatedVUs=2000, maxVUs=2000)
    near("offsets_ns", got["starts_ns"], c["offsets_ns"])


def ramping_needs(c, tools):
    required(c, needs("ramping-arrival-rate", c, tools, stages=c["stages"], gracefulStop_ns=c["gracefulStop_ns"],
                      maxVUs=c["maxVUs"], preAllocatedVUs=c["preAllocatedVUs"], timeUnit_ns=10**9))


def ramping_steps(c, tools):
    got = needs("ramping-vus", c, tools, stages=c["stages"], startVUs=c["startVUs"], gracefulStop_ns=c["gracefulStop_ns"],
                gracefulRampDown_ns=c["gracefulRampDown_ns"])
    expect("raw", changes(got["wanted"]), c["raw"])
    planned = changes([s[:2] for s in got["needs"]])
    # k6's own list sometimes goes back in time; then only its ends can be compared
    if all(a[0] <= b[0] for a, b in zip(c["planned"], c["planned"][1:])):
        expect("planned", planned, c["planned"])
    expect("planned, first", planned[0], c["planned"][0])
    expect("max_vus", max(s[1] for s in planned), c["max_vus"])
    for name, steps in (("raw", changes(got["wanted"])), ("planned", planned)):
        expect(f"{name}_final", steps[-1][1] == 0, c[f"{name}_final"])
        if c[f"{name}_final"]:
            expect(f"{name}_end_ns", steps[-1][0], c[f"{name}_end_ns"])


CONSTANT_ARRIVAL_RATE = {"cases": constant_arrivals, "runs": runs("constant-arrival-rate")}
RAMPING_ARRIVAL_RATE = {"offsets": ramping_arrivals, "requirements": ramping_needs, "runs": runs("ramping-arrival-rate")}
RAMPING_VUS = {"steps": ramping_steps, "runs": runs("ramping-vus")}
SHARED_ITERATIONS = {"cases": closed("shared-iterations", "vus", "iterations", "maxDuration_ns", "gracefulStop_ns"),
                     "runs": runs("shared-iterations")}
PER_VU_ITERATIONS = {"cases": closed("per-vu-iterations", "vus", "iterations", "maxDuration_ns", "gracefulStop_ns"),
                     "runs": runs("per-vu-iterations")}
CONSTANT_VUS = {"cases": closed("constant-vus", "vus", "duration_ns", "gracefulStop_ns"), "runs": runs("constant-vus")}
