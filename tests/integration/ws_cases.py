# SPDX-License-Identifier: MIT
"""The client's side of the Autobahn WebSocket test suite's case list, by its numbers, as data: RFC 6455 in sections 1
to 7 and 10, RFC 7692 in 12 and 13. Section 9 (limits) is about speed and not here; the messages of 12 and 13 are fewer.

A case is what the server sends and what an echoing client must do. `end` is how it must end:
  CLEAN         all of `expect` comes back, then our Close 1000 is answered
  answered(c)   the server's own Close is among the frames; the client answers with code c (None: no code)
  failed(c...)  the client fails the connection with one of the codes; of `expect` came as much as was possible"""
import random
import struct
import zlib

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
HOLD = object()  # in the frames: what follows is sent only if the client has not failed the connection by then
CLEAN = ("clean", 1000)
WHOLE, FRAMES, OCTETS = None, 0, 1  # chops: all in one, a frame each, a byte each; or a number of bytes


def answered(code):
    return "answered", code


def failed(*codes):
    return "failed", codes


class WsCase:
    def __init__(self, number, frames, expect=(), end=CLEAN, chop=WHOLE):
        self.number, self.frames, self.expect, self.end, self.chop = number, frames, list(expect), end, chop
        self.deflate = self.messages = None


class DeflateCase(WsCase):
    """Messages one after the other, each echoed. params: the server's answer to permessage-deflate; fragment: bytes
    per frame, 0 none."""

    def __init__(self, number, params, messages, fragment):
        super().__init__(number, [])
        self.deflate, self.messages, self.fragment = params, messages, fragment


def frame(opcode, payload=b"", fin=True, rsv=0):
    n = len(payload)
    size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
    return bytes([fin << 7 | rsv << 4 | opcode]) + size + payload


def close(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def echo(*payloads, opcode=TEXT):
    return [(opcode, p) for p in payloads]


def fragments(payload, size, opcode=TEXT):
    pieces = [payload[i:i + size] for i in range(0, len(payload), size)]
    return [frame(CONT if i else opcode, p, i == len(pieces) - 1) for i, p in enumerate(pieces)]


def framing():
    sizes = [(0, WHOLE), (125, WHOLE), (126, WHOLE), (127, WHOLE), (128, WHOLE), (65535, WHOLE), (65536, WHOLE), (65536, 997)]
    for part, opcode, octet in ((1, TEXT, b"*"), (2, BINARY, b"\xfe")):
        for i, (size, chop) in enumerate(sizes, 1):
            yield WsCase(f"1.{part}.{i}", [frame(opcode, octet * size)], echo(octet * size, opcode=opcode), chop=chop)


def pings():
    hello, odd, long = b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125
    ten = [b"payload-%d" % i for i in range(10)]
    for number, payload in (("2.1", b""), ("2.2", hello), ("2.3", odd), ("2.4", long)):
        yield WsCase(number, [frame(PING, payload)], [(PONG, payload)])
    yield WsCase("2.5", [frame(PING, b"\xfe" * 126)], end=failed(1002))
    yield WsCase("2.6", [frame(PING, long)], [(PONG, long)], chop=OCTETS)
    yield WsCase("2.7", [frame(PONG)])
    yield WsCase("2.8", [frame(PONG, b"unsolicited pong payload")])
    yield WsCase("2.9", [frame(PONG, b"unsolicited pong payload"), frame(PING, b"ping payload")], [(PONG, b"ping payload")])
    yield WsCase("2.10", [frame(PING, p) for p in ten], [(PONG, p) for p in ten])
    yield WsCase("2.11", [frame(PING, p) for p in ten], [(PONG, p) for p in ten], chop=OCTETS)


def reserved_bits():
    hello = b"Hello, world!"
    text, bad, ping = frame(TEXT, hello), failed(1002), frame(PING)
    yield WsCase("3.1", [frame(TEXT, hello, rsv=1)], end=bad)
    yield WsCase("3.2", [text, frame(TEXT, hello, rsv=2), ping], echo(hello), bad)
    yield WsCase("3.3", [text, frame(TEXT, hello, rsv=3), ping], echo(hello), bad, FRAMES)
    yield WsCase("3.4", [text, frame(TEXT, hello, rsv=4), ping], echo(hello), bad, OCTETS)
    yield WsCase("3.5", [frame(BINARY, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", rsv=5)], end=bad)
    yield WsCase("3.6", [frame(PING, hello, rsv=6)], end=bad)
    yield WsCase("3.7", [frame(CLOSE, b"\x03\xe8", rsv=7)], end=bad)


def opcodes():
    hello = b"Hello, world!"
    for part, first in ((1, 3), (2, 11)):
        yield WsCase(f"4.{part}.1", [frame(first)], end=failed(1002))
        yield WsCase(f"4.{part}.2", [frame(first + 1, b"reserved opcode payload")], end=failed(1002))
        for i, (payload, chop) in enumerate(((b"", WHOLE), (hello, FRAMES), (b"" if part == 1 else hello, OCTETS))):
            yield WsCase(f"4.{part}.{i + 3}", [frame(TEXT, hello), frame(first + 2 + i, payload), frame(PING)], echo(hello),
                         failed(1002), chop)


def fragmentation():
    one, two = b"fragment1", b"fragment2"
    ways, bad, both = (WHOLE, FRAMES, OCTETS), failed(1002), [frame(TEXT, one, False), frame(CONT, two)]
    lonely, whole = frame(CONT, b"non-continuation payload", False), frame(TEXT, b"Hello, world!")
    number = iter(range(1, 21))

    def case(*arguments, **keywords):
        return WsCase(f"5.{next(number)}", *arguments, **keywords)

    yield case([frame(PING, one, False), frame(CONT, two)], end=bad)
    yield case([frame(PONG, one, False), frame(CONT, two)], end=bad)
    for chop in ways:
        yield case(both, echo(one + two), chop=chop)
    for chop in ways:
        yield case([both[0], frame(PING, b"ping payload"), both[1]], [(PONG, b"ping payload"), (TEXT, one + two)], chop=chop)
    for fin in (True, False):
        for chop in ways:
            yield case([frame(CONT, b"non-continuation payload", fin), whole], end=bad, chop=chop)
    yield case([*both, lonely, whole], echo(one + two), bad)
    yield case([frame(CONT, one, False), frame(TEXT, two, False), frame(CONT, one)] * 2, end=bad)
    yield case([frame(CONT, one), frame(TEXT, two, False), frame(CONT, one)] * 2, end=bad)
    yield case([frame(TEXT, one, False), frame(TEXT, two)], end=bad)
    parts = [b"fragment%d" % i for i in range(1, 6)]
    f = [frame(CONT if i else TEXT, p, i == 4) for i, p in enumerate(parts)]
    for chop in (FRAMES, WHOLE):
        yield case([f[0], f[1], frame(PING, b"pongme 1!"), f[2], f[3], frame(PING, b"pongme 2!"), f[4]],
                   [(PONG, b"pongme 1!"), (PONG, b"pongme 2!"), (TEXT, b"".join(parts))], chop=chop)


KOSME = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
LONE = [b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80",
        b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"]


def noncharacters():
    yield from (b"\xef\xbf\xbe", b"\xef\xbf\xbf")
    for plane in range(1, 17):
        yield from (chr(plane << 16 | 0xfffe).encode(), chr(plane << 16 | 0xffff).encode())


# From 6.5 on: is each sequence valid UTF-8?
SEQUENCES = [
    (True, [b"hello\x24world", b"hello\xc2\xa2world", b"hello\xe2\x82\xacworld", b"hello\xf0\xa4\xad\xa2world", KOSME]),
    (None, [KOSME[:i] for i in range(1, len(KOSME) + 1)]),  # valid where a character ends
    (True, [b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]),
    (False, [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
    (True, [b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]),
    (False, [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]),
    (None, [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80"]),
    (False, [b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", b"\x80\xbf" * 2, b"\x80\xbf\x80\xbf\x80", b"\x80\xbf" * 3,
             bytes(range(0x80, 0xbf))]),
    (False, [b"".join(bytes([i, 32]) for i in range(a, b))
             for a, b in ((0xc0, 0xdf), (0xe0, 0xef), (0xf0, 0xf7), (0xf8, 0xfb), (0xfc, 0xfd))]),
    (False, LONE),
    (False, [b"".join(LONE)]),
    (False, [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
    (False, [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf"]),
    (False, [b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"]),
    (False, [b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80"]),
    (False, [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"]),
    (False, [a + b for a in (b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf")
             for b in (b"\xed\xb0\x80", b"\xed\xbf\xbf")]),
    (True, list(noncharacters())),
    (True, [b"\xef\xbf" + bytes([i]) for i in range(0xb9, 0xc0)]),
]


def is_utf8(payload):
    try:
        return payload.decode() is not None
    except UnicodeDecodeError:
        return False


def utf8():
    bad, valid = failed(1007), "Hello-µ@ßöäüàá-UTF-8!!".encode()
    surrogate, above = KOSME + b"\xed\xa0\x80edited", b"\xf4\x90\x80\x80"
    yield WsCase("6.1.1", [frame(TEXT)], echo(b""))
    yield WsCase("6.1.2", [frame(TEXT, b"", False), frame(CONT, b"", False), frame(CONT)], echo(b""))
    yield WsCase("6.1.3", [frame(TEXT, b"", False), frame(CONT, b"middle frame payload", False), frame(CONT)],
                 echo(b"middle frame payload"))
    yield WsCase("6.2.1", [frame(TEXT, valid)], echo(valid))
    yield WsCase("6.2.2", [frame(TEXT, valid[:12], False), frame(CONT, valid[12:])], echo(valid))
    yield WsCase("6.2.3", fragments(valid, 1), echo(valid))
    yield WsCase("6.2.4", fragments(KOSME, 1), echo(KOSME))
    yield WsCase("6.3.1", [frame(TEXT, surrogate)], end=bad)
    yield WsCase("6.3.2", fragments(surrogate, 1), end=bad)
    # what is wrong must be seen before the message has come whole
    yield WsCase("6.4.1", [frame(TEXT, KOSME, False), frame(CONT, above, False), HOLD, frame(CONT, b"edited")], end=bad,
                 chop=FRAMES)
    yield WsCase("6.4.2", [frame(TEXT, KOSME + above[:1], False), frame(CONT, above[1:2], False), HOLD,
                           frame(CONT, above[2:] + b"edited")], end=bad, chop=FRAMES)
    whole = frame(TEXT, KOSME + above + b"edited")
    cut = 2 + len(KOSME)
    yield WsCase("6.4.3", [whole[:cut], whole[cut:cut + 4], HOLD, whole[cut + 4:]], end=bad, chop=FRAMES)
    yield WsCase("6.4.4", [whole[:cut + 1], whole[cut + 1:cut + 2], HOLD, whole[cut + 2:]], end=bad, chop=FRAMES)
    for part, (known, payloads) in enumerate(SEQUENCES, 5):
        for i, p in enumerate(payloads, 1):
            ok = is_utf8(p)
            assert known is None or known == ok, (part, i)
            yield WsCase(f"6.{part}.{i}", [frame(TEXT, p)], echo(p) if ok else [], CLEAN if ok else bad)


def closing():
    hello, normal, bad = b"Hello World!", close(1000), failed(1002)
    text, big = frame(TEXT, hello), b"BAsd7&jh23" * 26215
    yield WsCase("7.1.1", [text, normal], echo(hello), answered(1000))
    yield WsCase("7.1.2", [normal, normal], end=answered(1000))
    yield WsCase("7.1.3", [normal, frame(PING)], end=answered(1000))
    yield WsCase("7.1.4", [normal, text], end=answered(1000))
    yield WsCase("7.1.5", [frame(TEXT, b"fragment1", False), normal, frame(CONT, b"fragment2")], end=answered(1000))
    yield WsCase("7.1.6", [frame(TEXT, big), normal, frame(PING)], echo(big), answered(1000))
    yield WsCase("7.3.1", [frame(CLOSE)], end=answered(None))
    yield WsCase("7.3.2", [frame(CLOSE, b"a")], end=bad)
    yield WsCase("7.3.3", [normal], end=answered(1000))
    yield WsCase("7.3.4", [close(1000, hello)], end=answered(1000))
    yield WsCase("7.3.5", [close(1000, b"*" * 123)], end=answered(1000))
    yield WsCase("7.3.6", [close(1000, b"*" * 124)], end=bad)
    yield WsCase("7.5.1", [close(1000, KOSME + b"\xed\xa0\x80edited")], end=failed(1007, 1002))
    codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
    for i, code in enumerate(codes, 1):
        yield WsCase(f"7.7.{i}", [close(code)], end=answered(code))
    for i, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        yield WsCase(f"7.9.{i}", [close(code)], end=bad)
    for i, code in enumerate((5000, 65535), 1):
        yield WsCase(f"7.13.{i}", [close(code)], end=bad)


def auto_fragments():
    yield WsCase("10.1.1", fragments(b"*" * 65536, 1300), echo(b"*" * 65536))


SIZES = [(n, 0) for n in (16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072)] + \
        [(n, 256) for n in (8192, 16384, 32768, 65536, 131072)] + [(131072, n) for n in (1024, 4096, 32768)]


def corpora():
    """Data of five kinds: JSON, an image's bytes, prose with umlauts, HTML, numbers."""
    r = random.Random(7692)
    words = ["und", "der", "Geist", "über", "möchte", "schöne", "Augenblick", "verweile", "doch", "du", "bist", "so"]
    items = range(4000)
    yield TEXT, "".join(f'{{"id": {i}, "name": "{r.choice(words)}", "score": {r.random():.6f}}},\n' for i in items).encode()
    level = [r.randrange(256)]
    for _ in range(262143):
        level.append((level[-1] + r.choice((-1, 0, 0, 0, 1))) % 256)
    yield BINARY, bytes(level)
    yield TEXT, " ".join(r.choice(words) for _ in range(40000)).encode()
    yield TEXT, "".join(f'<li class="c{i % 7}"><a href="/p/{r.randrange(10 ** 6)}">{r.choice(words)}</a></li>\n' for i in items).encode()
    yield TEXT, "".join(f"{r.random()},{r.randrange(10 ** 9)}\n" for _ in range(8000)).encode()


def messages(opcode, data, size):
    at = 0
    for _ in range(max(3, min(20, 262144 // size))):
        piece = data[at:at + size]
        at += size
        if len(piece) < size:
            piece, at = (data * 2)[:size], 0
        if opcode == TEXT:  # no character is cut
            piece = piece.decode(errors="ignore").encode()
        yield opcode, piece


def deflate_payloads():
    for part, (opcode, data) in enumerate(corpora(), 1):
        for i, (size, fragment) in enumerate(SIZES, 1):
            yield DeflateCase(f"12.{part}.{i}", "permessage-deflate", list(messages(opcode, data, size)), fragment)


# No context takeover, window bits: what the server demands of both sides; of several, cases take turns.
PARAMETERS = [[(False, 0)], [(True, 0)], [(False, 9)], [(False, 15)], [(True, 9)], [(True, 15)],
              [(True, 9), (True, 0), (False, 0)]]


def deflate_parameters():
    opcode, data = next(corpora())
    for part, choices in enumerate(PARAMETERS, 1):
        for i, (size, fragment) in enumerate(SIZES, 1):
            no_takeover, bits = choices[i % len(choices)]
            params = "permessage-deflate"
            for side in ("client", "server"):
                params += f"; {side}_no_context_takeover" if no_takeover else ""
                params += f"; {side}_max_window_bits={bits}" if bits else ""
            yield DeflateCase(f"13.{part}.{i}", params, list(messages(opcode, data, size)), fragment)


SECTIONS = [framing, pings, reserved_bits, opcodes, fragmentation, utf8, closing, auto_fragments, deflate_payloads,
            deflate_parameters]
CASES = [case for section in SECTIONS for case in section()]


class Deflate:
    """One direction each way of RFC 7692, by the agreed parameters, from the server's side."""

    def __init__(self, params):
        words = [w.strip() for w in params.split(";")]
        bits = {w.split("=")[0]: int(w.split("=")[1]) for w in words if "=" in w}
        self.out_bits, self.in_bits = bits.get("server_max_window_bits", 15), bits.get("client_max_window_bits", 15)
        self.out_fresh, self.in_fresh = "server_no_context_takeover" in words, "client_no_context_takeover" in words
        self.out = self.into = None

    def compress(self, data):
        if not self.out or self.out_fresh:
            self.out = zlib.compressobj(1, zlib.DEFLATED, -self.out_bits)
        return (self.out.compress(data) + self.out.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def decompress(self, data):
        if not self.into or self.in_fresh:
            self.into = zlib.decompressobj(-self.in_bits)
        return self.into.decompress(data + b"\x00\x00\xff\xff")
