# SPDX-License-Identifier: MIT
"""HTTP/2 that goes wrong: a server that speaks just enough of it to refuse, reset and go away. What goes well is tested
against nginx (test_http_servers)."""
import ssl
import struct
import unittest

from ttload_case import Case, RawServer, certificate

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
REFUSED_STREAM = 7
END_STREAM, END_HEADERS = 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STATUS_200 = b"\x88"  # of HPACK's static table


def frame(kind, payload=b"", flags=0, stream=0):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def ok(stream):
    return frame(HEADERS, STATUS_200, END_HEADERS, stream) + frame(DATA, b"ok", END_STREAM, stream)


def reset(number):
    return lambda stream: frame(RST_STREAM, struct.pack(">I", number), 0, stream)


def go_away(last, number):
    return lambda stream: frame(GOAWAY, struct.pack(">II", last, number))


def requests_of(connection, seen):
    """The streams of the connection's requests, as they come."""
    data = seen[len(PREFACE):]
    while True:
        while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
            length, kind, stream = int.from_bytes(data[:3], "big"), data[3], int.from_bytes(data[5:9], "big")
            data = data[9 + length:]
            if kind == HEADERS:
                yield stream
        piece = connection.recv(65536)
        if not piece:
            return
        data += piece


class TlsServer(RawServer):
    """A RawServer over TLS that offers HTTP/2."""

    def __init__(self, do, cert, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.context.set_alpn_protocols(["h2"])
        super().__init__(do)
        self.url = f"https://127.0.0.1:{self.port}"

    def serve(self, connection):
        try:
            secure = self.context.wrap_socket(connection, server_side=True)
        except OSError:
            return
        super().serve(secure)


class Http2(Case):
    def serve(self, *replies):
        """Answers a connection's requests with the frames that its reply makes of the stream; the last reply is for all
        further connections."""
        left = list(replies)

        def do(connection, request):
            connection.sendall(frame(SETTINGS))
            reply = left.pop(0) if len(left) > 1 else left[0]
            for stream in requests_of(connection, request):
                connection.sendall(reply(stream))
        self.cert, key = certificate(self.folder)
        self.server = server = TlsServer(do, self.cert, key)
        self.addCleanup(server.stop)
        return f"{server.url}/"

    def asks(self, body, *replies):
        url = self.serve(*replies)
        self.passes(f"""
          local url = "{url}"
          {body}""", "--ca-file", self.cert)
        return len(self.server.requests)

    def test_a_reset_stream_has_its_number(self):
        for number, code in ((1, 1632), (2, 1633), (8, 1639), (11, 1642), (99, 1630)):
            self.asks(f"""
              local r = http.get(url)
              expect(r.status, 0) expect(r.error_code, {code}) expect(r.error:match("%(err {number}%)"), "(err {number})")
              """, reset(number))

    def test_a_refused_stream_is_asked_for_again(self):
        self.assertEqual(self.asks("expect(http.get(url).body, 'ok')", reset(REFUSED_STREAM), ok), 2)

    def test_a_stream_that_is_always_refused_fails(self):
        self.asks("expect(http.get(url).error_code, 1638)", reset(REFUSED_STREAM))

    def test_a_server_that_goes_away_first_has_the_number_of_no_code(self):
        for number in 0, 2:
            self.asks("expect(http.get(url).error_code, 1600)", go_away(0, number))

    def test_a_server_that_goes_away_afterwards_is_connected_anew(self):
        n = self.asks("expect(http.get(url).body, 'ok') expect(http.get(url).body, 'ok')",
                      lambda stream: ok(stream) + go_away(stream, 0)(stream), ok)
        self.assertEqual(n, 2)

    def test_what_is_no_http2_fails(self):
        for reply in (lambda stream: frame(DATA, b"x", 0, 0), lambda stream: b"garbage" * 10):
            self.asks('local r = http.get(url) expect(r.status, 0) expect(r.error_code, 1000)', reply)

    def test_a_failure_is_of_its_stream_only(self):
        def one_of_two(stream):
            return reset(8)(stream) if stream == 3 else ok(stream)
        self.asks("""
          local r = http.batch { url, url, url }
          expect(r[1].status, 200) expect(r[2].error_code, 1639) expect(r[3].status, 200)""", one_of_two)


if __name__ == "__main__":
    unittest.main()
