"""The kinds of suites. Each builds what it needs, runs, and returns its Counts."""

import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from .counts import Counts, from_ctest, from_junit, from_unittest
from .environment import ROOT, python, test_environment

LOGS = ROOT / "build" / "test-logs"
JOBS = os.environ.get("JOBS", str(os.cpu_count()))
# Most unit tests with a real server wait for it most of the time.
TEST_JOBS = os.environ.get("JOBS", str(2 * (os.cpu_count() or 1)))


def run_logged(command, log, timeout, environment=None, cwd=ROOT):
    """Runs `command` with its output in `log`; returns its exit code, or None after `timeout`
    seconds, when it and everything it started was killed."""
    with open(log, "a") as output:
        print("+", *command, file=output, flush=True)
        process = subprocess.Popen([str(word) for word in command], cwd=cwd, env=environment,
                                   stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            return process.wait(timeout)
        except BaseException as failure:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if not isinstance(failure, subprocess.TimeoutExpired):
                raise
            print(f"killed after {timeout} s", file=output)
            return None


def tail(log, size=6000):
    text = pathlib.Path(log).read_text(errors="replace") if pathlib.Path(log).is_file() else ""
    return text[-size:]


class Suite:
    def __init__(self, name, folder=None, preset=None, needs=(), default=True, timeout=1800):
        self.name = name
        self.folder = folder
        self.preset = preset
        self.needs = list(needs)
        self.default = default
        self.timeout = timeout
        self.log = LOGS / f"{name}.log"

    def absent(self):
        return self.folder is not None and not (ROOT / self.folder).is_dir()

    def targets(self):
        """What to build in the preset."""
        return []

    def build(self):
        """None, or the Counts of a suite that could not be built."""
        self.log.unlink(missing_ok=True)
        if not self.preset:
            return None
        folder = ROOT / "build" / self.preset
        steps = [["ninja", "-C", folder, "-j", JOBS, *self.targets()]]
        if not (folder / "build.ninja").is_file():
            steps.insert(0, ["cmake", "--preset", self.preset])
        for step in steps:
            if run_logged(step, self.log, 7200) != 0:
                return Counts(failed=1, failures=[f"build of preset {self.preset}"], tail=tail(self.log))
        return None

    def finish(self, counts, code):
        """Adds one failure when the process failed without a failing case, and the log's end."""
        if counts is None:
            counts = Counts()
        if code is None:
            counts.fail(f"{self.name}: no end within {self.timeout} s")
        elif code != 0 and not counts.failed:
            counts.fail(f"{self.name}: exit code {code}")
        if counts.failed:
            counts.tail = tail(self.log)
        return counts


class Unittest(Suite):
    """Python's own unittest, for tools/."""

    def run(self, extra):
        code = run_logged([sys.executable, "-m", "unittest", "discover", "-s", self.folder], self.log,
                          self.timeout)
        return self.finish(from_unittest(self.log.read_text()), code)


class CTest(Suite):
    """Every GoogleTest binary of the tree, through ctest."""

    def targets(self):
        return ["unit_tests"]

    def run(self, extra):
        reports = LOGS / self.name
        shutil.rmtree(reports, ignore_errors=True)
        reports.mkdir(parents=True)
        environment = test_environment(self.preset)
        environment["GTEST_OUTPUT"] = f"xml:{reports}/"
        code = run_logged(
            ["ctest", "--test-dir", ROOT / "build" / self.preset, "--output-on-failure", "-j", TEST_JOBS,
             "--no-tests=error", "--output-junit", reports / "ctest.report"],
            self.log, self.timeout, environment)
        return self.finish(from_ctest(reports / "ctest.report", reports), code)


class Pytest(Suite):
    """Black-box tests; $DAPRD is the binary under test."""

    def targets(self):
        return ["daprd"]

    def run(self, extra):
        report = LOGS / f"{self.name}.xml"
        report.unlink(missing_ok=True)
        code = run_logged(
            [python(), "-m", "pytest", "-p", "no:cacheprovider", "-ra", "-v", "--timeout=300",
             f"--junitxml={report}", self.folder, *extra],
            self.log, self.timeout, test_environment(self.preset))
        return self.finish(from_junit(report), code)


class Fuzz(Suite):
    """Every libFuzzer binary for $FUZZ_SECONDS (20) seconds, $FUZZ_JOBS (2) at a time, from its
    committed corpus. Inputs it finds stay in build/fuzz/corpus/, crashes in build/fuzz/crashes/."""

    def targets(self):
        return ["fuzzers"]

    def run(self, extra):
        listed = (ROOT / "build" / self.preset / "fuzzers.txt").read_text().splitlines()
        fuzzers = [tuple(pathlib.Path(word) for word in line.split()) for line in listed if line]
        if not fuzzers:
            return Counts(failed=1, failures=["no fuzzers are registered"])
        counts = Counts()
        with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("FUZZ_JOBS", "2"))) as pool:
            for (binary, _), failure in zip(fuzzers, pool.map(lambda f: self.fuzz(*f), fuzzers)):
                if failure:
                    counts.fail(f"{binary.name}: {failure}")
                else:
                    counts.passed += 1
        return counts

    def fuzz(self, binary, source):
        """Why the fuzzer failed, or None."""
        corpus = committed_corpus(binary.name, source)
        if not corpus:
            return f"no committed corpus; put one into {source.relative_to(ROOT)}/corpus/<name>/"
        seconds = int(os.environ.get("FUZZ_SECONDS", "20"))
        work = ROOT / "build" / self.preset
        found, crashes = work / "corpus" / binary.name, work / "crashes" / binary.name
        found.mkdir(parents=True, exist_ok=True)
        crashes.mkdir(parents=True, exist_ok=True)
        log = LOGS / f"fuzz-{binary.name}.log"
        log.unlink(missing_ok=True)
        options = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
                   f"-artifact_prefix={crashes}/"]
        dictionary = corpus.with_suffix(".dict")
        if dictionary.is_file():
            options.append(f"-dict={dictionary}")
        code = run_logged([binary, *options, found, corpus], log, seconds + 120,
                          test_environment(self.preset))
        if code == 0:
            return None
        return f"see {log.relative_to(ROOT)}" if code is not None else "did not stop"


def committed_corpus(binary, source):
    """The folder below `source`/corpus/ whose name, with or without _fuzz, ends the binary's."""
    stem = binary.removesuffix("_fuzz")
    folders = [f for f in (source / "corpus").glob("*") if f.is_dir()]
    fitting = [f for f in folders
               if f"_{stem}".endswith("_" + f.name.removesuffix("_fuzz")) and any(f.iterdir())]
    return max(fitting, key=lambda f: len(f.name), default=None)
