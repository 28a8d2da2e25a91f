# SPDX-License-Identifier: MIT
"""ws-behavior.json: each group is one run of ttload against a server of raw bytes, each case an iteration of its VU."""
import collections
import json
import os

from harness import Failed, Own, expect, lua, options, points, snake
from ws_server import Server

HERE = os.path.dirname(os.path.abspath(__file__))
# Options of groups whose row is not in the sample.
GROUPS = {"default": {}, "throw": {"throw": True}}
OWN = {
    "/badutf8": "text that is not UTF-8 breaks the protocol: 1007",
    "/badaccept": "a handshake with a wrong accept key has an error, whatever its status",
}
METRICS = ["ws_sessions", "ws_connecting", "ws_session_duration", "ws_msgs_sent", "ws_msgs_received", "ws_ping"]
COUNTERS = ["ws_sessions", "ws_msgs_sent", "ws_msgs_received"]
TIME_LIMIT = 300
CLOSE = 8


class Step:
    """What a case did."""

    def __init__(self):
        self.result = None
        self.tags = None  # of ws_sessions
        self.metrics = collections.Counter()


def read_steps(path):
    steps, current = {}, None
    for metric, value, tags in points(path):
        if metric == "vector_step" and tags["what"] == "begin":
            current = steps[tags["case"]] = Step()
        elif metric == "vector_step":
            current.result = json.loads(tags["result"])
        elif current and metric in METRICS:
            current.metrics[metric] += value if metric in COUNTERS else 1
            if metric == "ws_sessions":
                current.tags = {k: v for k, v in tags.items() if k != "scenario"}
    return steps


class Behavior:
    """The file's state while its cases run: the server, what each group's run left."""
    NOT_CASES = ("facts", "routes", "actions", "groups")

    def __init__(self, data):
        self.server = Server()
        self.rows = {g["group"]: g.get("options") for g in data.get("groups", [])}
        self.cases = collections.defaultdict(list)
        for case in data["cases"]:
            self.cases[case["group"]].append(case)
        self.done = {}  # group -> (case -> Step, what to say when one is not there)

    def case(self, case, tools):
        group = case["group"]
        if group not in self.done:
            self.done[group] = self.run(group, tools.program)
        steps, trouble = self.done[group]
        step = steps.get(case["id"])
        if not step or step.result is None:
            raise Failed(f"it did not come to its end; {trouble}")
        path = case["url"].replace("{ws}", "").partition("?")[0]
        if path in OWN:
            raise Own(OWN[path])
        check_case(case, path, step, self.server)

    def run(self, group, program):
        opts = self.rows.get(group) or GROUPS.get(group)
        if opts is None:
            raise Failed(f"group {group}: its options are not known")
        cases = [{**case, "params": {snake(k): v for k, v in case.get("params", {}).items()}}
                 for case in self.cases[group]]
        cases_path = program.write(f"ws-{group}-cases.json", json.dumps(self.server.fill(cases)))
        opts = {**options(opts), "scenarios": {"default": {
            "executor": "per-vu-iterations", "vus": 1, "iterations": len(cases), "max_duration": f"{TIME_LIMIT}s"}}}
        with open(os.path.join(HERE, "ws_behavior.lua"), encoding="utf-8") as f:
            text = f.read()
        script = program.write(f"ws-{group}.lua", f"local OPTIONS, CASES = {lua(opts)}, {lua(cases_path)}\n{text}")
        out = os.path.join(program.folder.name, f"ws-{group}-samples.json")
        code, _, err = program.run(["run", "--quiet", "--workers", "1", "--out", f"json={out}", script],
                                   timeout=TIME_LIMIT + 60)
        self.server.settle()
        return (read_steps(out) if os.path.exists(out) else {}), f"exit code {code}: {err[-600:]}"

    def close(self):
        self.server.stop()

    def sections(self):
        return {"cases": self.case}


# --- comparing

def check_case(case, path, step, server):
    want, got = server.fill(case["expect"]), step.result
    expect(f"threw ({got.get('message')})", got["threw"], want["threw"])
    check_events(got["events"], our_events(want, path))
    expect("metrics", dict(step.metrics), {k: v for k, v in want["metrics"].items() if v})
    expect("tags", step.tags, want["tags"])
    check_response(got, want)
    records = server.records.get(case["id"], [])
    expect("handshakes", len(records), want["handshakes"])
    if "handshake" in want:
        check_handshake(records[-1].handshake, want["handshake"])
    check_frames([f for r in records for f in r.frames], want["client_frames"])


def our_events(want, path):
    """The expected events with what docs/differences.md says of the closing: its handlers are called in their turn, and are
    told how it went."""
    events = [list(e) for e in want["events"]]
    kinds = [e[0] for e in events]
    if "close" not in kinds:
        return events
    close = events[kinds.index("close")]
    if path == "/noreply":
        close[1] = 1006
    elif "error" in kinds and close[1] == 1001:
        close[1] = next((f["code"] for f in want["client_frames"] if f["op"] == CLOSE), 1006)
    if "open" in kinds and kinds.index("close") < kinds.index("open"):
        events.remove(close)
        events.append(close)
    return events


def size_of(payload):
    """A message as the scenario tells a long one."""
    data = payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else bytes(payload)
    return {"bytes": len(data), "sum": sum(data)}


def check_events(got, want):
    for i, (g, w) in enumerate(zip(got, want)):
        if len(g) > 1 and isinstance(g[1], dict) and len(w) > 1 and not isinstance(w[1], dict):
            want[i] = [w[0], size_of(w[1])]
        elif len(w) > 1 and isinstance(w[1], dict) and len(g) > 1 and not isinstance(g[1], dict):
            got[i] = [g[0], size_of(g[1])]
    expect("events", got, want)


def check_response(got, want):
    if want["threw"]:
        return
    expect("status", got["status"], want["status"])
    expect(f"has_error ({got.get('error')})", bool(got.get("error")), want["has_error"])
    expect("body", got["body"], want["body"])
    if want["url"]:  # k6 leaves it out where the handshake failed
        expect("url", got["url"], want["url"])
    headers = {k.lower(): v for k, v in got["headers"].items()}
    for name, value in want.get("headers", {}).items():
        expect(f"header {name}", headers.get(name.lower()), value)


def check_handshake(got, want):
    got = dict(got)
    if want.get("user-agent") in ("{default_ua}", "{any}") and got.get("user-agent"):
        got["user-agent"] = want["user-agent"]
    for headers in (got, want):
        if "cookie" in headers:
            headers["cookie"] = sorted(headers["cookie"].split("; "))
    expect("handshake", got, want)


def check_frames(got, want):
    expect("number of the client's frames", len(merged(got, want)), len(want))
    for i, (g, w) in enumerate(zip(merged(got, want), want)):
        check_frame(f"client's frame {i}", g, w)


def merged(frames, want):
    """Data frames in a row as one, where the file leaves their cut open."""
    if not any(w["op"] == "data" for w in want):
        return frames
    out = []
    for fin, rsv, op, payload in frames:
        if op == 0 and out:
            first = out[-1]
            out[-1] = (fin, first[1], first[2], first[3] + payload)
        else:
            out.append((fin, rsv, op, payload))
    return out


def check_frame(where, got, want):
    fin, rsv, op, payload = got
    if want["op"] == "data":
        expect(f"{where} opcode", op in (0, 1, 2), True)
        expect(f"{where} total_len", len(payload), want.get("total_len", want.get("len")))
        return
    expect(f"{where} opcode", op, want["op"])
    expect(f"{where} fin", bool(fin), bool(want.get("fin", True)))
    expect(f"{where} rsv1", bool(rsv & 4), bool(want.get("rsv1", False)))
    if op == CLOSE:
        expect(f"{where} code", int.from_bytes(payload[:2], "big") if payload else None, want.get("code"))
        if want["len"] > 2:  # the words of a reason are ours
            return
    if rsv & 4:  # how well it is compressed is the compressor's
        return
    expect(f"{where} len", len(payload), want["len"])
    data = want.get("data")
    if isinstance(data, str):
        expect(f"{where} data", data in (payload.decode("utf-8", "replace"), payload.hex()), True)
    elif isinstance(data, list):
        expect(f"{where} data", list(payload), data)
