# SPDX-License-Identifier: MIT
"""What the integration tests share: running ttload on a script, and the servers they need."""
import asyncio
import http.server
import json
import os
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TTLOAD = os.environ.get("TTLOAD", os.path.join(ROOT, "build", "ttload"))


class Result:
    def __init__(self, code, out, err, folder):
        self.code, self.out, self.err, self.folder = code, out, err, folder

    def json(self, name="summary.json"):
        with open(os.path.join(self.folder, name), encoding="utf-8") as f:
            return json.load(f)

    def values(self, metric):
        return self.json()["metrics"][metric]["values"]


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        keep = tempfile.TemporaryDirectory()
        self.addCleanup(keep.cleanup)
        self.folder = keep.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def ttload(self, *arguments, env=None, timeout=120, wrap=()):
        full = {k: v for k, v in os.environ.items() if k not in ("WS_ENDPOINT", "TTF_ENDPOINT", "TOKEN", "TTF_TOKEN")}
        full.update(env or {})
        p = subprocess.run([*wrap, TTLOAD, *arguments], cwd=self.folder, env=full, timeout=timeout, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return Result(p.returncode, p.stdout.decode(), p.stderr.decode(), self.folder)

    def script(self, body, *arguments, head="", timeout=120, **keywords):
        """Runs a script whose default function has this body, once unless arguments say otherwise. What it gives to
        expect() must hold; its summary is written to summary.json."""
        text = f"""
local tt, http, ws, json = require "ttload", require "ttload.http", require "ttload.ws", require "ttload.json"
local metrics = require "ttload.metrics"
local M = {{ options = {{ iterations = 1, vus = 1 }} }}
local function expect(got, want)
  if got ~= want then error(("%s is expected, got %s"):format(want, got), 2) end
end
{head}
function M.default(data)
{body}
end
function M.handle_summary(data) return {{ ["summary.json"] = json.encode(data), stdout = tt.summary_text(data) }} end
return M
"""
        result = self.ttload("run", "--quiet", *arguments, self.write("test.lua", text), timeout=timeout, **keywords)
        if "Sanitizer" in result.err or "Assertion" in result.err:
            self.fail(result.err)
        return result

    def passes(self, body, *arguments, **keywords):
        result = self.script(body, *arguments, **keywords)
        self.assertEqual(result.code, 0, result.err)
        if "script_errors" in result.json()["metrics"]:
            self.fail(result.err)
        return result


class HttpServer:
    """A real HTTP/1.1 server on a free port; do(handler) answers each request. requests has what came."""

    def __init__(self, do):
        outer = self
        self.requests, self.connections = [], 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one segment per answer
            disable_nagle_algorithm = True

            def setup(self):
                outer.connections += 1
                super().setup()

            def answer(self):
                body = self.read_body()
                outer.requests.append((self.command, self.path, dict(self.headers.items()), body))
                do(self, body)

            def read_body(self):
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline() or b"0", 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def send(self, status, body=b"", *headers):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)
                self.wfile.flush()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_PURGE = answer

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def use_tls(self, cert, key):
        import ssl
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.port}"

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class RawServer:
    """A TCP server on a free port that says whatever do(connection, request) says: request is all up to the end of the
    headers. Each connection has a thread; what do() raises because the client has gone is no failure."""

    def __init__(self, do):
        self.do, self.requests, self.threads, self.stopping = do, [], [], threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def accept(self):
        while not self.stopping.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            t = threading.Thread(target=self.serve, args=(connection,))
            self.threads.append(t)
            t.start()

    def serve(self, connection):
        with connection:
            connection.settimeout(30)
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    request += piece
                self.requests.append(request)
                self.do(connection, request)
            except OSError:
                pass

    def until_gone(self, connection):
        """Waits until the client closes the connection or the server stops."""
        connection.settimeout(0.1)
        while not self.stopping.is_set():
            try:
                if not connection.recv(65536):
                    return
            except socket.timeout:
                pass

    @staticmethod
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def stop(self):
        if self.stopping.is_set():
            return
        self.stopping.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()
        for t in self.threads:
            t.join()


class WsServer:
    """A WebSocket server of an independent library on a free port; handler(ws, path) is a coroutine function."""

    def __init__(self, handler, **options):
        self.loop, self.server = asyncio.new_event_loop(), None
        ready = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(handler, options, ready))
        self.thread.start()
        ready.wait()
        if not self.server:
            self.thread.join()
            raise RuntimeError("the WebSocket server does not start: its thread says why")

    def run(self, handler, options, ready):
        try:
            self.serve(handler, options)
        finally:
            ready.set()
        self.loop.run_forever()
        self.server.close()
        self.loop.run_until_complete(self.server.wait_closed())
        self.loop.close()

    def serve(self, handler, options):
        import websockets
        asyncio.set_event_loop(self.loop)
        options.setdefault("compression", None)
        options.setdefault("ping_interval", None)
        scheme = "wss" if options.get("ssl") else "ws"
        server = self.loop.run_until_complete(websockets.serve(handler, "127.0.0.1", 0, **options))
        self.port = server.sockets[0].getsockname()[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.server = server

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


def max_megabytes(n):
    """What a process may use: sanitizers keep what is freed, so their lanes say nothing about it."""
    return n if os.environ.get("LANE", "plain") == "plain" else 1 << 20


def certificate(folder, name="localhost"):
    """A self-signed certificate for a name and 127.0.0.1: (cert, key) paths."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1", "-keyout", key,
                    "-out", cert], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return cert, key
