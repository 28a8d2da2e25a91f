# SPDX-License-Identifier: MIT
"""ttload.http against servers that people run: nginx (HTTP/1.1, HTTP/2, TLS) and httpbin."""
import importlib.util
import os
import shutil
import socket
import subprocess
import threading
import unittest

from ttload_case import Case, certificate

CONFIG = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  log_format seen '$connection $connection_requests $server_protocol $request_method $uri $status';
  access_log {folder}/access.log seen;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {cert}; ssl_certificate_key {key};
  client_max_body_size 16m;
  server {{
    listen 127.0.0.1:{plain};
    listen 127.0.0.1:{tls} ssl http2;
    listen 127.0.0.1:{tls1} ssl;
    root {folder}/www;
    keepalive_requests 1000;
    location = /small.txt {{ gzip on; gzip_types *; gzip_min_length 1; }}
    location = /few {{ keepalive_requests 5; return 200 few; }}
    location = /upload {{ proxy_pass http://127.0.0.1:{plain}/took; }}
    location = /took {{ return 200 $content_length; }}
    location = /secure {{ return 301 https://127.0.0.1:{tls}/small.txt; }}
    location = /tiny {{ client_max_body_size 10; proxy_pass http://127.0.0.1:{plain}/took; }}
  }}
}}
"""
LARGE = 20 << 20


@unittest.skipUnless(shutil.which("nginx") or os.path.exists("/usr/sbin/nginx"), "nginx is not installed")
class Nginx(Case):
    def setUp(self):
        super().setUp()
        www = os.path.join(self.folder, "www")
        os.makedirs(www)
        os.chmod(self.folder, 0o755)
        with open(os.path.join(www, "small.txt"), "w", encoding="utf-8") as f:
            f.write("all work and no play\n" * 100)
        with open(os.path.join(www, "large"), "wb") as f:
            f.write(bytes(range(256)) * (LARGE // 256))
        self.cert, key = certificate(self.folder)
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        self.plain, self.tls, self.tls1 = [s.getsockname()[1] for s in listeners]
        self.write("nginx.conf", CONFIG.format(folder=self.folder, cert=self.cert, key=key, plain=self.plain, tls=self.tls, tls1=self.tls1))
        fds = [s.fileno() for s in listeners]  # nginx inherits them: no port is looked for twice
        nginx = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", self.folder, "-c", "nginx.conf"],
                                 pass_fds=fds, env={**os.environ, "NGINX": "".join(f"{fd};" for fd in fds)},
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for s in listeners:
            s.close()

        def stop():
            nginx.terminate()
            nginx.wait()
        self.addCleanup(stop)

    def asks(self, body, *arguments, **keywords):
        bases = f'"http://127.0.0.1:{self.plain}", "https://127.0.0.1:{self.tls}", "https://127.0.0.1:{self.tls1}"'
        return self.passes(f"local plain, tls, tls1 = {bases}\n{body}", "--ca-file", self.cert, *arguments, **keywords)

    def seen(self):
        """(connection, number of the request on it, protocol, method, path, status) of each request that nginx answered."""
        with open(os.path.join(self.folder, "access.log"), encoding="utf-8") as f:
            return [tuple(line.split()) for line in f]

    def test_large_bodies_come_and_go_whole(self):
        result = self.asks(f"""
          local r = http.get(plain .. "/large")
          expect(r.status, 200) expect(#r.body, {LARGE}) expect(r.body:sub(-3), "\\xfd\\xfe\\xff")
          expect(http.get(plain .. "/large", {{ response_type = "none" }}).body, nil)
          expect(#http.get(tls .. "/large").body, {LARGE})
          local body = ("0123456789abcdef"):rep(512 * 1024)
          expect(http.post(plain .. "/upload", body).body, tostring(#body))
          expect(http.put(tls .. "/upload", body).body, tostring(#body))""")
        self.assertGreater(result.values("data_received")["count"], 3 * LARGE)
        self.assertGreater(result.values("data_sent")["count"], 16 << 20)

    def test_compression_is_undone(self):
        self.asks("""
          for _, base in ipairs { plain, tls, tls1 } do
            local r = http.get(base .. "/small.txt", { headers = { ["Accept-Encoding"] = "gzip" } })
            expect(r.headers["Content-Encoding"], "gzip") expect(#r.body, 2100)
            expect(r.body:sub(1, 20), "all work and no play")
          end""")

    def test_connections_are_kept_until_the_server_ends_them(self):
        result = self.asks("""
          for _ = 1, 12 do expect(http.get(plain .. "/few").status, 200) end""")
        self.assertEqual(result.values("http_req_failed")["rate"], 0)
        self.assertEqual([n for _, n, *_ in self.seen()], [str(i % 5 + 1) for i in range(12)])
        self.assertEqual(len({c for c, *_ in self.seen()}), 3)

    def test_each_vu_has_connections_of_its_own(self):
        self.asks("""for _ = 1, 3 do http.get(plain .. "/small.txt") end""",
                  head='M.options = { scenarios = { s = { executor = "per-vu-iterations", vus = 4, iterations = 1 } } }')
        self.assertEqual(len({c for c, *_ in self.seen()}), 4)

    def test_over_tls_each_vu_has_one_connection_at_a_time(self):
        """A VU begins over libcurl, the others over our own connections: neither opens more than it needs."""
        self.asks("""
          for _ = 1, 12 do
            local r = http.get(tls1 .. "/few")
            expect(r.body, "few") expect(r.proto, "HTTP/1.1") expect(r.tls_version, "tls1.3")
          end""", head='M.options = { scenarios = { s = { executor = "per-vu-iterations", vus = 4, iterations = 1 } } }')
        numbers = [int(n) for _, n, *_ in self.seen()]
        self.assertEqual({n: numbers.count(n) for n in numbers}, {1: 12, 2: 12, 3: 8, 4: 8, 5: 8})

    def test_connections_are_closed_after_each_request_when_asked(self):
        self.asks("""
          for _ = 1, 4 do http.get(plain .. "/small.txt") end
          for _ = 1, 4 do http.get(tls1 .. "/small.txt") end""", "--no-connection-reuse")
        self.assertEqual([n for _, n, *_ in self.seen()], ["1"] * 8)

    def test_http2_is_spoken_over_tls(self):
        self.asks("""
          local r = http.get(tls .. "/small.txt")
          expect(r.status, 200) expect(r.proto, "HTTP/2.0") expect(r.tls_version, "tls1.3") expect(#r.body, 2100)
          expect(http.get(tls .. "/nothing").status, 404)
          expect(http.head(tls .. "/small.txt").headers["Content-Length"], "2100")""")
        self.assertEqual({(c, p) for c, _, p, *_ in self.seen()}, {(self.seen()[0][0], "HTTP/2.0")})

    def test_parallel_requests_share_an_http2_connection(self):
        self.asks("""
          expect(http.get(tls .. "/small.txt").status, 200)
          local tasks = {}
          for i = 1, 10 do tasks[i] = tt.spawn(function() return http.get(tls .. "/large").body end) end
          for _, body in ipairs(tt.all(tasks)) do expect(#body, %d) end""" % LARGE)
        self.assertEqual(len(self.seen()), 11)
        self.assertEqual(len({c for c, *_ in self.seen()}), 1)

    def test_round_trip_times_of_connections_are_measured_when_asked(self):
        body = """
          for _, base in ipairs { plain, tls } do
            local all = {}
            for i = 1, 5 do all[i] = base .. "/small.txt" end
            http.get(base .. "/large", { response_type = "none" })
            http.batch(all)
          end"""
        result = self.asks(body, "--tcp-info")
        rtt = result.values("http_req_tcp_rtt")
        self.assertGreater(rtt["min"], 0)
        self.assertLess(rtt["max"], 10000)
        self.assertEqual(result.values("http_req_tcp_retransmits")["count"], 0)
        result = self.asks(body + """ http.get(plain .. "/small.txt")""", "--tcp-info", "--summary-trend-stats", "count")
        self.assertEqual(result.values("http_req_tcp_rtt")["count"], 13)
        self.assertNotIn("http_req_tcp_rtt", self.asks(body).json()["metrics"])

    def test_first_and_last_byte_are_counted_from_the_begin(self):
        self.asks("""
          for _, base in ipairs { plain, tls } do
            local t = http.get(base .. "/large", { response_type = "none" }).timings
            expect(t.first_byte >= t.blocked + t.waiting and t.last_byte >= t.first_byte + t.receiving - 0.001, true)
          end
          local t = http.get("http://127.0.0.1:1/").timings
          expect(t.first_byte, 0) expect(t.last_byte, 0)""")

    def test_redirects_lead_from_http_to_https(self):
        result = self.asks("""
          local r = http.get(plain .. "/secure")
          expect(r.status, 200) expect(r.url, tls .. "/small.txt") expect(r.proto, "HTTP/2.0")
          r = http.get(plain .. "/secure", { redirects = 0 })
          expect(r.status, 301) expect(r.headers.Location, tls .. "/small.txt")""")
        self.assertEqual(result.values("http_reqs")["count"], 3)

    def test_conditions_and_ranges_are_the_servers_to_judge(self):
        self.asks("""
          for _, base in ipairs { plain, tls, tls1 } do
            local r = http.get(base .. "/small.txt")
            local again = http.get(base .. "/small.txt", { headers = { ["If-None-Match"] = r.headers.ETag } })
            expect(again.status, 304) expect(again.body, nil)
            local part = http.get(base .. "/small.txt", { headers = { Range = "bytes=0-2" } })
            expect(part.status, 206) expect(part.body, "all")
          end""")

    def test_a_refused_upload_is_answered(self):
        self.asks("""
          for _, base in ipairs { plain, tls, tls1 } do
            local r = http.post(base .. "/tiny", ("x"):rep(1000))
            expect(r.status, 413) expect(r.error_code, 1413)
          end""")

    def test_an_unknown_authority_is_refused(self):
        self.passes(f"""
          local r = http.get("https://127.0.0.1:{self.tls}/small.txt")
          expect(r.status, 0) expect(r.error_code, 1310)""")
        self.assertEqual(self.seen(), [])


@unittest.skipUnless(importlib.util.find_spec("httpbin"), "python3-httpbin is not installed")
class Httpbin(Case):
    @classmethod
    def setUpClass(cls):
        import httpbin
        from werkzeug import serving

        class Quiet(serving.WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, *arguments):
                pass

        cls.server = serving.make_server("127.0.0.1", 0, httpbin.app, threaded=True, request_handler=Quiet)
        cls.server.daemon_threads = True
        cls.thread = threading.Thread(target=cls.server.serve_forever, args=(0.05,))
        cls.thread.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.thread.join()
        cls.server.server_close()

    def asks(self, body, *arguments, **keywords):
        host = f"127.0.0.1:{self.server.port}"
        return self.passes(f'local host, url = "{host}", "http://{host}"\n{body}', *arguments, **keywords)

    def test_what_is_sent_is_what_comes_back(self):
        self.asks("""
          local r = http.post(url .. "/post?q=1&q=2", { b = "x y", a = { 1, 2 } }, { headers = { ["X-Test"] = "yes" } })
          expect(r:json("form.b"), "x y") expect(r:json("form.a.1"), "2") expect(r:json("args.q.0"), "1")
          expect(r:json("headers.X-Test"), "yes")
          r = http.put(url .. "/put", nil, { json = { a = { true, 1.5 } } })
          expect(r:json("json.a.1"), 1.5)
          expect(http.patch(url .. "/patch", "text"):json("data"), "text")
          expect(http.del(url .. "/delete").status, 200)
          expect(http.get(url .. "/user-agent"):json("user-agent"):find("ttload/", 1, true), 1)
          expect(http.get(url .. "/headers", { headers = { ["user-agent"] = "" } }):json("headers.User-Agent"), nil)""")

    def test_redirects_of_every_kind_are_followed(self):
        result = self.asks("""
          for _, path in ipairs { "/redirect/3", "/relative-redirect/3", "/absolute-redirect/3" } do
            local r = http.get(url .. path)
            expect(r.status, 200) expect(r.url, url .. "/get")
          end
          expect(http.post(url .. "/redirect-to?status_code=307&url=/post", "kept"):json("data"), "kept")
          expect(http.post(url .. "/redirect-to?status_code=303&url=/get", "dropped").request.method, "GET")
          expect(http.get(url .. "/redirect/5", { redirects = 2 }).status, 302)""")
        self.assertEqual(result.values("http_reqs")["count"], 3 * 4 + 2 + 2 + 3)

    def test_every_coding_is_undone(self):
        self.asks("""
          for path, flag in pairs { gzip = "gzipped", deflate = "deflated", brotli = "brotli" } do
            local r = http.get(url .. "/" .. path)
            expect(r.status, 200) expect(r.error, nil) expect(r:json(flag), true)
          end""")

    def test_basic_and_bearer_credentials_open(self):
        self.asks("""
          expect(http.get("http://me:se%20cret@" .. host .. "/basic-auth/me/se cret").status, 200)
          expect(http.get("http://me:wrong@" .. host .. "/basic-auth/me/secret").status, 401)
          expect(http.get(url .. "/bearer", { headers = { Authorization = "Bearer abc" } }):json("authenticated"), true)
          expect(http.get(url .. "/bearer").status, 401)""")

    def test_cookies_are_set_sent_and_deleted(self):
        self.asks("""
          expect(http.get(url .. "/cookies/set?a=1&b=2"):json("cookies.b"), "2")
          local r = http.get(url .. "/cookies")
          expect(r:json("cookies.a"), "1") expect(r:json("cookies.b"), "2")
          http.get(url .. "/cookies/delete?a")
          r = http.get(url .. "/cookies", { cookies = { c = "3" } })
          expect(r:json("cookies.a"), nil) expect(r:json("cookies.c"), "3")
          expect(http.cookie_jar():cookies_for_url(url).b[1], "2")""")

    def test_bodies_stream(self):
        self.asks("""
          local bytes, pieces = 0, 0
          local r = http.get(url .. "/stream/20", { on_chunk = function(piece)
            bytes, pieces = bytes + #piece, pieces + 1
          end })
          expect(r.status, 200) expect(r.body, nil)
          local whole = http.get(url .. "/stream/20").body
          expect(bytes, #whole) expect(select(2, whole:gsub("\\n", "\\n")), 20)
          expect(#http.get(url .. "/stream-bytes/100000?chunk_size=777").body, 100000)
          expect(#http.get(url .. "/drip?numbytes=10&duration=0&delay=0").body, 10)""")

    def test_binary_bodies_are_whole(self):
        self.asks("""
          expect(http.get(url .. "/image/png", { response_type = "binary" }).body:sub(1, 4), "\\x89PNG")
          expect(#http.get(url .. "/bytes/65537").body, 65537)""")

    def test_statuses_count_as_they_should(self):
        result = self.asks("""
          for _, s in ipairs { 200, 204, 304, 404, 418, 500, 503 } do expect(http.get(url .. "/status/" .. s).status, s) end
          """)
        self.assertEqual(result.values("http_req_failed"), {"rate": 4 / 7, "passes": 4, "fails": 3})
