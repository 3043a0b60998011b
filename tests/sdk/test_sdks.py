"""Dapr's own SDKs, unmodified, against a runtime on another loopback address and other ports, found
through DAPR_HTTP_ENDPOINT and DAPR_GRPC_ENDPOINT, with an API token. Each is a program in its language
that prints `PASS name` per check; programs are built in build/sdk-*."""

import contextlib
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.daprd import Daprd
from harness.grpc_app import GrpcApp
from harness.http_app import HttpApp
from harness.paths import BUILD, LOGS, binary, in_ci
from harness.yamls import MEMORY, sqlite_resolution

HERE = pathlib.Path(__file__).parent
TOKEN = "sdk-token"
ADDRESS = "127.0.0.7"


def need(*tools: str) -> None:
    """Skips by name where a tool is missing; in CI that is a failure."""
    missing = [name for name in tools if not shutil.which(name)]
    if missing:
        (pytest.fail if in_ci() else pytest.skip)(f"needs {', '.join(missing)}")


def run(
    command: list[str], cwd: pathlib.Path, log: str, env: dict[str, str] | None = None, timeout: int = 900
) -> str:
    """Output of a command that must succeed; all of it is also in build/test-logs/."""
    LOGS.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        timeout=timeout,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    (LOGS / f"sdk-{log}.log").write_text(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """`http-app`, whose runtime the SDKs talk to, and `grpc-app` behind a runtime of its own."""
    if not binary().exists():
        (pytest.fail if in_ci() else pytest.skip)(f"no binary at {binary()}")
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
                env={"DAPR_API_TOKEN": TOKEN},
            )
        )
        yield {
            "DAPR_HTTP_ENDPOINT": f"http://{ADDRESS}:{near.http_port}",
            "DAPR_GRPC_ENDPOINT": f"http://{ADDRESS}:{near.grpc_port}",
            "DAPR_API_TOKEN": TOKEN,
            "NO_PROXY": "127.0.0.0/8," + ADDRESS,
            "no_proxy": "127.0.0.0/8," + ADDRESS,
        }


def verdict(output: str, wanted: set[str]) -> None:
    """Every check this suite counts on has passed, and none failed."""
    passed = set(re.findall(r"^PASS (\S+)$", output, re.MULTILINE))
    assert "FAIL " not in output and wanted <= passed, output[-4000:]


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
    if importlib.util.find_spec("dapr") is None:
        (pytest.fail if in_ci() else pytest.skip)("the Python SDK is not installed (tools/setup.sh)")
    output = run([sys.executable, "program.py"], HERE / "python", "python", endpoints, 250)
    verdict(output, COMMON | {"invoke-other-app", "invoke-grpc-proxy", "state-ttl"})


@pytest.mark.timeout(900)
def test_javascript(endpoints: dict[str, str]) -> None:
    need("node", "npm")
    work = BUILD / "sdk-js"
    work.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc", "program.js"):
        shutil.copy(HERE / "js" / name, work / name)
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], work, "js-install")
    output = run(["node", "program.js"], work, "js", endpoints, 200)
    both = {
        f"{protocol}-{name}"
        for protocol in ("http", "grpc")
        for name in ("metadata", "state", "state-etags", "state-bulk", "state-transaction")
    }
    verdict(output, both | {"wait-for-sidecar", "invoke-http", "invoke-error", "invoke-by-grpc", "token"})


@pytest.mark.timeout(900)
def test_go(endpoints: dict[str, str]) -> None:
    need("go")
    program = BUILD / "sdk-go" / "program"
    run(
        ["go", "build", "-trimpath", "-o", str(program), "."],
        HERE / "go",
        "go-build",
        {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"},
    )
    output = run([str(program)], HERE / "go", "go", endpoints, 200)
    verdict(output, COMMON | {"invoke", "invoke-other-app", "invoke-grpc-proxy"})


@pytest.mark.timeout(900)
def test_java(endpoints: dict[str, str]) -> None:
    need("java", "mvn")
    run(["mvn", "-q", "-B", "compile", "dependency:copy-dependencies"], HERE / "java", "java-build")
    output_folder = BUILD / "sdk-java"
    output = run(
        ["java", "-cp", f"{output_folder}/classes:{output_folder}/dependency/*", "sdkcheck.Program"],
        HERE / "java",
        "java",
        endpoints,
        200,
    )
    verdict(output, COMMON | {"invoke-other-app", "invoke-grpc-proxy"})
