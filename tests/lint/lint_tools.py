# SPDX-License-Identifier: MIT
"""clang-format, luacheck, shellcheck, and every header compiled alone."""
import concurrent.futures
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = ["lua5.4", "libuv", "libcurl", "libwebsockets", "libcjson", "libxml-2.0", "openssl"]


def files(folders, suffixes):
    found = []
    for folder in folders:
        for base, _, names in os.walk(os.path.join(ROOT, folder)):
            found += [os.path.join(base, n) for n in sorted(names) if n.endswith(suffixes)]
    return found


def run(command):
    p = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return p.returncode == 0, p.stdout.decode(errors="replace")


def main():
    flags = run(["pkg-config", "--cflags", *PACKAGES])[1].split()
    jobs = [["clang-format", "--dry-run", "--Werror", *files(["src", "tests"], (".c", ".h"))],
            ["luacheck", "--no-color", "-q", *files(["lua", "scripts", "tests"], (".lua",))],
            ["shellcheck", "dev", ".ci/run"]]
    jobs += [["clang", "-fsyntax-only", "-std=gnu11", "-D_GNU_SOURCE", "-Isrc", "-x", "c", *flags, h]
             for h in files(["src"], (".h",))]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, jobs))
    print("\n".join(text for good, text in results if not good))
    sys.exit(0 if all(good for good, _ in results) else 1)


main()
