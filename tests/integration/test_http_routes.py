# SPDX-License-Identifier: MIT
"""How requests of ttload.http travel: authentication, proxies, unix sockets, versions of HTTP."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import socketserver
import threading
import unittest

from proxies import Proxy
from ttload_case import Case, HttpServer, certificate

FAILS = """
          local function fails(part, f)
            local ok, message = pcall(f)
            if ok or not message:find(part, 1, true) or not message:find("test.lua:%d+") then
              error(("'%s' is expected, got '%s'"):format(part, message), 2)
            end
          end
"""


def digest_of(algorithm, *parts):
    return hashlib.new(algorithm, ":".join(parts).encode()).hexdigest()


def digest_holds(header, method, algorithm):
    """Does the Authorization header answer the challenge that answer() gives, for bob and "pa ss"?"""
    f = {k: v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|[^,]*)', header)}
    a1 = digest_of(algorithm, "bob", "a realm", "pa ss")
    a2 = digest_of(algorithm, method, f["uri"])
    good = digest_of(algorithm, a1, "abc123", f["nc"], f["cnonce"], f["qop"], a2)
    return f["response"] == good and f["opaque"] == "zz" and f["username"] == "bob"


def ntlm_challenge():
    """A message of type 2 that every client takes (MS-NLMP 2.2.1.2): no target, the usual flags."""
    return b"NTLMSSP\0" + bytes([2, 0, 0, 0]) + bytes(8) + bytes([1, 2, 8, 0]) + b"8bytes!!" + bytes(8) + bytes(8)


def answer(h, _body):
    path, given = h.path.split("?")[0], h.headers.get("Authorization", "")
    if path.startswith("/digest/"):
        name = path[8:]
        if given.startswith("Digest ") and digest_holds(given, h.command, name.replace("-", "").lower()):
            h.send(200, b"in")
        else:
            h.send(401, b"no", ("WWW-Authenticate", 'Basic realm="x"'), ("WWW-Authenticate",
                   f'Digest realm="a realm", qop="auth,auth-int", nonce="abc123", opaque="zz", algorithm={name}'))
    elif path == "/ntlm":
        message = base64.b64decode(given[5:]) if given.startswith("NTLM ") else b""
        if message[8:9] == b"\3" and ("bob".encode("utf-16-le") in message or b"bob" in message):
            h.send(200, b"in")
        elif message[8:9] == b"\1":
            h.send(401, b"", ("WWW-Authenticate", "NTLM " + base64.b64encode(ntlm_challenge()).decode()))
        else:
            h.send(401, b"", ("WWW-Authenticate", "NTLM"))
    else:
        what = {"path": h.path, "version": h.request_version, "headers": dict(h.headers.items())}
        h.send(200, json.dumps(what).encode())


class Routes(Case):
    def setUp(self):
        super().setUp()
        self.server = self.started(HttpServer(answer))

    def started(self, server):
        self.addCleanup(server.stop)
        return server

    def get(self, body, *arguments, **keywords):
        return self.passes(f'local url, host = "{self.server.url}", "127.0.0.1:{self.server.port}"\n' + body, *arguments,
                           **keywords)


class Authentication(Routes):
    def authorizations(self):
        return [r[2].get("Authorization") for r in self.server.requests]

    def test_digest_takes_two_requests_and_both_are_samples(self):
        for name in ("MD5", "SHA-256"):
            result = self.get(f"""
              local r = http.get("http://bob:pa%20ss@" .. host .. "/digest/{name}?a=b", {{ auth = "digest" }})
              expect(r.status, 200) expect(r.body, "in")
              r = http.post("http://bob:wrong@" .. host .. "/digest/{name}", "body", {{ auth = "digest" }})
              expect(r.status, 401)""", head="""
              M.options.submetrics = { "http_reqs{status:401}", "http_reqs{expected_response:true}" }""")
            self.assertEqual(result.values("http_reqs")["count"], 4)
            self.assertEqual(result.values("http_reqs{status:401}")["count"], 3)
            self.assertEqual(result.values("http_reqs{expected_response:true}")["count"], 3)
        self.assertEqual([a and a[:6] for a in self.authorizations()], [None, "Digest"] * 4)
        self.assertEqual([r[3] for r in self.server.requests[2:4]], [b"body"] * 2)

    def test_an_answer_without_a_challenge_counts_as_failed(self):
        result = self.get('expect(http.get("http://bob:x@" .. host .. "/", { auth = "digest" }).status, 200)')
        self.assertEqual(result.values("http_req_failed")["rate"], 1)
        self.assertEqual(self.authorizations(), [None])

    def test_basic_credentials_are_sent_at_once(self):
        self.get('http.get("http://bob:pa%20ss@" .. host .. "/", { auth = "basic" })')
        self.assertEqual(self.authorizations(), ["Basic " + base64.b64encode(b"bob:pa ss").decode()])

    def test_ntlm_is_negotiated(self):
        self.get("""
          local r = http.get("http://bob:secret@" .. host .. "/ntlm", { auth = "ntlm" })
          expect(r.status, 200) expect(r.body, "in")
          expect(http.get(url .. "/").status, 200)""")
        self.assertTrue(self.authorizations()[-2].startswith("NTLM "))
        self.assertIsNone(self.authorizations()[-1])

    def test_aws_signatures_verify(self):
        self.get("""
          http.get(url .. "/a/b?x=1", { auth = "aws-sigv4", aws = { access_key = "AKID", secret_key = "secret",
            region = "eu-west-1", service = "s3", session_token = "tok" } })""")
        headers = {k.lower(): v for k, v in self.server.requests[0][2].items()}
        self.assertEqual(headers["x-amz-security-token"], "tok")
        given = re.match(r"AWS4-HMAC-SHA256 Credential=AKID/(\d+)/eu-west-1/s3/aws4_request, *"
                         r"SignedHeaders=([^,]+), *Signature=(\w+)", headers["authorization"])
        day, names, signature = given.groups()
        payload = hashlib.sha256(b"").hexdigest()
        canonical = "\n".join(["GET", "/a/b", "x=1", *[f"{n}:{headers[n]}" for n in names.split(";")], "", names, payload])
        to_sign = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], f"{day}/eu-west-1/s3/aws4_request",
                             hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4secret"
        for part in (day, "eu-west-1", "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        self.assertEqual(signature, hmac.new(key, to_sign.encode(), "sha256").hexdigest())

    def test_misuse_names_what_is_wrong(self):
        self.get(FAILS + """
          fails("params.auth: 'basic', 'digest', 'ntlm' or 'aws-sigv4'", function() http.get(url, { auth = "bearer" }) end)
          fails("the credentials belong in the URL", function() http.get(url, { auth = "digest" }) end)
          fails("params.aws go together", function() http.get(url, { auth = "aws-sigv4" }) end)
          fails("params.aws.secret_key: text", function() http.get(url, { aws = { access_key = "a" } }) end)""")


class Proxies(Routes):
    def test_a_proxy_gets_plain_requests_and_tunnels_tls(self):
        tls = self.started(HttpServer(answer))
        cert, key = certificate(self.folder)
        tls.use_tls(cert, key)
        proxy = self.started(Proxy(tls.port))
        self.get(f"""
          local with = {{ proxy = "http://me:pw@{proxy.host}" }}
          expect(http.get("http://nowhere.invalid/x?y", with).body, "proxied")
          expect(http.get("{tls.url}/", with).status, 200)
          expect(http.get(url .. "/").status, 200)""", "--insecure-skip-tls-verify")
        self.assertEqual(proxy.seen, ["GET http://nowhere.invalid/x?y HTTP/1.1", f"CONNECT 127.0.0.1:{tls.port} HTTP/1.1"])
        self.assertIn("Proxy-Authorization: Basic " + base64.b64encode(b"me:pw").decode(), proxy.headers[0])
        self.assertEqual(len(self.server.requests), 1)

    def test_socks_proxies_look_names_up_when_told(self):
        proxy = self.started(Proxy(self.server.port, socks=True))
        self.get(f'expect(http.get("http://nowhere.invalid/", {{ proxy = "socks5h://{proxy.host}" }}).status, 200)')
        self.assertEqual(proxy.seen, [(b"nowhere.invalid", 80)])

    def test_each_kind_of_socks_gets_what_it_knows(self):
        proxy, me = self.started(Proxy(self.server.port, socks=True)), "--hosts=target.test=127.0.0.9"
        for scheme, address in (("socks4", bytes([127, 0, 0, 9])), ("socks4a", b"target.test"),
                                ("socks5", bytes([127, 0, 0, 9])), ("socks5h", b"target.test")):
            with self.subTest(scheme):
                self.get(f"""local r = http.get("http://target.test/x", {{ proxy = "{scheme}://{proxy.host}" }})
                             expect(r.status, 200) expect(r:json("headers.Host"), "target.test")""", me)
                self.assertEqual(proxy.seen.pop(), (address, 80))

    def test_socks_proxies_get_credentials(self):
        proxy = self.started(Proxy(self.server.port, socks=True, asks_for_password=True))
        self.get(f"""expect(http.get(url, {{ proxy = "socks5://me:p%40w@{proxy.host}" }}).status, 200)
                     expect(http.get(url, {{ proxy = "socks4://you@{proxy.host}" }}).status, 200)""")
        self.assertEqual(proxy.headers, [(b"me", b"p@w"), b"you"])

    def test_a_proxy_over_tls_is_verified(self):
        cert = certificate(self.folder, "proxy.test")
        target = self.started(HttpServer(answer))
        target.use_tls(*cert)
        proxy = self.started(Proxy(target.port, tls=cert))
        body = f"""
          local with = {{ proxy = "https://me:pw@proxy.test:{proxy.port}" }}
          local r = http.get("http://nowhere.invalid/x", with)
          if not r.body then return %s end
          expect(r.body, "proxied") expect(http.get("{target.url}/y", with):json("path"), "/y")"""
        hosts = "--hosts=proxy.test=127.0.0.1"
        self.get(body % 'error(r.error)', hosts, "--ca-file", cert[0])
        self.assertEqual(proxy.seen, ["GET http://nowhere.invalid/x HTTP/1.1", f"CONNECT 127.0.0.1:{target.port} HTTP/1.1"])
        for head in proxy.headers:
            self.assertIn("Proxy-Authorization: Basic " + base64.b64encode(b"me:pw").decode(), head)
        self.get(body % "expect(r.error_code, 1310)", hosts)
        self.get(body % "error(r.error)", hosts, "--insecure-skip-tls-verify")
        self.get((body % "expect(r.error_code, 1311)").replace("proxy.test", "other.test"),
                 "--hosts=other.test=127.0.0.1", "--ca-file", cert[0])

    def test_names_of_proxies_obey_the_options_of_names(self):
        proxy = self.started(Proxy())
        body = f"""local r = http.get("http://nowhere.invalid/", {{ proxy = "http://proxy.test:{proxy.port}" }})
                   expect(r.error_code, %d) if r.error_code == 0 then expect(r.body, "proxied") end"""
        self.get(body % 0, "--hosts=proxy.test=127.0.0.1")
        self.get(body % 1110, "--hosts=proxy.test=127.0.0.1", "--blacklist-ips=127.0.0.0/8")
        self.get(body % 1111, "--block-hostnames=proxy.test")
        self.get((body % 1101).replace("proxy.test", "proxy.invalid"))
        self.assertEqual(len(proxy.seen), 1)

    def test_the_environment_names_proxies(self):
        proxy = self.started(Proxy())
        env = {"HTTP_PROXY": f"http://{proxy.host}", "NO_PROXY": "other.invalid,.under.invalid"}
        self.get("""
          expect(http.get("http://nowhere.invalid/").body, "proxied")
          expect(http.get("http://nowhere.invalid/", { proxy = false }).error_code, 1101)
          expect(http.get("http://x.other.invalid/").error_code, 1101)
          expect(http.get(url .. "/").status, 200)""", env=env)
        self.assertEqual(proxy.seen, ["GET http://nowhere.invalid/ HTTP/1.1"])

    def test_a_dead_proxy_is_an_error_of_the_request(self):
        self.get('expect(http.get(url .. "/", { proxy = "http://127.0.0.1:1" }).error_code, 1212)')

    def test_misuse_names_what_is_wrong(self):
        self.get(FAILS + """
          fails("params.proxy: an http://", function() http.get(url, { proxy = "127.0.0.1:3128" }) end)
          fails("params.proxy: a string", function() http.get(url, { proxy = 1 }) end)
          fails("exclude each other", function()
            http.get(url, { unix_socket = "/x", proxy = "http://127.0.0.1:1" }) end)
          fails("params.unix_socket: too long", function() http.get(url, { unix_socket = ("x"):rep(200) }) end)
          fails("params.http_version: '1.0', '1.1', '2'", function() http.get(url, { http_version = "4" }) end)""")


class UnixHttpServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def get_request(self):
        return super().get_request()[0], ("local", 0)


class Versions(Routes):
    def test_requests_go_over_a_unix_socket(self):
        path = os.path.join(self.folder, "s")

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(self.headers["Host"].encode())

            def log_message(self, *arguments):
                pass

        server = UnixHttpServer(path, Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            self.get(f"""
              expect(http.get("http://docker/info", {{ unix_socket = "{path}" }}).body, "docker")
              expect(http.get("http://docker/", {{ unix_socket = "{path}.none" }}).status, 0)
              expect(http.get(url).status, 200)""")
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def test_the_version_is_the_scripts(self):
        self.get("""
          for _, v in ipairs { "1.0", "1.1" } do
            expect(http.get(url .. "/", { http_version = v }):json("version"), "HTTP/" .. v)
          end
          local r = http.get(url .. "/", { http_version = "2-prior-knowledge" })
          expect(r.status, 0)""")

    @unittest.skipUnless(os.path.exists("/usr/sbin/nginx"), "no nginx")
    def test_http_2_and_1_do_not_share_connections(self):
        import socket
        import subprocess
        cert, key = certificate(self.folder)
        with socket.socket() as s, socket.socket() as t:
            s.bind(("127.0.0.1", 0))
            t.bind(("127.0.0.1", 0))
            tls, plain = s.getsockname()[1], t.getsockname()[1]
        conf = self.write("nginx.conf", f"""daemon off; pid {self.folder}/pid; error_log {self.folder}/log; events {{ }}
          http {{ access_log off; server {{ listen 127.0.0.1:{tls} ssl http2; listen 127.0.0.1:{plain} http2;
          ssl_certificate {cert}; ssl_certificate_key {key}; location / {{ return 200 $server_protocol; }} }} }}""")
        p = subprocess.Popen(["/usr/sbin/nginx", "-p", self.folder, "-c", conf], stderr=subprocess.DEVNULL)
        try:
            self.get(f"""
              local t, p = "https://127.0.0.1:{tls}/", "http://127.0.0.1:{plain}/"
              for _ = 1, 100 do if http.get(t).status == 200 then break end tt.sleep("50ms") end
              expect(http.get(t).proto, "HTTP/2.0") expect(http.get(t, {{ http_version = "1.1" }}).body, "HTTP/1.1")
              expect(http.get(t, {{ http_version = "2" }}).body, "HTTP/2.0") expect(http.get(t).body, "HTTP/2.0")
              expect(http.get(p, {{ http_version = "2-prior-knowledge" }}).body, "HTTP/2.0")""",
                     "--insecure-skip-tls-verify")
        finally:
            p.terminate()
            p.wait()

    def test_http_3_needs_a_library_that_has_it(self):
        self.get("""
          local ok, message = pcall(http.get, "https://127.0.0.1:1/", { http_version = "3" })
          if not ok then expect(message:match("libcurl with HTTP/3") ~= nil, true) end""")
