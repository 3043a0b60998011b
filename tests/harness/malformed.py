"""Reader of the table of malformed HTTP/1.1 requests (src/http/testdata/http1_malformed.txt). Its
head describes the format; the parser's own test has a handler that echoes, here the real API stands
behind the parser, so answers of handlers are only counted."""

import pathlib
import re
from dataclasses import dataclass

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|R\{(\d+),(.)\}|(.))", re.DOTALL)
_SIMPLE = {"r": "\r", "n": "\n", "t": "\t"}


def unescape(text: str) -> bytes:
    def replace(match: re.Match[str]) -> str:
        code, count, character, simple = match.groups()
        if code:
            return chr(int(code, 16))
        if count:
            return character * int(count)
        return _SIMPLE.get(simple, simple)

    return _ESCAPE.sub(replace, text).encode("latin-1")


@dataclass
class Case:
    name: str
    request: bytes = b""
    expect: bytes = b""
    closed: bool = True
    seen: int = 0

    @property
    def cut(self) -> bool:
        return self.name.startswith("cut: ")

    def check(self, answer: bytes, closed: bool) -> None:
        answer = re.sub(rb"(?i)\r\ndate: [^\r]*", b"", answer)
        if self.seen == 0:
            assert answer == self.expect, f"{answer!r} is not {self.expect!r}"
        # Whatever the API made of the requests that may pass, none hid behind a refused one.
        assert len(re.findall(rb"(?i)content-type: application/json", answer)) <= max(self.seen, 0) + (
            not self.closed
        ), answer
        assert b"smuggled" not in answer
        if self.closed:
            assert closed, f"the connection stays open after {answer!r}"


def load(file: pathlib.Path) -> list[Case]:
    cases: list[Case] = []
    for line in file.read_text("latin-1").split("\n"):
        key, colon, value = line.partition(": ")
        if not colon or line.startswith("#"):
            continue
        if key == "case":
            cases.append(Case(value))
        elif key == "send":
            cases[-1].request += unescape(value)
        elif key == "expect":
            cases[-1].expect += unescape(value)
        elif key == "closed":
            cases[-1].closed = value == "yes"
        elif key == "seen":
            cases[-1].seen = int(value)
    return cases
