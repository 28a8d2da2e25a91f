# SPDX-License-Identifier: MIT
"""A WebSocket server that does as it is told, right or wrong: bytes on sockets, a thread per connection."""
import base64
import hashlib
import select
import socket
import struct
import threading

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TIMEOUT = 20


class Bad(Exception):
    """The client broke the protocol, or did not do what is expected."""


class RawConnection:
    def __init__(self, sock):
        self.sock, self.buffer, self.headers, self.path, self.key = sock, b"", {}, "", ""
        sock.settimeout(TIMEOUT)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        data = self.sock.recv(262144)
        self.buffer += data
        return bool(data)

    def take(self, n):
        while len(self.buffer) < n:
            if not self.more():
                raise Bad(f"the connection ended where {n} bytes are expected")
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def request(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                raise Bad("no request")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        self.path = lines[0].split(" ")[1]
        self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        self.key = self.headers.get("sec-websocket-key", "")
        return self.path

    def accept(self, *lines):
        digest = base64.b64encode(hashlib.sha1((self.key + GUID).encode()).digest()).decode()
        self.send("\r\n".join(["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
                               "Sec-WebSocket-Accept: " + digest, *lines, "", ""]).encode())

    def frame(self):
        """(fin, rsv, opcode, payload) of the client's next frame; None at the end of the stream."""
        if not self.buffer and not self.more():
            return None
        a, b = self.take(2)
        n = b & 127
        if n == 126:
            n, = struct.unpack(">H", self.take(2))
        elif n == 127:
            n, = struct.unpack(">Q", self.take(8))
        if not b & 128:
            raise Bad("a frame of the client is not masked")
        key, data = self.take(4), self.take(n)
        mask = (key * (n // 4 + 1))[:n]
        payload = (int.from_bytes(data, "big") ^ int.from_bytes(mask, "big")).to_bytes(n, "big")
        return a >> 7, a >> 4 & 7, a & 15, payload

    def quiet(self):
        """Has the client sent nothing that is not read yet?"""
        return not self.buffer and not select.select([self.sock], [], [], 0)[0]

    def finish_writing(self):
        self.sock.shutdown(socket.SHUT_WR)

    def finish(self):
        """Ends our side and waits for the client's end; what it still sends is returned."""
        self.finish_writing()
        while self.more():
            pass
        return self.buffer

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class RawServer:
    """handler(connection) runs in a thread per connection; what goes wrong in it is in errors."""

    def __init__(self, handler, unix_path=None):
        self.handler, self.errors, self.threads, self.stopping = handler, [], [], False
        if unix_path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(unix_path)
            self.listener.listen()
        else:
            self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address = self.listener.getsockname()
        self.url = f"ws://127.0.0.1:{self.address[1]}"
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            sock, _ = self.listener.accept()
            if self.stopping:
                sock.close()
                return
            t = threading.Thread(target=self.serve, args=(sock,))
            self.threads.append(t)
            t.start()

    def serve(self, sock):
        try:
            self.handler(RawConnection(sock))
        except (Bad, OSError) as e:
            self.errors.append(f"{type(e).__name__}: {e}")
        finally:
            sock.close()

    def stop(self):
        self.stopping = True
        wake = socket.socket(self.listener.family)
        wake.connect(self.address)
        wake.close()
        self.thread.join()
        for t in self.threads:
            t.join()
        self.listener.close()
