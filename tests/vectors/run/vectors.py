# SPDX-License-Identifier: MIT
"""./dev vectors [DIR]: every vector file of a known name in DIR against the built code.

A case is skipped for a difference that the vectors' README names, or for one of ours ('own difference', its reason in
docs/differences.md; at most 3 % of a file). The last line has the totals; the exit code is 1 when a case failed."""
import collections
import glob
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import executors
import exits
import http_behavior
import http_codes
import network
import options_files
import segments
import ws_behavior
from harness import Driver, Failed, Own, Program, Skip

FILES = {
    "execution-segments": segments.SEGMENTS,
    "durations": segments.DURATION_SECTIONS,
    "constant-arrival-rate": executors.CONSTANT_ARRIVAL_RATE,
    "ramping-arrival-rate": executors.RAMPING_ARRIVAL_RATE,
    "ramping-vus": executors.RAMPING_VUS,
    "shared-iterations": executors.SHARED_ITERATIONS,
    "per-vu-iterations": executors.PER_VU_ITERATIONS,
    "constant-vus": executors.CONSTANT_VUS,
    "options-validation": options_files.VALIDATION,
    "options-layers": options_files.LAYERS,
    "exit-codes": exits.EXITS,
    "http-behavior": http_behavior.Behavior,
    "http-error-codes": http_codes.Codes,
    "network-options": network.NETWORK,
    "ws-behavior": ws_behavior.Behavior,
}
OWN_SHARE = 0.03
SHOWN = int(os.environ.get("VECTORS_SHOWN", "5"))  # failures of a file
Tools = collections.namedtuple("Tools", "driver program")


def run_case(run, case, tools):
    """'passed', 'failed' or 'skipped', and why."""
    try:
        run(case, tools)
        return "passed", ""
    except Own as e:
        return "skipped", f"own difference: {e}"
    except Skip as e:
        return "skipped", str(e)
    except Failed as e:
        return "failed", str(e)
    except (KeyError, TypeError, ValueError, IndexError) as e:
        return "failed", f"{type(e).__name__}: {e}"


def run_file(path, runner, tools, show):
    """runner: section -> function of a case and the tools; or a class that is made of the file's data, has sections(), and
    is closed."""
    with open(path, encoding="utf-8") as f:
        data = json.load(f)
    if isinstance(runner, dict):
        return run_sections(path, data, runner, (), tools, show)
    state = runner(data)
    try:
        return run_sections(path, data, state.sections(), state.NOT_CASES, tools, show)
    finally:
        state.close()


def run_sections(path, data, sections, passed_over, tools, show):
    counts, reasons = collections.Counter(), collections.Counter()
    for section, cases in data.items():
        if section == "meta" or section in passed_over:
            continue
        for i, case in enumerate(network.flatten(section, cases)):
            run = sections.get(section)
            verdict, why = run_case(run, case, tools) if run else ("failed", "the section is not known")
            counts[verdict] += 1
            if verdict == "skipped":
                reasons[why] += 1
            if verdict == "failed" and show(counts["failed"]):
                print(f"  {section}[{i}]: {why}\n    {json.dumps(case)[:300]}")
    own = sum(n for why, n in reasons.items() if why.startswith("own"))
    if own > OWN_SHARE * sum(counts.values()):
        counts["failed"] += 1
        print(f"  own differences: {own}, more than {OWN_SHARE:.0%} of the file")
    print(f"{os.path.basename(path)}: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    for why, n in sorted(reasons.items()):
        print(f"  skipped {n}: {why}")
    return counts


def main():
    driver, program, *rest = sys.argv[1:]
    folder = rest[0] if rest else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    total = collections.Counter()
    tools = Tools(Driver(driver), Program(os.path.abspath(program)))
    known = [p for p in sorted(glob.glob(os.path.join(folder, "*.json"))) if os.path.basename(p)[:-5] in FILES]
    if not known:
        sys.exit(f"{folder}: no vector file of a known name ({', '.join(sorted(FILES))})")
    for path in known:
        total += run_file(path, FILES[os.path.basename(path)[:-5]], tools, lambda n: n <= SHOWN)
    tools.driver.close()
    tools.program.close()
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    sys.exit(1 if total["failed"] else 0)


main()
