# SPDX-License-Identifier: MIT
"""`ttload doctor`: each step's line, where all is well and where one thing is wrong."""
import http.server
import os
import re
import socket
import subprocess
import time

from test_serve import SECRET, Server, token
from ttload_case import Case, HttpServer, RawServer, WsServer, certificate

CA_CONFIG = """
[ca]
default_ca = a
[a]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = p
x509_extensions = e
[p]
commonName = supplied
[e]
subjectAltName = DNS:localhost,IP:127.0.0.1
"""


class Doctor(Case):
    def serve(self, *options, kind="tunnel"):
        server = Server(kind, *options)
        self.addCleanup(server.__exit__, None)
        return server.endpoint

    def http(self, do, cert=None, key=None):
        server = HttpServer(do)
        self.addCleanup(server.stop)
        if cert:
            server.use_tls(cert, key)
        return server.url.replace("127.0.0.1", "localhost") if cert else server.url

    def doctor(self, *arguments, code, **keywords):
        """Its steps: { name: (mark, text, [advice]) }; times are taken out."""
        r = self.ttload("doctor", *arguments, **keywords)
        self.assertEqual(r.code, code, r.out + r.err)
        self.assertEqual(r.err, "")
        steps, self.order = {}, []
        lines = r.out.splitlines()
        for line in lines[1:-1]:
            if m := re.match(r"([✓✗-]) (\w+) +(?:[\d.]+ ms)? +(\S.*)$", line):
                steps[m[2]] = (m[1], m[3], [])
                self.order.append(m[2])
            else:
                self.assertRegex(line, "^ {22}-> ")
                steps[self.order[-1]][2].append(line[25:])
        self.first, self.last, self.out = lines[0], lines[-1], r.out
        return steps

    def failing(self, step, text, advice, *arguments, **keywords):
        """This step is the one that fails."""
        steps = self.doctor(*arguments, code=110, **keywords)
        self.assertEqual([s for s in steps if steps[s][0] == "✗"], [step], self.out)
        self.assertRegex(steps[step][1], text)
        self.assertRegex(" ".join(steps[step][2]), advice)
        self.assertRegex(self.last, f"^failed: {step}(;|$)")
        return steps

    def marks(self, steps):
        return " ".join(steps[s][0] + s for s in self.order)


class Well(Doctor):
    def test_without_an_endpoint_an_embedded_tunnel_is_checked(self):
        steps = self.doctor(code=0)
        self.assertRegex(self.first, r"^checking ws://127\.0\.0\.1:\d+ \(an embedded tunnel server: no URL")
        self.assertEqual(self.marks(steps),
                         "-proxy -dns ✓tcp -tls ✓upgrade -token ✓ready ✓request -clock ✓limits")
        self.assertRegex(steps["request"][1], r"^status 200: [\d.]+ ms to the agent, [\d.]+ ms back$")
        self.assertEqual(self.last, "what was checked is well; not checked: clock")

    def test_steps_have_times(self):
        self.doctor(code=0)
        for step in ("tcp", "upgrade", "ready", "request"):
            self.assertRegex(self.out, rf"(?m)^✓ {step} +\d+\.\d ms  ")

    def test_a_script_gives_its_options(self):
        endpoint = self.serve()
        port = endpoint.rsplit(":", 1)[1]
        path = self.write("s.lua", f"""
            return {{ options = {{ vus = 7, iterations = 7,
              hosts = {{ ["tunnel.test"] = "127.0.0.1:{port}", ["*.tunnel.localhost"] = "127.0.0.1:{port}" }} }},
              default = function() error("not run") end }}""")
        steps = self.doctor(path, "--env", "WS_ENDPOINT=ws://tunnel.test/dev", code=0)
        self.assertEqual(self.first, "checking ws://tunnel.test/dev (WS_ENDPOINT)")
        self.assertEqual(self.order[0], "script")
        self.assertEqual(steps["dns"][:2], ("✓", "tunnel.test is 127.0.0.1"))
        self.assertRegex(steps["limits"][1], "the script has up to 7 virtual users$")

    def test_an_http_service(self):
        url = self.http(lambda h, body: h.send(200, b"ok"))
        steps = self.doctor(f"{url}/health", code=0)
        self.assertEqual(self.marks(steps), "-proxy -dns ✓tcp -tls ✓request -token ✓clock ✓limits")
        self.assertEqual(steps["request"][1], "status 200, HTTP/1.1")
        self.assertEqual(self.last, "what was checked is well")

    def test_an_ordinary_websocket_service(self):
        steps = self.doctor(self.serve(kind="ws"), "--env", "TUNNEL=no", code=0)
        self.assertEqual(self.marks(steps), "-proxy -dns ✓tcp -tls ✓upgrade -token -ready -request -clock ✓limits")

    def test_tls_shows_the_chain(self):
        cert, key = certificate(self.folder)
        endpoint = self.serve("--tls-cert", cert, "--tls-key", key).replace("127.0.0.1", "localhost")
        steps = self.doctor(endpoint, "--ca-file", cert, "--env", f"PUBLIC_BASE={endpoint.replace('wss', 'https')}/", code=0)
        mark, text, advice = steps["tls"]
        self.assertEqual(mark, "✓")
        self.assertRegex(text, r"^tls1\.3 TLS_AES\w+; certificate of CN=localhost by CN=localhost for localhost 127\.0\.0\.1, "
                         r"until \d{4}-\d\d-\d\d \(\d+ hours left\), chain of 1, name localhost$")
        self.assertEqual(advice, ["it expires soon: renew it"])

    def test_the_environment_names_endpoint_and_token(self):
        endpoint = self.serve("--require-auth", "--jwt-secret", SECRET)
        good = token()
        steps = self.doctor(code=0, env={"TTF_ENDPOINT": endpoint, "TTF_TOKEN": good})
        self.assertEqual(self.first, f"checking {endpoint} (TTF_ENDPOINT)")
        self.assertRegex(steps["token"][1], "^TTF_TOKEN, sub test, expires in 9 minutes; not refused")
        self.assertNotIn(good, self.out)

    def test_a_token_in_the_query_is_found_and_masked(self):
        endpoint = self.serve("--require-auth", "--jwt-secret", SECRET)
        good = token()
        steps = self.doctor(f"{endpoint}/dev?token={good}", code=0)
        self.assertEqual(self.first, f"checking {endpoint}/dev?****")
        self.assertEqual(steps["token"][0], "✓")
        self.assertNotIn(good, self.out)


class Unreachable(Doctor):
    def test_a_refused_port(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        steps = self.failing("tcp", "connection refused", "nothing listens on the port", f"ws://127.0.0.1:{port}/")
        self.assertEqual(self.marks(steps), "-proxy -dns ✗tcp -tls -token -upgrade -ready -request -clock ✓limits")
        self.assertEqual(steps["ready"][1], "not checked: the service cannot be reached")
        self.assertEqual(self.last, "failed: tcp; not checked: tls, upgrade, ready, request, clock")

    def test_an_unknown_host(self):
        steps = self.failing("dns", "no such host", "spelled right", "wss://nobody.invalid/dev")
        self.assertEqual(steps["tls"][:2], ("-", "not checked: dns failed"))

    def test_what_is_no_url(self):
        self.failing("url", "^no ws://", "wss://", "ftp://nobody.invalid/")

    def test_a_script_that_does_not_load(self):
        r = self.ttload("doctor", self.write("s.lua", "error('broken')"))
        self.assertEqual(r.code, 107)
        self.assertIn("broken", r.err)
        self.assertEqual(r.out, "")

    def test_two_words(self):
        r = self.ttload("doctor", "ws://a.invalid", "ws://b.invalid")
        self.assertEqual((r.code, r.err), (255, "ttload: doctor: one script or URL, not 'ws://a.invalid' and 'ws://b.invalid'\n"))


class Tls(Doctor):
    def expired(self):
        key, _ = os.path.join(self.folder, "key.pem"), self.write("ca.conf", CA_CONFIG)
        self.write("index.txt", "")

        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=self.folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout",
                "key.pem", "-out", "csr.pem")
        openssl("ca", "-batch", "-selfsign", "-config", "ca.conf", "-keyfile", "key.pem", "-in", "csr.pem", "-out", "cert.pem",
                "-notext", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
        return os.path.join(self.folder, "cert.pem"), key

    def test_a_self_signed_certificate(self):
        steps = self.failing("tls", "unknown authority", "--ca-file",
                             self.http(lambda h, b: h.send(200), *certificate(self.folder)))
        self.assertEqual(self.marks(steps), "-proxy ✓dns ✓tcp ✗tls -token -request -clock ✓limits")

    def test_a_wrong_name(self):
        cert, key = certificate(self.folder, "other.test")
        url = self.http(lambda h, b: h.send(200), cert, key)
        self.failing("tls", "not valid for localhost", "other names", url.replace("https", "wss"), "--ca-file", cert)

    def test_an_expired_certificate(self):
        cert, key = self.expired()
        self.failing("tls", "expired", "renewed", self.http(lambda h, b: h.send(200), cert, key), "--ca-file", cert)

    def test_a_certificate_that_is_not_verified_is_shown(self):
        cert, key = self.expired()
        steps = self.doctor(self.http(lambda h, b: h.send(200), cert, key), "--insecure-skip-tls-verify", code=0)
        self.assertEqual(steps["tls"][0], "-")
        self.assertRegex(steps["tls"][1], r"^not verified .* until 2021-01-01 \(\d+ days ago\)")

    def test_a_port_without_tls(self):
        self.failing("tls", "does not look like a TLS handshake", "does not speak TLS",
                     self.http(lambda h, b: h.send(200)).replace("http:", "https:"))


class Token(Doctor):
    def setUp(self):
        super().setUp()
        self.endpoint = self.serve("--require-auth", "--jwt-secret", SECRET)

    def refused(self, text, advice, *arguments):
        steps = self.doctor(self.endpoint, *arguments, code=110)
        self.assertEqual([s for s in steps if steps[s][0] == "✗"], ["upgrade", "token"], self.out)
        self.assertEqual(steps["upgrade"][1:], ("refused with status 401", ["see the token"]))
        self.assertRegex(steps["token"][1], text)
        self.assertRegex(" ".join(steps["token"][2]), advice)
        self.assertEqual(steps["request"][:2], ("-", "not checked: there is no tunnel"))

    def test_none(self):
        self.refused("none given, and the service answers 401", "TOKEN=")

    def test_expired(self):
        self.refused("sub test, expired 10 minutes ago; the service refuses it with 401", "get a new token",
                     "--env", f"TOKEN={token(exp=time.time() - 601)}")

    def test_of_another_key(self):
        self.refused("sub test, expires in 9 minutes; the service refuses", "signed with the service's key",
                     "--env", f"TOKEN={token(secret='wrong')}")

    def test_malformed(self):
        self.refused("no JWT: not three parts", "copied whole", "--env", "TOKEN=secret-abc")
        self.assertNotIn("secret-abc", self.out)
        self.refused("no JWT: its header or claims", "copied whole", "--env", "TOKEN=a.b.c")

    def test_without_a_subject(self):
        self.refused("sub missing", "wants a sub", "--env", f"TOKEN={token(sub=None)}")

    def test_with_blanks_it_is_not_sent(self):
        steps = self.failing("token", "blanks or line breaks", "copy it anew", self.endpoint, "--env", f"TOKEN=Bearer {token()}")
        self.assertEqual(steps["upgrade"][:2], ("-", "not checked: the token cannot be sent"))

    def test_expired_though_nobody_asks(self):
        self.failing("token", "expired 10 minutes ago", "new token", self.serve(), "--env",
                     f"TOKEN={token(exp=time.time() - 601)}")

    def test_refused_by_an_http_service(self):
        steps = self.doctor(self.http(lambda h, b: h.send(403)), "--env", f"TOKEN={token()}", code=110)
        self.assertRegex(steps["token"][1], "refuses it with 403")
        self.assertEqual(self.last, "failed: request, token")


class Service(Doctor):
    def test_an_upgrade_that_is_refused(self):
        steps = self.doctor(self.serve("--connect-reject", "1", "--connect-reject-status", "403"), code=110)
        self.assertEqual(steps["upgrade"][1], "refused with status 403")
        self.assertIn("403 may also mean a wrong path or stage, or a firewall", steps["token"][2])
        self.failing("upgrade", "status 429", "rate and burst", self.serve("--connect-reject", "1", "--connect-reject-status", "429"))

    def test_a_service_that_is_no_websocket_service(self):
        self.failing("upgrade", "status 200", "plain HTTP", self.http(lambda h, b: h.send(200)).replace("http", "ws"))

    def test_a_ready_that_is_ignored(self):
        steps = self.failing("ready", "^no connection_established in 300ms$", "concurrency",
                             self.serve("--ready-ignore", "1"), "--env", "CONNECT_TIMEOUT=300ms")
        self.assertEqual(steps["request"][0], "-")

    def test_an_error_in_place_of_the_tunnel(self):
        self.failing("ready", "Internal server error", "function's errors", self.serve("--lambda-error", "1"))

    def test_an_echo_is_no_tunnel(self):
        self.failing("ready", "but 1 other messages$", "TUNNEL=no", self.serve(kind="ws"), "--env", "CONNECT_TIMEOUT=300ms")

    def test_a_connection_that_is_closed(self):
        async def close(ws):
            await ws.close(1008, "too many")
        server = WsServer(close)
        self.addCleanup(server.stop)
        self.failing("ready", "^closed with 1008 too many$", "connection limits", server.url)

    def test_a_request_that_gets_no_answer(self):
        self.failing("request", "timeout", "did not reach the agent", self.serve("--req-drop", "1"),
                     "--env", "REQUEST_TIMEOUT=300ms")
        self.failing("request", "status 504", "reached the agent: its answer was lost",
                     self.serve("--resp-drop", "1", "--timeout-ms", "200"))

    def test_a_request_that_is_refused(self):
        self.failing("request", "status 503", "throttles and concurrency", self.serve("--http-reject", "1"))

    def test_an_http_service_that_fails(self):
        self.failing("request", "status 500", "function's errors", self.http(lambda h, b: h.send(500)))

    def test_an_http_service_that_never_answers(self):
        server = RawServer(lambda connection, request: server.until_gone(connection))
        self.addCleanup(server.stop)
        steps = self.failing("request", "timeout", "does not answer", server.url, "--env", "REQUEST_TIMEOUT=300ms")
        self.assertEqual(steps["tcp"][0], "✓")


class Surroundings(Doctor):
    def dated(self, offset):
        def do(h, body):
            h.date_time_string = lambda: http.server.BaseHTTPRequestHandler.date_time_string(h, time.time() + offset)
            h.send(200)
        return self.http(do)

    def test_a_clock_that_is_wrong(self):
        self.failing("clock", "^ours is (8|9) minutes behind the service's$", "timedatectl", self.dated(580))
        self.failing("clock", "^ours is 2 days ahead of the service's$", "timedatectl", self.dated(-2.5 * 86400))

    def test_limits_below_the_script_need(self):
        path = self.write("s.lua", "return { options = { vus = 300, iterations = 300 }, default = function() end }")
        steps = self.failing("limits", "^600 open files, .* up to 300 virtual users$", "ulimit", path,
                             wrap=["sh", "-c", 'ulimit -n 600; exec "$@"', "sh"])
        self.assertEqual(steps["request"][0], "✓")

    def test_a_proxy_that_is_dead(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        env = {"HTTP_PROXY": f"http://me:secret@127.0.0.1:{port}", "NO_PROXY": "far.invalid:81"}
        steps = self.failing("tcp", "refused", "through HTTP_PROXY", "http://far.invalid/", env=env)
        self.assertEqual(steps["proxy"][:2], ("✓", f"HTTP_PROXY=http://****@127.0.0.1:{port} carries the requests"))
        self.assertEqual(steps["dns"][:2], ("-", "the proxy looks the name up"))
        self.assertNotIn("secret", self.out)

    def test_a_proxy_that_is_not_used(self):
        env = {"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": ".invalid"}
        steps = self.failing("dns", "no such host", "spelled", "http://far.invalid/", env=env)
        self.assertRegex(steps["proxy"][1], "is not used: NO_PROXY has .invalid$")
        steps = self.doctor(self.http(lambda h, b: h.send(200)), code=0, env={"HTTP_PROXY": "http://127.0.0.1:1"})
        self.assertRegex(steps["proxy"][1], "a loopback host$")
        steps = self.doctor(code=0, env={"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "*.localhost"})
        self.assertRegex(steps["proxy"][1], "not used for WebSockets")

    def test_a_proxy_for_the_public_url_only(self):
        self.failing("request", "connection refused", "it went through HTTP_PROXY", env={"HTTP_PROXY": "http://127.0.0.1:1"})

    def test_verbose_tells_what_the_engine_says(self):
        r = self.ttload("doctor", "http://nobody.invalid/", "--verbose")
        self.assertEqual(r.code, 110)
        self.assertRegex(r.err, "level=warn.*no such host")
