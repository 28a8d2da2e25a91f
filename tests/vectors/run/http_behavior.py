# SPDX-License-Identifier: MIT
"""http-behavior.json: each group is one run of ttload against real servers, each case an iteration of its VU."""
import base64
import collections
import json
import os
import re
import tempfile

from certificates import Authority
from harness import Failed, Own, Skip, expect, lua, milliseconds, ns, options, points, snake
from http_server import Servers

HERE = os.path.dirname(os.path.abspath(__file__))
# Options of groups whose row is not in the sample.
GROUPS = {"default": {}, "nocookiesreset": {"noCookiesReset": True}, "noreuse": {"noConnectionReuse": True},
          "novureuse": {"noVUConnectionReuse": True}, "insecure": {"insecureSkipTLSVerify": True},
          "throw": {"throw": True}}
# What an earlier case, not in the sample, leaves behind.
PRELUDES = {"nocookiesreset-second": {"req": {"method": "GET", "url": "{base}/set-cookie?c=k%3Dv"}}}
OWN = {
    "err-timeout-invalid": "wrong parameters raise at the script's line",
    "err-bad-compression": "wrong parameters raise at the script's line",
}
# What the options say when nobody has set them: the file's name for it -> ours, and how the file writes it.
FACTS = {"max_redirects_default": ("max_redirects", int), "batch_default": ("batch", int),
         "batch_per_host_default": ("batch_per_host", int), "setup_timeout_ms_default": ("setup_timeout", ns),
         "teardown_timeout_ms_default": ("teardown_timeout", ns),
         "handle_summary_timeout_ms_default": ("handle_summary_timeout", ns),
         "graceful_stop_ms_default": ("graceful_stop", ns), "max_duration_ms_default": ("max_duration", ns)}
METRICS = ["http_reqs", "http_req_duration", "http_req_blocked", "http_req_connecting", "http_req_tls_handshaking",
           "http_req_sending", "http_req_waiting", "http_req_receiving", "http_req_failed"]
TIME_LIMIT = 120

Step = collections.namedtuple("Step", "result samples failed metrics")


# --- from the file's words to ours

def params(p):
    out = {}
    for name, value in p.items():
        if name == "timeout":
            value = milliseconds(value)
        out[snake(name)] = value
    return out


def script_text(v):
    """A value as a template of JavaScript shows it."""
    return v if isinstance(v, str) else json.dumps(v)


def template(tpl, values):
    """A tagged template as http.url's arguments: a format and texts. Written as text with ${}, as a list of its fixed
    parts with the values apart, or as an object of both."""
    if isinstance(tpl, dict):
        lists = list(tpl.values())
        return template(*lists) if len(lists) > 1 else template(lists[0], values)
    if isinstance(tpl, str):
        values = values or re.findall(r"\$\{([^}]*)\}", tpl)
        tpl = re.split(r"\$\{[^}]*\}", tpl)
    elif tpl and isinstance(tpl[0], list):
        tpl, values = tpl
    return ["%s".join(p.replace("%", "%%") for p in tpl), *map(script_text, values or [])]


def request(r):
    if isinstance(r, list):
        return [*r[:3], params(r[3])] if len(r) > 3 else r
    if not isinstance(r, dict):
        return r
    out = dict(r)
    if "params" in r:
        out["params"] = params(r["params"])
    if "tpl" in r:
        out["tpl"] = template(r["tpl"], r.get("values") or r.get("args"))
    return out


def translate(step):
    out = dict(step)
    if "req" in step:
        out["req"] = request(step["req"])
    if "batch" in step:
        b = step["batch"]
        out["batch"] = {k: request(v) for k, v in b.items()} if isinstance(b, dict) else [request(v) for v in b]
    if "steps" in step:
        out["steps"] = [translate(s) for s in step["steps"]]
    return out


def wanted_headers(case):
    """Names of response headers that the case looks at."""
    names = set()
    for e in case["expect"]:
        for r in results(e["result"]):
            names |= set(r.get("headers", {}))
    return sorted(names)


def results(r):
    if isinstance(r, dict) and "status" not in r:
        r = list(r.values())
    return [x for x in (r if isinstance(r, list) else [r]) if isinstance(x, dict)]


# --- runs

class Group:
    """The cases of one group, run together when the first of them is asked for."""

    def __init__(self, name, opts, cases, ids):
        self.name, self.opts, self.cases = name, opts, cases
        present = [c["id"] for c in cases]
        self.gap_before = {}  # is an earlier case of the group not here?
        gap = False
        for i in ids or present:
            if i in present:
                self.gap_before[i] = gap
            else:
                gap = True
        self.connections = {}  # the file's number -> (ours, shift of nth)
        self.steps = None
        self.trouble = ""

    def script(self, servers, program):
        cases = []
        for case in self.cases:
            steps = [translate(s) for s in case["steps"]]
            if case["id"] in PRELUDES and case is self.cases[0]:
                cases.append({"id": "prelude", "steps": [translate(PRELUDES[case["id"]])], "headers": [],
                              "reset_callback": False})
            cases.append({"id": case["id"], "steps": steps, "headers": wanted_headers(case),
                          "reset_callback": "callback" not in case["id"]})
        cases_path = program.write(f"{self.name}-cases.json", json.dumps(servers.fill(cases)))
        opts = {**options(servers.fill(self.opts)), "scenarios": {"default": {
            "executor": "per-vu-iterations", "vus": 1, "iterations": len(cases), "max_duration": f"{TIME_LIMIT}s"}}}
        with open(os.path.join(HERE, "http_behavior.lua"), encoding="utf-8") as f:
            text = f.read()
        return program.write(f"{self.name}.lua", f"local OPTIONS, CASES = {lua(opts)}, {lua(cases_path)}\n{text}")

    def run(self, servers, authority, program):
        servers.server.forget()
        out = os.path.join(program.folder.name, f"{self.name}-samples.json")
        if os.path.exists(out):
            os.unlink(out)
        code, _, err = program.run(["run", "--quiet", "--workers", "1", "--ca-file", authority.ca, "--out", f"json={out}",
                                    self.script(servers, program)], timeout=TIME_LIMIT + 60)
        self.trouble = f"exit code {code}: {err[-600:]}"
        self.steps = read_steps(out) if os.path.exists(out) else {}


def read_steps(path):
    """(case, step) -> Step."""
    steps, current = {}, []
    for metric, value, tags in points(path):
        if metric == "vector_step":
            key = tags["case"], tags["step"]
            if tags["what"] == "begin":
                steps[key] = Step([], [], [], collections.Counter())
                current.append(key)
            else:
                steps[key].result.append(json.loads(tags["result"])["result"])
                current.remove(key)
        elif current:
            step = steps[current[-1]]
            step.metrics[metric] += 1
            if metric == "http_reqs":
                step.samples.append({k: v for k, v in tags.items() if k != "scenario"})
            if metric == "http_req_failed":
                step.failed.append(value)
    return steps


class Behavior:
    """The file's state while its cases run: servers, groups."""
    NOT_CASES = ("servers", "routes", "groups")

    def __init__(self, data):
        self.folder = tempfile.TemporaryDirectory(prefix="ttload-vectors-ca-")
        self.authority = Authority(self.folder.name)
        self.servers = Servers(self.authority)
        self.facts = data.get("facts", {})
        rows = {g["group"]: g for g in data.get("groups", [])}
        cases = collections.defaultdict(list)
        for case in data["cases"]:
            cases[case["group"]].append(case)
        self.groups = {}
        for name, list_ in cases.items():
            row = rows.get(name, {})
            if "options" not in row and name not in GROUPS:
                raise Failed(f"group {name}: its options are not known")
            ids = row.get("case_ids")
            if ids:
                list_.sort(key=lambda c: ids.index(c["id"]) if c["id"] in ids else len(ids))
            self.groups[name] = Group(name, row.get("options", GROUPS.get(name)), list_, ids)

    def case(self, case, tools):
        group = self.groups[case["group"]]
        if group.steps is None:
            group.run(self.servers, self.authority, tools.program)
        check_case(case, group, self.servers)

    def fact(self, name, tools):
        want = self.facts[name]
        if name == "request_metrics":
            expect(name, METRICS, want)
        elif name not in FACTS:
            raise Skip("a fact that cases show")
        else:
            ours, read = FACTS[name]
            got = read(self.defaults(tools.program)[ours])
            expect(name, got // 10**6 if read is ns else got, want)

    def defaults(self, program):
        """The options as they are when none is given, and the scenario's."""
        code, out, err = program.run(["inspect", program.write("none.lua", "return { default = function() end }")])
        if code:
            raise Failed(f"exit code {code}: {err[-300:]}")
        plan = json.loads(out)
        return {**plan, **plan["scenarios"]["default"]}

    def close(self):
        self.servers.stop()
        self.folder.cleanup()

    def sections(self):
        return {"cases": self.case, "facts": self.fact}


# --- comparing

def check_case(case, group, servers):
    for e in case["expect"]:
        got = group.steps.get((case["id"], e["step"]))
        if not got or not got.result:
            raise Failed(f"step {e['step']} did not happen; {group.trouble}")
        result = got.result[0]
        if case["id"] in OWN:
            raise Own(OWN[case["id"]])
        where = f"step {e['step']}"
        check_result(where, result, servers.fill(e["result"]), case, group)
        if "samples" in e:
            check_samples(where, got, servers.fill(e))
        elif got.samples:
            raise Failed(f"{where}: {len(got.samples)} samples, none are expected")


def check_result(where, got, want, case, group):
    if isinstance(want, list):
        expect(f"{where} kind", type(got), list)
        expect(f"{where} number of results", len(got), len(want))
        for i, (g, w) in enumerate(zip(got, want)):
            check_result(f"{where} item {i}", g, w, case, group)
    elif isinstance(want, dict) and "status" in want:
        check_response(where, got, want, case, group)
    elif isinstance(want, dict) and want.get("threw"):
        expect(f"{where} threw", isinstance(got, dict) and got.get("threw"), True)
    elif isinstance(want, dict) and want and all(isinstance(v, (dict, type(None))) for v in want.values()):
        expect(f"{where} keys", sorted(got), sorted(want))
        for key, w in want.items():
            check_result(f"{where} item {key}", got[key], w, case, group)
    else:
        expect(where, got or want if want in ({}, []) and not got else got, want)


def check_response(where, got, want, case, group):
    if not isinstance(got, dict) or "status" not in got:
        raise Failed(f"{where}: got {str(got)[:300]}, expected a response")
    for name in ("status", "error_code", "url", "proto"):
        expect(f"{where} {name} ({got.get('error')})", got.get(name) or (0 if name in ("status", "error_code") else ""),
               want[name])
    expect(f"{where} tls_version", got.get("tls_version") or None, want.get("tls_version"))
    body = base64.b64decode(got["body"]) if got.get("body") is not None else None
    if "echo" in want:
        check_echo(where, json.loads(body), want, case, group)
    elif "body" in want:
        check_body(where, body, want)
    headers = {k.lower(): v for k, v in got["headers"].items()} if got.get("headers") else {}
    for name, value in want.get("headers", {}).items():
        expect(f"{where} header {name}", headers.get(name.lower()), value)
    if "cookies" in want:
        check_cookies(where, got.get("cookies") or {}, want["cookies"])


def check_body(where, body, want):
    w = want["body"]
    if isinstance(w, dict):
        expect(f"{where} body", {"bytes": len(body), "sum": sum(body)}, w)
    elif want["status"] == 0 and not w:  # a failed request has no body: nil here, whichever of null and "" there
        expect(f"{where} body", body or None, None)
    else:
        expect(f"{where} body", None if body is None else body.decode("utf-8", "replace"), w)


def check_cookies(where, got, want):
    expect(f"{where} cookies", sorted(got), sorted(want))
    for name, list_ in want.items():
        expect(f"{where} cookies {name}", [{**{f: None for f in w}, **{k: v for k, v in g.items() if k in w}}
                                           for g, w in zip(got[name], list_)], list_)
        expect(f"{where} number of cookies {name}", len(got[name]), len(list_))


def check_echo(where, got, want, case, group):
    echo, result_url = want["echo"], want["url"]
    for name in ("method", "path", "query"):
        expect(f"{where} echo {name}", got[name], echo[name])
    binary = echo["body"] == "{binary}"
    if not binary and isinstance(echo["body"], str):
        expect(f"{where} echo body", got["body"].encode("latin-1").decode("utf-8", "replace"), echo["body"])
    check_echo_headers(where, got["headers"], echo["headers"], result_url, binary)
    if "connection" in echo:
        check_connection(where, got, echo, case, group)


def check_echo_headers(where, got, want, url, binary):
    got = {k.lower(): v for k, v in got.items()}
    want = {k.lower(): v for k, v in want.items()}
    own_host = re.match(r"\w+://(?:[^/@]*@)?([^/?#]*)", url)
    if want.get("host") is None or re.fullmatch(r"(127\.0\.0\.1|localhost):\d+", want["host"]):
        expect(f"{where} echo Host", got.pop("host", None), own_host and own_host.group(1))
        want.pop("host", None)
    if binary:
        got.pop("content-length", None)
        want.pop("content-length", None)
    for headers in (got, want):
        if "cookie" in headers:
            headers["cookie"] = sorted(headers["cookie"].split("; "))
    if want.get("user-agent") in ("{default_ua}", "{any}") and got.get("user-agent"):
        got["user-agent"] = want["user-agent"]
    for name, value in want.items():
        if value in ("{any}", "{binary}") and got.get(name):
            got[name] = value
        if isinstance(value, str) and value.startswith("multipart/form-data"):
            got[name] = re.sub("boundary=.*", "", got.get(name, ""))
            want[name] = re.sub("boundary=.*", "", value)
    expect(f"{where} echo headers", got, want)


def check_connection(where, got, want, case, group):
    """Numbers are the server's; when earlier cases of the group are not here, ours are shifted."""
    number, nth = want["connection"], want["nth_on_connection"]
    if not group.gap_before[case["id"]]:
        group.connections.setdefault(number, (number, 0))
    ours, shift = group.connections.setdefault(number, (got["connection"], nth - got["nth_on_connection"]))
    expect(f"{where} connection", got["connection"], ours)
    expect(f"{where} request on its connection", got["nth_on_connection"] + shift, nth)


def any_text(got, want):
    """got with {any} where want has it and got is not empty."""
    return {k: "{any}" if want.get(k) == "{any}" and v else v for k, v in got.items()}


def by_text(samples):
    return sorted(samples, key=lambda s: json.dumps({k: v for k, v in s.items() if k != "error"}, sort_keys=True))


def check_samples(where, got, want):
    samples, wanted = got.samples, want["samples"]
    failed, wanted_failed = got.failed, want["failed_values"]
    expect(f"{where} number of samples", len(samples), len(wanted))
    if want.get("samples_unordered"):
        samples, wanted, failed, wanted_failed = by_text(samples), by_text(wanted), sorted(failed), sorted(wanted_failed)
    for i, (g, w) in enumerate(zip(samples, wanted)):
        expect(f"{where} sample {i}", any_text(g, w), w)
    expect(f"{where} http_req_failed", failed, wanted_failed)
    each = sum(got.metrics[m] for m in METRICS) / max(1, got.metrics["http_reqs"])
    expect(f"{where} metrics per request", each, want["metrics_per_request"])

