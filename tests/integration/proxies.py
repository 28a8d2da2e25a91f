# SPDX-License-Identifier: MIT
"""HTTP and SOCKS proxies."""
import socket
import socketserver
import ssl
import threading


class Proxy:
    """Answers itself what it is asked to forward; a tunnel leads to the target given. seen: first lines."""

    def __init__(self, target=None, socks=False, tls=None, asks_for_password=False):
        outer = self
        self.seen, self.headers, self.asks_for_password = [], [], asks_for_password

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                (self.socks if socks else self.http)()

            def tunnel(self):
                with socket.create_connection(("127.0.0.1", target)) as to:
                    back = threading.Thread(target=self.copy, args=(to, self.connection))
                    back.start()
                    self.copy(self.connection, to)
                    back.join()

            @staticmethod
            def copy(a, b):
                try:
                    while data := a.recv(65536):
                        b.sendall(data)
                    b.shutdown(1)
                except OSError:
                    pass

            def http(self):
                line = self.rfile.readline().decode().strip()
                head = b""
                while (more := self.rfile.readline()) not in (b"\r\n", b""):
                    head += more
                outer.seen.append(line)
                outer.headers.append(head.decode())
                if line.startswith("CONNECT forbidden"):
                    self.wfile.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
                elif line.startswith("CONNECT"):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    self.tunnel()
                else:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nproxied")

            def read_text(self):
                text = b""
                while (c := self.rfile.read(1)) not in (b"", b"\0"):
                    text += c
                return text

            def socks4(self):
                self.rfile.read(1)
                port, address, user = int.from_bytes(self.rfile.read(2), "big"), self.rfile.read(4), self.read_text()
                if address[:3] == bytes(3):  # 4a: a name follows
                    address = self.read_text()
                outer.seen.append((address, port))
                outer.headers.append(user)
                self.wfile.write(b"\0\x5a" + bytes(6))
                self.tunnel()

            def socks(self):
                version = self.rfile.read(1)[0]
                if version == 4:
                    self.socks4()
                    return
                n = self.rfile.read(1)[0]
                if 2 in self.rfile.read(n) and outer.asks_for_password:
                    self.wfile.write(b"\5\2")
                    self.rfile.read(1)
                    outer.headers.append(tuple(self.rfile.read(self.rfile.read(1)[0]) for _ in range(2)))
                    self.wfile.write(b"\1\0")
                else:
                    self.wfile.write(b"\5\0")
                kind = self.rfile.read(4)[3]
                name = self.rfile.read(self.rfile.read(1)[0] if kind == 3 else 4)
                outer.seen.append((name, int.from_bytes(self.rfile.read(2), "big")))
                self.wfile.write(b"\5\0\0\1\0\0\0\0\0\0")
                self.tunnel()

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
