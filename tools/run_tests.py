#!/usr/bin/env python3
"""Runs the test suites in order and sums up their cases.

Usage: run_tests.py [--list] [SUITE…] [-- arguments for pytest]. All suites marked `default` run when
none is named. One line is printed per suite, what failed below it; logs are in build/test-logs/.
With CI=true a skipped case or suite counts as failed. A suite of LONGEST that passes but takes longer has
failed as well; the time to build does not count, and LONGEST_FACTOR=3 allows a busy machine three times as
much. The last line is `N passed, M failed`, with
`, K skipped` when there are any, and the exit code is 0 only when nothing failed.
"""

import argparse
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from testing import kinds  # noqa: E402
from testing.counts import Counts  # noqa: E402
from testing.environment import ROOT, in_ci, missing_tools  # noqa: E402
from testing.kinds import CTest, Fuzz, Pytest, Unittest  # noqa: E402

# Cheap and telling first. `needs` are tools (see testing/environment.py) without which the suite is
# skipped by name. A Pytest suite gets the path of the binary under test as $DAPRD.
SUITES = [
    Unittest("tools", folder="tools/tests"),
    CTest("unit", preset="dev"),
    Pytest("functional", folder="tests/functional", preset="release"),
    Pytest("sdk", folder="tests/sdk", preset="release", needs=["venv"], timeout=3600),
    Pytest("chart", folder="tests/chart", preset="release"),
    Pytest("image", folder="tests/image", preset="release"),
    Pytest("e2e", folder="tests/e2e", preset="release", needs=["venv"], timeout=2400),
    Fuzz("fuzz", preset="fuzz"),
    CTest("unit-asan", preset="asan"),
    Pytest("functional-asan", folder="tests/functional", preset="asan", default=False),
    CTest("unit-tsan", preset="tsan"),
    Pytest("soak", folder="tests/soak", preset="release", default=False, timeout=48 * 3600),
]

# Seconds that people may have to wait for a suite.
LONGEST = {"e2e": 900}


def judge_time(name, counts, seconds):
    longest = LONGEST.get(name, float("inf")) * float(os.environ.get("LONGEST_FACTOR", "1"))
    if seconds > longest:
        counts.fail(f"{name}: took {seconds:.0f} s, more than {longest:.0f} s")


def run_suite(suite, extra):
    """The suite's Counts; never raises for a suite that cannot run."""
    if suite.absent():
        return Counts(failed=1, failures=[f"{suite.folder} is missing"])
    missing = missing_tools(suite.needs)
    if missing:
        return Counts(skipped=1, skips=[f"needs {', '.join(missing)}"])
    kinds.LOGS.mkdir(parents=True, exist_ok=True)
    failure = suite.build()
    if failure:
        return failure
    started = time.monotonic()
    counts = suite.run(extra)
    judge_time(suite.name, counts, time.monotonic() - started)
    return counts


def report(suite, counts, seconds):
    verdict = f"{counts.passed} passed, {counts.failed} failed"
    if counts.skipped:
        verdict += f", {counts.skipped} skipped"
    print(f"{suite.name:<16} {seconds:7.1f} s   {verdict}", flush=True)
    for name in counts.failures:
        print(f"  failed: {name}", flush=True)
    for name in counts.skips:
        print(f"  skipped: {name}", flush=True)
    if counts.failed and suite.log.is_file():
        print(f"  log: {suite.log.relative_to(ROOT)}", flush=True)
        if counts.tail:
            print("\n".join("  | " + line for line in counts.tail.splitlines()[-40:]), flush=True)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="default: all that matter for a change")
    parser.add_argument("--list", action="store_true", help="print the names of the suites")
    extra = []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, extra = arguments[:split], arguments[split + 1:]
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(suite.name for suite in SUITES))
        return 0
    unknown = set(options.suites) - {suite.name for suite in SUITES}
    if unknown:
        parser.error(f"no suite {', '.join(sorted(unknown))}; --list shows their names")

    total = Counts()
    for suite in SUITES:
        if suite.name not in options.suites and (options.suites or not suite.default):
            continue
        if sys.stdout.isatty():
            print(f"{suite.name:<16} …", end="\r", flush=True)
        started = time.monotonic()
        counts = run_suite(suite, extra)
        if in_ci():
            counts.skips_are_failures()
        report(suite, counts, time.monotonic() - started)
        counts.failures = [f"{suite.name}: {name}" for name in counts.failures]
        total.add(counts)
    # Again, for whoever sees the end of a long log alone.
    for name in total.failures:
        print(f"failed: {name}")
    print(total.summary())
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
