#!/usr/bin/env python3
"""Checks texts for what no compiler sees.

No absolute path of somebody's machine, no source file of more than 500 lines, every header of ours
opens with a comment that says what it is for. Usage: check_words.py [ROOT].
"""

import os
import pathlib
import re
import sys

MAX_LINES = 500
SKIPPED_FOLDERS = {"build", ".git", ".tools", "node_modules", "__pycache__", "corpus"}
TEXT = {".hpp", ".cpp", ".h", ".c", ".py", ".sh", ".md", ".cmake", ".txt", ".json", ".yaml", ".yml",
        ".proto", ".toml", ".js", ".go", ".java", ""}
# Home folders, and the checkout itself wherever it is.
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:home|root|Users|work|workspace)/[\w.-]+")


def files_of(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in sorted(names):
            file = pathlib.Path(folder) / name
            if file.suffix in TEXT:
                yield file


def check_file(path, text):
    """Faults of one file; `path` is relative to the root."""
    faults = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            faults.append(f"{path}:{number}: a path of one machine")
    if path.parts[0] == "src" and path.suffix in {".hpp", ".cpp"}:
        if len(lines) > MAX_LINES:
            faults.append(f"{path}:{MAX_LINES + 1}: longer than {MAX_LINES} lines; find the second thing in it")
        if path.suffix == ".hpp" and not (lines and lines[0].startswith(("//", "/*"))):
            faults.append(f"{path}:1: a header opens with a comment: what it is for and where it stands")
    return faults


def main(arguments):
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parent.parent
    faults = []
    for file in files_of(root):
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        faults += check_file(file.relative_to(root), text)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
