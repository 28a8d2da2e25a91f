# SPDX-License-Identifier: MIT
"""ttload.http against a real server."""
import json
import os
import time

from ttload_case import Case, HttpServer, certificate


def answer(h, body):
    path = h.path.split("?")[0]
    if path == "/json":
        h.send(200, b'{"a":[1,{"b":"x"}],"n":null}', ("Content-Type", "application/json"))
    elif path == "/echo":
        what = {"method": h.command, "path": h.path, "body": body.decode("latin-1"), "headers": dict(h.headers.items())}
        h.send(200, json.dumps(what).encode())
    elif path == "/headers":
        h.send(200, b"", ("X-Two", "1"), ("X-Two", "2"), ("Set-Cookie", "k=v; Path=/; HttpOnly"))
    elif path.startswith("/status/"):
        h.send(int(path[8:]), b"body")
    elif path == "/redirect":
        h.send(302, b"", ("Location", "/echo?redirected=1"))
    elif path == "/loop":
        h.send(302, b"", ("Location", "/loop"))
    elif path == "/slow":
        time.sleep(0.5)
        h.send(200, b"late")
    elif path == "/switch":
        h.send_response_only(101)
        h.send_header("Upgrade", "other")
        h.end_headers()
    elif path == "/short":
        h.close_connection = True
        h.send_response(200)
        h.send_header("Content-Length", "99")
        h.end_headers()
        h.wfile.write(b"part")
        h.wfile.flush()
    elif path == "/drop":
        h.close_connection = True
        h.connection.shutdown(2)
    else:
        h.send(200, b"ok")


class Http(Case):
    """Plain HTTP/1.1: the transport of our own."""
    scheme = "http"

    def setUp(self):
        super().setUp()
        self.server = HttpServer(answer)
        self.addCleanup(self.server.stop)

    def get(self, body, *arguments, **keywords):
        return self.passes(f'local url = "{self.server.url}"\n' + body, *arguments, **keywords)

    def test_a_response_has_status_headers_body_and_json(self):
        self.get("""
          local r = http.get(url .. "/json?q=1")
          expect(r.status, 200) expect(r.status_text, "200 OK") expect(r.proto, "HTTP/1.1")
          expect(r.body, '{"a":[1,{"b":"x"}],"n":null}') expect(r:json("a.1.b"), "x") expect(r:json().a[1], 1)
          expect(r.headers["content-type"], "application/json") expect(r.error, nil) expect(r.error_code, 0)
          expect(r.remote_ip, "127.0.0.1") expect(r.url, url .. "/json?q=1")
          r = http.get(url .. "/headers")
          expect(r.headers["X-TWO"], "1, 2") expect(r.headers:all("x-two")[2], "2")
          expect(r.cookies.k[1].value, "v")""")

    def test_a_url_that_cannot_be_asked_fails_as_a_request_does(self):
        self.get("""
          for bad, code in pairs { ["example.com/"] = 1000, [""] = 1000, ["http://127.0.0.1:99999/"] = 1210,
                                   ["http://127.0.0.1:abc/"] = 1020, ["http://u:secret@h h/"] = 1020 } do
            local r = http.get(bad)
            expect(r.status, 0) expect(r.error_code, code) expect(r.body, nil)
            if not r.error:find("invalid URL", 1, true) then error(r.error) end
            local ok, message = pcall(http.get, bad, { throw = true })
            expect(ok, false) expect(message:find("secret"), nil)
          end""")

    def test_a_body_is_nil_where_none_can_be_and_partial_where_it_broke_off(self):
        self.get("""
          expect(http.get(url .. "/status/204").body, nil) expect(http.get(url .. "/status/200").body, "body")
          local r = http.get(url .. "/short")
          expect(r.status, 0) expect(r.body, "part") expect(r:json("a"), nil)""")

    def test_a_change_of_protocol_raises_and_leaves_no_sample(self):
        result = self.get("""
          local ok, message = pcall(http.get, url .. "/switch")
          expect(ok, false)
          if not message:find("status 101", 1, true) then error(message) end""")
        self.assertNotIn("http_reqs", result.json()["metrics"])

    def test_every_verb_sends_its_method_and_body(self):
        self.get("""
          for _, verb in ipairs { "post", "put", "patch", "del", "options" } do
            local r = http[verb](url .. "/echo", "text", { headers = { ["X-A"] = "1" } })
            expect(r:json("body"), "text") expect(r:json("headers.X-A"), "1")
          end
          expect(http.head(url .. "/echo").body, "")
          expect(http.request("PURGE", url .. "/echo"):json("method"), "PURGE")""")
        self.assertEqual([r[0] for r in self.server.requests],
                         ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PURGE"])

    def test_forms_and_json_have_their_content_type(self):
        self.get("""
          local r = http.post(url .. "/echo", { a = 1, b = "x y&z" })
          expect(r:json("body"), "a=1&b=x+y%26z")
          expect(r:json("headers.Content-Type"), "application/x-www-form-urlencoded")
          r = http.post(url .. "/echo", nil, { json = { n = 1.5 } })
          expect(r:json("body"), '{"n":1.5}') expect(r:json("headers.Content-Type"), "application/json")""")

    def test_redirects_are_followed_and_counted(self):
        result = self.get("""
          local r = http.get(url .. "/redirect")
          expect(r.status, 200) expect(r.url, url .. "/echo?redirected=1")
          expect(http.get(url .. "/redirect", { redirects = 0 }).status, 302)
          expect(http.get(url .. "/loop").status, 302)""")
        self.assertEqual(result.values("http_reqs")["count"], 2 + 1 + 11)

    def test_one_vu_keeps_its_connection(self):
        self.get('for _ = 1, 20 do http.get(url .. "/") end')
        self.assertEqual(self.server.connections, 1)

    def test_each_vu_has_its_own_connection(self):
        self.get('for _ = 1, 5 do http.get(url .. "/") end tt.sleep(0.2)', "--vus", "4", "--iterations", "4")
        self.assertEqual(self.server.connections, 4)

    def test_the_servers_count_is_our_count(self):
        result = self.get('http.get(url .. "/")', "--vus", "5", "--iterations", "300")
        self.assertEqual(len(self.server.requests), 300)
        self.assertEqual(result.values("http_reqs")["count"], 300)
        self.assertEqual(result.values("iterations")["count"], 300)

    def test_failures_are_responses_with_codes(self):
        result = self.get("""
          local r = http.get("http://127.0.0.1:1/")
          expect(r.status, 0) expect(r.error_code, 1212) expect(type(r.error), "string") expect(r.body, nil)
          r = http.get(url .. "/slow", { timeout = "50ms" })
          expect(r.status, 0) expect(r.error_code, 1050)
          expect(http.get(url .. "/drop").status, 0)
          expect(http.get(url .. "/status/404").error_code, 1404)
          local ok, message = pcall(http.get, "http://127.0.0.1:1/", { throw = true })
          expect(ok, false) expect(message:match("refused"), "refused")""")
        self.assertEqual(result.values("http_req_failed")["rate"], 1)
        self.assertEqual(result.values("http_reqs")["count"], 5)

    def test_misuse_raises_with_a_suggestion(self):
        self.get("""
          local _, message = pcall(http.get, url, { tiemout = 1 })
          expect(message:match("did you mean 'timeout'"), "did you mean 'timeout'")
          expect(pcall(http.get), false) expect(pcall(http.get, 1), false)
          expect(pcall(http.get, url, { headers = { a = "x\\ny" } }), false)
          expect(pcall(http.post, url, "a", { json = 1 }), false)
          expect(pcall(function() return http.get(url).statsu end), false)""")

    def test_requests_of_tasks_run_at_once(self):
        result = self.get("""
          local tasks = {}
          for i = 1, 5 do tasks[i] = tt.spawn(function() return http.get(url .. "/slow").status end) end
          for _, status in ipairs(tt.all(tasks)) do expect(status, 200) end""")
        self.assertLess(result.values("iteration_duration")["max"], 2000)  # one after another: 2500

    def test_tags_and_groups_reach_sub_metrics(self):
        result = self.get("""
          tt.group("g", function() http.get(url .. "/", { tags = { page = "home" }, name = "n" }) end)
          http.get(url .. "/")""", head="""
          M.options.submetrics = { "http_reqs{page:home}", "http_reqs{group:::g}", "http_reqs{name:n}" }""")
        for name in ("http_reqs{page:home}", "http_reqs{group:::g}", "http_reqs{name:n}"):
            self.assertEqual(result.values(name)["count"], 1, name)

    def test_secrets_reach_neither_tags_nor_the_log(self):
        scheme, host = self.server.url.split("://")
        result = self.get(f"""
          http.get("{scheme}://u:hunter2@{host}/?token=abc")
          http.get("http://u:hunter2@127.0.0.1:1/?token=hunter3")""", head=f"""
          M.options.submetrics = {{ "http_reqs{{name:{scheme}://****:****@{host}/?token=****}}" }}""")
        self.assertEqual(result.values("http_reqs{name:%s://****:****@%s/?token=****}" % (scheme, host))["count"], 1)
        self.assertIn("request failed", result.err)
        self.assertNotIn("hunter", result.err + result.out)

    def test_exchanges_are_logged_with_secrets_masked(self):
        body = """http.post(url .. "/echo?token=hunter1", { password = "hunter2", x = "shown" },
                            { headers = { Authorization = "Bearer hunter3" } })"""
        for flag, shows_body in (("--http-debug", False), ("--http-debug=full", True)):
            err = self.get(body, flag).err
            self.assertIn("> POST", err)
            self.assertIn("200 OK", err)
            self.assertIn("source=http-debug", err)
            self.assertEqual("x=shown" in err, shows_body)
            self.assertNotIn("hunter3", err)
            self.assertNotIn("hunter2", err.split("< HTTP")[0])  # the server says it again as text in a text
        self.assertIn("http_debug: expected headers or full", self.script("", "--http-debug=some").err)

    def test_failures_are_dumped(self):
        self.get("""
          for _ = 1, 5 do
            http.get(url .. "/status/503", { headers = { Cookie = "hunter2" } })
            http.get("http://127.0.0.1:1/?token=hunter3") http.get(url .. "/")
          end""", "--dump-failures", "dumps")
        folder = os.path.join(self.folder, "dumps")
        self.assertEqual(sorted(os.listdir(folder)),
                         [f"{code}-{i}.txt" for code in (1212, 1503) for i in (1, 2, 3)])
        texts = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                texts[name] = f.read()
        self.assertIn("/status/503\nCookie: ****\n", texts["1503-1.txt"])
        self.assertTrue(texts["1503-1.txt"].endswith("\n\nbody\n"))
        self.assertIn("< error 1212: dial: connection refused", texts["1212-3.txt"])
        self.assertNotIn("hunter", "".join(texts.values()))

    def test_url_templates_name_what_varies(self):
        name = "http_reqs{name:%s/users/${}?page=${}}" % self.server.url
        result = self.get("""
          for i = 1, 5 do http.get(url .. "/users/" .. i .. "?page=" .. i) end
          http.get(url .. "/users/1", { name = "mine" })""", "--url-templates", head=f"""
          M.options.submetrics = {{ "{name}", "http_reqs{{name:mine}}" }}""")
        self.assertEqual(result.values(name)["count"], 5)
        self.assertEqual(result.values("http_reqs{name:mine}")["count"], 1)

    def test_names_beyond_the_limit_are_other(self):
        result = self.get("""
          for _ = 1, 2 do for i = 1, 5 do http.get(url .. "/" .. i) end end
          http.get(url .. "/7", { name = "mine" })""", "--max-url-names", "3", head="""
          M.options.submetrics = { "http_reqs{name:other}", "http_reqs{name:mine}" }""")
        self.assertEqual(result.values("http_reqs{name:other}")["count"], 4)
        self.assertEqual(result.values("http_names_other")["count"], 4)
        self.assertEqual(result.values("http_reqs{name:mine}")["count"], 1)
        self.assertEqual(result.err.count("max_url_names"), 1)
        self.assertIn("http_names_other", result.out)

    def test_hosts_option_keeps_the_url_and_host(self):
        self.get('expect(http.get("%s://nowhere.test/echo"):json("headers.Host"), "nowhere.test")' % self.scheme, "--hosts",
                 f"nowhere.test=127.0.0.1:{self.server.port}")

    def test_names_under_localhost_are_loopback(self):
        self.get(f'expect(http.get("{self.scheme}://abc.tunnel.localhost:{self.server.port}/").status, 200)')


class HttpOverTls(Http):
    """The same over libcurl, and what is of TLS."""
    scheme = "https"

    def setUp(self):
        super().setUp()
        self.server.use_tls(*certificate(self.folder))

    def get(self, body, *arguments, **keywords):
        return super().get(body, "--insecure-skip-tls-verify", *arguments, **keywords)

    def test_certificates_are_verified_unless_told_otherwise(self):
        url = self.server.url
        self.passes(f'expect(http.get("{url}/").error_code, 1310)')
        body = f'local r = http.get("{url}/") expect(r.status, 200) expect(r.tls_version:match("tls1"), "tls1")'
        self.passes(body, "--insecure-skip-tls-verify")
        self.passes(body, "--ca-file", os.path.join(self.folder, "cert.pem"))
