# SPDX-License-Identifier: MIT
"""The main job: scripts/tunnel.lua against the embedded tunnel server, with and without faults."""
import base64
import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import time

from ttload_case import ROOT, TTLOAD, Case

SCRIPT = os.path.join(ROOT, "scripts", "tunnel.lua")


def token(secret, **claims):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    head = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (head + b"." + part(hmac.new(secret.encode(), head, hashlib.sha256).digest())).decode()


class Tunnel(Case):
    def serve(self, *options):
        """Starts `ttload serve tunnel`; returns its endpoint. stats() stops it and gives its counters."""
        self.server = subprocess.Popen([TTLOAD, "serve", "tunnel", *options], stdout=subprocess.PIPE,
                                       stdin=subprocess.DEVNULL)
        self.addCleanup(self.stop)
        self.endpoint = self.server.stdout.readline().decode().strip()
        self.port = self.endpoint.rsplit(":", 1)[1]
        return self.endpoint

    def stop(self):
        if self.server.poll() is None:
            self.server.send_signal(signal.SIGINT)
        self.server.wait()
        self.server.stdout.close()

    def stats(self):
        self.server.send_signal(signal.SIGINT)
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", self.server.stdout.readline().decode())}

    def run_script(self, *arguments, env=None, hold="0s", timeout=120):
        where = {"WS_ENDPOINT": self.endpoint} if hasattr(self, "endpoint") else {}
        return self.ttload("run", "--quiet", "--env", "HOLD=" + hold, *arguments, SCRIPT, env={**where, **(env or {})},
                           timeout=timeout)

    def failures(self, result, cause):
        return result.values("tunnel_establishment_failures{cause:%s}" % cause)["count"]

    def test_a_vu_answers_its_own_requests(self):
        r = self.run_script("--iterations", "1", "--vus", "1")
        self.assertEqual(r.code, 0, r.err + r.out)
        self.assertIn("no WS_ENDPOINT given: testing an embedded tunnel server at ws://127.0.0.1:", r.err)
        self.assertEqual(r.values("total_http_requests")["count"], 5)
        self.assertEqual(r.values("http_request_success")["rate"], 1)
        self.assertRegex(r.out, r"Tunnel Metrics:\n  Establishment Success Rate: 100\.00%\n"
                                r"  Establishment Time \(p95\): \d+ms\n  HTTP Request Time \(p95\): \d+ms\n")

    def many(self, vus, duration):
        self.serve()
        r = self.run_script("--vus", str(vus), "--duration", duration)
        self.assertIn(r.code, (0, 99), r.err + r.out)  # 99: a busy machine may be slow, not wrong
        requests = r.values("total_http_requests")["count"]
        iterations = r.values("iterations")["count"]
        self.assertGreater(requests, 0)
        self.assertEqual(requests, 5 * iterations)
        self.assertEqual(requests, r.values("http_reqs")["count"])
        self.assertEqual(r.values("http_req_failed")["rate"], 0)
        self.assertEqual(r.values("tunnel_establishment_success")["rate"], 1)
        counted = self.stats()
        self.assertEqual(counted["forwarded"], requests)
        self.assertEqual(counted["answered"], requests)
        self.assertEqual(counted["established"], iterations)

    def test_20_users_agree_with_the_server(self):
        self.many(20, "4s")

    def test_100_users_agree_with_the_server(self):
        self.many(100, "4s")

    def test_the_hold_keeps_the_tunnel_open(self):
        r = self.run_script("--iterations", "1", "--vus", "1", "--env", "REQUESTS=1", hold="2s")
        self.assertEqual(r.code, 0, r.err)
        self.assertGreaterEqual(r.values("ws_session_duration")["max"], 1990)
        self.assertEqual(r.values("total_http_requests")["count"], 1)

    def test_refused_connects_fail_the_run_and_are_marked(self):
        self.serve("--connect-reject", "0.3", "--connect-reject-status", "503", "--seed", "7")
        r = self.run_script("--vus", "20", "--duration", "4s")
        self.assertEqual(r.code, 99, r.err)
        self.assertRegex(r.out, r"✗ 'rate>0\.95'")
        self.assertRegex(r.out, r"Establishment Success Rate: [\d.]+%  ← Below threshold")
        self.assertRegex(r.out, r"\d+ x http_status: ")
        self.assertGreater(self.failures(r, "http_status"), 0)
        self.assertLess(r.values("tunnel_establishment_success")["rate"], 0.95)
        self.assertIn("tunnel_establishment_success", r.err)

    def test_slow_requests_fail_their_threshold(self):
        self.serve("--req-delay-ms", "1200")
        r = self.run_script("--vus", "2", "--iterations", "2", "--env", "REQUESTS=1")
        self.assertEqual(r.code, 99)
        self.assertRegex(r.out, r"HTTP Request Time \(p95\): 1\.\ds  ← Above threshold")
        self.assertEqual(r.values("http_request_success")["rate"], 0)

    def test_lost_answers_are_failed_requests(self):
        self.serve("--resp-drop", "1")
        r = self.run_script("--vus", "1", "--iterations", "1", "--env", "REQUESTS=1", "--env", "REQUEST_TIMEOUT=300ms")
        self.assertEqual(r.code, 99)
        self.assertEqual(r.values("http_req_failed")["rate"], 1)

    def test_no_server_ends_soon_with_cause_connect(self):
        begin = time.monotonic()
        r = self.ttload("run", "--quiet", "--vus", "1", "--duration", "5s", "--env", "WS_ENDPOINT=ws://127.0.0.1:1",
                        SCRIPT)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(r.code, 99)
        self.assertGreater(self.failures(r, "connect"), 0)
        self.assertIn("Establishment Time (p95): no samples  ← Threshold failed", r.out)

    def test_tokens_are_checked(self):
        self.serve("--require-auth", "--jwt-secret", "s3cret")
        once = ("--iterations", "1", "--vus", "1", "--env", "REQUESTS=1")
        r = self.run_script(*once)
        self.assertEqual(r.code, 99)
        self.assertEqual(self.failures(r, "auth"), 1)
        good = token("s3cret", sub="me", exp=int(time.time()) + 600)
        self.assertEqual(self.run_script(*once, "--env", "TOKEN=" + good).code, 0)
        self.assertEqual(self.run_script(*once, env={"TTF_TOKEN": good}).code, 0)
        for bad in (token("other", sub="me", exp=int(time.time()) + 600), token("s3cret", sub="me", exp=1000),
                    token("s3cret", exp=int(time.time()) + 600), "garbage"):
            self.assertEqual(self.failures(self.run_script(*once, "--env", "TOKEN=" + bad), "auth"), 1)

    def test_error_frames_are_their_own_cause(self):
        self.serve("--lambda-error", "1")
        r = self.run_script("--iterations", "1", "--vus", "1")
        self.assertEqual(self.failures(r, "error_frame"), 1)

    def test_a_close_before_the_tunnel_is_up_is_closed(self):
        self.serve("--ready-delay-ms", "5000", "--disconnect-after-s", "1")
        r = self.run_script("--iterations", "1", "--vus", "1")
        self.assertEqual(self.failures(r, "closed"), 1)

    def test_silence_is_a_timeout(self):
        self.serve("--ready-ignore", "1")
        r = self.run_script("--iterations", "1", "--vus", "1")
        self.assertEqual(self.failures(r, "timeout"), 1)
        self.assertIn("1 x timeout: no connection_established in 10s", r.out)

    def test_both_url_forms_work(self):
        for form in ("subdomain", "path"):
            self.serve("--primary", form)
            r = self.run_script("--iterations", "1", "--vus", "1", "--env", "REQUESTS=1")
            self.assertEqual(r.code, 0, form + r.err)
            self.stop()

    def test_public_base_replaces_scheme_and_authority(self):
        self.serve("--public-form", "deployed")
        r = self.run_script("--iterations", "1", "--vus", "1", "--env", "REQUESTS=1", "--env",
                            f"PUBLIC_BASE=http://127.0.0.1:{self.port}")
        self.assertEqual(r.code, 0, r.err + r.out)

    def test_hosts_sends_any_domain_to_the_server(self):
        self.serve("--domain", "tunnel.example.test")
        r = self.run_script("--iterations", "1", "--vus", "1", "--env", "REQUESTS=1", "--hosts",
                            "*.tunnel.example.test=127.0.0.1")
        self.assertEqual(r.code, 0, r.err + r.out)

    def test_summary_goes_where_it_is_told(self):
        r = self.run_script("--iterations", "1", "--vus", "1", "--env", "REQUESTS=1", "--env", "SUMMARY=out/s.json")
        self.assertEqual(r.json("out/s.json")["metrics"]["total_http_requests"]["values"]["count"], 1)

    def test_bad_settings_are_refused_before_the_run(self):
        for setting, text in (("REQUESTS=many", "REQUESTS"), ("HOLD=soon", "HOLD")):
            r = self.ttload("run", "--quiet", "--env", setting, SCRIPT)
            self.assertEqual(r.code, 107, r.err)
            self.assertIn(text, r.err)

    def test_the_scripts_own_stages_run_without_flags(self):
        p = subprocess.Popen([TTLOAD, "run", SCRIPT], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        seen = b""
        for line in p.stderr:
            seen += line
            if b"running" in line and b" 1 VUs" in line:
                break
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=60)
        self.assertEqual(p.returncode, 105, err)
        self.assertRegex(seen, rb"20 .*VUs.* 6m0s")
        self.assertIn(b"Tunnel Metrics:", out)
