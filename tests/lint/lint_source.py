# SPDX-License-Identifier: MIT
"""Rules that a compiler does not know: layers, banned functions, lengths, the first line."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# A folder includes its own headers and those of a lower level (docs/architecture.md).
LEVELS = {"base": 0, "html": 1, "metric": 1, "loop": 1, "plan": 2, "net": 3, "exec": 3, "serve": 3, "vu": 3, "output": 4,
          "proto": 4, "api": 4, "target": 4, "control": 4, "run": 5, "cli": 6}
BANNED = "strcpy strcat sprintf vsprintf strtok atoi atol gets localtime gmtime signal rand srand".split()
ALLOCATORS = "malloc calloc realloc free strdup strndup".split()
FILE_LINES, FUNCTION_LINES = 800, 100
problems = []


def problem(path, line, text):
    problems.append(f"{os.path.relpath(path, ROOT)}:{line}: {text}")


def without_comments_and_strings(text):
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group())

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def check_layers(path, folder, text):
    for number, line in enumerate(text.splitlines(), 1):
        m = re.match(r'#include "([a-z]+)/', line)
        other = m and m.group(1)
        if not m or other == folder:
            continue
        if other not in LEVELS:
            problem(path, number, f"includes {other}/, which is no folder of src/")
        elif LEVELS[other] >= LEVELS[folder]:
            problem(path, number, f"{folder}/ (level {LEVELS[folder]}) includes {other}/ (level {LEVELS[other]})")


def check_calls(path, folder, text, code):
    lines = text.splitlines()
    names = BANNED + ([] if folder == "base" else ALLOCATORS)
    for m in re.finditer(r"(?<![\w.>])(%s)\s*\(" % "|".join(names), code):
        number = code.count("\n", 0, m.start()) + 1
        if "getline's" not in lines[number - 1]:  # its buffer is the C library's
            problem(path, number, f"{m.group(1)}() is not used here")


def check_lengths(path, text, code):
    lines = text.count("\n")
    if lines > FILE_LINES:
        problem(path, 1, f"{lines} lines, at most {FILE_LINES}")
    begin = None
    for number, line in enumerate(code.splitlines(), 1):
        if line.startswith("{"):
            begin = number
        elif line.startswith("}") and begin:
            if number - begin > FUNCTION_LINES:
                problem(path, begin, f"a function of {number - begin} lines, at most {FUNCTION_LINES}")
            begin = None


def check_first_lines(path, text):
    first = "\n".join(text.splitlines()[:2])
    if "SPDX-License-Identifier: MIT" not in first:
        problem(path, 1, "the first line is SPDX-License-Identifier: MIT")
    if path.endswith(".h") and "#pragma once" not in text:
        problem(path, 1, "a header has #pragma once")


def walk(folder, suffixes):
    for base, folders, names in os.walk(os.path.join(ROOT, folder)):
        folders[:] = [f for f in folders if f not in ("corpus", "__pycache__")]
        for name in sorted(names):
            if name.endswith(suffixes):
                yield os.path.join(base, name)


for path in walk("src", (".c", ".h")):
    folder = os.path.relpath(path, os.path.join(ROOT, "src")).split(os.sep)[0]
    with open(path, encoding="utf-8") as f:
        text = f.read()
    code = without_comments_and_strings(text)
    check_layers(path, folder, text)
    check_calls(path, folder, text, code)
    check_lengths(path, text, code)
for path in [p for d in ("src", "tests", "scripts", "lua") for p in walk(d, (".c", ".h", ".py", ".lua", "meson.build"))]:
    with open(path, encoding="utf-8") as f:
        check_first_lines(path, f.read())
print("\n".join(problems))
sys.exit(1 if problems else 0)
