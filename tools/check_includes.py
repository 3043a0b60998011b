#!/usr/bin/env python3
"""Checks that every #include in src/ follows the one-way order of folders.

Usage: check_includes.py [SRC]. Prints `file:line: rule` for each breach and exits 1; silent when
all is well. ARCHITECTURE.md explains the rule, the tables below are the rule.
"""

import pathlib
import re
import sys
from dataclasses import dataclass

# A folder includes itself and folders left of it.
ORDER = ("base cel async net http grpc telemetry config contracts resiliency components control "
         "target blocks api runtime daprd").split()

# Edges that the order would allow and the design does not: these meet only through contracts/.
FORBIDDEN = {
    "components": {"control", "target"},
    "control": {"components", "target"},
    "target": {"components", "control"},
    "blocks": {"components", "control", "target"},
}

# components/<kind>/<vendor>/ is named by its own files and by these.
VENDOR_USERS = {"daprd"}

# Headers of libraries and the folders that may include them: a folder with all below it. `*` is one
# path element. The first pattern that matches decides; what matches none is free.
THIRD_PARTY = [
    (r"(openssl/|ares)", ["async", "net", "components/*/*", "components/crypto", "components/postgres"],
     "OpenSSL or c-ares"),
    (r"(postgresql/|libpq)", ["components/postgres"], "libpq"),
    (r"nghttp2/", ["http"], "nghttp2"),
    (r"(google/protobuf/|.*\.pb\.h$)",
     ["grpc", "api/grpc", "control", "components/pluggable", "runtime"], "protobuf"),
    (r"sqlite3", ["components/sqlite"], "SQLite"),
    (r"hiredis/", ["components/redis"], "hiredis"),
    (r"librdkafka/", ["components/kafka"], "librdkafka"),
    (r"amqp(_framing)?\.h", ["components/rabbitmq"], "librabbitmq"),
    (r"yaml-cpp/", ["config"], "yaml-cpp"),
    (r"jemalloc/", ["daprd"], "jemalloc"),
    (r"boost/asio|boost/beast", [], "Boost.Asio and Beast"),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


@dataclass
class Breach:
    file: pathlib.Path
    line: int
    rule: str

    def __str__(self):
        return f"{self.file}:{self.line}: {self.rule}"


def is_below(folder, pattern):
    """Whether `folder` is `pattern` or a folder below it; both are relative to src/."""
    wanted = pattern.split("/")
    have = folder.split("/")
    return len(have) >= len(wanted) and all(
        pathlib.PurePath(part).match(want) for part, want in zip(have, wanted))


def vendor_of(path):
    """components/<kind>/<vendor> of a path inside one, else None."""
    parts = path.split("/")
    if parts[0] == "components" and len(parts) >= 4:
        return "/".join(parts[:3])
    return None


def own_include_rule(path, target):
    """The rule that including our own header `target` from src/`path` breaks, or None."""
    source, wanted = path.split("/")[0], target.split("/")[0]
    if source not in ORDER:
        return f"folder {source}/ has no place in the order; add it to tools/check_includes.py"
    vendor = vendor_of(target)
    # A Host is nothing without a component: its tests take the one that needs no backend.
    host_test = source == "runtime" and path.endswith("_test.cpp")
    if vendor and source not in VENDOR_USERS and vendor_of(path) != vendor and not host_test:
        return f"only {' and '.join(sorted(VENDOR_USERS))}/ names a vendor, and this includes {vendor}/"
    if source == wanted:
        return None
    if wanted in FORBIDDEN.get(source, ()):
        return f"{source}/ never includes {wanted}/; they meet through contracts/"
    if ORDER.index(wanted) > ORDER.index(source):
        return f"{source}/ is below {wanted}/ and cannot include it"
    return None


def third_party_rule(path, target):
    """The rule that including the library header `target` from src/`path` breaks, or None."""
    folder = path.rpartition("/")[0]
    for pattern, homes, name in THIRD_PARTY:
        if re.match(pattern, target):
            if any(is_below(folder, home) for home in homes):
                return None
            where = "only " + ", ".join(homes) if homes else "nowhere"
            return f"{name} headers stay at home ({where}), and this includes {target}"
    return None


def check_text(path, text, is_own):
    """Breaches in one file. `path` is relative to src/; is_own(target) says if src/target exists."""
    breaches = []
    test = re.search(r"_(test|bench|fuzz)\.cpp$", path) is not None
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quote, target = found.groups()
        if ".." in target.split("/"):
            rule = "includes are written from src/, without .."
        elif is_own(target) or (quote == '"' and target.split("/")[0] in ORDER):
            rule = own_include_rule(path, target)
        elif quote == '"' and "/" not in target and not target.endswith(".pb.h"):
            rule = f'"{target}" must be written with its folder, from src/'
        else:
            # A test may speak to its subject through the library under it, for example SQLite.
            rule = None if test else third_party_rule(path, target)
        if rule:
            breaches.append(Breach(pathlib.Path("src") / path, number, rule))
    return breaches


def check_tree(src):
    breaches = []
    for file in sorted(src.rglob("*.[ch]pp")):
        path = file.relative_to(src).as_posix()
        if "/" in path:
            breaches += check_text(path, file.read_text(), lambda t: (src / t).is_file())
    return breaches


def main(arguments):
    src = pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).parent.parent / "src")
    breaches = check_tree(src)
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
