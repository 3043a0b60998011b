"""Builds and runs the SDKs' programs, each in its language, and reads the PASS lines they print. What is
built is in build/sdk-*."""

import functools
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from harness.paths import BUILD, LOGS, binary, in_ci

HERE = pathlib.Path(__file__).parent
TOKEN = "sdk-token"


def absent(what: str) -> None:
    """Skips by name; in CI that is a failure."""
    (pytest.fail if in_ci() else pytest.skip)(what)


def need(*tools: str) -> None:
    missing = [name for name in tools if not shutil.which(name)]
    if missing:
        absent(f"needs {', '.join(missing)}")


def need_runtime() -> None:
    if not binary().exists():
        absent(f"no binary at {binary()}")


def environment(host: str, http_port: int, grpc_port: int) -> dict[str, str]:
    """By which an SDK finds a runtime that is not on localhost's default ports."""
    return {
        "DAPR_HTTP_ENDPOINT": f"http://{host}:{http_port}",
        "DAPR_GRPC_ENDPOINT": f"http://{host}:{grpc_port}",
        "DAPR_API_TOKEN": TOKEN,
        "NO_PROXY": "127.0.0.0/8," + host,
        "no_proxy": "127.0.0.0/8," + host,
    }


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


def verdict(output: str, wanted: set[str]) -> None:
    """Every check this suite counts on has passed, and none failed."""
    passed = set(re.findall(r"^PASS (\S+)$", output, re.MULTILINE))
    assert "FAIL " not in output and wanted <= passed, f"missing {wanted - passed}\n{output[-4000:]}"


# Each makes the program called `name` of its language ("program", "state" or "receiver") ready and gives the
# command that runs it, and the folder to run it in.
Command = tuple[list[str], pathlib.Path]


def python_command(name: str) -> Command:
    if importlib.util.find_spec("dapr") is None:
        absent("the Python SDK is not installed (tools/setup.sh)")
    return [sys.executable, f"{name}.py"], HERE / "python"


@functools.cache
def _javascript_packages() -> pathlib.Path:
    need("node", "npm")
    work = BUILD / "sdk-js"
    work.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(HERE / "js" / file, work / file)
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], work, "js-install")
    return work


def javascript_command(name: str) -> Command:
    work = _javascript_packages()
    for file in ("common.js", f"{name}.js"):
        shutil.copy(HERE / "js" / file, work / file)
    return ["node", f"{name}.js"], work


def go_command(name: str) -> Command:
    need("go")
    program = BUILD / "sdk-go" / "program"
    run(
        ["go", "build", "-trimpath", "-o", str(program), "."],
        HERE / "go",
        "go-build",
        {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"},
    )
    return [str(program), name], HERE / "go"


@functools.cache
def _java_classes() -> str:
    need("java", "mvn")
    run(["mvn", "-q", "-B", "compile", "dependency:copy-dependencies"], HERE / "java", "java-build")
    output = BUILD / "sdk-java"
    return f"{output}/classes:{output}/dependency/*"


def java_command(name: str) -> Command:
    main = {"program": "Program", "state": "StateProgram", "receiver": "Receiver"}[name]
    return ["java", "-cp", _java_classes(), f"sdkcheck.{main}"], HERE / "java"


# Each runs a program to its end and gives its output.


def python(name: str, env: dict[str, str]) -> str:
    return run(*python_command(name), f"python-{name}", env, 250)


def javascript(name: str, env: dict[str, str]) -> str:
    return run(*javascript_command(name), f"js-{name}", env, 200)


def go(name: str, env: dict[str, str]) -> str:
    return run(*go_command(name), f"go-{name}", env, 200)


def java(name: str, env: dict[str, str]) -> str:
    return run(*java_command(name), f"java-{name}", env, 200)
