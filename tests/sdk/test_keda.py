"""The external scaler with the client that KEDA itself uses (keda/main.go)."""

import contextlib
import json
import pathlib
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import runner

from harness.daprd import Daprd
from harness.paths import BUILD
from harness.poll import wait_for
from harness.ports import free_port
from harness.subscriber import IN_MEMORY, HttpSubscriber, publish, subscription

ADDRESS = "127.0.0.9"


@pytest.fixture(scope="module")
def program() -> pathlib.Path:
    runner.need_runtime()
    runner.need("go")
    version = subprocess.run(["go", "env", "GOVERSION"], text=True, capture_output=True, check=True).stdout
    if [int(part) for part in re.findall(r"\d+", version)[:2]] < [1, 26]:
        runner.absent(f"KEDA's module needs Go 1.26, and this is {version.strip()}")
    built = BUILD / "sdk-keda" / "keda"
    runner.run(
        ["go", "build", "-trimpath", "-o", str(built), "."],
        runner.HERE / "keda",
        "keda-build",
        {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"},
    )
    return built


class Keda:
    def __init__(self, program: pathlib.Path, port: int):
        self.command = [str(program), f"{ADDRESS}:{port}"]

    def call(self, method: str, **metadata: str) -> Any:
        words = [f"{key}={value}" for key, value in metadata.items()]
        done = subprocess.run([*self.command, method, *words], text=True, capture_output=True, timeout=30)
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def stream(self) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen([*self.command, "StreamIsActive"], text=True, stdout=subprocess.PIPE) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("port", ["scaler", "public"])
def test_all_methods(program: pathlib.Path, port: str) -> None:
    number, app = free_port(ADDRESS), HttpSubscriber(host=ADDRESS)
    flags = ["--scaler-port" if port == "scaler" else "--dapr-public-port", str(number)]
    flags += ["--dapr-public-listen-address", ADDRESS]
    resources = {"ps.yaml": IN_MEMORY, "s.yaml": subscription()}
    with Daprd("orders-app", app=app, host=ADDRESS, resources=resources, flags=flags) as daprd:
        wait_for(lambda: daprd.metrics().total("dapr_shared_paused_subscriptions") == 1)
        keda = Keda(program, number)
        assert keda.call("IsActive", appId="orders-app") is False
        name = "dapr-shared-orders-app"
        assert keda.call("GetMetricSpec", targetPending="5") == {"name": name, "size": 5, "float": 5}
        assert keda.call("GetMetrics") == {"name": name, "value": 0, "float": 0}
        unknown = keda.call("IsActive", appId="nobody")
        assert unknown["code"] == "NotFound" and "nobody" in unknown["message"]
        with keda.stream() as stream:
            assert stream.stdout is not None
            assert json.loads(stream.stdout.readline()) is False
            for value in range(3):
                publish(daprd, value)
            assert json.loads(stream.stdout.readline()) is True
            assert keda.call("IsActive") is True
            assert keda.call("GetMetrics") == {"name": name, "value": 3, "float": 3}
            with app:
                app.wait_values([0, 1, 2])
                assert json.loads(stream.stdout.readline()) is False
            assert daprd.stop() == 0
            assert json.loads(stream.stdout.readline()) == "end"
