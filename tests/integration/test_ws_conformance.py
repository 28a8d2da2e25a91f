# SPDX-License-Identifier: MIT
"""Every case of ws_cases.py, played against one process that echoes; a test per case."""
import re
import threading
import unittest

from ttload_case import Case
from ws_cases import CASES, CONT, Deflate, FRAMES, HOLD, PING, PONG, WHOLE, close, frame, TEXT
from ws_raw import Bad, RawServer

SCRIPT = """
local ws, tt = require "ttload.ws", require "ttload"
local function echo(path, params)
  local socket, err = ws.open(tt.env.URL .. path, params)
  if not socket then error(err) end
  for data, kind in socket:messages() do
    if kind == "text" then socket:send(data) else socket:send_binary(data) end
  end
  print("case " .. socket.headers["X-Case"] .. " " .. socket.close_code)
end
local function scenario(exec, n)
  return { executor = "shared-iterations", vus = 4, iterations = n, exec = exec, max_duration = "100s" }
end
return {
  options = { scenarios = { plain = scenario("plain", %d), deflate = scenario("deflate", %d) } },
  plain = function() echo("/plain") end,
  deflate = function() echo("/deflate", { compression = {} }) end,
}
"""


class Player:
    """Hands the cases out, plays them, keeps what was wrong."""

    def __init__(self, cases):
        self.lock = threading.Lock()
        self.queues = {"/plain": [c for c in cases if not c.deflate], "/deflate": [c for c in cases if c.deflate]}
        self.wrong = {c.number: "it was not played" for c in cases}

    def serve(self, connection):
        with self.lock:
            case = self.queues[connection.request()].pop(0)
        try:
            if case.deflate:
                connection.accept("X-Case: " + case.number, "Sec-WebSocket-Extensions: " + case.deflate)
                self.play_deflate(connection, case)
            else:
                connection.accept("X-Case: " + case.number)
                self.play(connection, case)
            self.wrong[case.number] = None
        except (Bad, OSError) as e:
            self.wrong[case.number] = f"{type(e).__name__}: {e}"

    def play(self, c, case):
        how, what = case.end
        if HOLD in case.frames:
            at = case.frames.index(HOLD)
            send(c, case.frames[:at], case.chop)
            self.until_close(c, case, what)
            return
        send(c, case.frames, case.chop)
        if how == "clean":
            same(read(c, len(case.expect)), case.expect)
            c.send(close(1000))
            what = (1000,)
        elif how == "answered":
            what = (what,)
        self.until_close(c, case if how != "clean" else None, what)

    def until_close(self, c, case, codes):
        """Reads up to the client's Close; its code is one of codes; nothing follows."""
        got = read(c, None)
        code, got = got[-1][1], got[:-1]
        if case:
            same(got, case.expect)
        elif got:
            raise Bad(f"{len(got)} messages too many")
        if code not in codes:
            raise Bad(f"closed with {code} instead of {codes}")
        if c.finish():
            raise Bad("something follows the Close")

    def play_deflate(self, c, case):
        z = Deflate(case.deflate)
        for opcode, payload in case.messages:
            data = z.compress(payload)
            size = case.fragment or len(data) or 1
            pieces = [data[i:i + size] for i in range(0, len(data), size)] or [b""]
            c.send(b"".join(frame(CONT if i else opcode, p, i == len(pieces) - 1, 0 if i else 4)
                            for i, p in enumerate(pieces)))
            got, answer = message(c, z)
            if got != opcode or answer != payload:
                raise Bad(f"an echo of {len(payload)} bytes differs ({len(answer)} bytes came)")
        c.send(close(1000))
        self.until_close(c, None, (1000,))


def same(got, expected):
    if got != expected:
        raise Bad(f"expected {str(expected)[:200]}, got {str(got)[:200]}")


def send(c, frames, chop):
    try:
        if chop == FRAMES:
            for f in frames:
                c.send(f)
            return
        data = b"".join(frames)
        step = len(data) if chop is WHOLE else chop
        for i in range(0, len(data), step or 1):
            c.send(data[i:i + step])
    except ConnectionError:
        pass  # the client has failed the connection before the end of it


def message(c, z=None):
    opcode, parts, packed = None, b"", False
    while True:
        got = c.frame()
        if got is None:
            raise Bad("the connection ended")
        fin, rsv, op, payload = got
        if op >= 8:
            if z:
                raise Bad(f"a frame of opcode {op} instead of a message")
            return op, payload
        if (op == CONT) != (opcode is not None) or rsv & 3 or (rsv and not z):
            raise Bad("a frame that has no place here")
        if opcode is None:
            opcode, packed = op, rsv == 4
            if z and not packed:
                raise Bad("a message is not compressed")
        parts += payload
        if fin:
            return opcode, z.decompress(parts) if packed else parts


def read(c, n):
    """n messages and pongs, or (None) all up to the Close, which is ("close", code) then."""
    got = []
    while len(got) != n:
        opcode, payload = message(c)
        if opcode == 8 and n is None:
            return got + [("close", int.from_bytes(payload[:2], "big") if payload else None)]
        if opcode not in (TEXT, 2, PONG):
            raise Bad(f"a frame of opcode {opcode}: {payload[:60]}")
        got.append((opcode, payload))
    return got


def seen(case):
    """The close codes that the script may see."""
    how, what = case.end
    return {"clean": (1000,), "answered": (1005 if what is None else what,), "failed": what}[how]


class Conformance(Case):
    @classmethod
    def setUpClass(cls):
        cls.player = Player(CASES)
        server = RawServer(cls.player.serve)
        try:
            case = Case()
            case.setUp()
            deflate = sum(1 for c in CASES if c.deflate)
            script = case.write("echo.lua", SCRIPT % (len(CASES) - deflate, deflate))
            cls.result = case.ttload("run", "--quiet", script, env={"URL": server.url}, timeout=500)
            case.doCleanups()
        finally:
            server.stop()
        cls.codes = {number: int(code) for number, code in re.findall(r'msg="case (\S+) (\d+)"', cls.result.err)}

    def test_the_run_is_clean(self):
        self.assertEqual(self.result.code, 0, self.result.err)
        self.assertNotIn("Sanitizer", self.result.err)
        self.assertEqual(self.player.queues, {"/plain": [], "/deflate": []})


def add(case):
    def test(self):
        if self.player.wrong[case.number]:
            self.fail(self.player.wrong[case.number] + "\n" + self.result.err[-2000:])
        self.assertIn(self.codes.get(case.number), seen(case), "the script's close_code")

    setattr(Conformance, "test_case_" + case.number.replace(".", "_"), test)


for one in CASES:
    add(one)

if __name__ == "__main__":
    unittest.main()
