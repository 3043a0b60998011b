"""Numbers of test cases, and the readers that get them out of what test tools write."""

import pathlib
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field


LONGEST_REASON = 160


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)  # names
    skips: list = field(default_factory=list)     # names, with the reason where there is one
    tail: str = ""                                # end of the log, for a suite that failed

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.skips += other.skips

    def fail(self, name):
        self.failed += 1
        self.failures.append(name)

    def skip(self, name):
        self.skipped += 1
        self.skips.append(name)

    def skips_are_failures(self):
        self.failed += self.skipped
        self.failures += [f"{name} (a skip fails in CI)" for name in self.skips]
        self.skipped, self.skips = 0, []

    def summary(self):
        line = f"{self.passed} passed, {self.failed} failed"
        return line + (f", {self.skipped} skipped" if self.skipped else "")


def from_junit(file):
    """Counts of a pytest or GoogleTest report; None when the file is missing or cut off."""
    try:
        root = ElementTree.parse(file).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    counts = Counts()
    for case in root.iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}"
        # GoogleTest marks a disabled or filtered test "notrun"; nobody asked for it.
        if case.get("status") == "notrun":
            continue
        skipped = case.find("skipped")
        wrong = case.find("failure")
        if wrong is None:
            wrong = case.find("error")
        if wrong is not None:
            reason = " ".join((wrong.get("message") or "").split())[:LONGEST_REASON]
            counts.fail(f"{name}: {reason}" if reason else name)
        elif skipped is not None or case.get("result") == "skipped":
            reason = skipped.get("message", "") if skipped is not None else ""
            counts.skip(f"{name}: {reason}" if reason else name)
        else:
            counts.passed += 1
    return counts


def from_ctest(report, binaries):
    """Counts of a ctest run: the cases of every GoogleTest binary (reports `<binary>.xml` in the
    folder `binaries`), and one case for every other test and every binary that died."""
    try:
        root = ElementTree.parse(report).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    counts = Counts()
    for test in root.iter("testcase"):
        name = test.get("name")
        ok = test.get("status") == "run"
        cases = from_junit(pathlib.Path(binaries) / f"{name}_test.xml")
        if cases:
            counts.add(cases)
        if not ok and not (cases and cases.failed):
            counts.fail(f"{name} ({'died' if cases is None else 'failed after its cases'})")
        elif ok and cases is None:
            counts.passed += 1
    return counts


def from_unittest(text):
    """Counts of Python's unittest from what it prints."""
    ran = re.search(r"^Ran (\d+) tests?", text, re.MULTILINE)
    if not ran:
        return None
    counts = Counts()
    for name in re.findall(r"^(?:FAIL|ERROR): (.+)$", text, re.MULTILINE):
        counts.fail(name)
    skipped = re.search(r"skipped=(\d+)", text)
    counts.skipped = int(skipped.group(1)) if skipped else 0
    counts.passed = int(ran.group(1)) - len(counts.failures) - counts.skipped
    return counts
