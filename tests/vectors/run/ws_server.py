# SPDX-License-Identifier: MIT
"""The server of ws-behavior.json: `routes` of the file says what each path answers. What a client sent is kept under the
case that its header X-Vector-Case names."""
import os
import re
import sys
import time
import urllib.parse
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "integration"))
from harness import filled
from ws_cases import frame
from ws_raw import RawServer

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
OWN_HEADERS = ("host", "sec-websocket-key", "x-vector-case")
DEFLATE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


class Record:
    """A handshake and the frames after it."""

    def __init__(self, headers):
        self.handshake = {k: v for k, v in headers.items() if k not in OWN_HEADERS}
        self.frames = []


class Peer:
    """A connection whose handshake was accepted."""

    def __init__(self, c, record, path):
        self.c, self.record, self.path = c, record, path
        self.parts = b""
        self.op = self.packed = 0
        self.closed = False

    def send(self, op, payload=b"", **unusual):
        self.c.send(frame(op, payload, **unusual))

    def close(self, payload=b""):
        self.send(CLOSE, payload)
        self.closed = True

    def message(self):
        """(op, payload) of the next message; None when the client has closed. Pings are answered."""
        while f := self.c.frame():
            fin, rsv, op, payload = f
            self.record.frames.append(f)
            if op == CLOSE:
                if not self.closed and self.path != "/noreply":
                    self.close(payload)
                return None
            if op == PING and self.path != "/nopong":
                self.send(PONG, payload)
            if op in (TEXT, BINARY):
                self.parts, self.op, self.packed = b"", op, rsv & 4
            if op <= BINARY:
                self.parts += payload
                if fin:
                    return self.op, self.unpacked()
        return None

    def unpacked(self):
        if not self.packed:
            return self.parts
        return zlib.decompressobj(-15).decompress(self.parts + b"\x00\x00\xff\xff")

    def echo(self):
        while m := self.message():
            self.send(*m)


def code_payload(text):
    code, _, reason = text.partition("/")
    return b"" if code == "none" else int(code).to_bytes(2, "big") + urllib.parse.unquote(reason).encode()


def close_at_once(p, text):
    p.close(code_payload(text))


def close_on_message(p, text):
    if p.message():
        p.close(code_payload(text))


def eof(p):
    time.sleep(0.05)  # the route's word
    p.closed = True


def reset(p):
    time.sleep(0.05)
    p.c.reset()


def eof_on_message(p):
    p.message()
    p.closed = True


def twice(p):
    while m := p.message():
        p.send(TEXT, b"1-" + m[1])
        p.send(TEXT, b"2-" + m[1])


def fragments(p):
    p.c.send(frame(TEXT, b"he", fin=0) + frame(PING, b"mid") + frame(0, b"ll", fin=0) + frame(0, b"o"))


def burst(p, n):
    p.c.send(b"".join(frame(TEXT, str(i).encode()) for i in range(int(n))))


def sends(*arguments, **unusual):
    return lambda p: p.send(*arguments, **unusual)


ROUTES = [
    (r"/ping", sends(PING, b"data")),
    (r"/pongunsolicited", sends(PONG, b"data")),
    (r"/close/(.+)", close_at_once),
    (r"/onmsg-close/(.+)", close_on_message),
    (r"/eof", eof),
    (r"/reset", reset),
    (r"/onmsg-eof", eof_on_message),
    (r"/onmsg-twice", twice),
    (r"/frag", fragments),
    (r"/badutf8", sends(TEXT, b"\xff\xfe")),
    (r"/masked", sends(TEXT, b"masked", mask=b"abcd")),
    (r"/badop", sends(3, b"")),
    (r"/rsv", sends(TEXT, b"rsv", rsv=4)),
    (r"/bigctl", sends(PING, b"p" * 126)),
    (r"/big/(\d+)", lambda p, n: p.send(TEXT, b"y" * int(n))),
    (r"/burst/(\d+)", burst),
    (r"/echo|/subproto|/deflate|/nopong|/noreply", lambda p: None),
]


class Server:
    def __init__(self):
        self.records = {}  # case -> its handshakes
        self.raw = RawServer(self.serve)
        port = self.raw.address[1]
        self.places = {"{ws}": f"ws://127.0.0.1:{port}", "{http}": f"http://127.0.0.1:{port}"}

    def stop(self):
        self.raw.stop()

    def settle(self):
        """Every connection has ended: what its client sent is known."""
        for t in self.raw.threads:
            t.join()

    def fill(self, v):
        """The same value with every placeholder replaced."""
        return filled(v, self.places)

    def serve(self, c):
        c.request()
        record = Record(c.headers)
        self.records.setdefault(c.headers.get("x-vector-case"), []).append(record)
        path, _, query = c.path.partition("?")
        if not self.refused(c, path):
            self.talk(c, record, path, urllib.parse.parse_qs(query, keep_blank_values=True))

    @staticmethod
    def refused(c, path):
        if m := re.fullmatch(r"/status/(\d+)", path):
            c.send(f"HTTP/1.1 {m.group(1)} Status\r\nX-A: b\r\nContent-Length: 4\r\n\r\nnope".encode())
        elif path == "/redirect":
            c.send(b"HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n")
        elif path == "/badaccept":
            c.key += "x"
            c.accept()
        else:
            return False
        c.finish()
        return True

    @staticmethod
    def talk(c, record, path, query):
        lines = list(query.get("h", []))
        if path == "/subproto" and "sec-websocket-protocol" in c.headers:
            lines.append("Sec-WebSocket-Protocol: " + c.headers["sec-websocket-protocol"].split(",")[0].strip())
        if path == "/deflate" and "permessage-deflate" in c.headers.get("sec-websocket-extensions", ""):
            lines.append("Sec-WebSocket-Extensions: " + DEFLATE)
        c.accept(*lines)
        peer = Peer(c, record, path)
        for text in query.get("send", []):
            peer.send(TEXT, text.encode())
        for pattern, route in ROUTES:
            if m := re.fullmatch(pattern, path):
                route(peer, *m.groups())
                break
        if c.sock.fileno() < 0:  # reset
            return
        if not peer.closed:
            peer.echo()
        if path != "/noreply":
            c.finish_writing()
        while peer.message():
            pass
