"""grpc-go's interop client and server through the pass-through, with one runtime and with two."""

import contextlib
import subprocess
from collections.abc import Iterator

import pytest

from harness.daprd import Daprd
from harness.paths import LOGS, in_ci, tool
from harness.poll import wait_for
from harness.ports import free_port
from harness.yamls import sqlite_resolution

CLIENT, SERVER = tool("interop_client"), tool("interop_server")
# All of the client's own list but those that ask for credentials of Google's cloud, pick_first_unary (it wants
# servers that tell their names; grpc-go's does not, with no runtime between them either) and orca_oob (the
# client's load balancer opens that stream by itself, so it carries no app-id to be passed on by).
CASES = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
    "orca_per_rpc",
]
# By which the client looks at the load reports in trailers.
BALANCER = '{"loadBalancingConfig": [{"test_backend_metrics_load_balancer": {}}]}'

pytestmark = pytest.mark.skipif(
    not (CLIENT and SERVER) and not in_ci(), reason="the interop tools are not built"
)


class Target:
    def __init__(self, port: int, host: str = "127.0.0.1"):
        self.host, self.port = host, port


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """grpc-go's server; it listens on every address."""
    import socket

    port = free_port()
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOGS / "interop-server.log", "wb") as log:
        server = subprocess.Popen([str(SERVER), f"-port={port}"], stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None)
            yield Target(port)
        finally:
            server.kill()
            server.wait()


def run(port: int, case: str, app: str | None) -> None:
    command = [str(CLIENT), "-server_host=127.0.0.1", f"-server_port={port}", f"-test_case={case}"]
    if case.startswith("orca"):
        command.append(f"-service_config_json={BALANCER}")
    if app:
        command.append(f"-additional_metadata=dapr-app-id:{app}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-1500:]


@pytest.mark.parametrize("case", CASES)
def test_tools_themselves(target: Target, case: str) -> None:
    """Without a runtime between them: what fails here is not the runtime's."""
    run(target.port, case, None)


@pytest.fixture(scope="module")
def one(target: Target) -> Iterator[Daprd]:
    with Daprd("interop", app=target, app_protocol="grpc") as daprd:
        yield daprd


@pytest.fixture(scope="module")
def near(target: Target, tmp_path_factory) -> Iterator[Daprd]:  # noqa: ANN001
    config = {"c.yaml": sqlite_resolution(str(tmp_path_factory.mktemp("names") / "names.db"))}
    with contextlib.ExitStack() as stack:
        stack.enter_context(Daprd("interop", app=target, app_protocol="grpc", configs=config))
        yield stack.enter_context(Daprd("near", configs=config))


@pytest.mark.parametrize("case", CASES)
def test_through_one(one: Daprd, case: str) -> None:
    run(one.grpc_port, case, "interop")


@pytest.mark.parametrize("case", CASES)
def test_through_two(near: Daprd, case: str) -> None:
    run(near.grpc_port, case, "interop")
