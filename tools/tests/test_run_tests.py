"""Tests of how run_tests.py counts."""

import pathlib
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import run_tests  # noqa: E402
from testing import counts, kinds  # noqa: E402


class Reports(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def write(self, name, text):
        (self.path / name).write_text(text)
        return self.path / name

    def test_junit(self):
        found = counts.from_junit(self.write("a.xml", """<testsuites><testsuite>
            <testcase classname="A" name="good"/><testcase classname="A" name="bad"><failure message="1
              is not 2"/></testcase>
            <testcase classname="A" name="broken"><error/></testcase>
            <testcase classname="A" name="not"><skipped message="no node"/></testcase>
            <testcase classname="A" name="g" status="run" result="skipped"/>
            <testcase classname="A" name="d" status="notrun" result="suppressed"/>
            </testsuite></testsuites>"""))
        self.assertEqual((found.passed, found.failed, found.skipped), (1, 2, 2))
        self.assertEqual(found.failures, ["A.bad: 1 is not 2", "A.broken"])
        self.assertEqual(found.skips, ["A.not: no node", "A.g"])

    def test_missing_or_cut_off_report(self):
        self.assertIsNone(counts.from_junit(self.path / "none.xml"))
        self.assertIsNone(counts.from_junit(self.write("cut.xml", "<testsuites><testsuite>")))

    def test_ctest_counts_cases_and_deaths(self):
        report = self.write("ctest.report", """<testsuite>
            <testcase name="base" status="run"/><testcase name="net" status="fail"/>
            <testcase name="http" status="fail"/><testcase name="leaky" status="fail"/>
            <testcase name="script" status="run"/></testsuite>""")
        self.write("base_test.xml", '<t><testcase name="a"/><testcase name="b"/></t>')
        self.write("net_test.xml", '<t><testcase name="a"/><testcase name="b"><failure/></testcase></t>')
        self.write("leaky_test.xml", '<t><testcase name="a"/></t>')
        found = counts.from_ctest(report, self.path)
        self.assertEqual((found.passed, found.failed), (2 + 1 + 1 + 1, 3))
        self.assertIn("http (died)", found.failures)
        self.assertIn("leaky (failed after its cases)", found.failures)

    def test_unittest(self):
        found = counts.from_unittest("FAIL: test_a (x.Y)\nRan 5 tests in 0.1s\n\n"
                                     "FAILED (failures=1, skipped=1)\n")
        self.assertEqual((found.passed, found.failed, found.skipped), (3, 1, 1))
        self.assertIsNone(counts.from_unittest("Traceback"))

    def test_corpus_of_a_fuzzer(self):
        for name in ("frame", "h1_frame"):
            (self.path / "corpus" / name).mkdir(parents=True)
            (self.path / "corpus" / name / "1").write_text("x")
        (self.path / "corpus" / "empty").mkdir()
        find = lambda name: kinds.committed_corpus(name, self.path)  # noqa: E731
        self.assertEqual(find("http_h1_frame_fuzz").name, "h1_frame")
        self.assertEqual(find("http_frame_fuzz").name, "frame")
        self.assertIsNone(find("http_empty_fuzz"))
        self.assertIsNone(find("http_inframe_fuzz"))


class Sums(unittest.TestCase):
    def test_closing_line(self):
        total = counts.Counts(passed=3)
        self.assertEqual(total.summary(), "3 passed, 0 failed")
        total.add(counts.Counts(passed=1, failed=1, skipped=2, skips=["a", "b"]))
        self.assertEqual(total.summary(), "4 passed, 1 failed, 2 skipped")

    def test_too_long_is_a_failure(self):
        for name, seconds, factor, failed in (("e2e", 899, "1", 0), ("e2e", 901, "1", 1), ("e2e", 901, "3", 0),
                                              ("unit", 9999, "1", 0)):
            with self.subTest(name=name, seconds=seconds, factor=factor), \
                    unittest.mock.patch.dict("os.environ", {"LONGEST_FACTOR": factor}):
                total = counts.Counts(passed=1)
                run_tests.judge_time(name, total, seconds)
                self.assertEqual(total.failed, failed)

    def test_in_ci_a_skip_is_a_failure(self):
        total = counts.Counts(passed=1, skipped=1, skips=["sdk: needs node"])
        total.skips_are_failures()
        self.assertEqual(total.summary(), "1 passed, 1 failed")
        self.assertIn("sdk: needs node", total.failures[0])


class Processes(unittest.TestCase):
    def test_a_hanging_command_is_killed(self):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "log"
            self.assertIsNone(kinds.run_logged(["sleep", "60"], log, 0.1))
            self.assertIn("killed after", log.read_text())
            self.assertEqual(kinds.run_logged(["false"], log, 10), 1)


if __name__ == "__main__":
    unittest.main()
