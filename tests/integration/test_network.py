# SPDX-License-Identifier: MIT
"""Where connections may go, from where, and by which address: the same for HTTP and WebSocket."""
from ttload_case import Case, HttpServer, WsServer


async def say_from(ws):
    await ws.send(ws.remote_address[0])
    await ws.wait_closed()


class Network(Case):
    def setUp(self):
        super().setUp()
        self.sources = []
        self.http, self.ws = HttpServer(self.answer), WsServer(say_from)
        self.addCleanup(self.http.stop)
        self.addCleanup(self.ws.stop)

    def answer(self, h, body):
        self.sources.append(h.client_address[0])
        h.send(200, h.client_address[0].encode())

    def test_refused_names_and_networks_are_errors_with_their_codes(self):
        self.passes("""
          for _, client in ipairs { http.get, ws.open } do
            local function code(url)
              local r, err = client(url)
              return (r or err).error_code
            end
            local scheme = client == ws.open and "ws" or "http"
            expect(code(scheme .. "://api.blocked.localhost/"), 1111)
            expect(code(scheme .. "://127.0.0.9/"), 1110)
            expect(code(scheme .. "://by-hosts.test/"), 1110)
          end""", "--block-hostnames", "*.blocked.localhost", "--blacklist-ips", "127.0.0.8/30,10.0.0.0/8",
                    "--hosts", "by-hosts.test=10.1.2.3")
        self.assertEqual(self.http.connections, 0)

    def test_each_vu_has_its_source_address(self):
        self.passes(f"""
          local from = http.get("{self.http.url}/").body
          expect(ws.open("{self.ws.url}"):receive(), from)""", "--local-ips", "127.0.0.2,127.0.0.4/30", head="""
          M.options = { scenarios = { one = { executor = "per-vu-iterations", vus = 4 } } }""")
        self.assertEqual(sorted(self.sources), ["127.0.0.2", "127.0.0.2", "127.0.0.5", "127.0.0.6"])

    def test_a_source_address_of_another_host_is_a_dial_error(self):
        self.passes(f"""
          local r = http.get("{self.http.url}/")
          expect(r.error_code, 1213)
          local socket, err = ws.open("{self.ws.url}")
          expect(socket, nil) expect(err.error_code, 1213)""", "--local-ips", "192.0.2.1")

    def test_a_source_address_decides_the_family(self):
        self.passes(f"""
          local r = http.get("http://any.localhost:{self.http.port}/")
          expect(r.error_code, 1212) expect(http.get("{self.http.url}/").status, 0)""", "--local-ips", "::1")

    def test_addresses_are_tried_in_turn(self):
        self.passes(f'expect(http.get("http://any.localhost:{self.http.port}/").body, "127.0.0.1")', "--dns",
                    "policy=preferIPv6")  # nobody listens on ::1

    def test_a_vu_keeps_its_connection_whatever_address_is_chosen(self):
        self.passes(f'for _ = 1, 10 do http.get("http://any.localhost:{self.http.port}/") end', "--dns", "select=random")
        self.assertEqual(self.http.connections, 1)

    def test_faults_of_the_options_are_told_together(self):
        result = self.script("", "--local-ips", "10.0.0.300", "--dns", "select=last", "--block-hostnames", "a*b")
        self.assertEqual(result.code, 104, result.err)
        for text in ("local_ips: '10.0.0.300'", "dns: select: 'last': expected one of first, random, round_robin",
                     "block_hostnames: 'a*b'"):
            self.assertIn(text, result.err)
