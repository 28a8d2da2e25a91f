# SPDX-License-Identifier: MIT
"""How HTTP/2 requests fail: a server that answers each with frames of our choice."""
import socket
import struct
import threading
import unittest

from ttload_case import Case

HEADERS, RST_STREAM, SETTINGS, GOAWAY = 1, 3, 4, 7
ACKNOWLEDGES, END_HEADERS = 1, 4
STATUS_200 = b"\x88"  # of HPACK's static table


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def reset(code):
    return lambda stream: frame(RST_STREAM, 0, stream, struct.pack(">I", code))


class Server:
    """Speaks HTTP/2 without TLS; answer(stream) gives the bytes for a request, after which the connection stays."""

    def __init__(self, answer):
        self.answer, self.listener = answer, socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(conn)
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with conn, conn.makefile("rb") as f:
            f.read(24)  # the preface
            conn.sendall(frame(SETTINGS, 0, 0))
            while len(head := f.read(9)) == 9:
                f.read(int.from_bytes(head[:3], "big"))
                if head[3] == SETTINGS and not head[4] & ACKNOWLEDGES:
                    conn.sendall(frame(SETTINGS, ACKNOWLEDGES, 0))
                elif head[3] == HEADERS:
                    conn.sendall(self.answer(int.from_bytes(head[5:], "big")))

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Http2Errors(Case):
    def fails(self, answer, code, text):
        server = Server(answer)
        self.addCleanup(server.stop)
        result = self.passes(f"""
          local r = http.get("{server.url}", {{ http_version = "2-prior-knowledge" }})
          expect(r.status, 0) expect(r.error_code, {code})
          if not r.error:find("{text}", 1, true) then error(r.error) end""")
        self.assertEqual(result.values("http_req_failed")["passes"], 1)

    def test_a_stream_that_is_reset_has_the_code_of_the_reset(self):
        for h2, code, text in ((1, 1632, "PROTOCOL_ERROR"), (7, 1638, "REFUSED_STREAM"), (8, 1639, "CANCEL"),
                               (11, 1642, "ENHANCE_YOUR_CALM"), (14, 1630, "err 14")):
            with self.subTest(text):
                self.fails(reset(h2), code, text)

    def test_so_has_one_that_is_reset_within_its_body(self):
        self.fails(lambda s: frame(HEADERS, END_HEADERS, s, STATUS_200) + frame(0, 0, s, b"abc") + reset(2)(s), 1633,
                   "INTERNAL_ERROR")

    def test_the_reason_of_a_goaway_is_not_known(self):
        self.fails(lambda s: frame(GOAWAY, 0, 0, struct.pack(">II", 0, 1)), 1600, "HTTP2 framing layer")


if __name__ == "__main__":
    unittest.main()
