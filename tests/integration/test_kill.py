# SPDX-License-Identifier: MIT
"""Virtual users cut in any state: nothing leaks (the sanitizer lanes see to it), nothing hangs, the rest is counted."""
from ttload_case import Case, HttpServer, WsServer

WAYS = {
    "asleep": "tt.sleep(60)",
    "in_a_request": 'http.get(url .. "/slow")',
    "in_a_receive": 'local s = ws.open(wsurl) s:receive()',
    "in_a_handshake": 'ws.open(wsurl .. "/hang")',
    "in_a_handler": """ws.connect(wsurl, nil, function(s)
        s:on("open", function() s:send("x") end)
        s:on("message", function() s:set_interval(function() end, "5ms") tt.sleep(60) end)
      end)""",
    "in_tasks": """for i = 1, 5 do tt.spawn(function() http.get(url .. "/slow") end) end
      tt.all { tt.spawn(function() tt.sleep(60) end), tt.spawn(function() ws.open(wsurl):receive() end) }""",
    "in_a_coroutine": """local co = coroutine.wrap(function() pcall(function() tt.sleep(60) end) end) co()""",
    "while_it_holds_things": """local c <close> = setmetatable({}, { __close = function() closed = (closed or 0) + 1 end })
      tt.sleep(60)""",
    "between_short_things": 'for _ = 1, 1e9 do tt.sleep(0.001) end',
}


def slow(h, body):
    h.server.gone.wait(20)
    h.send(200, b"late")


class Kill(Case):
    def setUp(self):
        super().setUp()
        import asyncio
        import threading

        async def echo(ws, path):
            async for message in ws:
                await ws.send(message)

        async def hang(path, headers):
            if path == "/hang":
                await asyncio.sleep(2)

        self.http = HttpServer(slow)
        self.http.server.gone = threading.Event()
        self.ws = WsServer(echo, process_request=hang)
        self.addCleanup(self.ws.stop)
        self.addCleanup(self.http.stop)
        self.addCleanup(self.http.server.gone.set)

    def cut(self, body, ramp):
        options = """M.options = { scenarios = { s = { executor = "constant-vus", vus = 6, duration = "1s",
          graceful_stop = "0s" } } }"""
        if ramp:
            options = """M.options = { scenarios = { s = { executor = "ramping-vus", start_vus = 6,
              stages = { { duration = "300ms", target = 1 }, { duration = "100ms", target = 0 } },
              graceful_ramp_down = "10ms", graceful_stop = "10ms" } } }"""
        r = self.script(f'local url, wsurl = "{self.http.url}", "{self.ws.url}"\n{body}', head=options, timeout=60)
        self.assertEqual(r.code, 0, r.err)
        self.assertNotIn("script_errors", r.json()["metrics"], r.err)
        self.assertNotIn("iterations", r.json()["metrics"])


def make_test(body, ramp):
    return lambda self: self.cut(body, ramp)


for name, body in WAYS.items():
    setattr(Kill, "test_cut_" + name, make_test(body, False))
    setattr(Kill, "test_ramped_down_" + name, make_test(body, True))
