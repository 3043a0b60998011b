#!/usr/bin/env python3
"""Runs clang-tidy over the product's files in src/, and only over those that changed since they were last found clean.

Usage: tidy.py [FILE…]. A file counts as unchanged while its text, the headers of ours it includes
(however deep), its compile command and .clang-tidy are the same; build/tidy-cache/ remembers that.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "dev"
CACHE = ROOT / "build" / "tidy-cache"
TIDY = "clang-tidy-19"
# Tests keep their lambdas alive in fixtures, which the coroutine check cannot see.
TEST = re.compile(r"(_test|_test_\w+|_bench|_fuzz)\.cpp$|^test_")
INCLUDE = re.compile(rb'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


class Hasher:
    """Hash of a source file together with everything of ours it includes."""

    def __init__(self):
        self.includes = {}

    def read(self, file):
        if file not in self.includes:
            text = file.read_bytes()
            names = (name.decode() for name in INCLUDE.findall(text))
            ours = [path for path in (self.locate(name) for name in names) if path]
            self.includes[file] = (hashlib.sha256(text).digest(), ours)
        return self.includes[file]

    @staticmethod
    def locate(name):
        if name.endswith(".pb.h"):
            proto = ROOT / "proto" / (name[: -len(".pb.h")] + ".proto")
            return proto if proto.is_file() else None
        header = ROOT / "src" / name
        return header if header.is_file() else None

    def of(self, file, extra):
        seen, queue = {file}, [file]
        while queue:
            for path in self.read(queue.pop())[1]:
                if path not in seen:
                    seen.add(path)
                    queue.append(path)
        total = hashlib.sha256(extra)
        for path in sorted(seen):
            total.update(str(path.relative_to(ROOT)).encode() + self.read(path)[0])
        return total.hexdigest()


def configure():
    """The compile commands, with the generated headers and the precompiled header in place."""
    if not (BUILD / "build.ninja").is_file():
        subprocess.run(["cmake", "--preset", "dev"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    targets = subprocess.run(["ninja", "-C", BUILD, "-t", "targets", "all"], check=True,
                             capture_output=True, text=True).stdout
    inputs = {line.split(":")[0] for line in targets.splitlines()}
    inputs = sorted(t for t in inputs if t.endswith((".pb.h", ".hxx.pch")) and not t.startswith("/"))
    subprocess.run(["ninja", "-C", BUILD, *inputs], check=True, stdout=subprocess.DEVNULL)
    return json.loads((BUILD / "compile_commands.json").read_text())


def tidy(file):
    run = subprocess.run([TIDY, "-p", BUILD, "--quiet", file], capture_output=True, text=True)
    # stderr only counts the warnings of system headers that were left out.
    return run.returncode, run.stdout.strip() or run.stderr.strip()


def main(arguments):
    wanted = {pathlib.Path(name).resolve() for name in arguments}
    hasher = Hasher()
    rules = (ROOT / ".clang-tidy").read_bytes()
    CACHE.mkdir(parents=True, exist_ok=True)
    todo = {}
    for entry in configure():
        file = pathlib.Path(entry["file"])
        if ROOT / "src" not in file.parents or (wanted and file not in wanted):
            continue
        if TEST.search(file.name):
            continue
        key = hasher.of(file, rules + entry["command"].encode())
        if not (CACHE / key).exists():
            todo[file] = key
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        runs = {pool.submit(tidy, file): file for file in todo}
        for count, done in enumerate(concurrent.futures.as_completed(runs), 1):
            code, output = done.result()
            if code == 0:
                (CACHE / todo[runs[done]]).touch()
            else:
                failed += 1
                print(output, flush=True)
            if sys.stdout.isatty():
                print(f"\rclang-tidy {count}/{len(runs)}", end="\n" if count == len(runs) else "",
                      file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
