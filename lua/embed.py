# SPDX-License-Identifier: MIT
"""embed.py NAME INPUT OUTPUT: the bytes of a file as C, `NAME` and `NAME_size`."""
import sys

name, source, target = sys.argv[1:]
with open(source, "rb") as f:
    data = f.read()
with open(target, "w", encoding="ascii") as f:
    f.write(f"#include <stddef.h>\nextern const char {name}[];\nextern const size_t {name}_size;\n")
    f.write(f"const size_t {name}_size = {len(data)};\nconst char {name}[] = {{\n")
    for i in range(0, len(data), 20):
        f.write("".join(f"{b if b < 128 else b - 256}," for b in data[i:i + 20]) + "\n")
    f.write("0};\n")
