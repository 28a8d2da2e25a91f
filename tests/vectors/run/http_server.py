# SPDX-License-Identifier: MIT
"""The servers of http-behavior.json: HTTP/1.1 over asyncio's streams, written out byte by byte where a route must
misbehave. `routes` of the file says what each path answers."""
import asyncio
import base64
import gzip
import hashlib
import json
import re
import socket
import ssl
import struct
import threading
import urllib.parse
import zlib

from harness import filled

HEAD_MAX = 1 << 20


class Request:
    def __init__(self, method, target, headers, body, connection, nth):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.path, _, self.query = target.partition("?")
        self.connection, self.nth = connection, nth

    def values(self, name):
        """Every value of a query parameter."""
        pairs = [p.partition("=") for p in self.query.split("&") if p]
        return [urllib.parse.unquote_plus(v) for k, _, v in pairs if urllib.parse.unquote_plus(k) == name]

    def value(self, name, default=None):
        return (self.values(name) or [default])[0]

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def echo(self):
        joined = {}
        for name, value in self.headers:
            joined[name] = joined[name] + ", " + value if name in joined else value
        return {"method": self.method, "path": self.path, "query": self.query, "body": self.body.decode("latin-1"),
                "headers": joined, "connection": self.connection, "nth_on_connection": self.nth}


class Closed(Exception):
    pass


async def read_request(reader, begun, connection, nth):
    """begun: what has been read of it."""
    try:
        head = (begun + await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "surrogateescape")
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
        raise Closed from None
    first, *lines = head.split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = [(k, v.strip()) for k, _, v in (line.partition(":") for line in lines)]
    request = Request(method, target, headers, b"", connection, nth)
    if (request.header("Transfer-Encoding") or "").lower() == "chunked":
        while True:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            request.body += (await reader.readexactly(size + 2))[:-2]
            if not size:
                break
    elif request.header("Content-Length"):
        request.body = await reader.readexactly(int(request.header("Content-Length")))
    return request


def reset(writer):
    """RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


PHRASES = {200: "OK", 204: "No Content", 301: "Moved Permanently", 302: "Found", 304: "Not Modified", 401: "Unauthorized",
           404: "Not Found", 500: "Internal Server Error"}


def head(status, headers, proto="HTTP/1.1"):
    text = f"{proto} {status} {PHRASES.get(status, 'Status')}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers) + "\r\n"
    return text.encode("utf-8", "surrogateescape")


class Server:
    """The plain server and its TLS ones, on a thread of their own. parked and peak count parallel /park."""

    def __init__(self, tls):
        """tls: name -> ssl.SSLContext"""
        self.connections = self.parked = self.peak = 0
        self.hits = {}
        self.ports = {}
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(tls, ready), daemon=True)
        self.thread.start()
        ready.wait()

    def run(self, tls, ready):
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(lambda *_: None)  # a client that goes away is no news
        servers = []
        for name, context in [("base", None), *tls.items()]:
            server = self.loop.run_until_complete(
                asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context, limit=HEAD_MAX))
            self.ports[name] = server.sockets[0].getsockname()[1]
            servers.append(server)
        ready.set()
        self.loop.run_forever()
        for server in servers:
            server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def forget(self):
        """Connections count from 1 again."""
        self.connections = 0

    async def serve(self, reader, writer):
        connection = nth = 0
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            begun = await reader.read(1)
            if begun == b"\x16":  # a plain server that is greeted in TLS answers in HTTP, as Go's does
                await send_error(writer)
                return
            while begun or nth:
                request = await read_request(reader, begun, connection, nth + 1)
                begun = b""
                if not connection:
                    self.connections += 1
                    connection = request.connection = self.connections
                nth += 1
                self.hits[request.path] = self.hits.get(request.path, 0) + 1
                if not await self.answer(request, writer) or (request.header("Connection") or "").lower() == "close":
                    break
        except (Closed, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def answer(self, r, writer):
        """False: the connection is over."""
        for pattern, route in ROUTES:
            m = re.fullmatch(pattern, r.path)
            if m:
                return await route(self, r, writer, *m.groups())
        return await send(r, writer, 404, "nope")


async def send_error(writer):
    writer.write(head(400, [("Connection", "close")]) + b"400 Bad Request")
    await writer.drain()


async def send(r, writer, status=200, body="", headers=(), length=True):
    data = body if isinstance(body, bytes) else body.encode()
    bodyless = status in (204, 304) or status < 200
    extra = [("Content-Length", len(data))] if length and not bodyless else []
    writer.write(head(status, [*headers, *extra]) + (b"" if r.method == "HEAD" or bodyless else data))
    await writer.drain()
    return True


# --- routes

def plain(status, body, *headers):
    async def route(_, r, writer):
        return await send(r, writer, status, body, headers)
    return route


async def status(_, r, writer, n):
    return await send(r, writer, int(n), f"s{n}")


async def redirect(_, r, writer, n):
    return await send(r, writer, 302, "", [("Location", "/get" if int(n) <= 1 else f"/redirect/{int(n) - 1}")])


async def redir(_, r, writer):
    to = r.value("to")
    headers = ([("Location", to)] if to is not None else []) + [("Set-Cookie", c) for c in r.values("c")]
    return await send(r, writer, int(r.value("code", "302")), "moved", headers)


async def echo(_, r, writer, *_rest):
    return await send(r, writer, 200, json.dumps(r.echo()), [("Content-Type", "application/json")])


async def delay(_, r, writer, ms):
    await asyncio.sleep(int(ms) / 1000)
    return await send(r, writer, 200, "late")


async def slow_body(_, r, writer, ms):
    writer.write(head(200, [("Content-Length", 4)]) + b"ab")
    await writer.drain()
    await asyncio.sleep(int(ms) / 1000)
    writer.write(b"cd")
    await writer.drain()
    return True


async def set_cookie(_, r, writer):
    return await send(r, writer, int(r.value("code", "200")), "set", [("Set-Cookie", c) for c in r.values("c")])


async def some_headers(_, r, writer):
    pairs = [h.partition(":") for h in r.values("h")]
    return await send(r, writer, 200, "hdr", [(k, v) for k, _, v in pairs])


async def broken(_, r, writer, encoding):
    return await send(r, writer, 200, "not compressed at all", [("Content-Encoding", encoding)])


async def some_bytes(_, r, writer, n):
    return await send(r, writer, 200, bytes(i % 256 for i in range(int(n))))


async def eof(_, _r, _writer):
    return False


async def reset_at_once(_, _r, writer):
    reset(writer)
    return False


async def garbage(_, _r, writer):
    writer.write(b"nonsense\r\n\r\n")
    await writer.drain()
    return False


async def truncated(_, _r, writer):
    writer.write(head(200, [("Content-Length", 55)]) + b"short")
    await writer.drain()
    return False


async def truncated_reset(_, _r, writer):
    writer.write(head(200, [("Content-Length", 55)]) + b"short")
    await writer.drain()
    await asyncio.sleep(0.05)
    reset(writer)
    return False


async def no_length(_, r, writer):
    await send(r, writer, 200, "until close", [("Connection", "close")], length=False)
    return False


async def chunked(_, r, writer):
    writer.write(head(200, [("Transfer-Encoding", "chunked")]))
    if r.method != "HEAD":
        writer.write(b"6\r\nhello \r\n")
        await writer.drain()
        writer.write(b"5\r\nworld\r\n0\r\n\r\n")
    await writer.drain()
    return True


async def close_after(_, r, writer):
    await send(r, writer, 200, "bye", [("Connection", "close")])
    return False


async def http10(_, _r, writer):
    writer.write(head(200, [("Content-Length", 2)], "HTTP/1.0") + b"ok")
    await writer.drain()
    return False


async def switch(_, _r, writer):
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    await writer.drain()
    return False


async def early_hints(_, r, writer):
    writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
    return await send(r, writer, 200, "ok")


async def basic(_, r, writer, user, password):
    want = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password)}"
    kind, _, text = (r.header("Authorization") or "").partition(" ")
    try:
        given = base64.b64decode(text).decode() if kind == "Basic" else None
    except ValueError:
        given = None
    if given == want:
        return await send(r, writer, 200, "in")
    return await send(r, writer, 401, "no", [("WWW-Authenticate", 'Basic realm="x"')])


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


async def digest(_, r, writer, user, password):
    user, password = urllib.parse.unquote(user), urllib.parse.unquote(password)
    kind, _, text = (r.header("Authorization") or "").partition(" ")
    f = {k: v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|[^,\s]+)', text)} if kind == "Digest" else {}
    ha1, ha2 = md5(f"{user}:x:{password}"), md5(f"{r.method}:{f.get('uri')}")
    want = md5(":".join([ha1, "abc123", f.get("nc", ""), f.get("cnonce", ""), "auth", ha2]))
    if f.get("username") == user and f.get("opaque") == "zz" and f.get("response") == want:
        return await send(r, writer, 200, "in")
    challenge = 'Digest realm="x", nonce="abc123", qop="auth", opaque="zz", algorithm=MD5'
    return await send(r, writer, 401, "no", [("WWW-Authenticate", challenge)])


async def park(server, r, writer, ms):
    server.parked += 1
    server.peak = max(server.peak, server.parked)
    await asyncio.sleep(int(ms) / 1000)
    server.parked -= 1
    return await send(r, writer, 200, "p")


async def peak(server, r, writer):
    n, server.peak = server.peak, 0
    return await send(r, writer, 200, str(n))


def encoded(name, body):
    return plain(200, body, ("Content-Encoding", name))


ROUTES = [
    (r"/status/(\d+)", status),
    (r"/get", plain(200, "got")),
    (r"/redirect/(\d+)", redirect),
    (r"/redir", redir),
    (r"/loop", plain(302, "", ("Location", "/loop"))),
    (r"/echo(/.*)?", echo),
    (r"/delay/(\d+)", delay),
    (r"/slowbody/(\d+)", slow_body),
    (r"/set-cookie", set_cookie),
    (r"/headers", some_headers),
    (r"/gzip", encoded("gzip", gzip.compress(b"hello gzip"))),
    (r"/deflate", encoded("deflate", zlib.compress(b"hello deflate"))),
    (r"/gzip-deflate", encoded("gzip, deflate", zlib.compress(gzip.compress(b"hello both")))),
    (r"/custom-enc", encoded("custom", "plain")),
    (r"/broken/(.*)", broken),
    (r"/gzip-204", plain(204, "", ("Content-Encoding", "gzip"))),
    (r"/bytes/(\d+)", some_bytes),
    (r"/utf8", plain(200, "h\u00e9llo \u20ac")),
    (r"/eof", eof),
    (r"/reset", reset_at_once),
    (r"/garbage", garbage),
    (r"/truncated", truncated),
    (r"/truncated-reset", truncated_reset),
    (r"/no-length", no_length),
    (r"/chunked", chunked),
    (r"/close-after", close_after),
    (r"/http10", http10),
    (r"/switch", switch),
    (r"/continue103", early_hints),
    (r"/basic/([^/]*)/([^/]*)", basic),
    (r"/digest/([^/]*)/([^/]*)", digest),
    (r"/park/(\d+)", park),
    (r"/peak", peak),
]


# --- all of them

def context(cert, key, most=None, client_ca=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(cert, key)
    c.set_alpn_protocols(["http/1.1"])
    if most:
        c.maximum_version = most
    if client_ca:
        c.verify_mode = ssl.CERT_REQUIRED
        c.load_verify_locations(client_ca)
    return c


class TlsRelay:
    """A TLS server that passes on to the plain one, with a thread per connection: asyncio closes without the alert when a
    handshake fails."""

    def __init__(self, tls_context, target):
        self.context, self.target = tls_context, target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        try:
            tls = self.context.wrap_socket(conn, server_side=True, do_handshake_on_connect=False)
            tls.do_handshake()
        except (ssl.SSLError, OSError):
            drain(tls)
            return
        with tls, socket.create_connection(("127.0.0.1", self.target)) as onward:
            threading.Thread(target=copy, args=(onward, tls), daemon=True).start()
            copy(tls, onward)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def drain(sock):
    """Closed once the peer has: what was sent last (the alert) gets there."""
    raw = socket.socket(fileno=sock.detach())
    with raw:
        raw.settimeout(5)
        try:
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(4096):
                pass
        except OSError:
            pass


class Servers:
    """Everything that `servers` names. places: placeholder -> text."""

    def __init__(self, authority):
        own = authority.sign("server", "IP:127.0.0.1,DNS:localhost")
        v12 = ssl.TLSVersion.TLSv1_2
        self.server = Server({
            "tls": context(*own),
            "self": context(*authority.self_signed("IP:127.0.0.1,DNS:localhost")),
            "badhost": context(*authority.sign("badhost", "DNS:other.example")),
            "expired": context(*authority.sign("expired", "IP:127.0.0.1", "20200101000000Z", "20200102000000Z")),
            "tls12": context(*own, v12),
        })
        self.mtls12 = TlsRelay(context(*own, v12, authority.ca), self.server.ports["base"])
        self.server.ports["mtls12"] = self.mtls12.port
        self.refused = socket.socket()  # bound, not listening: nobody else gets the port
        self.refused.bind(("127.0.0.1", 0))
        port = self.server.ports["base"]
        self.places = {
            "{base}": f"http://127.0.0.1:{port}", "{alt}": f"http://localhost:{port}",
            "{hostport}": f"127.0.0.1:{port}", "{althostport}": f"localhost:{port}",
            "{refused}": f"http://127.0.0.1:{self.refused.getsockname()[1]}",
            "{plain_as_tls}": f"https://127.0.0.1:{port}",
            "{auth_base}": f"http://bob:pass@127.0.0.1:{port}", "{enc_auth_base}": f"http://bob:pa%20ss@127.0.0.1:{port}",
            "{user_base}": f"http://bob@127.0.0.1:{port}", "{masked_auth_base}": f"http://****:****@127.0.0.1:{port}",
            "{masked_user_base}": f"http://****@127.0.0.1:{port}",
            **{"{" + name + "}": f"https://127.0.0.1:{p}" for name, p in self.server.ports.items() if name != "base"},
        }

    def fill(self, v):
        """The same value with every placeholder replaced."""
        return filled(v, self.places)

    def stop(self):
        self.mtls12.stop()
        self.server.stop()
        self.refused.close()
