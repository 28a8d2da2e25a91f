# SPDX-License-Identifier: MIT
"""The fallbacks of subprojects/: ttload builds with its own Lua and cJSON, from archives that lie in the package cache
(Debian's source archives have the hashes that the wraps ask for)."""
import configparser
import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

from ttload_case import ROOT

DEBIAN = "http://deb.debian.org/debian/pool/main/"
POOL = {"lua": "l/lua5.4/lua5.4_5.4.4.orig.tar.gz", "cjson": "c/cjson/cjson_1.7.15.orig.tar.gz"}
CACHE = os.path.join(ROOT, "subprojects", "packagecache")


def fetch(name):
    wrap = configparser.ConfigParser(interpolation=None)
    wrap.read(os.path.join(ROOT, "subprojects", name + ".wrap"))
    path = os.path.join(CACHE, wrap["wrap-file"]["source_filename"])
    if not os.path.exists(path):
        os.makedirs(CACHE, exist_ok=True)
        with urllib.request.urlopen(DEBIAN + POOL[name], timeout=60) as answer:
            data = answer.read()
        with open(path, "wb") as f:
            f.write(data)
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest() == wrap["wrap-file"]["source_hash"]


@unittest.skipUnless(os.environ.get("LANE", "plain") == "plain", "once is enough: in the plain lane")
class Fallbacks(unittest.TestCase):
    def test_both_fallbacks_build_without_the_network(self):
        try:
            for name in POOL:
                self.assertTrue(fetch(name), f"{name}: the archive's hash is not the wrap's")
        except (urllib.error.URLError, OSError) as e:
            self.skipTest(f"no archives: {e}")
        with tempfile.TemporaryDirectory() as folder:
            source, build = os.path.join(folder, "source"), os.path.join(folder, "build")
            shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns("build*", ".git"))
            self.run_in(source, "meson", "setup", build, "--force-fallback-for=lua,cjson", "-Dtests=false",
                        "-Dbuildtype=plain")
            self.run_in(source, "ninja", "-C", build)
            linked = subprocess.run(["ldd", os.path.join(build, "ttload")], stdout=subprocess.PIPE, check=True).stdout
            self.assertNotIn(b"liblua", linked)
            self.assertNotIn(b"cjson", linked)
            script = os.path.join(folder, "t.lua")
            with open(script, "w", encoding="utf-8") as f:
                f.write('assert(require("ttload.json").encode({ a = 1 }) == \'{"a":1}\')\n'
                        "return { options = { iterations = 1 }, default = function() end }")
            self.run_in(folder, os.path.join(build, "ttload"), "run", "--quiet", script)

    def run_in(self, folder, *command):
        p = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(p.returncode, 0, p.stdout.decode(errors="replace")[-4000:])
