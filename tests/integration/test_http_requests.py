# SPDX-License-Identifier: MIT
"""What ttload.http can send: cookies, bodies, authentication, proxies, against real servers."""
import gzip
import json
import urllib.parse
import zlib

from ttload_case import Case, HttpServer, certificate


FAILS = """
          local function fails(part, f, ...)
            local ok, message = pcall(f, ...)
            if ok or not message:find(part, 1, true) or not message:find("test.lua:%d+") then
              error(("'%s' is expected, got '%s'"):format(part, message), 2)
            end
          end
"""


def answer(h, body):
    path, _, query = h.path.partition("?")
    arguments = urllib.parse.parse_qs(query)
    if path == "/set-cookie":
        h.send(200, b"set", *[("Set-Cookie", c) for c in arguments["c"]])
    elif path == "/redir":
        h.send(302, b"", ("Location", arguments["to"][0]), *[("Set-Cookie", c) for c in arguments.get("c", [])])
    elif path == "/keep":
        h.send(307, b"", ("Location", arguments["to"][0]))
    elif path.startswith("/status/"):
        h.send(int(path[8:]), b"body")
    else:
        what = {"method": h.command, "path": h.path, "body": body.decode("latin-1"), "headers": list(h.headers.items())}
        h.send(200, json.dumps(what).encode())


class Requests(Case):
    def setUp(self):
        super().setUp()
        self.server = HttpServer(answer)
        self.addCleanup(self.server.stop)

    def get(self, body, *arguments, **keywords):
        return self.passes(f'local url, port = "{self.server.url}", {self.server.port}\n' + body, *arguments, **keywords)


class Cookies(Requests):
    def sent(self):
        return [r[2].get("Cookie") for r in self.server.requests]

    def test_a_vu_sends_back_what_was_set_until_its_iteration_ends(self):
        self.get('http.get(url .. "/") http.get(url .. "/set-cookie?c=k%3Dv") http.get(url .. "/")', "--iterations", "2")
        self.assertEqual(self.sent(), [None, None, "k=v"] * 2)

    def test_an_option_keeps_cookies(self):
        self.get('http.get(url .. "/set-cookie?c=k%3Dv")', "--iterations", "2", "--no-cookies-reset")
        self.assertEqual(self.sent(), [None, "k=v"])

    def test_redirects_set_cookies_and_each_hop_has_its_own(self):
        self.get("""
          http.get(url .. "/redir?c=a%3D1&to=http://localhost:" .. port .. "/redir?to=" .. url .. "/end",
                   { headers = { Cookie = "own=1" }, cookies = { p = 2 } })""")
        self.assertEqual(self.sent(), ["own=1; p=2", "p=2", "p=2; a=1"])

    def test_parameters_add_to_the_jar_or_replace_what_it_has(self):
        self.get("""
          http.cookie_jar():set(url, "k", "jar")
          local r = http.get(url, { cookies = { k = "own" } })
          expect(r.request.cookies.k[1].value, "own") expect(r.request.cookies.k[2].value, "jar")
          http.get(url, { cookies = { k = { value = "own", replace = true } } })
          expect(http.cookie_jar():cookies_for_url(url).k[1], "jar")""")
        self.assertEqual(self.sent(), ["k=own; k=jar", "k=own"])

    def test_a_jar_of_the_script(self):
        self.get("""
          local jar = http.CookieJar.new()
          http.get(url .. "/set-cookie?c=k%3Dv", { jar = jar })
          expect(jar:cookies_for_url(url).k[1], "v") expect(next(http.cookie_jar():cookies_for_url(url)), nil)
          jar:set(url .. "/x/", "p", 1, { path = "/x", max_age = 60, http_only = true })
          jar:set(url, "old", "1", { expires = "Sun, 24 Jul 1983 17:01:02 GMT" })
          http.get(url .. "/x/y", { jar = jar }) http.get(url)
          jar:delete(url .. "/x", "k") http.get(url .. "/x", { jar = jar })
          jar:clear(url .. "/x") http.get(url .. "/x", { jar = jar })""")
        self.assertEqual(self.sent(), [None, "p=1; k=v", None, "p=1", None])

    def test_a_response_shows_every_attribute(self):
        self.get("""
          local r = http.get(url .. "/set-cookie?c=k%3D1%3BPath%3D/x%3BDomain%3D127.0.0.1%3BMax-Age%3D60%3BSecure" ..
                             "%3BHttpOnly%3BExpires%3DSat,%2024%20Jul%202083%2017:01:02%20GMT&c=k%3D2")
          local k = r.cookies.k
          expect(#k, 2) expect(k[1].value, "1") expect(k[1].path, "/x") expect(k[1].domain, "127.0.0.1")
          expect(k[1].max_age, 60) expect(k[1].secure, true) expect(k[1].http_only, true)
          expect(k[1].expires, 3583674062000)
          expect(k[2].value, "2") expect(k[2].path, "") expect(k[2].max_age, 0) expect(k[2].expires, nil)""")

    def test_a_script_may_keep_a_jar_over_iterations(self):
        self.get('jar = jar or http.CookieJar.new() jar:set(url, "n", 1) http.get(url, { jar = jar })', "--iterations", "2",
                 head="local jar")
        self.assertEqual(self.sent(), ["n=1", "n=1"])

    def test_misuse_names_what_is_wrong(self):
        self.get(FAILS + """
          local jar = http.CookieJar.new()
          fails("params.jar: a jar of http.CookieJar.new()", function() http.get(url, { jar = 1 }) end)
          fails("params.cookies.k: text is expected", function() http.get(url, { cookies = { k = print } }) end)
          fails("params.cookies.k: name or value", function() http.get(url, { cookies = { k = "a;b" } }) end)
          fails("did you mean 'replace'", function() http.get(url, { cookies = { k = { repalce = true } } }) end)
          fails("bad URL", function() jar:set("x", "k", "v") end)
          fails("options.domain", function() jar:set(url, "k", "v", { domain = "other.test" }) end)
          fails("options.expires", function() jar:set(url, "k", "v", { expires = "soon" }) end)
          fails("unknown option 'http_olny'", function() jar:set(url, "k", "v", { http_olny = true }) end)
          fails("'a b' is no name", function() jar:set(url, "a b", "v") end)
          fails("method of a cookie jar", function() jar.clear(url) end)
          """)
        self.assertEqual(self.server.requests, [])


class Addresses(Requests):
    def test_a_formatted_url_is_named_by_its_format(self):
        result = self.get("""
          for i = 1, 3 do expect(http.get(http.url(url .. "/items/%d?q=%5.1f%%", i, 2)).url, url .. "/items/" .. i .. "?q=  2.0%") end
          http.get(http.url(url .. "/%s", "x"), { name = "mine" })
          expect(tostring(http.url("http://h/%s", "x")), "http://h/x")""", head=f"""
          M.options.submetrics = {{ "http_reqs{{name:{self.server.url}/items/${{}}?q=${{}}%}}", "http_reqs{{name:mine}}" }}""")
        counts = {name: m["values"]["count"] for name, m in result.json()["metrics"].items() if name.startswith("http_reqs{")}
        self.assertEqual(sorted(counts.values()), [1, 3])
        self.assertEqual(self.server.requests[0][1], "/items/1?q=%20%202.0%")

    def test_a_query_is_built_and_encoded(self):
        self.get("""
          local query = { b = { 1, true }, a = "x y&z/é", [""] = "" }
          expect(http.get(url .. "/p#frag", { query = query }).url, url .. "/p?=&a=x%20y%26z%2F%C3%A9&b=1&b=true#frag")
          http.get(url .. "/p?q=1", { query = { r = 2 } }) http.get(url .. "/p", { query = {} })""")
        self.assertEqual([r[1] for r in self.server.requests],
                         ["/p?=&a=x%20y%26z%2F%C3%A9&b=1&b=true", "/p?q=1&r=2", "/p"])

    def test_misuse_names_what_is_wrong(self):
        self.get(FAILS + """
          fails("params.query.a: text, a number or a boolean", function() http.get(url, { query = { a = print } }) end)
          fails("params.query: the table's keys", function() http.get(url, { query = { "a" } }) end)
          fails("http.url: bad argument #2 to", function() http.url("%d", "x") end)
          fails("url: text or http.url(...)", function() http.get(12) end)""")


class Headers(Requests):
    def test_order_case_and_repeated_values_are_kept(self):
        self.get("""
          local list = { { "x-B", "1" }, { "X-a", { "2", "3" } }, { "x-B", 4 }, Named = "5" }
          local seen = {}
          for _, h in ipairs(http.get(url, { headers = list }):json("headers")) do
            if h[1]:lower():find("^x%-") or h[1] == "Named" then seen[#seen + 1] = h[1] .. "=" .. h[2] end
          end
          expect(table.concat(seen, " "), "x-B=1 X-a=2 X-a=3 x-B=4 Named=5")""")

    def test_misuse_names_what_is_wrong(self):
        self.get(FAILS + """
          fails("{ name, value } is expected", function() http.get(url, { headers = { "a" } }) end)
          fails("names are text", function() http.get(url, { headers = { { 1, "a" } } }) end)
          fails("['x']: text is expected", function() http.get(url, { headers = { x = { {} } } }) end)""")


class Expectations(Requests):
    def judged(self, result):
        return result.json()["metrics"].get("http_req_failed", {}).get("values", {}).get("rate")

    def test_a_callback_decides_what_has_failed(self):
        result = self.get("""
          local cb = http.expected_statuses(404, { min = 500, max = 502 })
          for _, s in ipairs { 404, 500, 502 } do http.get(url .. "/status/" .. s, { response_callback = cb }) end
          for _, s in ipairs { 200, 503 } do http.get(url .. "/status/" .. s, { response_callback = cb }) end
          http.get("http://127.0.0.1:1/", { response_callback = http.expected_statuses(0) })""", head="""
          M.options.submetrics = { "http_reqs{expected_response:true}", "http_reqs{expected_response:false}" }""")
        self.assertEqual(self.judged(result), 2 / 6)
        self.assertEqual(result.values("http_reqs{expected_response:true}")["count"], 4)
        self.assertEqual(result.values("http_reqs{expected_response:false}")["count"], 2)

    def test_without_a_callback_nothing_is_judged(self):
        result = self.get("""
          http.get(url .. "/status/500", { response_callback = false })
          http.set_response_callback(nil)
          http.get(url .. "/status/500")""", head='M.options.submetrics = { "http_reqs{expected_response:false}" }')
        self.assertNotIn("http_req_failed", [n for n, m in result.json()["metrics"].items() if m["values"].get("passes") or
                                             m["values"].get("fails")])
        self.assertEqual(result.values("http_reqs")["count"], 2)

    def test_a_vus_callback_stays_over_iterations_and_judges_each_hop(self):
        result = self.get("""
          if tt.env.none == nil and not done then http.set_response_callback(http.expected_statuses(200)) done = true end
          http.get(url .. "/redir?to=/status/200")
          http.get(url .. "/status/201", { response_callback = http.expected_statuses(201) })""", "--iterations", "2",
                          head="local done")
        self.assertEqual(self.judged(result), 2 / 6)

    def test_misuse_names_what_is_wrong(self):
        self.get(FAILS + """
          fails("params.response_callback", function() http.get(url, { response_callback = 200 }) end)
          fails("argument 2.max", function() http.expected_statuses(1, { min = 2 }) end)
          fails("argument 1: a status", function() http.expected_statuses("200") end)
          fails("1 to 16", function() http.expected_statuses() end)
          fails("http.set_response_callback", function() http.set_response_callback({}) end)
          expect(http.TLS_1_3, "tls1.3")""")


class Bodies(Requests):
    def bodies(self):
        return [r[3] for r in self.server.requests]

    def test_forms_are_sorted_and_lists_repeat_their_name(self):
        self.get("""
          http.post(url, { z = 1, B = true, a = { "x y", "ü", json.null }, ["1"] = 1.5, e = 1e21, n = "" })""")
        self.assertEqual(self.bodies(), [b"1=1.5&B=true&a=x+y&a=%C3%BC&a=&e=1e%2B21&n=&z=1"])

    def test_binary_and_empty_bodies_are_sent_as_they_are(self):
        self.get('http.post(url, "\\0\\255\\r\\n") http.post(url, "") http.post(url) http.request("GET", url, "body")'
                 'http.del(url, "") http.put(url, {})')
        self.assertEqual(self.bodies(), [b"\0\xff\r\n", b"", b"", b"body", b"", b""])
        framing = [r[2].get("Transfer-Encoding") or r[2].get("Content-Length") for r in self.server.requests]
        self.assertEqual(framing, ["4", "chunked", "0", "4", None, "chunked"])

    def test_a_form_with_files_is_multipart(self):
        self.get("""
          local r = http.post(url, { z = http.file(content, 'a"\\\\b.bin', "text/x"), a = 1, l = { "x", http.file("y") } })
          expect(r.status, 200) expect(r.request.body, nil)""", head="""
          local content = ("0123456789"):rep(100000)""")
        _, _, headers, body = self.server.requests[0]
        kind, _, boundary = headers["Content-Type"].partition("; boundary=")
        self.assertEqual(kind, "multipart/form-data")
        self.assertEqual(int(headers["Content-Length"]), len(body))
        head = b'Content-Disposition: form-data; name="%s"'
        file = head + b'; filename="%s"\r\nContent-Type: %s'
        parts = [head % b"a" + b"\r\n\r\n1", head % b"l" + b"\r\n\r\nx",
                 file % (b"l", b"file", b"application/octet-stream") + b"\r\n\r\ny",
                 file % (b"z", b'a\\"\\\\b.bin', b"text/x") + b"\r\n\r\n" + b"0123456789" * 100000]
        b = b"--" + boundary.encode()
        self.assertEqual(body, b"".join(b + b"\r\n" + p + b"\r\n" for p in parts) + b + b"--\r\n")

    def test_multipart_bodies_follow_a_redirect_that_keeps_them(self):
        self.get('expect(http.post(url .. "/keep?to=/end", { f = http.file("data") }).url, url .. "/end")')
        self.assertEqual(len(self.bodies()[0]), len(self.bodies()[1]))
        self.assertIn(b"data", self.bodies()[1])

    def test_bodies_are_compressed_in_the_order_given(self):
        self.get("""
          local text = ("hello "):rep(50000)
          http.post(url, text, { compression = "gzip" })
          http.post(url, text, { compression = { "deflate", "gzip" } })
          http.post(url, nil, { compression = "deflate, gzip", json = { a = text } })
          http.post(url, text, { compression = "br" }) http.post(url, text, { compression = "zstd" })
          http.post(url, "x", { compression = "" })
          http.post(url, "x", { compression = "gzip", headers = { ["Content-Encoding"] = "mine" } })
          http.get(url, { compression = "gzip" })""")
        text = b"hello " * 50000
        bodies = self.bodies()
        self.assertEqual([r[2].get("Content-Encoding") for r in self.server.requests],
                         ["gzip", "deflate, gzip", "deflate, gzip", "br", "zstd", None, "mine", None])
        self.assertEqual(gzip.decompress(bodies[0]), text)
        self.assertEqual(zlib.decompress(gzip.decompress(bodies[1])), text)
        self.assertEqual(json.loads(zlib.decompress(gzip.decompress(bodies[2]))), {"a": text.decode()})
        self.assertEqual(gzip.decompress(bodies[6]), b"x")
        self.assertEqual(bodies[4][:4], b"\x28\xb5\x2f\xfd")  # RFC 8878
        self.assertTrue(0 < len(bodies[3]) < 1000 and len(bodies[4]) < 1000)

    def test_an_expect_header_is_sent_and_holds_nothing_back(self):
        self.get('expect(http.post(url, "x", { headers = { Expect = "100-continue" } }).status, 200) http.post(url, "x")')
        self.assertEqual([r[2].get("Expect") for r in self.server.requests], ["100-continue", None])

    def test_a_method_is_any_token(self):
        self.get("""
          for _, m in ipairs { "get", "M-SEARCH", "X+1!" } do expect(http.request(m, url).status, 501) end
          for _, m in ipairs { "", "A B", "A/B", "A\\n" } do expect(pcall(http.request, m, url), false) end""")

    def test_misuse_names_what_is_wrong(self):
        self.get(FAILS + """
          fails("(for JSON: params.json)", function() http.post(url, { 1, 2 }) end)
          fails("body.a: text, a number or a boolean", function() http.post(url, { a = { {} } }) end)
          fails("body.b: text, a number, a boolean or http.file", function()
            http.post(url, { a = http.file("x"), b = print }) end)
          fails("http.file: data", function() http.file({}) end)
          fails("http.file: content_type", function() http.file("x", "y", "a\\nb") end)
          fails("a HEAD request has no body", function() http.request("HEAD", url, "x") end)
          fails("params.compression: 'gzip', 'deflate', 'br' or 'zstd'", function()
            http.post(url, "x", { compression = "George" }) end)
          fails("params.compression: 'gzip', 'deflate', 'br' or 'zstd'", function()
            http.get(url, { compression = "lzma" }) end)
          fails("params.compression: only a body in one piece", function()
            http.post(url, { f = http.file("x") }, { compression = "gzip" }) end)""")
        self.assertEqual(self.server.requests, [])


class Uploads(Requests):
    def test_a_function_gives_the_body_and_may_wait(self):
        self.get("""
          local n = 0
          local r = http.post(url .. "/up", function()
            n = n + 1
            if n == 2 then tt.sleep("20ms") return "" end
            if n == 3 then http.get(url .. "/between") end
            if n <= 4 then return ("piece " .. n .. "\\n"):rep(30000) end
          end, { headers = { ["Content-Type"] = "text/x" } })
          expect(r.status, 200) expect(r.request.body, nil) expect(n, 5)""")
        by_path = {r[1]: r for r in self.server.requests}
        self.assertEqual(by_path["/up"][3], b"".join(b"piece %d\n" % n * 30000 for n in (1, 3, 4)))
        self.assertEqual(by_path["/up"][2]["Transfer-Encoding"], "chunked")
        self.assertIn("/between", by_path)

    def test_an_empty_body_of_a_function(self):
        self.get('expect(http.post(url .. "/up", function() end).status, 200)')
        self.assertEqual(self.server.requests[0][3], b"")

    def test_a_redirect_that_repeats_the_body_is_the_answer(self):
        self.get("""
          local n = 0
          local function body() n = n + 1 return n == 1 and "x" or nil end
          expect(http.post(url .. "/keep?to=/end", body).status, 307)
          n = 0 expect(http.post(url .. "/redir?to=/end", body).status, 200)""")

    def test_a_function_that_fails_ends_the_request(self):
        self.get(FAILS + """
          fails("no piece", function() http.post(url, function() error("no piece") end) end)
          fails("body: its function returns the next text", function() http.post(url, function() return 1 end) end)
          fails("do not go together", function() http.post(url, print, { on_chunk = print }) end)
          fails("only a body in one piece", function() http.post(url, print, { compression = "gzip" }) end)
          expect(http.get(url).status, 200)""")

    def test_a_time_out_ends_it_while_the_function_waits(self):
        self.get("""
          local r = http.post(url, function() tt.sleep("200ms") return "late" end, { timeout = "50ms" })
          expect(r.error_code, 1050)
          local task = tt.spawn(function() http.post(url, function() tt.sleep(60) end) end)
          tt.sleep("20ms") task:cancel() expect(http.get(url).status, 200)""")


class UploadsOverTls(Uploads):
    """The same over libcurl."""

    def setUp(self):
        super().setUp()
        self.server.use_tls(*certificate(self.folder))

    def get(self, body, *arguments, **keywords):
        return super().get(body, "--insecure-skip-tls-verify", *arguments, **keywords)
