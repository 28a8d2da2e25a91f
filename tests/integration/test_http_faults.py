# SPDX-License-Identifier: MIT
"""Servers that misbehave: each time a response with an error, in bounded time and memory."""
import gzip
import time
import unittest
import zlib

from ttload_case import Case, HttpServer, RawServer, certificate, max_megabytes

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class Faults(Case):
    def serve(self, do):
        server = RawServer(do)
        self.addCleanup(server.stop)
        return server

    def fails(self, do, code, text, *arguments, params="{}", expect=""):
        """One request ends as a response with this error; the next one, to a sane server, is not touched by it."""
        server = do if isinstance(do, RawServer) else self.serve(do)
        sane = HttpServer(lambda h, body: h.send(200, b"fine"))
        self.addCleanup(sane.stop)
        return self.passes(f"""
          local r = http.get("{server.url}/", {params})
          expect(r.status, 0)
          if r.error_code ~= {code} or not r.error:find("{text}", 1, true) then
            error(("%d %s"):format(r.error_code, r.error))
          end
          {expect}
          expect(http.get("{sane.url}/").body, "fine")""", *arguments)

    def memory_is_bounded(self, do, code, text, megabytes, *arguments, **keywords):
        keywords["expect"] = f"""
          local peak = 0
          for line in io.lines("/proc/self/status") do peak = tonumber(line:match("VmHWM:%s*(%d+)")) or peak end
          if peak > {max_megabytes(megabytes)} * 1024 then error(peak .. " kB") end"""
        arguments = ("--allow-unsafe", "--workers", "1", *arguments)
        self.fails(do, code, text, *arguments, **keywords)

    def test_a_connection_that_is_closed_without_an_answer(self):
        self.fails(lambda c, r: None, 1000, "EOF")

    def test_a_body_that_is_cut(self):
        self.fails(lambda c, r: c.sendall(OK + b"Content-Length: 10\r\n\r\nabc"), 1000, "unexpected EOF")
        self.fails(lambda c, r: c.sendall(CHUNKED + b"5\r\nab"), 1000, "unexpected EOF")

    def test_headers_that_are_cut(self):
        self.fails(lambda c, r: c.sendall(OK + b"Content-Le"), 1000, "unexpected EOF")

    def test_a_reset_in_each_phase(self):
        server = self.serve(lambda c, r: server.reset(c))
        self.fails(server, 1220, "reset by peer")
        for said in (b"HTTP/1.", OK + b"X-A: 1\r\n", OK + b"Content-Length: 10\r\n\r\nabc", CHUNKED + b"5\r\nab"):
            def do(c, r, said=said):
                c.sendall(said)
                time.sleep(0.05)  # what was said arrives first: a reset takes back what is under way
                RawServer.reset(c)
            self.fails(do, 1220, "reset by peer")

    def test_a_reset_during_an_upload(self):
        server = self.serve(lambda c, r: server.reset(c))
        self.passes(f"""
          local r = http.post("{server.url}/", ("x"):rep(20000000))
          expect(r.status, 0) expect(r.error_code == 1220 or r.error_code == 1201, true)""")

    def test_what_is_not_http(self):
        self.fails(lambda c, r: c.sendall(b"220 mail.test ESMTP\r\n" * 100), 1000, "malformed HTTP response")
        self.fails(lambda c, r: c.sendall(bytes(range(256)) * 100), 1000, "")
        self.fails(lambda c, r: c.sendall(CHUNKED + b"xyz\r\n"), 1000, "malformed HTTP response")

    def test_headers_without_end(self):
        def do(c, r):
            c.sendall(OK)
            while True:
                c.sendall(b"X-More: and more\r\n" * 1000)
        self.memory_is_bounded(do, 1710, "headers too large", 100)

    def test_interim_answers_without_end(self):
        def do(c, r):
            while True:
                c.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100)
        self.memory_is_bounded(do, 1050, "request timeout", 100, params='{ timeout = "500ms" }')

    def test_a_header_line_without_end(self):
        def do(c, r):
            c.sendall(OK + b"X-Long: ")
            while True:
                c.sendall(b"x" * 100000)
        self.memory_is_bounded(do, 1710, "", 100)

    def test_a_chunked_body_without_end(self):
        def do(c, r):
            c.sendall(CHUNKED)
            while True:
                c.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        self.memory_is_bounded(do, 1710, "max_response_body_size", 100, "--max-response-body-size", "10MiB")
        # discarded, its memory is bounded and its time is
        self.memory_is_bounded(do, 1050, "receiving the response", 100,
                               params='{ response_type = "none", timeout = "500ms" }')

    def test_a_compression_bomb(self):
        bomb = gzip.compress(bytes(200 << 20), 9)

        def do(c, r):
            c.sendall(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)
        self.memory_is_bounded(do, 1701, "max_decompression_ratio", 100)
        self.memory_is_bounded(do, 1710, "max_response_body_size", 100, "--max-decompression-ratio", "0",
                               "--max-response-body-size", "10MiB")

    def test_compressed_bodies_that_are_broken(self):
        packed = gzip.compress(b"fine " * 1000)
        for body in (packed[:-4], packed[:20], b"not gzip"):
            self.fails(lambda c, r, b=body: c.sendall(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(b)
                                                      + b), 1701, "decompression")

    def test_both_sizes_of_a_compressed_body_are_told(self):
        packed = zlib.compress(b"fine " * 1000)
        server = self.serve(lambda c, r: c.sendall(
            OK + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed))
        self.passes(f"""
          local r = http.get("{server.url}/")
          expect(r.body, ("fine "):rep(1000)) expect(r.body_size, 5000) expect(r.wire_size, {len(packed)})""")

    def test_a_drip_ends_at_the_timeout(self):
        def do(c, r):
            c.sendall(OK + b"Content-Length: 1000000\r\n\r\n")
            while not server.stopping.wait(0.02):
                c.sendall(b"x")
        server = self.serve(do)
        self.fails(server, 1050, "request timeout: receiving the response", params='{ timeout = "300ms" }')

    def test_the_timeout_says_the_phase(self):
        silent = self.serve(lambda c, r: silent.until_gone(c))
        self.fails(silent, 1050, "request timeout: waiting for the response", params='{ timeout = "200ms" }')
        silent.url = silent.url.replace("http:", "https:")
        mute = self.serve(lambda c, r: None)  # waits for the end of headers that never come
        mute.url = mute.url.replace("http:", "https:")
        self.fails(mute, 1050, "request timeout: TLS handshake", params='{ timeout = "200ms" }')


if __name__ == "__main__":
    unittest.main()
