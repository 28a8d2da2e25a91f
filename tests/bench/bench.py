# SPDX-License-Identifier: MIT
"""Speed and memory beside other tools, on loopback, in one run: ./dev bench [--short] [--write] [PART ...].

Every figure is client CPU (user and system time of the client's process), which other load on the machine disturbs
less than wall time. Rounds take turns, medians are compared, ratios are what counts."""
import argparse
import datetime
import json
import os
import platform
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NGINX = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}{tls}; root {folder}; location = / {{ return 200 "0123456789012345678901234567890123456789"; }} }} }}
"""
HTTP_LUA = """
local http = require "ttload.http"
local url, body, ten, old = "%(url)s", ("x"):rep(1024), {}, { http_version = "1.1" }
for i = 1, 10 do ten[i] = url end
local M = { options = { vus = 50, iterations = %(n)d, discard_response_bodies = true, insecure_skip_tls_verify = true,
  batch_per_host = 10, no_connection_reuse = %(fresh)s } }
function M.default() %(call)s end
return M
"""
HTTP_K6 = """
import http from 'k6/http';
const url = '%(url)s', body = 'x'.repeat(1024), ten = Array(10).fill(url), old = {};
export const options = { vus: 50, iterations: %(n)d, discardResponseBodies: true, insecureSkipTLSVerify: true,
  batchPerHost: 10, noConnectionReuse: %(fresh)s };
export default function () { %(call)s; }
"""
WRK_POST = 'wrk.method = "POST"\nwrk.body = ("x"):rep(1024)\n'
# title, server, path, call, requests of each, iterations of ours, way of curl_loop (None: it cannot), is wrk asked?
HTTP_CASES = (
    ("HTTP GET, keep-alive", "http", "", "http.get(url)", 1, 100000, "get", True),
    ("HTTP GET over TLS, keep-alive", "https", "", "http.get(url)", 1, 100000, "get", True),
    ("HTTP GET over TLS, keep-alive, http_version 1.1", "https", "", "http.get(url, old)", 1, 100000, "get", True),
    ("HTTP GET, a new TLS connection each", "https", "", "http.get(url)", 1, 8000, "fresh", False),
    ("HTTP POST of 1 KB, keep-alive", "http", "", "http.post(url, body)", 1, 100000, "post", True),
    ("HTTP GET of 100 KB, discarded, keep-alive", "http", "100k", "http.get(url)", 1, 40000, "get", True),
    ("HTTP/2 batch of 10", "h2", "", "http.batch(ten)", 10, 5000, None, False),
)
HTTP_MARKS = {"HTTP GET, keep-alive": {"bare libcurl": (1.35, True), "wrk": (2.2, True)}}
WS_LUA = """
local ws = require "ttload.ws"
local text = ("x"):rep(%d)
local M = { options = { scenarios = { s = { executor = "per-vu-iterations", vus = %d, iterations = 1 } } } }
function M.default()
  local socket = ws.open("%s")
  for _ = 1, %d do socket:send(text) socket:receive() end
  socket:close()
end
return M
"""
WS_K6 = """
import ws from 'k6/ws';
export const options = { scenarios: { s: { executor: 'per-vu-iterations', vus: %(vus)d, iterations: 1 } } };
const text = 'x'.repeat(%(size)d);
export default function () {
  let left = %(each)d;
  ws.connect('%(url)s', {}, (s) => {
    s.on('open', () => s.send(text));
    s.on('message', () => { if (--left > 0) s.send(text); else s.close(); });
  });
}
"""
CYCLE_LUA = """
local ws = require "ttload.ws"
local text = ("x"):rep(64)
local M = { options = { vus = 50, iterations = %d } }
function M.default()
  local socket = ws.open("%s")
  socket:send(text) socket:receive()
  socket:close() socket:receive()
end
return M
"""
CYCLE_K6 = """
import ws from 'k6/ws';
export const options = { vus: 50, iterations: %d };
const text = 'x'.repeat(64);
export default function () {
  ws.connect('%s', {}, (s) => {
    s.on('open', () => s.send(text));
    s.on('message', () => s.close());
  });
}
"""
SLEEP_LUA = """
local tt = require "ttload"
return { options = { scenarios = { s = { executor = "constant-vus", vus = %d, duration = "60s", graceful_stop = "0s" } } },
  default = function() tt.sleep(60) end }
"""
IDLE_LUA = """
local tt, ws = require "ttload", require "ttload.ws"
return { options = { scenarios = { s = { executor = "constant-vus", vus = %d, duration = "60s", graceful_stop = "0s" } } },
  default = function() local s = ws.open("%s") tt.sleep(60) s:close() end }
"""
KEEP_ALIVE_LUA = """
local tt, http = require "ttload", require "ttload.http"
return { options = { insecure_skip_tls_verify = true,
    scenarios = { s = { executor = "constant-vus", vus = %d, duration = "60s", graceful_stop = "0s" } } },
  default = function() http.get("%s") tt.sleep(60) end }
"""
ARRIVING_LUA = """
local tt, http = require "ttload", require "ttload.http"
local n = %d
return { options = { insecure_skip_tls_verify = true, scenarios = { s = { executor = "ramping-vus", start_vus = 1,
    stages = { { duration = "2s", target = n }, { duration = "58s", target = n } }, graceful_stop = "0s" } } },
  default = function() http.get("%s") tt.sleep(60) end }
"""
KEEP_ALIVE_K6 = """
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { insecureSkipTLSVerify: true,
  scenarios: { s: { executor: 'constant-vus', vus: %d, duration: '60s', gracefulStop: '0s' } } };
export default function () { http.get('%s'); sleep(60); }
"""
EMPTY_LUA = "return { options = { iterations = %d, vus = 1 }, default = function() end }\n"
LATENESS_LUA = """
local json, execution = require "ttload.json", require "ttload.execution"
local name, third = "iteration_start_lateness", nil
return {
  options = { summary_trend_stats = { "p(50)", "p(90)", "p(99)", "p(99.9)", "max" },
    submetrics = { name .. "{third:0}", name .. "{third:2}" },
    scenarios = { s = { executor = "constant-arrival-rate", rate = 10000, duration = "%ds", pre_allocated_vus = 200 } } },
  default = function()
    local now = execution.scenario.progress * 3 // 1 | 0
    if now ~= third then
      third, execution.vu.tags.third = now, now
    end
  end,
  handle_summary = function(data)
    local out, m = {}, data.metrics
    for label, values in pairs { whole = m[name], first = m[name .. "{third:0}"], last = m[name .. "{third:2}"] } do
      out[label] = values.values
    end
    out.started = m.iterations.values.count
    return { stdout = json.encode(out) }
  end,
}
"""
SCALE_LUA = """
local ws, json = require "ttload.ws", require "ttload.json"
return {
  options = { local_ips = { "127.0.0.2-127.0.0.9" },
              scenarios = { s = { executor = "constant-vus", vus = %d, duration = "%ds", graceful_stop = 0 } } },
  default = function()
    local s = assert(ws.open("%s"))
    s:every("1s", function() s:send("0123456789012345678901234567890123456789") end)
    for _ in s:messages() do end
  end,
  handle_summary = function(data)
    local function count(name) return data.metrics[name] and data.metrics[name].values.count or 0 end
    return { stdout = json.encode { sessions = count("ws_sessions"), received = count("ws_msgs_received") } }
  end,
}
"""
SLEEP_K6 = """
import { sleep } from 'k6';
export const options = { scenarios: { s: { executor: 'constant-vus', vus: %d, duration: '60s', gracefulStop: '0s' } } };
export default function () { sleep(60); }
"""


class Bench:
    def __init__(self, arguments):
        self.ttload, self.short = arguments.ttload, arguments.short
        self.folder = tempfile.mkdtemp(prefix="ttload-bench-")
        self.children, self.rows, self.notes = [], [], []
        self.rounds = 2 if self.short else 5
        self.k6 = shutil.which("k6")
        self.urls, self.ws_url, self.wss = {}, None, None

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        return path

    def compile(self, name, *libraries):
        out = self.path(name)
        subprocess.run(["cc", "-O2", "-o", out, os.path.join(ROOT, "tests", "bench", name + ".c"), *libraries], check=True)
        return out

    def start(self, *command, pipe=False):
        p = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE if pipe else subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.children.append(p)
        return p

    def stop(self):
        for p in self.children:
            p.send_signal(signal.SIGINT)
        for p in self.children:
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cpu(self, *command):
        """Seconds of CPU of a command, and its output."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        p = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if p.returncode:
            raise RuntimeError(f"{command[0]} ended with {p.returncode}")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, p.stdout.decode()

    def row(self, title, unit, name, values, mark=None, at_most=True):
        """A figure of its own, with an absolute mark."""
        median = statistics.median(values)
        text = ""
        if mark is not None:
            holds = median <= mark if at_most else median >= mark
            text = f"{'<=' if at_most else '>='} {mark}: {'holds' if holds else 'does not hold yet'}"
        self.rows.append((title, unit, name, median, min(values), max(values), None, text))
        print(f"  {name:12} {median:10.2f}  ({min(values):.2f} .. {max(values):.2f})  {text}", flush=True)

    def compare(self, title, unit, runs, better, marks, at_most=None):
        """runs: name -> function that gives a figure; marks: peer -> (ratio, holds when at most or at least); at_most: our
        figure's own mark."""
        figures = {name: [] for name in runs}
        for _ in range(self.rounds):
            for name, run in runs.items():
                figures[name].append(run())
        ours = statistics.median(figures["ttload"])
        print(f"\n{title} ({unit}, {better})", flush=True)
        for name, values in figures.items():
            median = statistics.median(values)
            ratio = ours / median
            mark = ""
            if name in marks:
                limit, no_more = marks[name]
                holds = ratio <= limit if no_more else ratio >= limit
                mark = f"{'<=' if no_more else '>='} {limit}: {'holds' if holds else 'does not hold yet'}"
            elif name == "ttload" and at_most is not None:
                mark = f"<= {at_most}: {'holds' if median <= at_most else 'does not hold yet'}"
            row = (title, unit, name, median, min(values), max(values), ratio if name != "ttload" else None, mark)
            self.rows.append(row)
            print(f"  {name:12} {median:10.2f}  ({min(values):.2f} .. {max(values):.2f})"
                  + (f"  ttload/{name} {ratio:.2f}  {mark}" if name != "ttload" else f"  {mark}").rstrip(), flush=True)

    def nginx(self, scheme):
        """The URL of a server, started at its first use."""
        if scheme in self.urls:
            return self.urls[scheme]
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        tls = ""
        folder = self.path(scheme)
        os.makedirs(folder)
        os.chmod(self.folder, 0o755)
        with open(f"{folder}/100k", "wb") as f:
            f.write(b"x" * 100 * 1024)
        if scheme != "http":
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", "-subj", "/CN=localhost"],
                           check=True, stderr=subprocess.DEVNULL)
            tls = (f" ssl{' http2' if scheme == 'h2' else ''}; ssl_certificate {folder}/cert.pem;"
                   f" ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.2 TLSv1.3")
        conf = self.path(scheme + ".conf", NGINX.format(folder=folder, port=port, tls=tls))
        self.start("nginx", "-c", conf, "-g", "daemon off;")
        wait_port(port)
        self.urls[scheme] = f"{'http' if scheme == 'http' else 'https'}://127.0.0.1:{port}/"
        return self.urls[scheme]

    def ws_server(self):
        if not self.ws_url:
            p = self.start(self.ttload, "serve", "ws", pipe=True)
            self.ws_url = p.stdout.readline().decode().strip()
        return self.ws_url

    def wss_server(self):
        """(URL, CA file): over TLS, with a certificate for localhost."""
        if not self.wss:
            cert, key = self.path("wss-cert.pem"), self.path("wss-key.pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                           check=True, stderr=subprocess.DEVNULL)
            p = self.start(self.ttload, "serve", "ws", "--tls-cert", cert, "--tls-key", key, pipe=True)
            port = p.stdout.readline().decode().strip().rsplit(":", 1)[1]
            self.wss = f"wss://localhost:{port}", cert
        return self.wss

    def http(self):
        curl_loop = self.compile("curl_loop", "-lcurl")
        for case in HTTP_CASES:
            self.http_case(curl_loop, *case)
        self.notes.append("https servers: TLS 1.3, a P-256 certificate; nobody resumes TLS sessions. VUs that arrive before the first answer of "
                          "an https origin that speaks HTTP/1.1 only have their connections over libcurl, unless they ask for 1.1")

    def http_case(self, curl_loop, title, server, path, call, each, n, way, with_wrk):
        url = self.nginx(server) + path
        n = n // 5 if self.short else n
        words = {"url": url, "n": n, "call": call, "fresh": "true" if way == "fresh" else "false"}
        script, k6_script = self.path("http.lua", HTTP_LUA % words), self.path("http.js", HTTP_K6 % {**words, "n": n // 4})

        def wrk():
            script = ("-s", self.path("post.lua", WRK_POST)) if way == "post" else ()
            seconds, out = self.cpu("wrk", "-t1", "-c50", "-d2s" if self.short else "-d5s", *script, url)
            return seconds * 1e6 / int(re.search(r"(\d+) requests in", out).group(1))

        runs = {"ttload": lambda: self.cpu(self.ttload, "run", "--quiet", "--workers", "1", script)[0] * 1e6 / n / each}
        if way:
            runs["bare libcurl"] = lambda: self.cpu(curl_loop, url, "50", str(n), way)[0] * 1e6 / n
        if with_wrk:
            runs["wrk"] = wrk
        if self.k6:
            runs["k6"] = lambda: self.cpu(self.k6, "run", "--quiet", "--no-summary", "--no-usage-report",
                                          k6_script)[0] * 1e6 / (n // 4) / each
        self.compare(f"{title}, 50 VUs: client CPU per request", "us", runs, "less is better",
                     {**HTTP_MARKS.get(title, {}), **({} if way == "fresh" else {"k6": (0.5, True)})})

    def ws(self):
        port = self.ws_server().rsplit(":", 1)[1]
        client = self.compile("epoll_ws")
        vus = 50
        for size, mark in ((64, 0.85), (16384, 0.7)):
            each = (1000 if self.short else 4000) if size == 64 else (200 if self.short else 600)
            n = vus * each
            script = self.path(f"ws{size}.lua", WS_LUA % (size, vus, self.ws_url, each))
            runs = {"ttload": lambda n=n, script=script: n / 1000 / self.cpu(self.ttload, "run", "--quiet", "--workers",
                                                                             "1", script)[0],
                    "bare epoll": lambda n=n, size=size: n / 1000 / self.cpu(client, port, str(vus), str(n), str(size))[0]}
            if self.k6:
                js = self.path(f"ws{size}.js", WS_K6 % {"vus": vus, "size": size, "each": each // 2, "url": self.ws_url})
                runs["k6"] = lambda n=n, js=js: n / 2000 / self.cpu(self.k6, "run", "--quiet", "--no-summary",
                                                                    "--no-usage-report", js)[0]
            self.compare(f"WebSocket echo, {size} bytes, {vus} VUs: messages per CPU-second", "thousands", runs,
                         "more is better", {"bare epoll": (mark, False), "k6": (3, False)})
        self.ws_cycles()

    def ws_cycles(self):
        client = self.compile("epoll_ws_cycles", "-lssl", "-lcrypto")
        for what, (url, ca), n, mark in (("", (self.ws_server(), None), 20000, 0.85), (" over TLS", self.wss_server(), 3000, 0.95)):
            n = n // 5 if self.short else n
            script = self.path("cycle.lua", CYCLE_LUA % (n, url))
            port, trust = url.rsplit(":", 1)[1], ["--ca-file", ca] if ca else []
            runs = {"ttload": lambda n=n, script=script, trust=trust: n / 1000 / self.cpu(
                        self.ttload, "run", "--quiet", "--workers", "1", *trust, script)[0],
                    "bare epoll": lambda n=n, port=port, trust=trust: n / 1000 / self.cpu(
                        client, port, "50", str(n), *trust[1:])[0]}
            if self.k6:
                js = self.path("cycle.js", CYCLE_K6 % (n // 4, url))
                verified = ["env", "SSL_CERT_FILE=" + ca] if ca else []  # as the others do
                runs["k6"] = lambda n=n, js=js, verified=verified: n / 4000 / self.cpu(
                    *verified, self.k6, "run", "--quiet", "--no-summary", "--no-usage-report", js)[0]
            self.compare(f"WebSocket connect, echo, close{what}, 50 VUs: per CPU-second", "thousands", runs, "more is better",
                         {"bare epoll": (mark, False), "k6": (2, False)})

    def rss(self, *command, settle=3.0):
        p = self.start(*command)
        time.sleep(settle)
        last = 0
        for _ in range(60):  # until it stands
            with open(f"/proc/{p.pid}/status", encoding="ascii") as f:
                now = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
            if now == last:
                break
            last = now
            time.sleep(0.5)
        p.kill()
        p.wait()
        self.children.remove(p)
        return last

    def memory(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        one = self.rss(self.ttload, "run", "--quiet", self.path("one.lua", SLEEP_LUA % 1), settle=1)
        one_ws = self.rss(self.ttload, "run", "--quiet", self.path("onews.lua", IDLE_LUA % (1, self.ws_server())), settle=1)
        for vus in (1000,) if self.short else (1000, 10000):
            kinds = [("asleep", SLEEP_LUA % vus, one), ("with an open WebSocket", IDLE_LUA % (vus, self.ws_url), one_ws)]
            for what, text, base in kinds:
                if "WebSocket" in what and hard < vus + 100:
                    self.notes.append(f"{vus} VUs {what}: skipped, at most {hard} open files here")
                    continue
                runs = {"ttload": lambda text=text, base=base, vus=vus: (
                    self.rss(self.ttload, "run", "--quiet", self.path("m.lua", text)) - base) / vus}
                if self.k6 and vus == 1000 and what == "asleep":
                    k6_one = self.rss(self.k6, "run", "--quiet", self.path("one.js", SLEEP_K6 % 1))
                    runs["k6"] = lambda vus=vus, k6_one=k6_one: (
                        self.rss(self.k6, "run", "--quiet", self.path("m.js", SLEEP_K6 % vus), settle=6) - k6_one) / vus
                rounds, self.rounds = self.rounds, 2
                self.compare(f"memory of {vus} VUs {what}, per VU", "KiB", runs, "less is better", {"k6": (0.1, True)})
                self.rounds = rounds
        self.memory_wss()
        self.memory_http()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def ws_scale(self):
        """As many sockets as this process may have files, with a message a second each."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        sockets, seconds = min(1000 if self.short else 19000, hard - 1000), 30
        url = self.ws_server()
        one = self.peak(self.path("one.lua", SCALE_LUA % (1, 3, url)))[0]
        memory, cpu, out = self.peak(self.path("scale.lua", SCALE_LUA % (sockets, seconds, url)))
        if out["sessions"] != sockets:
            raise RuntimeError(f"{out['sessions']} of {sockets} sockets were opened")
        title = f"{sockets} sockets of one process, a message a second each"
        print(f"\n{title}", flush=True)
        self.row(title + ": memory per VU and socket", "KiB", "ttload", [(memory - one) / sockets])
        self.row(title + ": answers per second", "thousands", "ttload", [out["received"] / seconds / 1000])
        self.row(title + ": client CPU per message and its answer", "us", "ttload", [cpu * 1e6 / out["received"]])
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def peak(self, script):
        """(KiB at most, CPU seconds, summary) of a run."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        p = subprocess.Popen([self.ttload, "run", "--quiet", script], cwd=self.folder, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        most = 0
        while p.poll() is None:
            with open(f"/proc/{p.pid}/status", encoding="utf-8") as f:
                m = re.search(r"VmRSS:\s+(\d+)", f.read())
            most = max(most, int(m.group(1)) if m else 0)
            time.sleep(0.2)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return most, cpu, json.loads(p.stdout.read())

    def memory_wss(self):
        (url, ca), vus, rounds = self.wss_server(), 1000, 2
        run = (self.ttload, "run", "--quiet", "--ca-file", ca)
        title = f"memory of {vus} VUs with an open WebSocket over TLS 1.3, per VU"
        print(f"\n{title} (KiB, less is better)", flush=True)
        self.row(title, "KiB", "ttload", [
            (self.rss(*run, self.path("m.lua", IDLE_LUA % (vus, url)), settle=6)
             - self.rss(*run, self.path("one.lua", IDLE_LUA % (1, url)), settle=1)) / vus for _ in range(rounds)], 44)

    def memory_http(self):
        vus, rounds, self.rounds = 1000, self.rounds, 2
        for scheme, mark in (("http", 23), ("https", 58)):
            url = self.nginx(scheme)

            def per_vu(settle, command, name, text, url=url):
                one, all_of_them = (self.rss(*command, self.path(name, text % (n, url)), settle=settle) for n in (1, vus))
                return (all_of_them - one) / vus

            runs = {"ttload": lambda per_vu=per_vu: per_vu(3, (self.ttload, "run", "--quiet"), "m.lua", KEEP_ALIVE_LUA)}
            if self.k6:
                runs["k6"] = lambda per_vu=per_vu: per_vu(6, (self.k6, "run", "--quiet", "--no-summary"), "m.js", KEEP_ALIVE_K6)
            self.compare(f"memory of {vus} VUs asleep with an open {scheme} connection, per VU", "KiB", runs,
                         "less is better", {"k6": (0.1, True)} if scheme == "http" else {}, at_most=mark)
        title = f"memory of {vus} VUs asleep with an open https connection, which arrive within 2 s, per VU"
        print(f"\n{title} (KiB, less is better)", flush=True)
        self.row(title, "KiB", "ttload", [
            per_vu(4, (self.ttload, "run", "--quiet"), "m.lua", ARRIVING_LUA) for _ in range(self.rounds)], 58)
        self.rounds = rounds

    def engine(self):
        n = 100000 if self.short else 1000000
        script, empty = self.path("empty.lua", EMPTY_LUA % n), self.path("start.lua", EMPTY_LUA % 1)
        title = "empty iterations per CPU-second"
        print(f"\n{title} (thousands, more is better)", flush=True)
        self.row(title, "thousands", "ttload", [
            n / 1000 / self.cpu(self.ttload, "run", "--quiet", "--workers", "1", script)[0] for _ in range(self.rounds)],
            mark=500, at_most=False)

        def start_up():
            begin = time.monotonic()
            self.cpu(self.ttload, "run", "--quiet", empty)
            return (time.monotonic() - begin) * 1000

        self.compare("a whole run of one empty iteration, wall time", "ms", {"ttload": start_up}, "less is better", {})

    def lateness(self):
        """Against the schedule. Other load on the machine decides about the tail, so once more without it: above it."""
        seconds = 3 if self.short else 10
        script = self.path("late.lua", LATENESS_LUA % seconds)
        ways = {"": []}
        first = shutil.which("chrt")
        if first and subprocess.run([first, "-f", "1", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            ways[", real-time priority"] = [first, "-f", "1"]
        for way, prefix in ways.items():
            title = f"start lateness of constant-arrival-rate at 10,000/s{way}"
            print(f"\n{title} (us, less is better)", flush=True)
            runs = [json.loads(self.cpu(*prefix, self.ttload, "run", "--quiet", script)[1]) for _ in range(self.rounds)]
            for name, mark in (("p(50)", 100), ("p(90)", None), ("p(99)", 500), ("p(99.9)", None), ("max", None)):
                self.row(title, "us", name, [run["whole"][name] * 1000 for run in runs], mark)
            self.row(title, "us", "drift", [(run["last"]["p(50)"] - run["first"]["p(50)"]) * 1000 for run in runs], 50)
            self.row(title, "us", "% not started", [100 - run["started"] / seconds / 100 for run in runs], 0.1)
        self.notes.append("drift: the median lateness of the last third of the run less that of the first third")

    def markdown(self):
        cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo", encoding="ascii").read())
        version = subprocess.run([self.ttload, "version"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        lines = ["# Benchmarks", "",
                 "Made by `./dev bench --write`; repeat it with `./dev bench`. Client and server share the machine, so the",
                 "ratios count, not the figures: client CPU is user and system time of the client's process, medians of "
                 f"{self.rounds} rounds that take turns.", "",
                 f"{version}, {datetime.date.today().isoformat()}, {os.cpu_count()} cores"
                 f"{' of ' + cpu.group(1) if cpu else ''}, {platform.system()} {platform.release()}.", ""]
        title = None
        for row in self.rows:
            if row[0] != title:
                title = row[0]
                lines += ["", f"## {title} ({row[1]})", "", "| client | median | least .. most | ttload / it | mark |",
                          "|---|---|---|---|---|"]
            ratio = f"{row[6]:.2f}" if row[6] is not None else ""
            lines.append(f"| {row[2]} | {row[3]:.2f} | {row[4]:.2f} .. {row[5]:.2f} | {ratio} | {row[7]} |")
        lines += ["", "## Notes", ""] + [f"- {n}" for n in self.notes]
        lines += ["- Not measured yet: GC pauses, the cost of one request's samples."]
        return "\n".join(lines).rstrip() + "\n"


PARTS = ("engine", "lateness", "http", "ws", "memory", "ws-scale")


def wait_port(port):
    for _ in range(100):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("the server did not start")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("--ttload", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--short", action="store_true", help="a minute instead of ten")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("part", nargs="*", help=f"only these: {', '.join(PARTS)}")
    arguments = parser.parse_args()
    unknown = [p for p in arguments.part if p not in PARTS]
    if unknown:
        parser.error(f"no part '{unknown[0]}'; there are {', '.join(PARTS)}")
    if arguments.part and arguments.write:
        parser.error("--write takes all parts")
    bench = Bench(arguments)
    try:
        for part in arguments.part or PARTS:
            getattr(bench, part.replace("-", "_"))()
        if not bench.k6:
            bench.notes.append("k6 was not found on PATH")
        if arguments.write:
            with open(os.path.join(ROOT, "docs", "benchmarks.md"), "w", encoding="utf-8") as f:
                f.write(bench.markdown())
    finally:
        bench.stop()


if __name__ == "__main__":
    main()
