"""The table of malformed and smuggling requests, replayed against the running API port: the same
answers as in the parser's own test, and the process is as healthy afterwards."""

import pathlib
import socket

import pytest

from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.malformed import Case, load
from harness.paths import ROOT

TABLE = ROOT / "src" / "http" / "testdata" / "http1_malformed.txt"
CASES = load(pathlib.Path(TABLE)) if TABLE.exists() else []


def test_the_table_is_there_and_large() -> None:
    assert len(CASES) >= 60


def exchange(daprd: Daprd, case: Case) -> tuple[bytes, bool]:
    """Everything the server says, and whether it closed the connection."""
    with socket.create_connection((daprd.host, daprd.http_port), 10) as connection:
        connection.settimeout(1.0)
        answer = b""
        try:
            connection.sendall(case.request)
            if case.cut:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                answer += piece
            return answer, True
        except TimeoutError:
            return answer, False
        except (ConnectionResetError, BrokenPipeError):
            return answer, True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_malformed(served_http: tuple[HttpApp, Daprd], case: Case) -> None:
    _, daprd = served_http
    answer, closed = exchange(daprd, case)
    case.check(answer, closed)
    assert daprd.get("/v1.0/healthz").status == 204
