# SPDX-License-Identifier: MIT
"""`ttload serve`: the embedded servers, seen by independent clients (http.client, websockets).

Run by itself: TTLOAD=build/ttload python3 tests/integration/test_serve.py
"""
import asyncio
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
from urllib.parse import urlsplit

import websockets

from ttload_case import TTLOAD

SECRET = "s3cret"


class Server:
    """A `ttload serve` process; stop() returns its counters."""

    def __init__(self, kind, *options):
        self.process = subprocess.Popen([TTLOAD, "serve", kind, *options], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.endpoint = self.process.stdout.readline().strip()
        if not self.endpoint:
            raise RuntimeError(self.process.communicate()[1])
        self.port = urlsplit(self.endpoint).port

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=20)
        if self.process.returncode != 0 or err:
            raise RuntimeError(f"exit code {self.process.returncode}: {err}")
        return {k: int(v) for k, v in (pair.split("=") for pair in out.split())}

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.returncode is None:
            self.process.kill() if kind else self.stop()
        self.process.stdout.close()
        self.process.stderr.close()


def exchange(port, method, path, body=None, headers=None):
    """One request over a connection of its own: status, headers, body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret=SECRET, **claims):
    head = b64url(b'{"alg":"HS256","typ":"JWT"}')
    body = b64url(json.dumps({"sub": "test", "exp": time.time() + 600, **claims}).encode())
    mac = hmac.new(secret.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{b64url(mac)}"


class Agent:
    """Registers, then answers each request with answer(request), or not when that is None."""

    def __init__(self, answer=None):
        self.answer = answer or self.echo
        self.requests = []
        self.frames = []

    @staticmethod
    def echo(request):
        return {"status_code": 201, "headers": {"content-type": ["text/x-test"], "x-two": ["a", "b"]},
                "body": base64.b64encode(f"{request['method']} {request['uri']}".encode()).decode()}

    async def start(self, endpoint, **options):
        self.socket = await websockets.connect(endpoint, max_size=None, ping_interval=None, **options)
        await self.socket.send('{"type":"ready"}')
        self.established = json.loads(await asyncio.wait_for(self.socket.recv(), 20))
        self.task = asyncio.create_task(self.serve())
        return self.established

    async def serve(self):
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                message = json.loads(await self.socket.recv())
                if message.get("type") != "http_request":
                    self.frames.append(message)
                    continue
                self.requests.append(message)
                answer = self.answer(message)
                if answer:
                    await self.socket.send(json.dumps(
                        {"type": "http_response", "request_id": message["request_id"], **answer}))

    async def stop(self):
        await self.socket.close()
        await self.task


class TunnelTest(unittest.IsolatedAsyncioTestCase):
    def serve(self, *options):
        server = Server("tunnel", *options)
        self.addCleanup(server.__exit__, None)
        return server

    async def agent(self, server, answer=None, **options):
        agent = Agent(answer)
        await agent.start(server.endpoint, **options)
        self.addAsyncCleanup(agent.stop)
        return agent

    async def get(self, server, path, method="GET", body=None, **headers):
        return await asyncio.to_thread(exchange, server.port, method, path, body,
                                       {k.replace("_", "-"): v for k, v in headers.items()})

    async def test_requests_reach_the_agent_by_path_and_by_host(self):
        server = self.serve("--noticing", "instant")
        agent = await self.agent(server)
        e = agent.established
        self.assertEqual(e["type"], "connection_established")
        self.assertRegex(e["tunnel_id"], "^[a-z0-9]{12}$")
        self.assertEqual(e["public_url"], f"http://{e['tunnel_id']}.tunnel.localhost:{server.port}")
        self.assertEqual(e["path_based_url"], f"http://127.0.0.1:{server.port}/{e['tunnel_id']}")
        path = urlsplit(e["path_based_url"]).path
        status, headers, body = await self.get(server, path + "/a/b?c=d", X_Any="thing")
        self.assertEqual((status, body), (201, b"GET /a/b?c=d"))
        self.assertEqual(headers["content-type"], "text/x-test")
        self.assertEqual(headers.get_all("x-two"), ["a"])
        self.assertNotIn("x-tunnel-routing-mode", headers)
        self.assertIn("apigw-requestid", headers)
        status, headers, body = await self.get(server, "/x", "POST", b"\0\xff", Host=urlsplit(e["public_url"]).netloc)
        self.assertEqual((status, body), (201, b"POST /x"))
        self.assertEqual(headers["x-tunnel-routing-mode"], "subdomain")
        first, second = agent.requests
        self.assertEqual(first["headers"]["x-any"], ["thing"])
        self.assertEqual(first["headers"]["x-forwarded-for"], ["127.0.0.1"])
        self.assertEqual(base64.b64decode(second["body"]), b"\0\xff")
        self.assertAlmostEqual(second["timestamp"], time.time() * 1000, delta=60000)
        await agent.stop()
        counters = server.stop()
        self.assertEqual((counters["agents"], counters["established"], counters["forwarded"], counters["answered"]),
                         (1, 1, 2, 2))

    async def test_requests_are_answered_in_any_order(self):
        server = self.serve("--noticing", "instant")
        agent = Agent(lambda request: None)
        await agent.start(server.endpoint)
        base = "/" + agent.established["tunnel_id"]
        tasks = [asyncio.create_task(self.get(server, f"{base}/{i}")) for i in range(5)]
        await self.until(lambda: len(agent.requests) == 5)
        for request in reversed(agent.requests):
            await agent.socket.send(json.dumps({"type": "http_response", "request_id": request["request_id"],
                                                **Agent.echo(request)}))
        for i, (status, _, body) in enumerate(await asyncio.gather(*tasks)):
            self.assertEqual((status, body), (201, f"GET /{i}".encode()))
        await agent.stop()

    async def test_ready_is_answered_every_time_and_ping_never(self):
        server = self.serve()
        agent = await self.agent(server)
        for message in ('{"type":"ping"}', '{"type":"pong"}', '{"type":"ready","x":1}', "nonsense",
                        '{"action":"ready"}', '{"type":"nope"}', '{"type":"http_response","request_id":"x"}'):
            await agent.socket.send(message)
        await self.until(lambda: len(agent.frames) == 5)
        self.assertEqual(agent.frames[0], agent.established)
        for frame in agent.frames[1:]:
            self.assertEqual(frame["message"], "Internal server error")
            self.assertNotIn("type", frame)

    async def test_unknown_tunnels_and_bad_hosts_are_500(self):
        server = self.serve()
        for path, host in (("/abcdefghijkl/x", None), ("/short", None), ("/", "x.tunnel.localhost"),
                           ("/", "abcdefghijkl.tunnel.localhost")):
            status, headers, body = await self.get(server, path, **({"Host": host} if host else {}))
            self.assertEqual((status, body), (500, b'{"message":"Internal Server Error"}'))
            self.assertEqual(headers["content-type"], "application/json")
        self.assertEqual(server.stop()["errors"], 4)

    async def test_no_answer_is_504_and_late_answers_are_counted(self):
        server = self.serve("--timeout-ms", "300", "--noticing", "instant")
        agent = await self.agent(server, lambda request: None)
        begin = time.monotonic()
        status, headers, body = await self.get(server, "/" + agent.established["tunnel_id"])
        self.assertEqual((status, body), (504, b"Gateway Timeout: No response from agent"))
        self.assertEqual(headers["x-tunnel-error"], "Gateway Timeout")
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)
        late = {"type": "http_response", "request_id": agent.requests[0]["request_id"]}
        await agent.socket.send(json.dumps({**late, **Agent.echo(agent.requests[0])}))
        await agent.stop()
        counters = server.stop()
        self.assertEqual((counters["timeouts"], counters["late"]), (1, 1))

    async def test_a_dropped_agents_requests_run_into_the_timeout(self):
        server = self.serve("--timeout-ms", "400", "--noticing", "instant", "--disconnect-on-req", "1")
        agent = await self.agent(server)
        begin = time.monotonic()
        status, _, _ = await self.get(server, "/" + agent.established["tunnel_id"])
        self.assertEqual(status, 504)
        self.assertGreaterEqual(time.monotonic() - begin, 0.4)
        status, _, _ = await self.get(server, "/" + agent.established["tunnel_id"])
        self.assertEqual(status, 500)

    async def test_agent_errors_have_their_status(self):
        server = self.serve("--noticing", "instant")
        codes = {"invalid_request": 400, "timeout": 504, "local_service_unavailable": 503, "internal_error": 502}
        agent = Agent(lambda request: {"type": "error", "code": request["uri"][1:], "message": "why"})
        await agent.start(server.endpoint)
        for code, expected in codes.items():
            status, headers, body = await self.get(server, f"/{agent.established['tunnel_id']}/{code}")
            self.assertEqual((status, body, headers["content-type"]), (expected, b"why", "text/plain"))
        await agent.stop()

    async def test_polling_notices_answers_in_steps(self):
        server = self.serve()
        agent = await self.agent(server)
        begin = time.monotonic()
        status, _, _ = await self.get(server, "/" + agent.established["tunnel_id"])
        self.assertEqual(status, 201)
        self.assertGreaterEqual(time.monotonic() - begin, 0.05)

    async def test_size_limits(self):
        server = self.serve("--noticing", "instant")
        agent = await self.agent(server)
        base = "/" + agent.established["tunnel_id"]
        status, headers, body = await self.get(server, base, "POST", b"x" * 2097153)
        self.assertEqual((status, body), (413, b"Request body too large: 2097153 bytes (maximum: 2097152 bytes)"))
        self.assertEqual(headers["x-tunnel-error"], "Request Entity Too Large")
        status, _, _ = await self.get(server, base, "POST", b"x" * 97000)
        self.assertEqual(status, 201)
        status, _, body = await self.get(server, base, "POST", b"x" * 99000)
        self.assertEqual((status, body), (500, b'{"message":"Internal Server Error"}'))
        await agent.socket.send("x" * 32769)
        await agent.task
        self.assertEqual(agent.socket.close_code, 1009)

    async def test_long_messages_to_the_agent_come_in_frames_and_binary_is_refused(self):
        server = self.serve("--noticing", "instant")
        agent = await self.agent(server)
        status, _, _ = await self.get(server, "/" + agent.established["tunnel_id"], "POST", b"y" * 90000)
        self.assertEqual((status, base64.b64decode(agent.requests[0]["body"])), (201, b"y" * 90000))
        await agent.socket.send(b"binary")
        await agent.task
        self.assertEqual(agent.socket.close_code, 1003)

    async def test_tokens(self):
        server = self.serve("--require-auth", "--jwt-secret", SECRET)
        await self.agent(server, extra_headers={"Authorization": f"Bearer {token()}"})
        await self.agent(server, extra_headers={"Authorization": f"Bearer {token(exp=time.time() - 30)}"})
        agent = Agent()
        await agent.start(f"{server.endpoint}/any/path?token={token()}", extra_headers={"Authorization": "Basic x"})
        await agent.stop()
        bad = [None, "Bearer bad", f"bearer {token()}", f"Bearer {token(exp=time.time() - 90)}",
               f"Bearer {token(aud='x')}", f"Bearer {token('other')}", f"Bearer {token(exp=None)}"]
        for value in bad:
            headers = {"Authorization": value} if value else {}
            with self.assertRaises(websockets.InvalidStatusCode) as caught:
                await websockets.connect(server.endpoint, extra_headers=headers)
            self.assertEqual(caught.exception.status_code, 401, value)
        self.assertEqual(server.stop()["rejected"], len(bad))

    async def test_connect_faults(self):
        server = self.serve("--connect-reject", "1", "--connect-reject-status", "429")
        with self.assertRaises(websockets.InvalidStatusCode) as caught:
            await websockets.connect(server.endpoint)
        self.assertEqual(caught.exception.status_code, 429)
        server = self.serve("--connect-drop", "1")
        with self.assertRaises((OSError, websockets.InvalidMessage)):
            await websockets.connect(server.endpoint)
        server = self.serve("--connect-delay-ms", "200", "--ready-delay-ms", "200")
        begin = time.monotonic()
        await self.agent(server)
        self.assertGreaterEqual(time.monotonic() - begin, 0.4)

    async def test_ready_may_be_ignored_and_messages_may_fail(self):
        server = self.serve("--ready-ignore", "1")
        async with websockets.connect(server.endpoint) as socket:
            await socket.send('{"type":"ready"}')
            await socket.send("nonsense")  # answered, so the ready message was not
            self.assertIn("Internal server error", await socket.recv())
        server = self.serve("--lambda-error", "1")
        async with websockets.connect(server.endpoint) as socket:
            await socket.send('{"type":"ready"}')
            self.assertIn("Internal server error", await socket.recv())

    async def test_requests_and_answers_may_be_lost_or_refused(self):
        for option, forwarded in (("--req-drop", 0), ("--resp-drop", 1)):
            server = self.serve(option, "1", "--timeout-ms", "200", "--noticing", "instant")
            agent = await self.agent(server)
            status, _, _ = await self.get(server, "/" + agent.established["tunnel_id"])
            self.assertEqual((status, len(agent.requests)), (504, forwarded))
        server = self.serve("--http-reject", "1", "--http-reject-status", "429")
        status, _, body = await self.get(server, "/abcdefghijkl")
        self.assertEqual((status, body), (429, b'{"message":"Too Many Requests"}'))
        server = self.serve("--throttle", "--rate", "1", "--burst", "2")
        statuses = [(await self.get(server, "/abcdefghijkl"))[0] for _ in range(4)]
        self.assertEqual(statuses.count(429), 2)

    async def test_agents_are_disconnected(self):
        server = self.serve("--disconnect-after-reqs", "2", "--disconnect-code", "1001", "--noticing", "instant",
                            "--timeout-ms", "200")
        agent = await self.agent(server)
        base = "/" + agent.established["tunnel_id"]
        self.assertEqual((await self.get(server, base))[0], 201)
        await self.get(server, base)
        await agent.task
        self.assertEqual(agent.socket.close_code, 1001)
        server = self.serve("--disconnect-after-s", "1")
        agent = await self.agent(server)
        await agent.task
        self.assertEqual(agent.socket.close_code, 1006)

    async def test_a_caller_that_leaves_is_forgotten(self):
        server = self.serve("--noticing", "instant")
        agent = Agent(lambda request: None)
        await agent.start(server.endpoint)
        caller = socket.create_connection(("127.0.0.1", server.port))
        caller.sendall(f"GET /{agent.established['tunnel_id']} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await self.until(lambda: agent.requests)
        caller.close()
        # Served after the close was seen, as the loop takes events in order of arrival or later.
        await self.get(server, "/abcdefghijkl")
        await agent.stop()
        self.assertEqual(server.stop()["abandoned"], 1)

    async def until(self, condition):
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            await asyncio.sleep(0.005)


class HttpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("http")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def get(self, path, method="GET", body=None, **headers):
        return exchange(self.server.port, method, path, body, headers)

    def test_echo(self):
        status, headers, body = self.get("/echo?a=1&b=x%20y", "PUT", b"hello", X_Strange="Value")
        self.assertEqual((status, headers["content-type"]), (200, "application/json"))
        answer = json.loads(body)
        self.assertEqual((answer["method"], answer["path"], answer["query"], answer["body"]),
                         ("PUT", "/echo", {"a": "1", "b": "x y"}, "hello"))
        self.assertEqual(answer["headers"]["x_strange"], "Value")

    def test_status_bytes_redirect_cookies(self):
        self.assertEqual(self.get("/status/418")[0], 418)
        self.assertEqual(self.get("/status/204")[::2], (204, b""))
        self.assertEqual(self.get("/status/x")[0], 400)
        self.assertEqual(len(self.get("/bytes/100000")[2]), 100000)
        self.assertEqual(self.get("/redirect/2")[1]["location"], "/redirect/1")
        self.assertEqual(self.get("/redirect/1")[1]["location"], "/")
        self.assertEqual(self.get("/cookies/set?x=y&z=w")[1].get_all("set-cookie"), ["x=y; Path=/", "z=w; Path=/"])
        self.assertEqual(json.loads(self.get("/cookies", Cookie="a=b; c=d")[2]), {"a": "b", "c": "d"})
        self.assertEqual(self.get("/nowhere")[0], 404)
        status, headers, body = self.get("/bytes/1000", "HEAD")
        self.assertEqual((status, headers["content-length"], body), (200, "1000", b""))

    def test_connections_are_kept_and_pipelines_answered_in_order(self):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as s:
            s.sendall(b"GET /delay/50 HTTP/1.1\r\nHost: x\r\n\r\n"
                      b"POST /status/201 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                      b"GET /status/202 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            data = b""
            while chunk := s.recv(65536):
                data += chunk
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", data), [b"200", b"201", b"202"])

    def test_drop_closes_without_an_answer(self):
        with self.assertRaises(http.client.RemoteDisconnected):
            self.get("/drop")

    def test_bad_requests_are_refused(self):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as s:
            s.sendall(b"GET / HTTP/1.1\r\n\r\n")
            self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 400 "))


class WsTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.server = Server("ws", "--subprotocols", "alpha, beta")
        self.addCleanup(self.server.__exit__, None)
        self.url = self.server.endpoint

    async def test_echo_of_all_sizes(self):
        async with websockets.connect(self.url, max_size=None) as ws:
            for message in ("", "hi", b"\0\xff", "x" * 70000, b"y" * 3000000):
                await ws.send(message)
                self.assertEqual(await ws.recv(), message)
            await ws.send(["frag", "men", "ted"])
            self.assertEqual(await ws.recv(), "fragmented")
            await asyncio.wait_for(await ws.ping(), 20)
        self.assertEqual(ws.close_code, 1000)

    async def test_many_messages_keep_their_order(self):
        async with websockets.connect(self.url, max_size=None) as ws:
            async def send():
                for i in range(300):
                    await ws.send(str(i) * 2000)
            task = asyncio.create_task(send())
            for i in range(300):
                self.assertEqual(await ws.recv(), str(i) * 2000)
            await task

    async def test_subprotocols(self):
        async with websockets.connect(self.url, subprotocols=["x", "beta", "alpha"]) as ws:
            self.assertEqual(ws.subprotocol, "beta")
        async with websockets.connect(self.url, subprotocols=["x"]) as ws:
            self.assertIsNone(ws.subprotocol)
        async with websockets.connect(self.url + "/?protocol=x", subprotocols=["y", "x"]) as ws:
            self.assertEqual(ws.subprotocol, "x")

    async def test_closes_refusals_drops(self):
        for code in (1000, 1001, 1012, 4999):
            ws = await websockets.connect(f"{self.url}/close?code={code}&reason=bye")
            with self.assertRaises(websockets.ConnectionClosed):
                await ws.recv()
            self.assertEqual((ws.close_code, ws.close_reason), (code, "bye"))
        ws = await websockets.connect(self.url + "/drop?after=1")
        await ws.send("x")
        with self.assertRaises(websockets.ConnectionClosedError):
            while True:
                await ws.recv()
        self.assertEqual(ws.close_code, 1006)
        with self.assertRaises(websockets.InvalidStatusCode) as caught:
            await websockets.connect(self.url + "/reject?status=503")
        self.assertEqual(caught.exception.status_code, 503)
        with self.assertRaises((OSError, websockets.InvalidMessage)):
            await websockets.connect(self.url + "/drop")
        self.assertEqual((await asyncio.to_thread(exchange, self.server.port, "GET", "/"))[0], 426)

    async def test_greeting_repeat_and_bad_text(self):
        async with websockets.connect(self.url + "/?greeting=hello%20you&repeat=3&ping=true") as ws:
            self.assertEqual(await ws.recv(), "hello you")
            await ws.send("x")
            self.assertEqual([await ws.recv() for _ in range(3)], ["x"] * 3)
            await ws.write_frame(True, 1, b"\xff\xfe")
            with self.assertRaises(websockets.ConnectionClosed):
                await ws.recv()
        self.assertEqual(ws.close_code, 1007)


class TlsTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        cert, key = (os.path.join(folder.name, name) for name in ("cert.pem", "key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        self.options = ("--tls-cert", cert, "--tls-key", key)
        self.context = ssl.create_default_context(cafile=cert)

    def test_https(self):
        with Server("http", *self.options) as server:
            self.assertTrue(server.endpoint.startswith("https://"))
            connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=30, context=self.context)
            for path, size in (("/bytes/3000000", 3000000), ("/delay/10", 2)):
                connection.request("GET", path)
                self.assertEqual(len(connection.getresponse().read()), size)
            connection.close()

    async def test_wss(self):
        with Server("ws", *self.options) as server:
            self.assertTrue(server.endpoint.startswith("wss://"))
            async with websockets.connect(server.endpoint, ssl=self.context, max_size=None) as ws:
                for message in ("a", b"x" * 3000000):
                    await ws.send(message)
                    self.assertEqual(await ws.recv(), message)
            ws = await websockets.connect(server.endpoint + "/close?code=4001", ssl=self.context)
            with self.assertRaises(websockets.ConnectionClosed):
                await ws.recv()
            self.assertEqual(ws.close_code, 4001)


class CommandLineTest(unittest.TestCase):
    def fails(self, *words):
        done = subprocess.run([TTLOAD, "serve", *words], capture_output=True, text=True, timeout=20)
        self.assertEqual((done.returncode, done.stdout), (255, ""))
        self.assertEqual(done.stderr.count("\n"), 1)
        return done.stderr

    def test_mistakes_get_one_clear_line(self):
        self.assertIn("choose tunnel, http or ws", self.fails())
        self.assertIn("did you mean 'tunnel'?", self.fails("tunel"))
        self.assertIn("did you mean 'req_drop'?", self.fails("tunnel", "--req-dorp", "1"))
        self.assertIn("'2' is no number from 0 to 1", self.fails("tunnel", "--req-drop", "2"))
        self.assertIn("no whole number from 0 to 65535", self.fails("http", "--port", "70000"))
        self.assertIn("--port needs a value", self.fails("http", "--port"))
        self.assertIn("'x' is no option", self.fails("http", "x"))
        self.assertIn("none of polling, instant, event", self.fails("tunnel", "--noticing", "x"))

    def test_start_failures(self):
        for words in (("http", "--host", "nowhere"), ("http", "--tls-cert", "x"),
                      ("http", "--tls-cert", "/nowhere", "--tls-key", "/nowhere")):
            done = subprocess.run([TTLOAD, "serve", *words], capture_output=True, text=True, timeout=20)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1))
        with Server("http") as first:
            done = subprocess.run([TTLOAD, "serve", "http", "--port", str(first.port)], capture_output=True, text=True,
                                  timeout=20)
            self.assertIn("Address already in use", done.stderr)


if __name__ == "__main__":
    unittest.main()
