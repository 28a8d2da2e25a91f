# SPDX-License-Identifier: MIT
"""ttload.ws against a server of an independent library."""
import asyncio
import http
import json
import os
import ssl
import subprocess
import threading

import aiohttp
import aiohttp.web
import websockets
from proxies import Proxy
from ttload_case import TTLOAD, Case, WsServer, certificate
from ws_cases import TEXT, frame
from ws_raw import RawServer


async def serve(ws, path):
    if path == "/close":
        await ws.close(4001, "bye")
        return
    if path == "/lost":
        await asyncio.sleep(0.05)
        ws.transport.abort()
        return
    if path == "/ping":
        await (await ws.ping(b"data"))
        await ws.send("ponged")
    if path == "/burst":
        for i in range(1000):
            await ws.send(str(i))
    try:
        if path == "/big":
            await ws.send("y" * 1000000)
        async for message in ws:
            await ws.send(message)
    except websockets.ConnectionClosed:
        pass


async def refuse(path, headers):
    if path == "/deny":
        return http.HTTPStatus.FORBIDDEN, [("X-A", "b")], b"nope"
    if path == "/hang":
        await asyncio.sleep(1)
    return None


class AioServer:
    """An echo server of aiohttp."""

    def __init__(self):
        self.loop, ready = asyncio.new_event_loop(), threading.Event()
        self.thread = threading.Thread(target=self.run, args=(ready,))
        self.thread.start()
        ready.wait()

    @staticmethod
    async def echo(request):
        ws = aiohttp.web.WebSocketResponse(protocols=["p1"], compress=request.path == "/deflate")
        await ws.prepare(request)
        async for m in ws:
            if m.data == "bye":
                await ws.close(code=4002, message=b"so long")
            elif m.type == aiohttp.WSMsgType.TEXT:
                await ws.send_str(m.data)
            else:
                await ws.send_bytes(m.data)
        return ws

    def run(self, ready):
        asyncio.set_event_loop(self.loop)
        app = aiohttp.web.Application()
        app.router.add_get("/{path}", self.echo)
        runner = aiohttp.web.AppRunner(app)
        self.loop.run_until_complete(runner.setup())
        self.loop.run_until_complete(aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start())
        self.url = f"ws://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(runner.cleanup())
        self.loop.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class Ws(Case):
    def setUp(self):
        super().setUp()
        self.server = WsServer(serve, process_request=refuse, subprotocols=["p1"], max_size=None)
        self.addCleanup(self.server.stop)

    def ws(self, body, *arguments, **keywords):
        return self.passes(f'local url = "{self.server.url}"\n' + body, *arguments, **keywords)

    def test_messages_go_there_and_back(self):
        result = self.ws("""
          local s = ws.open(url .. "/echo", { subprotocols = { "p0", "p1" }, headers = { ["X-A"] = "1" } })
          expect(s.status, 101) expect(s.subprotocol, "p1") expect(s.headers.Upgrade, "websocket")
          expect(s:send("héllo"), true) expect(s:receive("5s"), "héllo")
          s:send_binary("\\0\\1\\255") local data, kind = s:receive() expect(data, "\\0\\1\\255") expect(kind, "binary")
          local big = ("x"):rep(3000000) s:send(big) expect(s:receive(), big)
          local none, why = s:receive("20ms") expect(none, nil) expect(why, "timeout")
          s:close(1000, "done") none, why = s:receive() expect(why, "closed")
          expect(s.close_code, 1000) expect(s:send("x"), nil)""")
        self.assertEqual(result.values("ws_msgs_sent")["count"], 3)
        self.assertEqual(result.values("ws_msgs_received")["count"], 3)
        self.assertEqual(result.values("ws_sessions")["count"], 1)
        self.assertEqual(result.values("ws_handshake_failed")["rate"], 0)

    def test_failed_handshakes_say_why(self):
        result = self.ws("""
          local s, e = ws.open(url .. "/deny")
          expect(s, nil) expect(e.kind, "status") expect(e.status, 403) expect(e.body, "nope")
          expect(e.headers["X-A"], "b") expect(tostring(e):match("403"), "403")
          s, e = ws.open("ws://127.0.0.1:1/") expect(e.kind, "connect") expect(e.error_code, 1212)
          s, e = ws.open(url .. "/hang", { timeout = "100ms" }) expect(e.kind, "timeout")""")
        self.assertEqual(result.values("ws_handshake_failed")["rate"], 1)
        self.assertEqual(result.values("ws_sessions")["count"], 3)

    def test_the_peers_close_and_its_loss_are_told_apart(self):
        self.ws("""
          local s = ws.open(url .. "/close") local _, why = s:receive() expect(why, "closed")
          expect(s.close_code, 4001) expect(s.close_reason, "bye")
          s = ws.open(url .. "/lost") s:receive() expect(s.close_code, 1006)""")

    def test_pings_are_answered_and_measured(self):
        result = self.ws("""
          local s = ws.open(url .. "/ping") expect(s:receive("5s"), "ponged")
          s:ping() s:ping("own") s:send("after") expect(s:receive(), "after")""")
        self.assertGreaterEqual(result.values("ws_ping")["max"], 0)

    def test_events_are_called_in_order_and_may_wait(self):
        self.ws("""
          local log = {}
          local r = ws.connect(url .. "/echo", {}, function(s)
            log[#log + 1] = "setup"
            s:on("open", function() log[#log + 1] = "open" s:send("a") s:send("b") end)
            s:on("message", function(m)
              log[#log + 1] = m
              tt.sleep("10ms")
              if m == "b" then s:close(1001) end
            end)
            s:on("close", function(code) log[#log + 1] = code end)
          end)
          expect(r.status, 101) expect(table.concat(log, " "), "setup open a b 1001")""")

    def test_timers_of_a_socket_end_with_it(self):
        self.ws("""
          local ticks, r = 0, nil
          r = ws.connect(url .. "/echo", nil, function(s)
            local t
            t = s:set_interval(function() ticks = ticks + 1 if ticks == 3 then s:clear(t) s:send("x") end end, "5ms")
            s:set_timeout(function() error("never") end, "10m")
            s:on("message", function() s:close() end)
          end)
          expect(ticks, 3)""")

    def test_a_handlers_error_ends_the_iteration(self):
        result = self.script(f"""
          ws.connect("{self.server.url}/echo", nil, function(s) s:on("open", function() error("boom") end) end)""")
        self.assertEqual(result.code, 0)
        self.assertIn("boom", result.err)
        self.assertEqual(result.values("script_errors")["count"], 1)

    def test_connect_raises_what_a_handler_raised_after_the_close_handlers(self):
        result = self.ws("""
          local log = {}
          local function run(where)
            return pcall(ws.connect, url .. "/echo", nil, function(s)
              s:on("open", function() s:send("x") if where == "open" then error("boom open") end end)
              s:on("message", function() tt.sleep("10m") end)
              s:on("message", function() if where == "message" then error("boom message") end end)
              s:on("close", function(code) log[#log + 1] = code if where == "close" then error("boom close") end end)
              if where == "setup" then error("boom setup") end
              if where == "close" then s:close() end
              if where == "fail" then s:on("open", function() tt.fail("ends it") end) end
            end)
          end
          for _, where in ipairs { "setup", "open", "message", "close" } do
            local ok, e = run(where)
            expect(ok, false) expect(tostring(e):match("boom %w+"), "boom " .. where)
          end
          expect(table.concat(log, " "), "1001 1001 1001 1000")""")
        self.assertNotIn("script_errors", result.json()["metrics"])
        result = self.script(f"""
          pcall(ws.connect, "{self.server.url}/echo", nil, function(s) s:on("open", function() tt.fail("ends it") end) end)
          print("never")""")
        self.assertIn("ends it", result.err)
        self.assertNotIn("never", result.err)

    def test_after_its_close_a_script_hears_of_the_end_only(self):
        self.ws("""
          local log = {}
          ws.connect(url .. "/burst", nil, function(s)
            s:on("message", function(m) log[#log + 1] = m if m == "4" then s:close() end end)
            s:set_interval(function() if s.closed == false and #log > 5 then error("a tick") end end, "1ms")
            s:on("close", function(code) log[#log + 1] = code end)
          end)
          expect(table.concat(log, " "), "0 1 2 3 4 1000")""")

    def test_what_comes_before_the_handlers_waits_for_them_in_order(self):
        def serve_raw(c):
            c.request()
            c.accept()
            c.send(frame(TEXT, b"1") + frame(9, b"2") + frame(TEXT, b"3") + frame(9, b"4"))
            c.frame()
            c.finish()

        server = RawServer(serve_raw)
        self.addCleanup(server.stop)
        self.passes(f"""
          local log = {{}}
          ws.connect("{server.url}/", nil, function(s)
            tt.sleep("50ms")
            for _, event in ipairs {{ "ping", "message" }} do s:on(event, function(m) log[#log + 1] = m end) end
            s:set_timeout(function() s:close() end, "50ms")
          end)
          expect(table.concat(log), "1234")""")

    def test_a_close_sends_the_code_and_reason_of_the_script(self):
        frames = []

        def serve_raw(c):
            c.request()
            c.accept()
            f = c.frame()
            frames.append(f[3])
            c.send(frame(8, f[3]))
            c.finish()

        server = RawServer(serve_raw)
        self.addCleanup(server.stop)
        self.passes(f"""
          for _, code in ipairs {{ 999, 1005, 65535 }} do
            local s = ws.open("{server.url}/")
            s:close(code) s:receive() expect(s.close_code, code)
          end
          local reason
          ws.connect("{server.url}/", nil, function(s)
            s:on("close", function(_, text) reason = text .. s.close_reason end)
            s:close(1000, "a\0b")
          end)
          expect(reason, "a\0ba\0b")""")
        self.assertEqual(frames, [b"\x03\xe7", b"", b"\xff\xff", b"\x03\xe8a\0b"])

    def test_a_bad_url_is_a_failed_handshake(self):
        result = self.ws("""
          for _, bad in ipairs { "http://x/", "INVALID?token=abc", "ws://h/#f", "ws://u:p@:x/" } do
            local s, e = ws.open(bad) expect(s, nil) expect(e.kind, "url") expect(e.error_code, 1020)
          end
          expect(ws.connect("x", nil, print).error_code, 1020)""", "--out", "json=" + self.folder + "/samples")
        self.assertEqual(result.values("ws_handshake_failed")["rate"], 1)
        with open(self.folder + "/samples", encoding="utf-8") as f:
            text = f.read()
        self.assertIn("INVALID?token=****", text)
        self.assertNotIn("abc", text)
        self.assertNotIn("u:p", text)

    def test_option_throw_makes_failed_handshakes_raise(self):
        self.ws("""
          for _, f in ipairs { ws.open, ws.connect } do
            local ok, e = pcall(f, url .. "/deny", table.unpack({ {}, f == ws.connect and print or nil }))
            expect(ok, false) expect(e:match("status 403"), "status 403")
          end""", "--throw")

    def test_no_message_of_a_burst_is_lost(self):
        result = self.ws("""
          local s = ws.open(url .. "/burst") tt.sleep("100ms")
          for i = 0, 999 do expect(s:receive("5s"), tostring(i)) end""")
        self.assertEqual(result.values("ws_msgs_received")["count"], 1000)

    def test_a_message_above_the_maximum_closes_with_1009(self):
        self.ws("""
          local s = ws.open(url .. "/big", { max_message_size = 1000 })
          expect(s:receive(), nil) expect(s.close_code, 1009)""")

    def test_a_socket_left_open_is_closed_and_its_readers_end(self):
        self.ws("""
          local s = ws.open(url .. "/echo")
          tt.spawn(function() for _ in s:messages() do end why = s.close_code end)""", "--iterations", "3")

    def test_a_socket_of_vu_scope_lives_over_iterations(self):
        self.ws("""
          if not kept then kept = ws.open(url .. "/echo", { scope = "vu" }) end
          kept:send("x") expect(kept:receive("5s"), "x")""", "--iterations", "3", head="local kept")

    def test_many_sockets_of_many_users(self):
        result = self.ws("""
          local s = ws.open(url .. "/echo")
          for i = 1, 10 do s:send("m" .. i) expect(s:receive("20s"), "m" .. i) end
          s:close()""", "--vus", "50", "--iterations", "100")
        self.assertEqual(result.values("ws_msgs_received")["count"], 1000)
        self.assertEqual(result.values("ws_sessions")["count"], 100)

    def test_compression_is_agreed_with_another_library(self):
        server = WsServer(serve, compression="deflate", max_size=None)
        self.addCleanup(server.stop)
        self.passes(f"""
          local text = ("Hällo "):rep(100000)
          for _, how in ipairs {{ "deflate", {{}}, {{ client_max_window_bits = 10, server_no_context_takeover = true }} }} do
            local s = ws.open("{server.url}/echo", {{ compression = how }})
            expect(s.headers["Sec-Websocket-Extensions"]:match("^permessage%-deflate"), "permessage-deflate")
            for i = 1, 3 do s:send(text .. i) expect(s:receive("5s"), text .. i) end
            s:send("") expect(s:receive("5s"), "")
            s:close()
          end
          local s = ws.open("{server.url}/big", {{ compression = "deflate", max_message_size = 1000 }})
          expect(s:receive("5s"), nil) expect(s.close_code, 1009)""")

    def test_a_server_of_aiohttp_is_understood(self):
        server = AioServer()
        self.addCleanup(server.stop)
        result = self.passes(f"""
          for _, path in ipairs {{ "/echo", "/deflate" }} do
            local s = assert(ws.open("{server.url}" .. path, {{ subprotocols = {{ "p0", "p1" }}, compression = {{}} }}))
            expect(s.subprotocol, "p1")
            expect(s.headers["Sec-Websocket-Extensions"] ~= nil, path == "/deflate")
            for _, n in ipairs {{ 0, 1, 125, 126, 65535, 65536, 1000000 }} do
              local text = ("é"):rep(n // 2) .. ("x"):rep(n % 2)
              s:send(text) expect(s:receive("20s"), text)
              s:send_binary(text) local got, kind = s:receive("20s") expect(got, text) expect(kind, "binary")
            end
            s:ping() s:send("after") expect(s:receive("20s"), "after")
            s:send("bye") expect(s:receive("20s"), nil) expect(s.close_code, 4002) expect(s.close_reason, "so long")
          end
          local s, e = ws.open("{server.url}/a/b") expect(s, nil) expect(e.status, 404)
          s = ws.open("{server.url}/echo") s:close(4000, "own") s:receive("20s")
          expect(s.close_code, 1000)  -- aiohttp answers with a code of its own""")
        self.assertGreater(result.values("ws_ping")["min"], 0)

    def test_long_messages_go_out_in_fragments(self):
        frames = []

        def serve_raw(c):
            c.request()
            c.accept()
            for _ in range(5):
                frames.append(c.frame())
            c.finish()

        server = RawServer(serve_raw)
        self.addCleanup(server.stop)
        self.passes(f"""
          local s = ws.open("{server.url}/", {{ fragment_size = 4 }})
          s:send("abcdefghij") s:send_binary("abcd") s:ping("0123456789") s:receive("5s")""")
        self.assertEqual(frames, [(0, 0, 1, b"abcd"), (0, 0, 0, b"efgh"), (1, 0, 0, b"ij"), (1, 0, 2, b"abcd"),
                                  (1, 0, 9, b"0123456789")])

    def test_cookies_of_the_jar_go_there_and_come_back(self):
        seen = []

        def serve_raw(c):
            c.request()
            seen.append(c.headers.get("cookie"))
            if c.path == "/no":
                c.send(b"HTTP/1.1 403 No\r\nSet-Cookie: d=4\r\nContent-Length: 0\r\n\r\n")
            else:
                c.accept("Set-Cookie: a=1", "Set-Cookie: b=2; Path=/other")
            c.finish()

        server = RawServer(serve_raw)
        self.addCleanup(server.stop)
        self.passes(f"""
          local jar = http.CookieJar.new()
          jar:set("{server.url.replace("ws:", "http:")}/", "c", "3")
          ws.open("{server.url}/") ws.open("{server.url}/no") ws.open("{server.url}/")
          ws.open("{server.url}/", {{ jar = jar }})
          ws.open("{server.url}/", {{ jar = jar, headers = {{ Cookie = "own=1" }} }})
          expect(http.cookie_jar():cookies_for_url("{server.url.replace("ws:", "http:")}/").d[1], "4")
          expect(pcall(ws.open, "{server.url}/", {{ jar = {{}} }}), false)""")
        self.assertEqual(seen, [None, "a=1", "a=1; d=4", "c=3", "own=1"])

    def test_redirects_are_followed_up_to_the_limit(self):
        seen = []

        def serve_raw(c):
            c.request()
            seen.append((c.path, c.headers.get("authorization"), c.headers.get("cookie")))
            place = {"/a": "b?x=1", "/loop": "/loop", "/away": f"http://localhost:{server.address[1]}/end",
                     "/bad": "ftp://x/"}.get(c.path)
            if place:
                c.send(f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nSet-Cookie: hop=1\r\nContent-Length: 0\r\n\r\n".encode())
            else:
                c.accept()
                c.frame()
            c.finish()

        server = RawServer(serve_raw)
        self.addCleanup(server.stop)
        self.passes(f"""
          local with = {{ headers = {{ Authorization = "secret" }}, redirects = 3 }}
          local s = ws.open("{server.url}/a", with)
          expect(s.url, "{server.url}/b?x=1") expect(s.status, 101) s:close() s:receive()
          s = ws.open("{server.url}/away", with) expect(s.status, 101) s:close() s:receive()
          local _, e = ws.open("{server.url}/loop", with) expect(e.kind, "status") expect(e.status, 302)
          _, e = ws.open("{server.url}/bad", with) expect(e.kind, "protocol")
          _, e = ws.open("{server.url}/a", {{ redirects = 0 }}) expect(e.status, 302)""")
        self.assertEqual(seen[:4], [("/a", "secret", None), ("/b?x=1", "secret", "hop=1"), ("/away", "secret", "hop=1"),
                                    ("/end", None, None)])
        self.assertEqual([path for path, _, _ in seen[4:]], ["/loop"] * 4 + ["/bad", "/a"])

    def test_requests_find_their_answers_by_field_function_or_order(self):
        def serve_raw(c):
            c.request()
            c.accept()
            held = []
            while (f := c.frame()) and f[2] != 8:
                text = f[3].decode()
                if text.startswith("hold"):  # three answers, the last first
                    held.append(text)
                    if len(held) == 3:
                        c.send(b"".join(frame(TEXT, t.encode()) for t in reversed(held)))
                elif text.startswith("{"):
                    m = json.loads(text)
                    held.append(m)
                    if len(held) == 3:
                        out = [{"note": "push"}, *({"meta": {"id": h["meta"]["id"]}, "got": h["n"]} for h in reversed(held))]
                        c.send(b"".join(frame(TEXT, json.dumps(o).encode()) for o in out))
                elif text != "silence":
                    c.send(frame(TEXT, text.encode()))
            c.finish()

        server = RawServer(serve_raw)
        self.addCleanup(server.stop)
        result = self.passes(f"""
          local s = ws.open("{server.url}/")
          expect(s:request("a"), "a")
          local text, kind = s:request("b", {{ tags = {{ name = "b" }} }}) expect(text .. kind, "btext")
          local none, why = s:request("silence", {{ timeout = "20ms" }}) expect(none, nil) expect(why, "timeout")
          local tasks = {{}}
          for i = 1, 3 do
            tasks[i] = tt.spawn(function()
              return json.decode(s:request({{ n = i, meta = {{ id = "r" .. i }} }}, {{ match = "meta.id" }})).got
            end)
          end
          local got = tt.all(tasks)
          expect(got[1], 1) expect(got[2], 2) expect(got[3], 3)
          expect(s:receive(), '{{"note": "push"}}')
          s:close() s:receive()
          s = ws.open("{server.url}/")
          for i = 1, 3 do
            tasks[i] = tt.spawn(function()
              return (s:request("hold" .. i, {{ match = function(t, k) return k == "text" and t == "hold" .. i end }}))
            end)
          end
          got = tt.all(tasks) expect(table.concat(got, " "), "hold1 hold2 hold3")
          local ok, e = pcall(s.request, s, "x", {{ match = function() error("boom") end }})
          expect(ok, false) expect(tostring(e):match("boom"), "boom")
          expect(pcall(s.request, s, "no json", {{ match = "id" }}), false)
          expect(pcall(s.request, s, 1), false) expect(pcall(s.request, s, "x", {{ mach = "id" }}), false)
          local waiting = tt.spawn(function() return s:request("silence") end)
          s:close()
          none, why = waiting:wait() expect(none, nil) expect(why, "closed")
          none, why = s:request("x") expect(none, nil) expect(why, "closed")""")
        self.assertEqual(result.values("ws_request_failed")["passes"], 4)
        self.assertGreater(result.values("ws_request_duration")["max"], 0)
        self.assertNotIn("ws_request_latency", result.json()["metrics"])

    def test_a_stall_shows_in_the_latency_of_a_schedule(self):
        stall = threading.Event()

        def serve_raw(c):
            c.request()
            c.accept()
            while (f := c.frame()) and f[2] != 8:
                if f[3] == b"1":
                    stall.wait(0.3)  # nothing is answered meanwhile
                c.send(frame(TEXT, f[3]))
            c.finish()

        server = RawServer(serve_raw)
        self.addCleanup(server.stop)
        self.addCleanup(stall.set)
        result = self.passes(f"""
          local n, done, busy = 0, 0, false
          ws.connect("{server.url}/", nil, function(s)
            local t
            t = s:every("10ms", function()
              n = n + 1
              local mine = n
              while busy do tt.sleep("1ms") end  -- a client that has one request at a time
              busy = true
              s:request(tostring(mine))
              busy, done = false, done + 1
              if done == 20 then s:clear(t) s:close() end
            end)
          end)
          expect(done >= 20, true)""")
        self.assertGreater(result.values("ws_request_latency")["med"], result.values("ws_request_duration")["med"] + 20)

    def test_what_a_socket_did_is_counted(self):
        result = self.ws("""
          local s = ws.open(url .. "/echo", { timestamp = { field = "meta.sent", unit = "s" } })
          s:send(json.encode({ meta = { sent = tt.time() - 5 } })) s:receive("5s")
          s:send("no json") s:receive("5s") s:close() s:receive()
          s = ws.open(url .. "/close") s:receive()
          s = ws.open(url .. "/lost") s:receive()
          expect(pcall(ws.open, url, { timestamp = 1 }), false)
          expect(pcall(ws.open, url, { timestamp = { field = "a", unit = "h" } }), false)""",
                         head='M.options.submetrics = { "ws_closed{code:1000}", "ws_closed{code:1006}", "ws_closed{code:4001}" }')
        for code in (1000, 1006, 4001):
            self.assertEqual(result.values("ws_closed{code:%d}" % code)["count"], 1)
        age = result.values("ws_msg_latency")
        self.assertGreaterEqual(age["min"], 4000)
        self.assertLess(age["max"], 60000)
        self.assertEqual(result.values("ws_bytes_sent"), result.values("ws_bytes_received"))
        self.assertGreater(result.values("ws_bytes_sent")["count"], 30)

    def test_a_server_that_comes_back_is_found_again(self):
        calls = []

        def serve_raw(c):
            c.request()
            calls.append(c.path)
            if len(calls) <= 3:
                c.reset()
                return
            c.accept()
            c.frame()
            c.finish()

        server = RawServer(serve_raw)
        self.addCleanup(server.stop)
        self.passes(f"""
          local backoff = ws.backoff {{ delay = "20ms", factor = 2, jitter = 0.5, max = "50ms" }}
          local s
          local before = tt.now()
          repeat
            s = ws.open("{server.url}/")
            if not s then backoff:sleep() end
          until s
          local took = tt.now() - before
          if took < 10 + 20 + 25 then error("waited only " .. took) end
          backoff:reset() s:close()
          for _, o in ipairs {{ {{ delay = -1 }}, {{ factor = 0.5 }}, {{ jitter = 2 }}, {{ x = 1 }} }} do
            expect(pcall(ws.backoff, o), false)
          end""")
        self.assertEqual(len(calls), 4)

    def test_a_fan_out_is_measured_over_workers(self):
        members = set()

        async def room(ws, _path):
            members.add(ws)
            try:
                async for message in ws:
                    for member in list(members):
                        await member.send(message)
            except websockets.ConnectionClosed:
                pass
            finally:
                members.discard(ws)

        server = WsServer(room)
        self.addCleanup(server.stop)
        result = self.passes(f"""
          local s = ws.open("{server.url}/room")
          if require("ttload.execution").vu.id_in_test == 1 then
            tt.sleep("500ms")  -- the others' time to come
            for id = 1, 5 do
              for _, f in ipairs {{ all, more }} do f:sent(id) end
              s:send(tostring(id))
            end
          end
          for _ = 1, 5 do
            local id = s:receive("20s")
            for _, f in ipairs {{ all, more }} do f:received(id) end
          end
          tt.sleep("500ms")  -- more's timeout
          expect(pcall(all.sent, all, ""), false) expect(pcall(all.sent, all, "a\\nb"), false)
          expect(pcall(ws.fanout, "x", {{}}), false) expect(pcall(ws.fanout, "x", {{ receivers = 0 }}), false)""",
                             "--workers", "3", head="""
M.options = { submetrics = { "ws_fanout_last{fanout:chat}" },
              scenarios = { s = { executor = "per-vu-iterations", vus = 6 } } }
local all, more = ws.fanout("chat", { receivers = 6 }), ws.fanout("more", { receivers = 7, timeout = "300ms" })
""")
        self.assertEqual(result.values("ws_fanout_last{fanout:chat}"), result.values("ws_fanout_last"))
        self.assertGreater(result.values("ws_fanout_last")["min"], 0)
        self.assertGreaterEqual(result.values("ws_fanout_last")["max"], result.values("ws_fanout_first")["max"])
        self.assertEqual(result.values("ws_fanout_incomplete")["rate"], 0.5)

    def test_a_storm_drops_all_at_a_time_and_measures_until_they_are_back(self):
        frames = []

        def serve_raw(c):
            c.request()
            c.accept()
            frames.append(c.frame())
            c.finish()

        server = RawServer(serve_raw)
        self.addCleanup(server.stop)
        result = self.passes(f"""
          local storm = ws.storm {{ at = "300ms", jitter = "100ms" }}
          expect(pcall(storm.recovered, storm), false)
          local s = ws.open("{server.url}/")
          local reader = tt.spawn(function() return s:receive() end)
          storm:strike(s)
          local _, why = reader:wait() expect(why, "closed") expect(s.close_code, 1006)
          s = ws.open("{server.url}/")
          storm:recovered()
          s:close() s:receive()
          expect(pcall(storm.strike, storm, {{}}), false) expect(pcall(ws.storm, {{ at = -1 }}), false)""",
                             "--vus", "3", "--iterations", "3")
        self.assertEqual(sorted(f is None for f in frames), [False] * 3 + [True] * 3)
        took = result.values("ws_reconnect_duration")
        self.assertGreater(took["min"], 0)
        self.assertGreaterEqual(result.json()["metrics"]["iteration_duration"]["values"]["min"], 300)

    def test_the_limit_of_open_files_is_raised_or_warned_of(self):
        script = self.write("many.lua", """
local ws, tt = require "ttload.ws", require "ttload"
return {
  options = { scenarios = { s = { executor = "per-vu-iterations", vus = 100 } } },
  default = function()
    local s, e = ws.open(tt.env.URL .. "/echo")
    if not s then print(e) return end
    tt.sleep("200ms")
    s:close()
  end,
}""")
        for limits, ok in (("ulimit -Sn 90", True), ("ulimit -n 90", False)):
            p = subprocess.run(["sh", "-c", f'{limits} && exec "$0" "$@"', TTLOAD, "run", "--quiet", script],
                               env=dict(os.environ, URL=self.server.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               timeout=60, check=False)
            self.assertEqual(p.returncode, 0)
            self.assertEqual(b"the 90 open files" in p.stderr, not ok)
            self.assertEqual(b"too many open files\"" in p.stderr, not ok)

    def test_a_unix_socket_takes_the_place_of_the_host(self):
        path = self.folder + "/s"

        def serve_raw(c):
            c.request()
            c.accept("X-Host: " + c.headers["host"])
            c.frame()
            c.finish()

        server = RawServer(serve_raw, path)
        self.addCleanup(server.stop)
        self.passes(f"""
          local s = ws.open("ws://name.test/x", {{ unix_socket = "{path}" }})
          expect(s.headers["X-Host"], "name.test") s:close() s:receive()
          local _, e = ws.open("ws://name.test/x", {{ unix_socket = "{path}2" }})
          expect(e.message, "dial unix {path}2: connect: no such file or directory")
          expect(pcall(ws.open, "ws://name.test/x", {{ unix_socket = ("x"):rep(108) }}), false)""")

    def test_proxies_are_dialled_through(self):
        cert, key = certificate(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        secure = WsServer(serve, ssl=context)
        plain, socks, tls = Proxy(self.server.port), Proxy(self.server.port, socks=True), Proxy(secure.port)
        for server in (secure, plain, socks, tls):
            self.addCleanup(server.stop)
        body = f"""
          local function echo(u, proxy)
            local s = assert(ws.open(u, {{ proxy = proxy }}))
            s:send("x") expect(s:receive("5s"), "x") s:close() s:receive()
          end
          echo("ws://name.test/echo", "http://bob:pa%20ss@{plain.host}")
          echo("ws://name.test:81/echo", "socks5h://{socks.host}")
          echo("wss://localhost/echo", "http://{tls.host}")
          local _, e = ws.open("ws://forbidden/", {{ proxy = "http://{plain.host}" }})
          expect(e.kind, "connect") expect(e.message:match("403"), "403")
          _, e = ws.open("ws://name.test/", {{ proxy = "http://127.0.0.1:1" }}) expect(e.error_code, 1212)
          _, e = ws.open("ws://name.test/", {{ proxy = "http://no-such-proxy.invalid" }}) expect(e.error_code, 1101)
          for _, bad in ipairs {{ "ftp://x", "https://x", true, "" }} do
            expect(pcall(ws.open, "ws://x/", {{ proxy = bad }}), false)
          end
          ws.connect("ws://name.test/echo", nil, function(s) s:on("open", function() s:close() end) end)
          _, e = ws.open("ws://name.invalid/echo", {{ proxy = false }}) expect(e.error_code, 1101)
          ws.open("ws://name.test/echo", {{ proxy = "http://{plain.host}", timeout = "1ms" }})"""
        self.passes(body, "--ca-file", cert, env={"HTTP_PROXY": "http://" + plain.host})
        self.assertEqual(plain.seen[:3], ["CONNECT name.test:80 HTTP/1.1", "CONNECT forbidden:80 HTTP/1.1",
                                          "CONNECT name.test:80 HTTP/1.1"])
        self.assertIn("Proxy-Authorization: Basic Ym9iOnBhIHNz", plain.headers[0])
        self.assertEqual(socks.seen, [(b"name.test", 81)])
        self.assertEqual(tls.seen, ["CONNECT localhost:443 HTTP/1.1"])

    def test_wss_verifies_the_certificate(self):
        cert, key = certificate(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server = WsServer(serve, ssl=context)
        self.addCleanup(server.stop)
        url = f"wss://localhost:{server.port}/echo"
        self.passes(f'local _, e = ws.open("{url}") expect(e.kind, "connect") expect(e.error_code, 1310)')
        self.passes(f'local s = ws.open("{url}") s:send("x") expect(s:receive(), "x")', "--ca-file", cert)

    def test_misuse_raises(self):
        self.ws("""
          expect(pcall(ws.open, url, { heders = {} }), false)
          expect(pcall(ws.open, url, { headers = { Upgrade = "x" } }), false)
          for _, how in ipairs { "gzip", 1, { client_max_window_bits = 8 }, { server_no_context_takeover = 1 }, { x = 1 } } do
            expect(pcall(ws.open, url, { compression = how }), false)
          end
          expect(pcall(ws.open, url, { fragment_size = 0 }), false)
          local s = ws.open(url .. "/echo")
          expect(pcall(s.send, s, {}), false) expect(pcall(s.close, s, 0), false) expect(pcall(s.close, s, 65536), false)
          expect(pcall(s.set_timeout, s, print, 0), false)
          expect(pcall(s.on, s, "mesage", print), false) expect(pcall(function() return s.stauts end), false)
          expect(pcall(s.ping, s, ("x"):rep(126)), false)""")
