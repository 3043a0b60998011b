"""The table of values in docs/chart.md, written from values.yaml: the comment above a key describes it."""

import os
import re

import yaml
from helm import CHART

START, END = "<!-- values: start -->\n", "<!-- values: end -->\n"
KEY = re.compile(r"^( *)(# )?([A-Za-z][A-Za-z]*):(?: (.*))?$")


def may_write() -> bool:
    return os.environ.get("UPDATE_DOCS") == "1"


def _shown(value: object) -> str:
    if value is None or value == "":
        return ""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
    return "`" + text.removesuffix("\n").removesuffix("...").strip().replace("|", "\\|") + "`"


def _look_up(values: object, path: list[str]) -> object:
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def rows() -> list[tuple[str, str, str]]:
    """Path, default and description of each value that is no mere folder of others."""
    text = (CHART / "values.yaml").read_text()
    values = yaml.safe_load(text)
    out: list[tuple[str, str, str]] = []
    path: list[str] = []
    comment: list[str] = []
    for line in text.split("\n\n", 1)[1].splitlines():
        key = KEY.match(line)
        if key and (not key.group(2) or key.group(3) in ("appId", "checkPath")):
            depth = len(key.group(1)) // 2
            if key.group(1) and len(path) < depth:
                continue  # inside a value
            path[depth:] = [key.group(3)]
            value = _look_up(values, path)
            opens = isinstance(value, dict) and value and not key.group(4)
            described = " ".join(comment)
            whole = opens and not _has_comments(text, line)
            if not opens or whole:
                out.append((".".join(path), _shown(value), described))
                if whole:
                    path.pop()
            comment = []
        elif line.strip().startswith("# "):
            comment.append(line.strip()[2:])
        elif not line.strip():
            comment = []
    return out


def _has_comments(text: str, line: str) -> bool:
    """Whether keys below the one that `line` opens are described by themselves."""
    indent = len(line) - len(line.lstrip())
    for below in text.split("\n" + line + "\n", 1)[1].splitlines():
        if below.strip() and len(below) - len(below.lstrip()) <= indent:
            return False
        if re.match(r" *# [a-zA-Z]", below):
            return True
    return False


def table() -> str:
    lines = ["| value | default | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{path}` | {default} | {meaning.replace('|', chr(92) + '|')} |" for path, default, meaning in rows()]
    return "\n".join(lines) + "\n"


def updated(page: str) -> str:
    """The page with the table between its marks."""
    head, rest = page.split(START)
    return head + START + "\n" + table() + "\n" + END + rest.split(END)[1]
