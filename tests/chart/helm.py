"""Helm and helm-unittest as tools/setup.sh built them, and the chart's documents as Helm renders them."""

import os
import pathlib
import subprocess
from typing import Any

import pytest
import yaml
from harness.paths import ROOT, tool

CHART = ROOT / "charts" / "dapr-shared"
SUITES = pathlib.Path(__file__).resolve().parent / "suites"
KUBERNETES = "1.32.3"
# The least that can be said, for both strategies.
REQUIRED = {"shared.appId": "nodeapp", "shared.remoteURL": "nodeapp", "shared.remotePort": "80"}


def program(name: str) -> str:
    """Its path; skips the test where it is missing, which in CI is a failure."""
    found = tool(name)
    if found is None:
        pytest.skip(f"no {name}: run tools/setup.sh test")
    return found


def run(*words: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words], cwd=ROOT, env={**os.environ, **(env or {})}, text=True,
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip


def settings(values: dict[str, object]) -> list[str]:
    return [f"--set={name}={value}" for name, value in values.items()]


def template(
    values: dict[str, object] | None = None, *more: object, name: str = "one", namespace: str = "shop",
    kubernetes: str = KUBERNETES,
) -> subprocess.CompletedProcess[str]:
    return run(
        program("helm"), "template", name, CHART, "--namespace", namespace, "--kube-version", kubernetes,
        *settings({**REQUIRED, **(values or {})}), *more,
    )  # fmt: skip


def documents(text: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(text) if document]


def render(values: dict[str, object] | None = None, *more: object, **options: str) -> list[dict[str, Any]]:
    done = template(values, *more, **options)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def container(rendered: list[dict[str, Any]]) -> dict[str, Any]:
    workload = next(one for one in rendered if one["kind"] in ("Deployment", "DaemonSet"))
    return workload["spec"]["template"]["spec"]["containers"][0]  # type: ignore[no-any-return]
