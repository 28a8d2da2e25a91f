# SPDX-License-Identifier: MIT
"""http.batch: shapes, limits, failures; over HTTP/2 one connection."""
import os
import shutil
import socket
import subprocess
import threading
import time
import unittest

from ttload_case import Case, HttpServer, certificate

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


class Gate:
    """Holds requests back until as many wait as are expected; knows how many were under way at most."""

    def __init__(self):
        self.lock, self.under_way, self.most = threading.Lock(), 0, 0

    def __enter__(self):
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        time.sleep(0.02)  # a server that works

    def __exit__(self, *_):
        with self.lock:
            self.under_way -= 1


class Batch(Case):
    def setUp(self):
        super().setUp()
        self.gate = Gate()
        self.server = HttpServer(self.answer)
        self.addCleanup(self.server.stop)

    def answer(self, h, body):
        with self.gate:
            if h.path == "/drop":
                h.close_connection = True
                h.connection.shutdown(2)
            else:
                h.send(200, f"{h.command} {h.path} {body.decode()}".encode(), ("X-Kind", h.headers.get("X-Kind", "")))

    def batch(self, body, *arguments, **keywords):
        return self.passes(f'local url = "{self.server.url}"\n' + body, *arguments, **keywords)

    def test_answers_have_the_keys_of_the_requests(self):
        self.batch("""
          local r = http.batch {
            url .. "/a", { "POST", url .. "/b", "text" }, { url = url .. "/c" },
            { method = "PUT", url = url .. "/d", body = { x = 1 }, params = { headers = { ["X-Kind"] = "k" } } },
            named = url .. "/e" }
          expect(#r, 4) expect(r[1].body, "GET /a ") expect(r[2].body, "POST /b text") expect(r[3].body, "GET /c ")
          expect(r[4].body, "PUT /d x=1") expect(r[4].headers["x-kind"], "k") expect(r.named.body, "GET /e ")
          expect(r[4].request.body, "x=1")
          expect(next(http.batch {}), nil)""")

    def test_the_limits_hold(self):
        many = "local all = {} for i = 1, 30 do all[i] = url .. '/' .. i end http.batch(all)"
        self.batch(many, "--batch-per-host", "3")
        self.assertEqual(self.gate.most, 3)
        self.assertEqual(self.server.connections, 3)
        self.gate.most = 0
        self.batch(many, "--batch", "2")
        self.assertEqual(self.gate.most, 2)
        self.assertEqual(len(self.server.requests), 60)

    def test_one_failure_is_one_failure(self):
        result = self.batch("""
          local r = http.batch { url .. "/drop", url .. "/a", "http://127.0.0.1:1/", { "GET", url .. "/b" } }
          expect(r[1].status, 0) expect(r[2].status, 200) expect(r[3].error_code, 1212) expect(r[4].status, 200)""")
        self.assertEqual(result.values("http_reqs")["count"], 4)

    def test_a_failure_that_raises_does_so_after_all_have_ended(self):
        self.batch("""
          local ok, message = pcall(http.batch, { { "GET", "http://127.0.0.1:1/", nil, { throw = true } },
                                                  { "GET", url .. "/slow" } })
          expect(ok, false) expect(message:match("refused"), "refused")""")
        self.assertEqual(len(self.server.requests), 1)

    def test_misuse_raises_before_anything_is_sent(self):
        self.batch("""
          for _, bad in ipairs { 1, { url = url, bdoy = 1 }, { "GET" }, { url }, { method = "G T", url = url },
                                    { "GET", url, nil, { on_chunk = print } }, { "POST", url, function() end } } do
            expect(pcall(http.batch, { url .. "/a", bad }), false)
          end
          expect(pcall(http.batch, url), false) expect(pcall(http.batch), false)
          local _, message = pcall(http.batch, { { url = url, bdoy = "x" } })
          expect(message:match("did you mean 'body'"), "did you mean 'body'")
          _, message = pcall(function() http.batch { url .. "/a", named = { "GET", url, nil, { tmeout = 1 } } } end)
          expect(message:match("test.lua:%d+: http.batch: .*did you mean 'timeout'.*%(request named%)") ~= nil, true)""")
        self.assertEqual(len(self.server.requests), 0)

    def test_a_bad_url_stops_a_batch_before_anything_is_sent(self):
        result = self.batch("""
          local r = http.batch { url .. "/a", "https:// invalid", url .. "/b" }
          expect(r[1].status, 0) expect(r[1].error_code, 0) expect(r[1].url, nil)
          expect(r[1].error:match("^not sent: "), "not sent: ") expect(r[1].body, nil)
          expect(r[2].status, 0) expect(r[2].error_code, 1020) expect(r[3], nil)
          local named = http.batch { only = "http://a b/" }
          expect(named.only.error_code, 1020)
          local ok, message = pcall(http.batch, { { "GET", "http://%zz", nil, { throw = true } }, url .. "/a" })
          expect(ok, false) expect(message:match("invalid URL"), "invalid URL")""")
        self.assertEqual(len(self.server.requests), 0)
        self.assertNotIn("http_reqs", result.json()["metrics"])
        self.assertIn("nothing of a batch was sent", result.err)

    def test_what_was_passed_may_change_meanwhile(self):
        self.batch("""
          local all = { { "POST", url .. "/a", ("x"):rep(100) } }
          local task = tt.spawn(function() return http.batch(all)[1].body end)
          tt.sleep(0.005)
          all[1][2], all[1][3], all[1] = nil, nil, nil
          for i = 1, 20000 do local garbage = ("y"):rep(100) .. i end
          expect(task:wait(), "POST /a " .. ("x"):rep(100))""")

    def test_a_batch_that_is_cut_off_leaves_nothing(self):
        self.batch("""
          local task = tt.spawn(function() http.batch { url .. "/a", url .. "/b" } end)
          tt.sleep(0) task:cancel()
          expect(http.get(url .. "/c").status, 200)""")


@unittest.skipUnless(NGINX, "nginx is not installed")
class Http2(Case):
    def nginx(self, settings):
        """Starts it with TLS on a free port; its answers are connection, number in it, protocol."""
        cert, key = certificate(self.folder)
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        path = self.write("nginx.conf", f"""
daemon off; pid {self.folder}/nginx.pid; error_log {self.folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {self.folder}/t1; proxy_temp_path {self.folder}/t2;
  fastcgi_temp_path {self.folder}/t3; uwsgi_temp_path {self.folder}/t4; scgi_temp_path {self.folder}/t5;
  server {{ listen 127.0.0.1:{port} {settings}; ssl_certificate {cert}; ssl_certificate_key {key};
    location / {{ return 200 "$connection $connection_requests $server_protocol"; }} }} }}
""")
        server = subprocess.Popen([NGINX, "-p", self.folder, "-c", path], stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.02)
        return f"https://127.0.0.1:{port}", cert

    def test_a_batch_is_streams_of_one_connection(self):
        url, cert = self.nginx("ssl http2")
        self.passes(f"""
          local all, seen, n = {{}}, {{}}, 0
          for i = 1, 12 do all[i] = "{url}/" .. i end
          for _, r in ipairs(http.batch(all)) do
            expect(r.status, 200) expect(r.proto, "HTTP/2.0")
            local connection = r.body:match("^%d+")
            if not seen[connection] then seen[connection], n = true, n + 1 end
          end
          expect(n, 1)""", "--ca-file", cert, "--vus", "2", "--iterations", "4")

    def test_without_http2_connections_are_opened_up_to_the_limit(self):
        url, cert = self.nginx("ssl")
        self.passes(f"""
          local all = {{}}
          for i = 1, 12 do all[i] = "{url}/" .. i end
          for _ = 1, 2 do
            for _, r in ipairs(http.batch(all)) do expect(r.status, 200) expect(r.proto, "HTTP/1.1") end
          end""", "--ca-file", cert)
