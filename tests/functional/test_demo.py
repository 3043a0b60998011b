"""`make demo` over the binary under test."""

import os
import re
import subprocess
import sys

import pytest

from harness.paths import ROOT, binary

# What its reader is promised to see, in this order.
SHOWN = [
    r"start of daprd until GET /v1.0/healthz  ->  204",
    r"POST shop /orders \(1\)  ->  200 .*\"left\": 98",
    r"InvokeService stock take/pears  ->  .*\"left\": 90",
    r"etag \S+",
    r"save order-1 with that etag  ->  204",
    r"save it again with the same etag  ->  409",
    r"GET /v1.0/healthz  ->  204",
    r"the call is still waiting; starting stock again",
    r"the waiting call  ->  200 .*\"left\": 93",
    r"SIGTERM to daprd until its end  ->  exit code 0",
    r"All went as told\.",
]


@pytest.mark.timeout(90)
def test_the_demo_goes_as_told() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "demo" / "demo.py")],
        env={**os.environ, "DAPRD": str(binary())},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    at = 0
    for pattern in SHOWN:
        found = re.compile(pattern).search(done.stdout, at)
        assert found, f"{pattern!r} is missing, or not in its place:\n{done.stdout}"
        at = found.end()


def test_the_demo_says_when_there_is_no_binary(tmp_path) -> None:  # noqa: ANN001
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "demo" / "demo.py")],
        env={**os.environ, "DAPRD": str(tmp_path / "daprd")},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1 and "run make build first" in done.stderr
