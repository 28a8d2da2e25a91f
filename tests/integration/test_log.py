# SPDX-License-Identifier: MIT
"""Where the log goes, and what it looks like."""
import json
import os
import unittest

from ttload_case import Case, HttpServer

SCRIPT = """local tt = require "ttload"
local M = { options = { vus = 1, iterations = 2 } }
function M.default()
  print('said "so"')
  tt.log.warn("careful")
  tt.log.debug("in detail")
end
return M
"""


class Log(Case):
    def run_with(self, *arguments, **keywords):
        self.write("t.lua", SCRIPT)
        return self.ttload("run", "--quiet", *arguments, "t.lua", **keywords)

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as f:
            return f.read()

    def test_text_is_for_people_on_stderr(self):
        r = self.run_with()
        self.assertRegex(r.err, r'(?m)^time="[-0-9T:]+Z" level=info msg="said \\"so\\"" source=console')
        self.assertIn("level=warning", r.err)
        self.assertNotIn("in detail", r.err)

    def test_json_is_an_object_a_line(self):
        r = self.run_with("--log-format", "json", "--verbose")
        lines = [json.loads(line) for line in r.err.splitlines()]
        said = [x for x in lines if x["msg"] == 'said "so"']
        self.assertEqual([x["level"] for x in said], ["info", "info"])
        warned = [x for x in lines if x["level"] == "warning"]
        self.assertEqual([(x["source"], x["vu"], x["iter"]) for x in warned], [("console", "1", "0"), ("console", "1", "1")])
        self.assertTrue(any(x["level"] == "debug" for x in lines))

    def test_raw_is_the_message(self):
        r = self.run_with("--log-format", "raw")
        self.assertEqual(r.err.splitlines(), ['said "so"', "careful"] * 2)

    def test_none_is_silent(self):
        self.assertEqual(self.run_with("--log-output", "none").err, "")

    def test_stdout_takes_it(self):
        r = self.run_with(env={"TTLOAD_LOG_OUTPUT": "stdout"})
        self.assertEqual(r.err, "")
        self.assertIn("careful", r.out)

    def test_a_file_is_appended_to_from_a_level_on(self):
        for _ in range(2):
            r = self.run_with("--log-output", "file=a.log,level=warning", "--log-format", "raw")
            self.assertEqual((r.code, r.err), (0, ""))
        self.assertEqual(self.read("a.log").splitlines(), ["careful"] * 4)

    def test_the_config_file_may_say_where(self):
        self.write("c.json", '{"log_output": "file=b.log", "log_format": "raw"}')
        r = self.run_with("--config", "c.json")
        self.assertEqual((r.code, r.err), (0, ""))
        self.assertIn("careful", self.read("b.log"))

    def test_what_scripts_say_has_a_file_of_its_own(self):
        self.write("bad.lua", SCRIPT.replace('tt.log.debug("in detail")', 'error("broken")'))
        r = self.ttload("run", "-q", "--console-output", "said.txt", "--log-format", "raw", "bad.lua")
        self.assertEqual(self.read("said.txt").splitlines(), ['said "so"', "careful"] * 2)
        self.assertIn("broken", r.err)
        self.assertNotIn("careful", r.err)

    def test_what_cannot_be_is_refused_before_the_run(self):
        for words, names in ((["--log-output", "loky"], "loki"), (["--log-output", "file=none/a.log"], "none/a.log"),
                             (["--log-format", "xml"], "text, raw or json"), (["--log-output", "loki=level=loud"], "loud"),
                             (["--log-output", "loki=http://x/,limt=1"], "did you mean 'limit'"),
                             (["--console-output", "none/b"], "none/b"), (["--log-output", "file=a,levl=info"], "level")):
            r = self.run_with(*words)
            self.assertEqual(r.code, 104, r.err)
            self.assertIn(names, r.err)


class Loki(Case):
    def server(self, status):
        server = HttpServer(lambda handler, body: handler.send(status))
        self.addCleanup(server.stop)
        return server

    def run_with(self, settings):
        self.write("t.lua", SCRIPT)
        return self.ttload("run", "--quiet", "--log-output", "loki=" + settings, "t.lua")

    def test_entries_are_pushed_by_level_with_labels(self):
        server = self.server(204)
        r = self.run_with(server.url + "/loki/api/v1/push,label.job=load,header.X-Scope-OrgID=me,push_period=1h")
        self.assertEqual((r.code, r.err), (0, ""))
        method, path, headers, body = server.requests[0]
        self.assertEqual((method, path, headers["X-Scope-OrgID"]), ("POST", "/loki/api/v1/push", "me"))
        self.assertEqual(headers["Content-Type"], "application/json")
        streams = {s["stream"]["level"]: s for s in json.loads(body)["streams"]}
        self.assertEqual(streams["warning"]["stream"], {"level": "warning", "job": "load"})
        self.assertEqual([v[1].split(" ")[0] for v in streams["warning"]["values"]], ["careful"] * 2)
        self.assertEqual(len(streams["info"]["values"]), 2)
        self.assertTrue(all(v[0].isdigit() and len(v[0]) == 19 for v in streams["info"]["values"]))

    def test_entries_beyond_the_limit_are_counted(self):
        server = self.server(204)
        r = self.run_with(server.url + ",limit=1,push_period=1h")
        self.assertEqual(r.code, 0)
        self.assertIn("3 entries beyond 1 per push were dropped", r.err)

    def test_a_refusal_is_told_and_the_run_goes_on(self):
        server = self.server(500)
        r = self.run_with(server.url)
        self.assertEqual(r.code, 0)
        self.assertRegex(r.err, r"4 entries were not taken \(it answered with status 500\)")


if __name__ == "__main__":
    unittest.main()
