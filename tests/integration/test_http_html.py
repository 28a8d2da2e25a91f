# SPDX-License-Identifier: MIT
"""res:html, submit_form and click_link against a real server."""
import unittest
import urllib.parse

from ttload_case import Case, HttpServer

PAGE = b"""<html><head><title>Shop</title></head><body>
<a id="first" href="../items?id=1#x">One</a> <a id="second" href="/two">Two</a> <a name="none">none</a>
<form id="search" action="/search?old=1"><input name="q" value="a b"><input type="submit" name="go" value="Go"></form>
<form id="buy" method="post"><input name="n" value="1"><select name="s" multiple><option selected>x<option selected>y</select>
<button type="submit" name="how" value="now">buy</button></form>
</body></html>"""


class Html(Case):
    def setUp(self):
        super().setUp()
        def answer(h, body):
            if h.path == "/empty":
                h.send(204)
            else:
                h.send(200, PAGE, ("Content-Type", "text/html"))
        self.server = HttpServer(answer)
        self.addCleanup(self.server.stop)

    def get(self, body):
        return self.passes(f'local url = "{self.server.url}"\nlocal r = http.get(url .. "/shop/page?x=1")\n' + body)

    def sent(self, i=-1):
        method, path, headers, body = self.server.requests[i]
        return method, path, body.decode()

    def test_the_body_is_a_page(self):
        self.get("""
          expect(r:html():find("title"):text(), "Shop") expect(#r:html("a"), 3)
          expect(pcall(function() return http.get(url .. "/empty"):html() end), false)""")

    def test_a_link_is_followed(self):
        self.get("""
          expect(r:click_link().url, url .. "/items?id=1#x")
          expect(r:click_link { selector = "#second", params = { headers = { ["X-A"] = "1" } } }.url, url .. "/two")""")
        self.assertEqual(self.sent(1)[:2], ("GET", "/items?id=1"))
        self.assertEqual(self.sent(2)[:2], ("GET", "/two"))
        self.assertEqual(self.server.requests[2][2]["X-A"], "1")

    def test_a_form_is_sent_in_the_query(self):
        self.get('expect(r:submit_form().status, 200)')
        method, path, body = self.sent()
        self.assertEqual((method, path.split("?")[0], body), ("GET", "/search", ""))
        self.assertEqual(urllib.parse.parse_qs(path.split("?")[1]), {"q": ["a b"], "go": ["Go"]})

    def test_a_form_is_posted_to_its_page(self):
        self.get("""
          local res = r:submit_form { form_selector = "#buy", fields = { n = 2, extra = "e" },
                                      params = { headers = { ["X-A"] = "1" } } }
          expect(res.request.method, "POST")""")
        method, path, body = self.sent()
        self.assertEqual((method, path), ("POST", "/shop/page?x=1"))
        self.assertEqual(urllib.parse.parse_qs(body), {"n": ["2"], "s": ["x", "y"], "how": ["now"], "extra": ["e"]})
        self.assertEqual(self.server.requests[-1][2]["X-A"], "1")

    def test_another_button_is_pressed(self):
        self.get('r:submit_form { submit_selector = "#none" }')
        self.assertEqual(self.sent()[:2], ("GET", "/search?q=a%20b"))

    def test_misuse_is_told(self):
        self.get("""
          local function raises(pattern, f, ...)
            local _, message = pcall(f, r, ...)
            if not tostring(message):find(pattern, 1, true) then error(message) end
          end
          raises("no form for selector '#x'", r.submit_form, { form_selector = "#x" })
          raises("no link for selector '#x'", r.click_link, { selector = "#x" })
          raises("has no href", r.click_link, { selector = "[name=none]" })
          raises("did you mean 'fields'", r.submit_form, { field = {} })
          raises("fields: a table is expected", r.submit_form, { fields = 1 })
          raises("params: a table is expected", r.click_link, { params = 1 })
          raises("not params.query", r.submit_form, { params = { query = { a = 1 } } })
          raises("bad selector", r.html, "a[")""")
        self.assertEqual(len(self.server.requests), 1)


if __name__ == "__main__":
    unittest.main()
