# SPDX-License-Identifier: MIT
"""Runs the tests: ./dev test, ./dev vectors, ./dev lint, ./dev fuzz.

A lane is a build of everything in its own folder under build/, and its unit tests, Lua tests and
integration tests. Every suite reports (passed, failed, skipped); the last line has the totals."""
import concurrent.futures
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SANITIZE = {
    "ASAN_OPTIONS": "detect_leaks=1:halt_on_error=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
LANES = {
    "plain": ([], "gcc"),
    "asan": (["-Db_sanitize=address,undefined", "-Db_lundef=false"], "gcc"),
    "tsan": (["-Db_sanitize=thread", "-Db_lundef=false"], "gcc"),
}
TIMEOUT = 600


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def suite(self, name, passed, failed, skipped=0, output="", seconds=0.0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        state = "FAIL" if failed else "ok"
        print(f"{state:4} {name}: {passed} passed, {failed} failed, {skipped} skipped ({seconds:.1f} s)", flush=True)
        if failed and output:
            print(output[-20000:], flush=True)


def run(command, env=None, timeout=TIMEOUT):
    """(exit code, output, seconds); a time-out is exit code -1."""
    begin = time.monotonic()
    full = dict(os.environ, **SANITIZE, **(env or {}))
    try:
        p = subprocess.run(command, cwd=ROOT, env=full, timeout=timeout, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        return p.returncode, p.stdout.decode(errors="replace"), time.monotonic() - begin
    except subprocess.TimeoutExpired as e:
        text = (e.stdout or b"").decode(errors="replace")
        return -1, text + f"\ntimed out after {timeout} s\n", time.monotonic() - begin


def build(name, options, compiler, totals):
    folder = os.path.join("build", name)
    if not os.path.exists(os.path.join(ROOT, folder, "build.ninja")):
        os.makedirs(os.path.join(ROOT, folder), exist_ok=True)
        code, out, _ = run(["meson", "setup", folder, *options], {"CC": compiler})
        if code:
            totals.suite(f"{name}: meson setup", 0, 1, 0, out)
            return None
    code, out, seconds = run(["ninja", "-C", folder], timeout=1800)
    if code:
        errors = "\n".join(line for line in out.splitlines() if not line.startswith("["))
        totals.suite(f"{name}: build", 0, 1, 0, errors, seconds)
        return None
    totals.suite(f"{name}: build", 1, 0, 0, "", seconds)
    return folder


def unit_tests(folder):
    base = os.path.join(ROOT, folder, "tests", "unit")
    for name in sorted(os.listdir(base)) if os.path.isdir(base) else []:
        path = os.path.join(base, name)
        if "_test_" in name and os.path.isfile(path) and os.access(path, os.X_OK):
            yield path


def count_tap(out):
    """cmocka's TAP output: "ok 1 - name", "not ok 2 - name", "# SKIP"."""
    lines = re.findall(r"^(ok|not ok) \d+ (# SKIP)?", out, re.M)
    skipped = sum(1 for _, skip in lines if skip)
    return lines.count(("ok", "")), lines.count(("not ok", "")), skipped


def run_unit(lane, path):
    code, out, seconds = run([path], {"CMOCKA_MESSAGE_OUTPUT": "TAP"})
    passed, failed, skipped = count_tap(out)
    if code and not failed or not passed + failed + skipped:
        failed += 1
    name = os.path.basename(path)[:-2].replace("_test_", "/", 1)
    return f"{lane}: unit {name}", passed, failed, skipped, out, seconds


def run_lua(lane, binary, path):
    code, out, seconds = run([binary, "run", "--quiet", path])
    name = os.path.basename(path)[:-4]
    return f"{lane}: lua {name}", int(code == 0), int(code != 0), 0, out + f"\nexit code {code}\n", seconds


def run_integration(lane, binary, path):
    code, out, seconds = run(["/usr/bin/python3", "-m", "unittest", "-v", path],
                             {"TTLOAD": binary, "LANE": lane,
                              "PYTHONPATH": os.path.join(ROOT, "tests", "integration")})
    name = os.path.basename(path)[:-3]
    passed = len(re.findall(r"\.\.\. ok$", out, re.M))
    failed = len(re.findall(r"\.\.\. (?:FAIL|ERROR)$", out, re.M))
    skipped = len(re.findall(r"\.\.\. skipped", out))
    if code and not failed:
        failed = 1
    return f"{lane}: integration {name}", passed, failed, skipped, out, seconds


def vectors_command(folder, *where):
    return ["/usr/bin/python3", "tests/vectors/run/vectors.py",
            os.path.join(ROOT, folder, "tests", "unit", "vectors_driver"), os.path.join(ROOT, folder, "ttload"), *where]


def run_vectors(lane, folder, path):
    code, out, seconds = run(vectors_command(folder, path))
    last = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", (out.splitlines() or [""])[-1])
    passed, failed, skipped = map(int, last.groups()) if last else (0, 1, 0)
    return f"{lane}: vectors", passed, failed or int(code != 0), skipped, out, seconds


def files(folder, prefix, suffix):
    base = os.path.join(ROOT, folder)
    names = sorted(os.listdir(base)) if os.path.isdir(base) else []
    return [os.path.join(folder, n) for n in names if n.startswith(prefix) and n.endswith(suffix)]


def lane(name, totals, wanted):
    options, compiler = LANES[name]
    folder = build(name, options, compiler, totals)
    if not folder:
        return
    binary = os.path.join(ROOT, folder, "ttload")
    jobs = [(run_unit, name, p) for p in unit_tests(folder)]
    jobs += [(run_lua, name, binary, p) for p in files("tests/lua", "test_", ".lua")]
    jobs += [(run_integration, name, binary, p) for p in files("tests/integration", "test_", ".py")]
    if name == "plain":
        jobs.append((run_vectors, name, folder, "tests/vectors"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        chosen = [job for job in jobs if re.search(wanted, job[-1])]
        for f in concurrent.futures.as_completed([pool.submit(*job) for job in chosen]):
            totals.suite(*f.result())


def lint(totals):
    for path in files("tests/lint", "lint_", ".py"):
        code, out, seconds = run(["/usr/bin/python3", path])
        totals.suite(f"lint {os.path.basename(path)[5:-3]}", int(code == 0), int(code != 0), 0, out, seconds)


def fuzz(totals, seconds):
    folder = build("fuzz", ["-Dfuzz=true", "-Dtests=false", "-Db_sanitize=address,undefined", "-Db_lundef=false"],
                   "clang", totals)
    base = os.path.join(ROOT, folder or "", "tests", "fuzz")
    for name in sorted(os.listdir(base)) if folder and os.path.isdir(base) else []:
        path = os.path.join(base, name)
        if not name.startswith("fuzz_") or not os.path.isfile(path):
            continue
        corpus = os.path.join(ROOT, "tests", "fuzz", "corpus", name[5:])
        work = os.path.join(base, name + ".corpus")
        os.makedirs(work, exist_ok=True)
        code, out, took = run([path, f"-max_total_time={seconds}", "-timeout=10", f"-artifact_prefix={work}/", work, corpus], timeout=seconds + 120)
        totals.suite(name, int(code == 0), int(code != 0), 0, out, took)


def vectors(totals, path):
    """Says more than a suite does: skipped cases by their reasons."""
    folder = build("plain", *LANES["plain"], totals)
    sys.exit(subprocess.run(vectors_command(folder, path), cwd=ROOT).returncode if folder else 1)


def main():
    command, arguments = sys.argv[1], sys.argv[2:]
    totals = Totals()
    known = {"test": r"--quick|[^-].*", "vectors": r"[^-].*", "lint": "(?!)", "fuzz": r"\d+"}[command]
    for a in arguments:
        if not re.fullmatch(known, a):
            sys.exit(f"dev {command}: unknown argument '{a}' (./dev help)")
    if command == "fuzz":
        fuzz(totals, int(arguments[0]) if arguments else 10)
    elif command == "vectors":
        vectors(totals, os.path.abspath(arguments[0]) if arguments else "tests/vectors")
    elif command == "lint":
        lint(totals)
    else:
        wanted = "|".join(a for a in arguments if a != "--quick")
        lane("plain", totals, wanted)
        if "--quick" not in arguments:
            build("clang", [], "clang", totals)
            lane("asan", totals, wanted)
            lane("tsan", totals, wanted)
            fuzz(totals, 3)
            lint(totals)
    print(f"{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped")
    sys.exit(1 if totals.failed else 0)


if __name__ == "__main__":
    main()
