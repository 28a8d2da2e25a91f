# SPDX-License-Identifier: MIT
"""http-error-codes.json: the table of codes, statuses, and what each failure is classified as: by the built code's own
classification, and where a script can meet the failure, by a run that meets it."""
import errno
import json
import os
import re
import tempfile

from certificates import Authority
from harness import Failed, Own, expect, lua
from http_server import Servers

# Codes of the table under the names that the sample uses; the driver knows the rest by the same name.
SAME = {"tls_generic": "tls", "tcp_generic": "tcp", "dns_generic": "dns", "http2_generic": "http2",
        "tcp_dial_generic": "tcp_dial", "generic": "other", "default": "other"}
BLACKLISTED, BLOCKED = 1110, 1111  # of net/, not of proto/http
HTTP2 = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
         "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
         "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"]
# libcurl's and OpenSSL's numbers
RC = {"aborted": 42, "partial": 18, "nothing": 52, "tls": 35, "verify": 60, "http2_stream": 92, "timeout": 28, "decode": 61}
VERIFY = {"unknown authority": 20, "hostname": 0, "hostname mismatch": 0, "expired": 10, "incompatible usage": 26}


class Codes:
    NOT_CASES = ()

    def __init__(self, data):
        self.folder = tempfile.TemporaryDirectory(prefix="ttload-vectors-ca-")
        self.authority = Authority(self.folder.name)
        self.servers = Servers(self.authority)
        self.known = None

    def close(self):
        self.servers.stop()
        self.folder.cleanup()

    def sections(self):
        return {"table": self.table, "http_status": status, "conditions": self.condition}

    def table(self, case, tools):
        if self.known is None:
            self.known = tools.driver.ask(op="http_codes")
        m = re.fullmatch(r"http2_(goaway|stream|connection)_(\w+)", case["id"])
        if m:
            code = self.known[f"http2_{m.group(1)}"] + (1 + HTTP2.index(m.group(2)) if m.group(2) != "unknown" else 0)
        else:
            own = {"blacklisted_ip": BLACKLISTED, "blocked_hostname": BLOCKED}
            name = SAME.get(case["id"], case["id"])
            code = own.get(name) or self.known.get(name)
        if code is None and case["code"] in self.known.values():  # under a name that this runner does not have
            code = case["code"]
        expect(case["id"], code, case["code"])

    def condition(self, case, tools):
        what = case["condition"]
        if what in REAL:
            expect(what, self.run(tools.program, *REAL[what]), case["code"])
        else:
            expect(what, classify(what, tools.driver), case["code"])

    def run(self, program, options, url):
        """The error_code that a request ends with."""
        out = os.path.join(program.folder.name, "code.json")
        script = program.write("code.lua", f"""
local http, metrics, json = require "ttload.http", require "ttload.metrics", require "ttload.json"
local code = metrics.gauge("the_code")
return {{
  options = {lua({"vus": 1, "iterations": 1, **options})},
  default = function() code:add(http.get({lua(self.servers.fill(url))}).error_code) end,
  handle_summary = function(data)
    return {{ [{lua(out)}] = json.encode(data.metrics.the_code.values.value) }}
  end,
}}""")
        status_, _, err = program.run(["run", "--quiet", "--ca-file", self.authority.ca, script])
        if status_:
            raise Failed(f"exit code {status_}: {err[-300:]}")
        with open(out, encoding="utf-8") as f:
            return json.load(f)


# What a script can meet: options of the run, and whom to ask.
REAL = {
    "dns/no such host": ({}, "http://nowhere.invalid/"),
    "tcp/dial/dns no such host": ({}, "http://nowhere.invalid/"),
    "hostname blocked": ({"block_hostnames": ["*.blocked.test"]}, "http://a.blocked.test/"),
    "blocked hostname": ({"block_hostnames": ["*.blocked.test"]}, "http://a.blocked.test/"),
    "ip blacklisted": ({"blacklist_ips": ["127.0.0.0/8"]}, "{base}/get"),
    "blacklisted ip": ({"blacklist_ips": ["127.0.0.0/8"]}, "{base}/get"),
    "tcp/dial/syscall:ECONNREFUSED": ({}, "{refused}/"),
    "tls/record header": ({}, "{plain_as_tls}/get"),
    "x509/unknown authority": ({}, "{self}/get"),
    "x509/hostname": ({}, "{badhost}/get"),
    "x509/hostname mismatch": ({}, "{badhost}/get"),
    "x509/expired": ({}, "{expired}/get"),
    "non tcp op": ({}, "{mtls12}/get"),
    "unexpected eof": ({}, "{base}/truncated"),
    "eof": ({}, "{base}/eof"),
    "connection closed by server while idle": ({}, "{base}/eof"),
}


def status(case, tools):
    got = tools.driver.ask(op="http_status", status=case["status"])
    expect("error_code", got["code"], case["error_code"])
    expect("expected", got["expected"], case["default_expected"])


def classify(what, driver):
    m = re.fullmatch(r"tcp/(\w*)/(?:(?:syscall|errno):(\w+)|(other|timeout))", what)
    if m:
        number = errno.ETIMEDOUT if m.group(3) == "timeout" else getattr(errno, m.group(2)) if m.group(2) else 0
        return driver.ask(op="http_error", of="syscall", name=m.group(1), errno=number)["code"]
    m = re.fullmatch(r"http2 (stream|goaway|connection) (?:unknown )?(0x[0-9a-f]+|\w+)", what)
    if m:
        if m.group(1) != "stream":
            raise Own("libcurl does not tell why the peer ended an HTTP/2 connection")
        code = int(m.group(2), 16) if m.group(2).startswith("0x") else HTTP2.index(m.group(2))
        return curl(driver, "http2_stream", detail=f"HTTP/2 stream 1 was not closed cleanly: x (err {code})")
    if what.startswith("x509/"):
        verify = next((v for k, v in VERIFY.items() if what[5:].startswith(k)), 26)
        return curl(driver, "verify", verify=verify, detail="x")
    if "timeout" in what or "deadline" in what:
        return curl(driver, "timeout")
    if "decompress" in what:
        return curl(driver, "decode")
    if what.startswith("context canceled"):
        return curl(driver, "aborted")
    raise Failed(f"the condition '{what}' is not known")


def curl(driver, rc, verify=0, detail=""):
    return driver.ask(op="http_error", of="curl", rc=RC[rc], verify=verify, detail=detail)["code"]
