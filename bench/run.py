#!/usr/bin/env python3
"""Measures the runtime beside nginx in one run and holds it to the budget.

    bench/run.py [--seconds N] [--peer /path/to/daprd] [--check] [--only NAME…] [--list]

Prints, for each case, requests a second, p50, p99, and the CPU microseconds a request costs in the
measured process alone; then the ratio to nginx's figure for the comparable case, and whether that is
within the budget. Ratios of one run hold on any machine; the absolute figures do not. Everything but the
rows of mtls speaks plaintext, so that nobody pays for TLS. --peer measures another daprd binary in a second column. --check
exits 1 if a budget is not held or a request failed. docs/measured.md says what each row is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import rows_figures
import rows_invoke
import rows_mtls
import rows_pubsub
import rows_state
from measure import BINARY, Bench, chosen

CASES = rows_invoke.CASES + rows_mtls.CASES + rows_state.CASES + rows_pubsub.CASES
FIGURES = rows_mtls.FIGURES + rows_state.FIGURES + rows_figures.FIGURES


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3, help="length of each measurement")
    parser.add_argument("--peer", type=Path, help="another daprd binary to measure as well")
    parser.add_argument("--check", action="store_true", help="exit 1 if a budget is not held")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME",
                        help="only what has this in its name or group, and what it is compared with")
    parser.add_argument("--list", action="store_true", help="print the groups and names")
    arguments = parser.parse_args()
    cases = [case for case in CASES if chosen(case, arguments.only)]
    figures = [figure for figure in FIGURES if chosen(figure, arguments.only)]
    if arguments.list:
        for part in [*cases, *figures]:
            print(f"{part.group:<18}{part.name}")
        return 0
    if not cases and not figures:
        parser.error("nothing has that name; --list shows them")
    if not BINARY.exists():
        raise SystemExit(f"{BINARY} is missing: run make build")
    wanted = {case.name for case in cases} | {case.compared_with for case in cases}
    bench = Bench(arguments.seconds, arguments.peer)
    try:
        # First, while no server of a row takes its share of the machine.
        for figure in figures:
            bench.show(figure)
        for case in CASES:
            if case.name in wanted:
                bench.run(case)
        bench.report()
    finally:
        bench.close()
    for failure in bench.failures:
        print(f"not held: {failure}")
    return 1 if arguments.check and bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
