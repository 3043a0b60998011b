"""h2spec on the three ports: all 145 cases, none skipped."""

import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.paths import LOGS, in_ci, sanitized, tool

CASES = 145
H2SPEC = tool("h2spec")

pytestmark = pytest.mark.skipif(H2SPEC is None and not in_ci(), reason="h2spec is not installed")


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "port, path",
    [
        ("http", "/v1.0/metadata"),
        ("http", "/v1.0/invoke/app/method/status/200"),
        ("grpc", "/dapr.proto.runtime.v1.Dapr/GetMetadata"),
        ("internal", "/dapr.proto.internals.v1.ServiceInvocation/CallLocal"),
    ],
)
def test_all_cases(served_http: tuple[HttpApp, Daprd], port: str, path: str) -> None:
    _, daprd = served_http
    number = {"http": daprd.http_port, "grpc": daprd.grpc_port, "internal": daprd.internal_port}[port]
    report = LOGS / f"h2spec-{port}-{path.rsplit('/', 1)[1]}.xml"
    report.unlink(missing_ok=True)
    subprocess.run(
        [
            str(H2SPEC),
            "-h",
            daprd.host,
            "-p",
            str(number),
            "-P",
            path,
            "-j",
            str(report),
            "-o",
            "5" if sanitized() else "2",
        ],
        capture_output=True,
        timeout=380,
    )
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    failed = [
        f"{c.get('package')}: {c.get('classname')}"
        for c in cases
        if any(c.find(kind) is not None for kind in ("failure", "error", "skipped"))
    ]
    assert len(cases) >= CASES and not failed, "\n".join(failed)
    assert daprd.get("/v1.0/healthz").status == 204
