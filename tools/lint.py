#!/usr/bin/env python3
"""`make lint`: every check in turn, one line each; the findings of those that fail.

Usage: lint.py [CHECK…] with the names of the table below; all by default.
"""

import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def cpp_files():
    return sorted(str(file.relative_to(ROOT)) for folder in ("src", "tests", "bench")
                  for file in (ROOT / folder).rglob("*.[ch]pp"))


CHECKS = {
    "format": lambda: ["clang-format-19", "--dry-run", "-Werror", "--ferror-limit=3", *cpp_files()],
    "includes": lambda: [sys.executable, "tools/check_includes.py"],
    "map": lambda: [sys.executable, "tools/check_map.py"],
    "words": lambda: [sys.executable, "tools/check_words.py"],
    "tidy": lambda: [sys.executable, "tools/tidy.py"],
}


def main(arguments):
    failed = []
    for name in arguments or CHECKS:
        started = time.monotonic()
        run = subprocess.run(CHECKS[name](), cwd=ROOT, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
        verdict = "ok" if run.returncode == 0 else "FAILED"
        print(f"lint {name:<9} {verdict:<6} {time.monotonic() - started:6.1f} s", flush=True)
        if run.returncode != 0:
            failed.append(name)
            print(run.stdout.rstrip(), flush=True)
    if failed:
        print(f"lint failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
