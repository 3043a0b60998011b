"""Tests of check_map.py and check_words.py."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import check_map  # noqa: E402
import check_words  # noqa: E402


class Map(unittest.TestCase):
    def tree(self, folder, architecture, readme="# base\nOne.\nTwo.\n"):
        root = pathlib.Path(folder)
        (root / "src" / "base").mkdir(parents=True, exist_ok=True)
        (root / "src" / "base" / "README.md").write_text(readme)
        (root / "ARCHITECTURE.md").write_text(architecture)
        return check_map.check(root)

    def test_true_map(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(self.tree(folder, "# A\n## Folder map\n| `base/` | text |\n## Next\nnone/\n"), [])

    def test_missing_and_vanished_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            faults = self.tree(folder, "## Folder map\n- `net/` sockets\n")
            self.assertEqual(len(faults), 2)
            self.assertIn("does not name src/base/", faults[0])
            self.assertIn("net/, which does not exist", faults[1])

    def test_short_readme_and_no_map(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(len(self.tree(folder, "# A\n", readme="# base\n\n\nx\n")), 2)


class Words(unittest.TestCase):
    def faults(self, path, text):
        return check_words.check_file(pathlib.Path(path), text)

    def test_machine_paths(self):
        # Joined here so that this file itself passes the check.
        home = "/".join(("", "home", "ann", "x"))
        self.assertEqual(len(self.faults("docs/a.md", f"see {home}\n")), 1)
        self.assertEqual(self.faults("docs/a.md", "POST /v1.0/shutdown, /usr/share, a/home/b\n"), [])

    def test_headers_open_with_a_comment(self):
        self.assertEqual(len(self.faults("src/a/b.hpp", "#pragma once\n")), 1)
        self.assertEqual(self.faults("src/a/b.hpp", "// What it is.\n#pragma once\n"), [])
        self.assertEqual(self.faults("tests/b.hpp", "#pragma once\n"), [])

    def test_long_files(self):
        self.assertEqual(self.faults("src/a/b.cpp", "//\n" * 500), [])
        self.assertEqual(len(self.faults("src/a/b.cpp", "//\n" * 501)), 1)
        self.assertEqual(self.faults("tests/b.py", "#\n" * 501), [])


if __name__ == "__main__":
    unittest.main()
