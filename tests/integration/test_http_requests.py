# SPDX-License-Identifier: MIT
"""What ttload.http can send: cookies, bodies, authentication, proxies, against real servers."""
import json
import urllib.parse

from ttload_case import Case, HttpServer


def answer(h, body):
    path, _, query = h.path.partition("?")
    arguments = urllib.parse.parse_qs(query)
    if path == "/set-cookie":
        h.send(200, b"set", *[("Set-Cookie", c) for c in arguments["c"]])
    elif path == "/redir":
        h.send(302, b"", ("Location", arguments["to"][0]), *[("Set-Cookie", c) for c in arguments.get("c", [])])
    else:
        what = {"method": h.command, "path": h.path, "body": body.decode("latin-1"), "headers": h.headers.items()}
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
        self.get("""
          local jar = http.CookieJar.new()
          local function fails(part, f, ...)
            local ok, message = pcall(f, ...)
            if ok or not message:find(part, 1, true) or not message:find("test.lua:%d+") then
              error(("'%s' is expected, got '%s'"):format(part, message), 2)
            end
          end
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
