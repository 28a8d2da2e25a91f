# SPDX-License-Identifier: MIT
"""A running test, watched and changed from another process."""
import http.client
import json
import os
import re
import select
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest

from ttload_case import ROOT, TTLOAD, Case

LOOP = """
local tt = require "ttload"
return {
  options = %s,
  setup = function() return { token = "abc" } end,
  default = function() tt.check(1, { ok = true }); tt.sleep(0.02) end,
  handle_summary = function(data)
    return { ["summary.json"] = require("ttload.json").encode(data), stdout = tt.summary_text(data) }
  end,
}
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("ttload", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Running:
    """A test in the background, with a runtime folder of its own."""

    def __init__(self, case, *arguments):
        self.case = case
        self.env = {**os.environ, "XDG_RUNTIME_DIR": case.folder}
        self.env.pop("WS_ENDPOINT", None)
        with open(os.path.join(case.folder, "out"), "w", encoding="utf-8") as out:
            self.process = subprocess.Popen([TTLOAD, "run", *arguments], cwd=case.folder, env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        case.addCleanup(self.kill)
        self.sockets = os.path.join(case.folder, "ttload")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def output(self):
        with open(os.path.join(self.case.folder, "out"), encoding="utf-8") as f:
            return f.read()

    def socket(self):
        return self.wait(lambda: next((os.path.join(self.sockets, f) for f in os.listdir(self.sockets)), None)
                         if os.path.isdir(self.sockets) else None, "a control socket")

    def wait(self, what, name):
        for _ in range(600):
            got = what()
            if got:
                return got
            time.sleep(0.05)
        self.case.fail(f"no {name}: {self.output()}")

    def request(self, method, path, body=None, status=200):
        c = UnixConnection(self.socket())
        c.request(method, path, None if body is None else json.dumps(body))
        r = c.getresponse()
        text = r.read().decode()
        c.close()
        self.case.assertEqual(r.status, status, text)
        return json.loads(text)

    def status(self):
        return self.request("GET", "/v1/status")["data"]["attributes"]

    def patch(self, status=200, **attributes):
        return self.request("PATCH", "/v1/status", {"data": {"attributes": attributes}}, status)

    def until(self, phase):
        self.socket()
        return self.wait(lambda: (lambda s: s if s["phase"] == phase else None)(self.status()), f"phase {phase}")

    def command(self, *words, code=0):
        p = subprocess.run([TTLOAD, *words], env=self.env, timeout=60, stdin=subprocess.DEVNULL, check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.case.assertEqual(p.returncode, code, p.stdout.decode())
        return p.stdout.decode()

    def follow(self):
        """`ttload tail`, after its first line has come."""
        p = subprocess.Popen([TTLOAD, "tail"], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.case.addCleanup(p.kill)
        select.select([p.stdout], [], [], 60)
        return p

    def end(self):
        return self.process.wait(timeout=60)


class Control(Case):
    def loop(self, options, *arguments):
        return Running(self, "-q", *arguments, self.write("loop.lua", LOOP % options))

    def iterations(self, run):
        return run.status()["iterations"]

    def standstill(self, run):
        """The number of iterations once it does not change for longer than one of them and a second (the tick) last."""
        seen, since = None, 0
        for _ in range(600):
            now = self.iterations(run)
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > 2.5:
                return now
            time.sleep(0.1)
        self.fail(f"no standstill: {run.output()}")

    def test_a_tunnel_test_is_watched_scaled_paused_resumed_and_stopped(self):
        run = Running(self, "-q", "--vus", "2", "--duration", "5m", "--env", "HOLD=0s", "--env", "REQUESTS=1",
                      "--env", "SUMMARY=summary.json",
                      os.path.join(ROOT, "scripts", "tunnel.lua"))
        run.until("running")
        run_id = run.status()["id"]
        run.wait(lambda: run.status()["vus"] == 2, "2 VUs")
        self.assertRegex(run.command("ps"), rf"^{run_id} +running .* 2 VUs .*tunnel\.lua\n$")
        self.assertIn("constant-vus", run.command("status"))
        run.command("scale", "--vus", "5")
        run.wait(lambda: run.status()["vus"] == 5, "5 VUs")
        self.assertIn("paused", run.command("pause", run_id))
        self.assertIn("paused already", run.command("pause", code=255))
        still = self.standstill(run)
        run.command("resume")
        run.wait(lambda: self.iterations(run) > still, "more iterations")
        tail = run.follow()
        run.command("stop")
        self.assertRegex(tail.communicate(timeout=60)[0].decode(), r"^running +\d+s +5 VUs +\d+ iterations")
        self.assertEqual(run.end(), 103, run.output())
        with open(os.path.join(self.folder, "summary.json"), encoding="utf-8") as f:
            summary = json.load(f)
        self.assertEqual([t["what"] for t in summary["timeline"]], ["scale vus=5", "pause", "resume", "stop"])
        self.assertEqual({t["by"] for t in summary["timeline"]}, {"unix"})
        self.assertEqual(os.listdir(run.sockets), [])
        self.assertIn("no test is running here", run.command("ps"))
        self.assertIn("no test is running here", run.command("stop", code=255))

    def test_the_schedule_stands_still_while_paused(self):
        run = self.loop("""{ scenarios = { a = { executor = "constant-arrival-rate", rate = 200, duration = "1s",
                            pre_allocated_vus = 200 } } }""")  # a VU for each start, however busy the machine is
        run.until("running")
        run.patch(paused=True)
        time.sleep(1.5)
        run.patch(paused=False)
        self.assertEqual(run.end(), 0, run.output())
        summary = json.loads(self.read("summary.json"))
        self.assertEqual(summary["metrics"]["iterations"]["values"]["count"], 200)
        self.assertNotIn("dropped_iterations", summary["metrics"])
        self.assertIn("INTERVENTIONS", run.output())

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as f:
            return f.read()

    def test_resources(self):
        run = self.loop("{ vus = 2, duration = '1m', thresholds = { checks = 'rate>0.9' } }")
        run.until("running")
        run.wait(lambda: run.status()["iterations"] > 0, "iterations")
        self.assertEqual(stat.S_IMODE(os.stat(run.socket()).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(run.sockets).st_mode), 0o700)
        status = run.request("GET", "/v1/status")["data"]
        self.assertEqual((status["type"], status["id"]), ("status", "default"))
        a = status["attributes"]
        self.assertEqual((a["vus"], a["vus-max"], a["paused"], a["stopped"], a["running"], a["tainted"]),
                         (2, 2, False, False, True, False))
        metrics = {m["id"]: m["attributes"] for m in run.request("GET", "/v1/metrics")["data"]}
        self.assertEqual(metrics["iteration_duration"]["type"], "trend")
        self.assertIn("p(95)", metrics["iteration_duration"]["sample"])
        one = run.request("GET", "/v1/metrics/checks")["data"]
        self.assertEqual((one["id"], one["attributes"]["sample"]["rate"]), ("checks", 1))
        run.request("GET", "/v1/metrics/none", status=404)
        groups = run.request("GET", "/v1/groups")["data"]
        self.assertEqual(groups[0]["attributes"]["checks"][0]["name"], "ok")
        run.request("GET", "/v1/groups/" + groups[0]["id"])
        self.assertEqual(run.request("GET", "/v1/setup")["data"]["attributes"]["data"], {"token": "abc"})
        run.request("GET", "/v1/nothing", status=404)
        run.request("DELETE", "/v1/status", status=405)
        for bad in ({}, {"data": 1}, {"data": {"attributes": {}}}, {"data": {"attributes": {"vus": "many"}}},
                    {"data": {"attributes": {"paused": "yes"}}}, {"data": {"attributes": {"vuss": 1}}}):
            errors = run.request("PATCH", "/v1/status", bad, status=400)["errors"]
            self.assertEqual(errors[0]["status"], "400")
        why = run.patch(409, **{"vus-max": 3})["errors"][0]["detail"]
        self.assertIn("number of VUs only", why)
        run.process.send_signal(signal.SIGINT)
        self.assertEqual(run.end(), 105)

    def test_events_are_streamed_until_the_end(self):
        run = self.loop("{ vus = 1, duration = '2s' }")
        run.until("running")
        lines = run.command("tail").splitlines()
        self.assertEqual(run.end(), 0, run.output())
        self.assertGreaterEqual(len(lines), 2)
        for line in lines:
            self.assertRegex(line, r"^\w+ +\d+s +\d+ VUs +\d+ iterations")

    def test_scaling_says_what_it_cannot_do(self):
        run = self.loop("""{ scenarios = {
            a = { executor = "externally-controlled", vus = 1, max_vus = 4, duration = "1m" },
            b = { executor = "constant-arrival-rate", rate = 10, duration = "1m", pre_allocated_vus = 2 },
            c = { executor = "per-vu-iterations", iterations = 100000 } } }""")
        run.until("running")
        self.assertIn("name one", run.command("scale", "--vus", "2", code=255))
        self.assertIn("no scenario 'x'", run.command("scale", "--vus", "2", "--scenario", "x", code=255))
        self.assertIn("cannot be scaled", run.command("scale", "--vus", "2", "--scenario", "c", code=255))
        self.assertIn("max_vus (4)", run.command("scale", "--vus=9", "--scenario", "a", code=255))
        self.assertIn("needs --vus", run.command("scale", code=255))
        self.assertIn("expected a number", run.command("scale", "--vus", "few", code=255))
        self.assertIn("'--reason' is not expected here", run.command("stop", "--reason", "x", code=255))
        self.assertIn("'--vus' is not expected here", run.command("abort", "--vus", "1", code=255))
        self.assertIn("'--reason' is not expected here", run.command("scale", "--reason", "x", code=255))
        run.command("scale", "--vus", "9", "--max-vus", "10", "--scenario", "a")
        run.wait(lambda: run.status()["scenarios"][0]["vus"] == 9, "9 VUs")
        run.command("scale", "--rate", "200", "--scenario", "b")
        before = run.status()["scenarios"][1]["iterations"]
        run.wait(lambda: run.status()["scenarios"][1]["iterations"] > before + 150, "a higher rate")
        self.assertIn("cut", run.command("abort", "--reason", "enough", code=0) + "cut")
        self.assertEqual(run.end(), 108, run.output())
        self.assertIn("aborted from outside: enough", run.output())

    def test_paused_waits_before_setup(self):
        run = self.loop("{ vus = 1, iterations = 1 }", "--paused")
        self.assertEqual(run.until("paused")["iterations"], 0)
        self.assertNotIn("data", [k for k, v in run.request("GET", "/v1/setup")["data"]["attributes"].items() if v])
        run.command("resume")
        self.assertEqual(run.end(), 0, run.output())

    def test_a_paused_start_can_be_stopped(self):
        run = self.loop("{ vus = 1, iterations = 1 }", "--paused")
        run.until("paused")
        run.command("stop")
        self.assertEqual(run.end(), 103, run.output())

    def test_linger_waits_after_the_end(self):
        run = self.loop("{ vus = 1, iterations = 3 }", "--linger")
        run.until("linger")
        self.assertEqual(run.request("GET", "/v1/metrics/iterations")["data"]["attributes"]["sample"]["count"], 3)
        run.command("stop")
        self.assertEqual(run.end(), 0, run.output())
        self.assertEqual(json.loads(self.read("summary.json"))["metrics"]["iterations"]["values"]["count"], 3)

    def test_tcp_needs_its_token(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        run = self.loop("{ vus = 1, duration = '1m' }", "--address", f"127.0.0.1:{port}", "--address-token", "secret")
        run.until("running")

        def status(**headers):
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            c.request("GET", "/v1/status", headers=headers)
            code = c.getresponse().status
            c.close()
            return code
        self.assertEqual(status(), 401)
        self.assertEqual(status(Authorization="Bearer secreT"), 401)
        self.assertEqual(status(Authorization="Bearer secret"), 200)
        self.assertEqual(status(Authorization="Bearer secret", Origin="http://evil.example"), 403)
        run.patch(stopped=True)
        self.assertEqual(run.end(), 103)

    def test_bad_addresses_are_refused(self):
        script = self.write("loop.lua", LOOP % "{ vus = 1, iterations = 1 }")
        for address, words in (("nonsense", "expected HOST:PORT"), ("0.0.0.0:0", "set a token")):
            r = self.ttload("run", "-q", "--address", address, script)
            self.assertEqual(r.code, 106, r.err)
            self.assertIn(words, r.err)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            r = self.ttload("run", "-q", "--address", "127.0.0.1:%d" % s.getsockname()[1], script)
            self.assertEqual(r.code, 106, r.err)

    def test_stale_sockets_are_cleared(self):
        run = self.loop("{ vus = 1, duration = '1m' }")
        run.until("running")
        run.process.kill()
        run.process.wait()
        self.assertEqual(len(os.listdir(run.sockets)), 1)
        self.assertIn("no test is running here", run.command("ps"))
        self.assertEqual(os.listdir(run.sockets), [])

    @staticmethod
    def hang_up(listener):
        while True:
            try:
                listener.accept()[0].close()
            except OSError:
                return

    def test_a_socket_that_answers_badly_is_left_alone(self):
        run = self.loop("{ vus = 1, duration = '1m' }")
        run.until("running")
        other = os.path.join(run.sockets, "other1.sock")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(other)
            s.listen()
            hanging_up = threading.Thread(target=self.hang_up, args=(s,))
            hanging_up.start()
            shown = run.command("ps")
            s.shutdown(socket.SHUT_RDWR)
            hanging_up.join()
        self.assertEqual(shown.count("running"), 1)
        self.assertTrue(os.path.exists(other))
        os.unlink(other)
        run.command("stop")
        run.end()

    def test_a_folder_of_others_is_not_used(self):
        os.mkdir(os.path.join(self.folder, "ttload"), 0o755)
        os.chmod(os.path.join(self.folder, "ttload"), 0o755)
        run = self.loop("{ vus = 1, iterations = 1 }")
        self.assertEqual(run.end(), 0)
        self.assertRegex(run.output(), re.compile("no control socket: .* alone", re.S))


if __name__ == "__main__":
    unittest.main()
