"""Dapr's own SDKs, unmodified, against a runtime on another loopback address and other ports, found
through DAPR_HTTP_ENDPOINT and DAPR_GRPC_ENDPOINT, with an API token: health, metadata, invocation, and a
first look at state."""

import contextlib
from collections.abc import Iterator

import pytest
import runner

from harness.daprd import Daprd
from harness.grpc_app import GrpcApp
from harness.http_app import HttpApp
from harness.yamls import MEMORY, sqlite_resolution

ADDRESS = "127.0.0.7"


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """`http-app`, whose runtime the SDKs talk to, and `grpc-app` behind a runtime of its own."""
    runner.need_runtime()
    config = {"c.yaml": sqlite_resolution(str(tmp_path_factory.mktemp("names") / "names.db"))}
    with contextlib.ExitStack() as stack:
        http_app, grpc_app = stack.enter_context(HttpApp()), stack.enter_context(GrpcApp())
        stack.enter_context(Daprd("grpc-app", app=grpc_app, configs=config, host="127.0.0.8"))
        near = stack.enter_context(
            Daprd(
                "http-app",
                app=http_app,
                configs=config,
                host=ADDRESS,
                resources={"m.yaml": MEMORY},
                env={"DAPR_API_TOKEN": runner.TOKEN},
            )
        )
        yield runner.environment(ADDRESS, near.http_port, near.grpc_port)


COMMON = {
    "wait-for-sidecar",
    "metadata",
    "invoke-http",
    "invoke-error",
    "state",
    "state-etags",
    "state-bulk",
    "state-transaction",
    "token",
}


@pytest.mark.timeout(300)
def test_python(endpoints: dict[str, str]) -> None:
    output = runner.python("program", endpoints)
    runner.verdict(output, COMMON | {"invoke-other-app", "invoke-grpc-proxy", "state-ttl"})


@pytest.mark.timeout(900)
def test_javascript(endpoints: dict[str, str]) -> None:
    output = runner.javascript("program", endpoints)
    both = {
        f"{protocol}-{name}"
        for protocol in ("http", "grpc")
        for name in ("metadata", "state", "state-etags", "state-bulk", "state-transaction")
    }
    runner.verdict(output, both | {"wait-for-sidecar", "invoke-http", "invoke-error", "invoke-by-grpc", "token"})


@pytest.mark.timeout(900)
def test_go(endpoints: dict[str, str]) -> None:
    output = runner.go("program", endpoints)
    runner.verdict(output, COMMON | {"invoke", "invoke-other-app", "invoke-grpc-proxy"})


@pytest.mark.timeout(900)
def test_java(endpoints: dict[str, str]) -> None:
    output = runner.java("program", endpoints)
    runner.verdict(output, COMMON | {"invoke-other-app", "invoke-grpc-proxy"})
