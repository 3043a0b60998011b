#!/usr/bin/env python3
"""Checks that the folder maps tell the truth.

Every folder in src/ has a README.md of at least three lines and a place in ARCHITECTURE.md's folder
map, and the map names no folder that is gone. Usage: check_map.py [ROOT].
"""

import pathlib
import re
import sys

MAP_START = re.compile(r"^#+ .*folder map", re.IGNORECASE)


def map_folders(architecture):
    """First path elements of src/ named in the folder map section: `name/` at the start of a line,
    a list item or a table cell."""
    folders, inside = set(), False
    for line in architecture.splitlines():
        if re.match(r"^#+ ", line):
            inside = bool(MAP_START.match(line)) or (inside and line.startswith("###"))
        elif inside:
            found = re.match(r"[\s|*`-]*(?:src/)?([a-z0-9_]+)/", line)
            if found:
                folders.add(found.group(1))
    return folders


def check(root):
    faults = []
    folders = sorted(f for f in (root / "src").iterdir() if f.is_dir())
    for folder in folders:
        readme = folder / "README.md"
        lines = readme.read_text().splitlines() if readme.is_file() else []
        if sum(1 for line in lines if line.strip()) < 3:
            faults.append(f"src/{folder.name}/README.md:1: missing, or shorter than three lines")
    page = root / "ARCHITECTURE.md"
    named = map_folders(page.read_text()) if page.is_file() else set()
    if not named:
        faults.append("ARCHITECTURE.md:1: no heading with 'folder map' that lists the folders of src/")
        return faults
    for folder in folders:
        if folder.name not in named:
            faults.append(f"ARCHITECTURE.md:1: the folder map does not name src/{folder.name}/")
    for name in sorted(named):
        if not (root / "src" / name).is_dir() and not (root / name).is_dir():
            faults.append(f"ARCHITECTURE.md:1: the folder map names {name}/, which does not exist")
    return faults


def main(arguments):
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parent.parent
    faults = check(root)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
