# SPDX-License-Identifier: MIT
"""What scripts learn of TLS connections, for HTTP and WebSocket alike."""
import hashlib
import os
import re
import ssl
import subprocess

from ttload_case import Case, HttpServer, WsServer, certificate


def openssl(*arguments, folder):
    return subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE).stdout.decode()


async def greet(ws):
    await ws.send("hello")
    await ws.wait_closed()


class Tls(Case):
    """An HTTP server and a WebSocket server with one certificate."""

    def setUp(self):
        super().setUp()
        self.cert, self.key = certificate(self.folder)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.cert, self.key)
        self.http = HttpServer(lambda h, body: h.send(200, b"ok", ("Connection", "close")))
        self.addCleanup(self.http.stop)
        self.http.use_tls(self.cert, self.key)
        self.ws = WsServer(greet, ssl=self.context)
        self.addCleanup(self.ws.stop)

    def asks(self, body, *arguments, **keywords):
        return self.passes(f"""
          local https, wss = "{self.http.url}/", "{self.ws.url}/"
          {body}""", "--ca-file", self.cert, *arguments, **keywords)


class Certificates(Tls):
    def test_a_script_sees_the_chain(self):
        def field(name):
            return openssl("x509", "-noout", f"-{name}", "-in", self.cert, folder=self.folder).split("=", 1)[1].strip()
        with open(self.cert, encoding="ascii") as f:
            pem = f.read()
        begin, end = (ssl.cert_time_to_seconds(field(name)) for name in ("startdate", "enddate"))
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
        self.asks(f"""
          for _, from in ipairs {{ http.get(https), assert(ws.open(wss)) }} do
            expect(#from.certificates, 1)
            local c = from.certificates[1]
            expect(c.subject, "CN=localhost") expect(c.issuer, "CN=localhost")
            expect(c.serial, "{field("serial").lower()}") expect(c.sha256, "{digest}")
            expect(c.not_before, {begin}) expect(c.not_after, {end})
            expect(table.concat(c.names, " "), "localhost 127.0.0.1")
            expect(c.pem, pem)
            expect(from.tls_version, "tls1.3") expect(from.tls_cipher_suite:match("TLS_AES"), "TLS_AES")
            expect(from.ocsp.status, "unknown") expect(from.ocsp.produced_at, nil)
          end""", head=f'local pem = tt.open("{self.cert}", "text")')

    def test_they_outlive_their_connection(self):
        self.asks("""
          local kept = {}
          for i = 1, 3 do kept[i] = http.get(https) end
          for _ = 1, 200 do local _ = ("x"):rep(100000) end
          for i = 1, 3 do expect(kept[i].certificates[1].subject, "CN=localhost") end
          kept[1].certificates[1].subject = "mine"
          expect(kept[1].certificates[1].subject, "mine") expect(kept[2].certificates[1].subject, "CN=localhost")""")

    def test_a_certificate_that_is_not_trusted_is_seen_where_that_is_allowed(self):
        self.passes(f"""
          expect(http.get("{self.http.url}/").certificates[1].subject, "CN=localhost")""", "--insecure-skip-tls-verify")

    def test_without_tls_there_are_none(self):
        plain = HttpServer(lambda h, body: h.send(200, b"ok"))
        self.addCleanup(plain.stop)
        self.asks(f"""
          local r = http.get("{plain.url}/")
          expect(r.certificates, nil) expect(r.ocsp, nil) expect(r.tls_version, nil) expect(r.tls_resumed, false)""")


class Ocsp(Case):
    """OpenSSL's own server staples what its own responder said."""

    def staple(self, revoked):
        cert, key = certificate(self.folder)
        serial = openssl("x509", "-noout", "-serial", "-in", cert, folder=self.folder).split("=")[1].strip()
        state = "R\t350101000000Z\t260102030405Z,keyCompromise" if revoked else "V\t350101000000Z\t"
        self.write("index.txt", f"{state}\t{serial}\tunknown\t/CN=localhost\n")
        openssl("ocsp", "-index", "index.txt", "-CA", cert, "-rsigner", cert, "-rkey", key, "-issuer", cert, "-cert", cert,
                "-ndays", "1", "-respout", "staple.der", folder=self.folder)
        server = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-key", key, "-www",
                                   "-status_file", "staple.der"], cwd=self.folder, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        port = next(m.group(1) for line in server.stdout if (m := re.match(r"ACCEPT .*:(\d+)", line)))
        return f"https://127.0.0.1:{port}/", cert

    def test_a_good_status(self):
        url, cert = self.staple(revoked=False)
        result = self.passes(f"""
          local r = http.get("{url}")
          expect(r.status, 200)
          expect(r.ocsp.status, "good") expect(r.ocsp.revoked_at, nil) expect(r.ocsp.revocation_reason, nil)
          expect(r.ocsp.next_update - r.ocsp.this_update, 86400) expect(r.ocsp.produced_at >= r.ocsp.this_update, true)
          """, "--ca-file", cert, "--system-tags", "ocsp_status,url",
                             head='M.options.thresholds = { ["http_reqs{ocsp_status:good}"] = { "count==1" } }')
        self.assertEqual(result.values("http_reqs{ocsp_status:good}")["count"], 1)

    def test_a_revoked_certificate(self):
        url, cert = self.staple(revoked=True)
        self.passes(f"""
          local o = http.get("{url}").ocsp
          expect(o.status, "revoked") expect(o.revocation_reason, "key_compromise")
          expect(o.revoked_at, 1767323045)""", "--ca-file", cert)


class Resumption(Tls):
    body = """
      local function resumed(from) return tostring(from.tls_resumed) end
      local function socket()
        local s = assert(ws.open(wss))
        s:receive() s:close()
        return s
      end
      local got = { resumed(http.get(https)), resumed(http.get(https)), resumed(socket()), resumed(socket()) }
      expect(table.concat(got, " "), %s)
      expect(http.get(https).certificates[1].subject, "CN=localhost")"""

    def test_every_connection_has_a_handshake_of_its_own(self):
        self.asks(self.body % '"false false false false"')

    def test_sessions_are_resumed_where_asked(self):
        for version in "tls1.2", "tls1.3":
            self.asks(self.body % '"false true false true"', "--tls-resumption", "--tls-version", version)

    def test_a_vu_does_not_resume_anothers(self):
        self.asks(self.body % '"false true false true"', "--tls-resumption", head="""
          M.options = { scenarios = { one = { executor = "per-vu-iterations", vus = 3, iterations = 1 } } }""")

    def test_a_vu_may_begin_anew_in_each_iteration(self):
        self.asks(self.body % '"false true false true"', "--tls-resumption", "--no-vu-connection-reuse", "--iterations", "2")

    def test_only_the_latest_servers_sessions_are_kept(self):
        servers = [WsServer(greet, ssl=self.context) for _ in range(9)]
        for s in servers:
            self.addCleanup(s.stop)
        urls = ", ".join(f'"{s.url}/"' for s in servers)
        self.asks("""
          local function resumed(url)
            local s = assert(ws.open(url))
            s:receive() s:close()
            return s.tls_resumed
          end
          for _, url in ipairs { %s } do expect(resumed(url), false) end
          expect(resumed("%s/"), false) expect(resumed("%s/"), true)""" % (urls, servers[0].url, servers[8].url),
                  "--tls-resumption")


class ServerName(Case):
    def setUp(self):
        super().setUp()
        self.cert, key = certificate(self.folder, "api.test")
        self.names, self.hosts = [], []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        context.sni_callback = lambda connection, name, c: self.names.append(name)
        self.http = HttpServer(self.answer)
        self.addCleanup(self.http.stop)
        self.http.server.socket = context.wrap_socket(self.http.server.socket, server_side=True)
        self.ws = WsServer(greet, ssl=context)
        self.addCleanup(self.ws.stop)

    def answer(self, h, body):
        self.hosts.append(h.headers["Host"])
        moved = (("Location", f"https://elsewhere.localhost:{self.http.port}/"),) if h.path == "/moved" else ()
        h.send(302 if moved else 200, b"ok", *moved)

    def asks(self, body, *arguments):
        return self.passes(f"""
          local url, wss = "https://any.localhost:{self.http.port}", "wss://any.localhost:{self.ws.port}/"
          {body}""", "--ca-file", self.cert, *arguments)

    def test_it_is_sent_and_verified_in_place_of_the_urls(self):
        self.asks("""
          expect(http.get(url .. "/").error_code, 1311)
          local r = http.get(url .. "/a", { tls_server_name = "api.test" })
          expect(r.status, 200) expect(r.url, url .. "/a")
          expect(http.get("https://127.0.0.1" .. url:match(":%d+$") .. "/a?b", { tls_server_name = "api.test" }).status, 200)
          expect(http.get(url .. "/", { tls_server_name = "api.test", headers = { Host = "mine" } }).status, 200)
          expect(http.get(url .. "/", { tls_server_name = "another.test" }).error_code, 1311)""")
        self.assertEqual(self.names, ["any.localhost", "api.test", "another.test"])
        self.assertEqual(self.hosts, [f"any.localhost:{self.http.port}", f"127.0.0.1:{self.http.port}", "mine"])

    def test_it_is_for_the_host_of_the_url_only(self):
        self.asks("""
          local r = http.get(url .. "/moved", { tls_server_name = "api.test" })
          expect(r.error_code, 1311) expect(r.url:match("elsewhere"), "elsewhere")""")
        self.assertEqual(self.names, ["api.test", "elsewhere.localhost"])

    def test_websockets_have_it_too(self):
        self.asks("""
          local _, err = ws.open(wss)
          expect(err.error_code, 1311)
          expect(ws.open(wss, { tls_server_name = "api.test" }):receive(), "hello")
          _, err = ws.open(wss, { tls_server_name = "another.test" })
          expect(err.message, "x509: certificate is not valid for another.test")""")
        self.assertEqual(self.names, ["any.localhost", "api.test", "another.test"])

    def test_it_is_a_name(self):
        self.asks("""
          for _, wrong in ipairs { "", "a b", 1, "a:1" } do
            for _, open in ipairs { http.get, ws.open } do
              local ok, why = pcall(open, open == ws.open and wss or url, { tls_server_name = wrong })
              expect(ok, false) expect(why:match("params.tls_server_name: "), "params.tls_server_name: ")
            end
          end""")
