# SPDX-License-Identifier: MIT
"""Where connections may go, from where, and by which address: the same for HTTP and WebSocket."""
import os
import threading
import time

from ttload_case import Case, HttpServer, WsServer, certificate


async def say_from(ws):
    await ws.send(ws.remote_address[0])
    await ws.wait_closed()


class Network(Case):
    def setUp(self):
        super().setUp()
        self.sources, self.times = [], []
        self.http, self.ws = HttpServer(self.answer), WsServer(say_from)
        self.addCleanup(self.http.stop)
        self.addCleanup(self.ws.stop)

    def answer(self, h, body):
        self.sources.append(h.client_address[0])
        self.times.append(time.monotonic())
        left = int(h.path[7:]) if h.path.startswith("/again/") else 0
        if left:
            h.send(302, b"", ("Location", f"/again/{left - 1}"))
            return
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

    def test_each_vu_has_its_source_address_over_tls_too(self):
        secure = HttpServer(self.answer)
        self.addCleanup(secure.stop)
        secure.use_tls(*certificate(self.folder))
        self.passes(f"""
          http.get("{secure.url}/") http.get("https://any.localhost:{secure.port}/")""", "--local-ips",
                    "127.0.0.2,127.0.0.4/30", "--insecure-skip-tls-verify", head="""
          M.options = { scenarios = { one = { executor = "per-vu-iterations", vus = 3 } } }""")
        self.assertEqual(sorted(self.sources), ["127.0.0.2", "127.0.0.2", "127.0.0.5", "127.0.0.5", "127.0.0.6", "127.0.0.6"])

    def test_a_source_address_that_fails_over_tls_is_a_dial_error(self):
        for address, code in (("192.0.2.1", 1213), ("::1", 1213)):
            self.passes(f'expect(http.get("https://127.0.0.1:{self.http.port}/").error_code, {code})', "--local-ips", address)

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

    def test_a_rate_limit_spaces_the_requests_of_all_vus(self):
        self.passes(f'for _ = 1, 5 do http.get("{self.http.url}/") end', "--rps", "100", "--vus", "4",
                    "--iterations", "4")
        self.assertEqual(len(self.sources), 20)
        times = sorted(self.times)
        self.assertGreaterEqual(times[-1] - times[0], 0.15)  # 19 gaps of 10 ms; threads answer late at times

    def test_redirects_count_for_the_rate_where_asked(self):
        for extra, least in ((), 0), (("--rps-redirects",), 0.3):
            self.times.clear()
            self.passes(f'expect(http.get("{self.http.url}/again/4").status, 200)', "--rps", "10", *extra)
            self.assertEqual(len(self.times), 5)
            self.assertGreaterEqual(self.times[-1] - self.times[0], least)

    def test_a_wait_for_the_turn_ends_with_its_iteration(self):
        self.passes(f"""
          http.get("{self.http.url}/")
          local task = tt.spawn(function() http.get("{self.http.url}/") end)
          tt.sleep(0.01) task:cancel()""", "--rps", "0.01")
        self.assertEqual(len(self.sources), 1)

    def test_faults_of_the_options_are_told_together(self):
        result = self.script("", "--local-ips", "10.0.0.300", "--dns", "select=last", "--block-hostnames", "a*b")
        self.assertEqual(result.code, 104, result.err)
        for text in ("local_ips: '10.0.0.300'", "dns: select: 'last': expected one of first, random, round_robin",
                     "block_hostnames: 'a*b'"):
            self.assertIn(text, result.err)


class Idle(Case):
    """Connections between requests: how many are kept, and how long."""

    def setUp(self):
        super().setUp()
        self.together = threading.Barrier(6)
        self.servers = [HttpServer(self.answer), HttpServer(self.answer)]
        self.servers[1].use_tls(*certificate(self.folder))
        for s in self.servers:
            self.addCleanup(s.stop)

    def answer(self, h, body):
        if h.path == "/together":
            self.together.wait(30)
        h.send(200, b"ok")

    def connections(self, body, *arguments):
        """How many the plain server and the one with TLS have seen."""
        before = [s.connections for s in self.servers]
        plain, secure = (s.port for s in self.servers)
        self.passes(f"""
          for scheme, port in pairs {{ http = {plain}, https = {secure} }} do
            local function get(host) expect(http.get(scheme .. "://" .. host .. ".localhost:" .. port .. "/").status, 200) end
            {body}
          end""", "--insecure-skip-tls-verify", *arguments)
        return [s.connections - b for s, b in zip(self.servers, before)]

    def test_as_many_are_kept_as_the_options_say(self):
        visits = 'for _ = 1, 2 do for _, host in ipairs { "a", "b", "c" } do get(host) end end'
        self.assertEqual(self.connections(visits), [3, 3])
        for limit in "--max-idle-connections", "--batch":
            plain, secure = self.connections(visits, limit, "2")
            self.assertEqual(plain, 6)
            self.assertGreater(secure, 3)  # those of libcurl, which has the first of each host, count apart
        self.assertEqual(self.connections(visits, "--batch", "2", "--max-idle-connections", "0"), [3, 3])

    def test_those_of_one_host_have_a_limit(self):
        for limit in ("--max-idle-per-host", "2"), ("--batch", "40"):
            n = self.servers[0].connections
            self.passes(f"""
              local list = {{}}
              for i = 1, 6 do list[i] = "{self.servers[0].url}/together" end
              for _ = 1, 2 do for _, r in ipairs(http.batch(list)) do expect(r.status, 200) end end""", *limit)
            self.assertEqual(self.servers[0].connections - n, 10 if "2" in limit else 6)

    def test_they_are_closed_when_they_were_idle_too_long(self):
        waits = 'get("a") tt.sleep(2.5) get("a")'
        self.assertEqual(self.connections(waits), [1, 1])
        self.assertEqual(self.connections(waits, "--idle-timeout", "1s"), [2, 2])

    def test_limits_are_numbers_from_0(self):
        self.assertIn("expected 0 (no limit) or more", self.script("", "--max-idle-per-host=-1").err)


class Tls(Case):
    """One set of options for both clients."""

    def setUp(self):
        super().setUp()
        self.cert, key = certificate(self.folder)
        self.server = HttpServer(lambda h, body: h.send(200, b"ok"))
        self.server.use_tls(self.cert, key)
        self.addCleanup(self.server.stop)

    def get(self, body, *arguments, **keywords):
        return self.passes(f'local url = "{self.server.url}/" ' + body, "--ca-file", self.cert, *arguments, **keywords)

    def test_versions_have_limits(self):
        self.get('expect(http.get(url).tls_version, "tls1.2")', "--tls-version", "tls1.2")
        self.get('expect(http.get(url).tls_version, "tls1.2")', head='M.options.tls_version = { max = "tls1.2" }')
        self.get('expect(http.get(url).tls_version, "tls1.3")', head='M.options.tls_version = { min = "tls1.2" }')
        self.get('expect(http.get(url).tls_version, "tls1.3")', "--tls-version", "tls1.3")

    def test_cipher_suites_are_chosen_by_their_iana_names(self):
        for version, name in (("tls1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"), ("tls1.3", "TLS_CHACHA20_POLY1305_SHA256")):
            self.get(f'expect(http.get(url).tls_cipher_suite, "{name}")', "--tls-version", version, "--tls-cipher-suites", name)

    def test_websockets_obey_them_too(self):
        self.get("""local _, err = ws.open((url:gsub("^http", "ws")))
          expect(err.status, 200)""", "--tls-version", "tls1.3")  # refused by HTTP, so TLS was fine
        self.get("""local _, err = ws.open((url:gsub("^http", "ws")))
          expect(err.error_code >= 1000 and err.error_code < 1400, true) expect(http.get(url).status, 0)""",
                 "--tls-version", "tls1.2", "--tls-cipher-suites", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")  # not for this key

    def test_keys_are_logged_for_their_owner_only(self):
        path = os.path.join(self.folder, "keys.log")
        self.get('http.get(url) ws.open((url:gsub("^http", "ws")))', env={"SSLKEYLOGFILE": path})
        with open(path, encoding="ascii") as f:
            self.assertEqual(sum(line.startswith("CLIENT_TRAFFIC_SECRET_0 ") for line in f), 2)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_client_certificates_are_for_their_domains(self):
        import ssl
        other = os.path.join(self.folder, "client")
        os.mkdir(other)
        cert, key = certificate(other, "client")
        server = HttpServer(lambda h, body: h.send(200, str(h.connection.getpeercert()["subject"]).encode()))
        self.addCleanup(server.stop)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, os.path.join(self.folder, "key.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cert)
        server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
        url = f"https://localhost:{server.port}/"
        auth = f"""
          M.options.tls_auth = {{ {{ cert = tt.open("{cert}", "text"), key = tt.open("{key}", "text"), domains = {{ "%s" }} }} }}
        """
        self.get(f"""expect(http.get("{url}").body:match("client"), "client")
                     local _, err = ws.open("wss" .. ("{url}"):sub(6))
                     expect(err.status, 200)""", head=auth % "*host")
        self.get(f'expect(http.get("{url}").status, 0)', head=auth % "other.test")
        result = self.script("", head='M.options.tls_auth = { { cert = "x", key = "y" } }')
        self.assertEqual(result.code, 104, result.err)
        self.assertIn("tls_auth[1]: cert: no certificate", result.err)

    def test_faults_are_told_with_the_options(self):
        result = self.script("", "--tls-version", "ssl3")
        self.assertEqual(result.code, 104, result.err)
        self.assertIn("tls_version: 'ssl3': expected tls1.0", result.err)
        self.assertIn("OpenSSL has no 'TLS_NONE'", self.script("", "--tls-cipher-suites", "TLS_NONE").err)
