# SPDX-License-Identifier: MIT
"""Bodies taken in pieces: params.on_chunk and http.sse."""
import threading
import unittest

from ttload_case import Case, HttpServer, RawServer, max_megabytes

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


class Stream(Case):
    def serve(self, do):
        server = RawServer(do)
        self.addCleanup(server.stop)
        return server

    def steps(self, pieces, head=HEAD):
        """Says the head and each piece when the script has asked for it (GET /go), so that they arrive one by one."""
        go = threading.Semaphore(0)

        def do(c, request):
            if request.startswith(b"GET /go"):
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                go.release()
                return
            c.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for i, piece in enumerate(pieces):
                if i:
                    go.acquire(timeout=20)
                c.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            c.sendall(b"0\r\n\r\n")
        return self.serve(do)

    def test_pieces_arrive_as_they_are_sent_and_the_function_may_wait(self):
        server = self.steps([b"one", b"two", b"three"])
        result = self.passes(f"""
          local got = {{}}
          local r = http.get("{server.url}/", {{ on_chunk = function(piece, res)
            got[#got + 1] = piece
            expect(res.status, 200) expect(res.headers["content-type"], "text/event-stream")
            expect(http.get("{server.url}/go").status, 200)  -- another request, while this one is under way
          end }})
          expect(table.concat(got, "|"), "one|two|three")
          expect(r.status, 200) expect(r.body, nil) expect(r.body_size, 11) expect(r.error, nil)""")
        self.assertEqual(result.values("http_reqs")["count"], 4)

    def test_false_ends_the_transfer(self):
        def do(c, r):
            c.sendall(HEAD + b"\r\nfirst")
            server.until_gone(c)
        server = self.serve(do)
        result = self.passes(f"""
          local n = 0
          local r = http.get("{server.url}/", {{ on_chunk = function() n = n + 1 return false end }})
          expect(n, 1) expect(r.status, 200) expect(r.error, nil)""")
        self.assertEqual(result.values("http_req_failed")["rate"], 0)
        self.assertEqual(result.values("http_reqs")["count"], 1)

    def test_a_large_body_is_no_large_memory(self):
        def do(c, r):
            c.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (300 << 20))
            for _ in range(300):
                c.sendall(bytes(1 << 20))
        server = self.serve(do)
        self.passes(f"""
          local size, most = 0, 0
          local r = http.get("{server.url}/", {{ on_chunk = function(piece)
            size = size + #piece
            if #piece > most then most = #piece end
          end }})
          expect(size, {300 << 20}) expect(r.body_size, size) expect(most < 400000, true)
          local peak
          for line in io.lines("/proc/self/status") do peak = tonumber(line:match("VmHWM:%s*(%d+)")) or peak end
          if peak > {max_megabytes(60)} * 1024 then error(peak .. " kB") end""", "--allow-unsafe", "--workers", "1")

    def test_a_busy_script_stops_the_sender(self):
        sent = [0]

        def do(c, r):
            c.settimeout(0.3)
            c.sendall(HEAD + b"\r\n")
            try:
                while True:
                    sent[0] += c.send(bytes(1 << 16))
            except TimeoutError:
                pass  # nobody reads: what fits into the socket buffers is there
        server = self.serve(do)
        self.passes(f"""
          local n = 0
          http.get("{server.url}/", {{ on_chunk = function(piece)
            n = n + 1
            if n == 1 then tt.sleep(1.5) end
          end }})
          expect(n > 1, true)""")
        self.assertLess(sent[0], 40 << 20)

    def test_an_error_in_the_function_ends_the_request(self):
        def do(c, r):
            c.sendall(HEAD + b"\r\npiece")
            server.until_gone(c)
            gone.append(1)
        gone = []
        server = self.serve(do)
        self.passes(f"""
          for _ = 1, 3 do
            local ok, message = pcall(http.get, "{server.url}/", {{ on_chunk = function() error("mine") end }})
            expect(ok, false) expect(message:match("mine"), "mine")
          end""")
        server.stop()
        self.assertEqual(len(gone), 3)

    def test_a_cancelled_task_ends_its_stream(self):
        def do(c, r):
            c.sendall(HEAD + b"\r\npiece")
            server.until_gone(c)
        server = self.serve(do)
        self.passes(f"""
          for _, busy in ipairs {{ true, false }} do
            local came = false
            local task = tt.spawn(function()
              http.get("{server.url}/", {{ on_chunk = function() came = true if busy then tt.sleep(100) end end }})
            end)
            while not came do tt.sleep(0.01) end
            task:cancel()
          end""")

    def test_a_stream_that_breaks_is_an_error_after_its_pieces(self):
        def do(c, r):
            c.sendall(HEAD + b"Content-Length: 100\r\n\r\npiece")
        self.passes(f"""
          local got = ""
          local r = http.get("{self.serve(do).url}/", {{ on_chunk = function(piece) got = got .. piece end }})
          expect(got, "piece") expect(r.status, 0) expect(r.error, "unexpected EOF")
          local ok, message = pcall(http.get, "{self.serve(do).url}/", {{ throw = true, on_chunk = function() end }})
          expect(ok, false) expect(message:match("unexpected EOF"), "unexpected EOF")""")

    def test_the_body_of_a_redirect_is_not_the_scripts(self):
        def answer(h, body):
            if h.path == "/moved":
                h.send(302, b"go there", ("Location", "/here"))
            else:
                h.send(200, b"here")
        server = HttpServer(answer)
        self.addCleanup(server.stop)
        self.passes(f"""
          local got = ""
          local params = {{ on_chunk = function(piece) got = got .. piece end }}
          expect(http.get("{server.url}/moved", params).status, 200) expect(got, "here")
          params.redirects = 0
          expect(http.get("{server.url}/moved", params).status, 302) expect(got, "herego there")""")

    def test_misuse_is_told(self):
        self.passes("""
          local _, m = pcall(http.get, "http://127.0.0.1:1/", { on_chunk = 1 })
          expect(m:match("on_chunk: a function is expected"), "on_chunk: a function is expected")
          _, m = pcall(http.get, "http://127.0.0.1:1/", { reconnect = 1 })
          expect(m:match("is of http.sse"), "is of http.sse")
          expect(pcall(http.sse, "http://127.0.0.1:1/", {}), false)
          expect(pcall(http.sse, "http://127.0.0.1:1/", { reconnect = "x" }, print), false)
          expect(pcall(http.sse, "http://127.0.0.1:1/", { reconnect = { maxx = 1 } }, print), false)""")

    # --- events ---------------------------------------------------------------------------------

    def test_events_have_their_fields(self):
        server = self.steps([b"\xef\xbb\xbf: a comment\nid: 7\nevent: add\ndata: one\ndata:two\nretry: 50\n\nda",
                             b"ta: next\r\n\r\ndata\n\nevent: no data\n\ndata: cut"])
        self.passes(f"""
          local got = {{}}
          local r, n = http.sse("{server.url}/", nil, function(e, res)
            got[#got + 1] = ("%s/%s/%s/%s"):format(e.event, e.data, e.id, e.retry)
            expect(res.status, 200)
            if #got == 1 then http.get("{server.url}/go") end
          end)
          expect(table.concat(got, " "), "add/one\\ntwo/7/50 message/next/7/50 message//7/50")
          expect(n, 3) expect(r.status, 200)""")
        self.assertIn(b"Accept: text/event-stream\r\n", server.requests[0])

    def test_events_of_a_post(self):
        server = self.steps([b"data: {}\n\n"])
        self.passes(f"""
          local _, n = http.sse("{server.url}/", {{ json = {{ stream = true }} }}, function() end)
          expect(n, 1)""")
        self.assertTrue(server.requests[0].startswith(b"POST / "))

    def test_false_ends_the_stream(self):
        def do(c, r):
            c.sendall(HEAD + b"\r\n" + b"data: x\n\n" * 10)
            server.until_gone(c)
        server = self.serve(do)
        self.passes(f"""
          local r, n = http.sse("{server.url}/", {{ reconnect = 3 }}, function(e) return n ~= 0 and false end)
          expect(n, 1) expect(r.status, 200) expect(r.error, nil)""")
        self.assertEqual(len(server.requests), 1)

    def test_a_stream_is_taken_up_again_where_it_ended(self):
        def do(c, r):
            n = len(server.requests)
            if n <= 2:
                c.sendall(HEAD + b"\r\nretry: 1\nid: %d\ndata: x\n\n" % n)
            else:
                RawServer.reset(c)
        server = self.serve(do)
        self.passes(f"""
          local ids = ""
          local r, n = http.sse("{server.url}/", {{ reconnect = 2, query = {{ a = 1 }} }}, function(e) ids = ids .. e.id end)
          expect(ids, "12") expect(n, 2) expect(r.status, 0)""")
        last = [r.split(b"Last-Event-ID: ")[1].split(b"\r\n")[0] if b"Last-Event-ID" in r else None
                for r in server.requests]
        self.assertEqual(last, [None, b"1", b"2", b"2"])
        self.assertEqual({r.split(b" ")[1] for r in server.requests}, {b"/?a=1"})

    def test_what_is_no_stream_of_events_is_not_repeated(self):
        server = HttpServer(lambda h, body: h.send(int(h.path[1:]), b"data: x\n\n"))
        self.addCleanup(server.stop)
        self.passes(f"""
          for _, status in ipairs {{ 200, 500, 404 }} do
            local r, n = http.sse("{server.url}/" .. status, {{ reconnect = 5 }}, function() end)
            expect(n, 0) expect(r.status, status)
          end""")
        self.assertEqual(len(server.requests), 3)


if __name__ == "__main__":
    unittest.main()
