# SPDX-License-Identifier: MIT
"""ttload.ws against servers that are wrong, slow or dead: each has a defined result and costs bounded memory."""
import struct
import threading

from ttload_case import Case
from ws_cases import BINARY, CONT, PING, TEXT, close, frame
from ws_raw import RawServer

MIB = 1 << 20


class WsFaulty(Case):
    def server(self, handler):
        server = RawServer(handler)
        self.addCleanup(server.stop)
        return server

    def upgraded(self, *data, then=None):
        """A server that upgrades, sends this and does `then`."""
        def serve(c):
            c.request()
            c.accept()
            for d in data:
                c.send(d)
            if then:
                then(c)
            else:
                while c.frame():
                    pass
        return self.server(serve)

    def opening(self, handler, expectations, timeout="20s"):
        server = self.server(handler)
        return self.passes(f'local s, e = ws.open("{server.url}/", {{ timeout = "{timeout}" }})\n expect(s, nil)\n' + expectations)

    def closes(self, server, code, reason=None):
        check = f' expect(s.close_reason, "{reason}")' if reason is not None else ""
        self.passes(f"""
          local s = ws.open("{server.url}/") local _, why = s:receive("20s")
          expect(why, "closed") expect(s.close_code, {code}){check}""")

    # the handshake

    def test_a_server_that_never_answers_is_a_timeout(self):
        self.opening(lambda c: (c.request(), c.more()),
                     'expect(e.kind, "timeout") expect(e.error_code, 1050) expect(e.phase, "answer")', "100ms")

    def test_half_a_handshake_is_a_timeout(self):
        self.opening(lambda c: (c.request(), c.send(b"HTTP/1.1 101 Swi"), c.more()),
                     'expect(e.kind, "timeout") expect(e.phase, "answer")', "100ms")

    def test_half_a_tls_handshake_is_a_timeout(self):
        server = self.server(lambda c: (c.more(), c.more()))
        self.passes(f"""
          local s, e = ws.open("{server.url.replace('ws:', 'wss:')}/", {{ timeout = "100ms" }})
          expect(e.kind, "timeout") expect(e.phase, "tls")""")

    def test_an_end_inside_the_handshake_says_so(self):
        self.opening(lambda c: (c.request(), c.send(b"HTTP/1.1 101 Swi")),
                     'expect(e.kind, "connect") expect(e.message:match("closed the connection"), "closed the connection")')

    def test_what_is_no_websocket_answer_is_refused(self):
        for answer in (b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
                       b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
                       b"HTTP/1.1 101 X\r\nA: " + b"x" * 70000):
            self.opening(lambda c, answer=answer: (c.request(), c.send(answer), c.more()), 'expect(e.kind, "protocol")')

    def test_an_extension_or_subprotocol_that_was_not_offered_is_refused(self):
        for line in ("Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: chat"):
            self.opening(lambda c, line=line: (c.request(), c.accept(line), c.more()), 'expect(e.kind, "protocol")')

    def test_a_refusal_without_end_is_cut(self):
        def serve(c):
            c.request()
            c.send(b"HTTP/1.1 503 No\r\n\r\n")
            try:
                while True:
                    c.send(b"x" * 65536)
            except OSError:
                pass
        self.opening(serve, 'expect(e.kind, "status") expect(e.status, 503) expect(#e.body, 65536)')

    def test_a_refusal_whose_body_stops_keeps_its_status(self):
        self.opening(lambda c: (c.request(), c.send(b"HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nabc"), c.more()),
                     'expect(e.kind, "status") expect(e.status, 503) expect(e.body, "abc")', "100ms")

    # frames

    def test_a_masked_frame_is_1002(self):
        self.closes(self.upgraded(b"\x81\x82abcdxy"), 1002, "the server masked a frame")

    def test_text_that_is_not_utf8_is_1007(self):
        self.closes(self.upgraded(frame(TEXT, b"\xff")), 1007)

    def test_a_huge_frame_is_1009_before_it_comes(self):
        self.closes(self.upgraded(b"\x82\x7f" + struct.pack(">Q", 1 << 62)), 1009)

    def test_a_message_of_too_many_fragments_is_1009(self):
        self.closes(self.upgraded(frame(BINARY, b"x" * MIB, False), *[frame(CONT, b"x" * MIB, False)] * 16), 1009)

    def test_a_close_without_code_is_1005(self):
        self.closes(self.upgraded(b"\x88\x00"), 1005, "")

    def test_a_reset_inside_a_frame_is_1006(self):
        self.closes(self.upgraded(b"\x81\x05he", then=lambda c: c.reset()), 1006)

    def test_an_end_inside_a_frame_is_1006(self):
        self.closes(self.upgraded(b"\x81\x05he", then=lambda c: None), 1006)

    def test_messages_before_a_close_are_still_read(self):
        server = self.upgraded(frame(TEXT, b"a"), frame(TEXT, b"b"), close(4000, b"bye"))
        self.passes(f"""
          local s = ws.open("{server.url}/") tt.sleep("50ms")
          expect(s:receive(), "a") expect(s:receive(), "b") expect(s:receive(), nil) expect(s.close_code, 4000)""")

    def test_a_close_that_is_not_answered_ends_at_last(self):
        server = self.upgraded(then=lambda c: (c.frame(), c.more()))
        self.passes(f"""
          local s = ws.open("{server.url}/") s:close() s:receive()
          expect(s.close_code, 1006) expect(s.close_reason, "the peer did not answer our Close")""")

    # too much, too fast

    def flood(self, data, limit=64 * MIB):
        """(server, sent): sends data again and again until the script closes; sent[0] counts."""
        sent = [0]

        def then(c):
            try:
                while sent[0] < limit and c.quiet():
                    c.send(data)
                    sent[0] += len(data)
                while c.more():
                    c.buffer = b""
            except OSError:
                pass
        return self.upgraded(then=then), sent

    def test_a_flood_waits_for_a_script_that_does_not_read(self):
        server, sent = self.flood(frame(TEXT, b"x" * 1000) * 50)
        self.passes(f'local s = ws.open("{server.url}/") tt.sleep("500ms")')
        self.assertLess(sent[0], 32 * MIB)  # 4 MiB of ours and what the kernel holds

    def test_a_flood_waits_for_handlers_that_wait(self):
        server, _ = self.flood(frame(TEXT, b"x" * 1000) * 50)
        result = self.script(f"""
          local running, most = 0, 0
          ws.connect("{server.url}/", nil, function(s)
            s:on("message", function() running = running + 1 most = math.max(most, running) tt.sleep("300ms") running = running - 1 end)
            s:set_timeout(function() error("most " .. most) end, "400ms")
          end)""")
        self.assertIn("most 1000", result.err)
        # Not what was sent: the connection lingers after the close, and drops what comes.
        self.assertLess(result.values("ws_bytes_received")["count"], 16 * MIB)

    def test_nothing_of_a_flood_is_lost(self):
        data = [frame(TEXT, b"%d" % i + b"x" * 1000) for i in range(20000)]
        server = self.upgraded(b"".join(data), close(1000))
        self.passes(f"""
          local s, n = ws.open("{server.url}/"), 0
          tt.sleep("100ms")
          for text in s:messages() do
            if text:match("^%d+") ~= tostring(n) then error("expected " .. n) end
            n = n + 1
            if n % 5000 == 0 then tt.sleep("20ms") end
          end
          expect(n, 20000)""")

    def test_pings_of_a_server_that_does_not_read_are_not_all_answered(self):
        done = threading.Event()

        def then(c):
            try:
                for _ in range(200):
                    c.send(frame(PING, b"x" * 125) * 1000)
                c.send(frame(TEXT, b"after"))
                done.wait(20)
            finally:
                c.reset()
        server = self.upgraded(then=then)
        self.addCleanup(done.set)
        self.passes(f"""
          local s = ws.open("{server.url}/") expect(s:receive("20s"), "after")
          if s.buffered > 200000 then error("buffered " .. s.buffered) end
          s:close()""")

    def test_send_waits_for_a_server_that_does_not_read(self):
        done = threading.Event()
        server = self.upgraded(then=lambda c: (done.wait(20), c.reset()))
        self.addCleanup(done.set)
        self.passes(f"""
          local s, sent = ws.open("{server.url}/"), 0
          local task = tt.spawn(function() while s:send(("x"):rep(100000)) do sent = sent + 1 end end)
          tt.sleep("300ms")
          local before = sent
          tt.sleep("50ms")
          expect(sent, before)
          if s.buffered < 1000000 or s.buffered > 1200000 then error("buffered " .. s.buffered) end""")

    def test_pings_that_are_never_answered_do_not_pile_up(self):
        server = self.upgraded()
        self.passes(f'local s = ws.open("{server.url}/") for i = 1, 1000 do s:ping() end s:close()')


if __name__ == "__main__":
    import unittest
    unittest.main()
