"""One cluster for all modules that name the same CLUSTER, a fresh one for the next; logs of all pods in
build/test-logs/e2e/ when a test fails."""

import contextlib
import pathlib
import re
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness.paths import binary  # noqa: E402
from kit import images  # noqa: E402
from kit.cluster import Cluster  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that share a cluster run one after another."""
    order: dict[str, int] = {}
    for item in items:
        order.setdefault(item.module.CLUSTER, len(order))  # type: ignore[attr-defined]
    items.sort(key=lambda item: order[item.module.CLUSTER])  # type: ignore[attr-defined]


class Clusters:
    """The one cluster there is."""

    def __init__(self) -> None:
        self.current: Cluster | None = None

    def get(self, name: str, dapr: tuple[str, ...] | None) -> Cluster:
        if self.current and self.current.name != name:
            self.end()
        if not self.current:
            started = time.monotonic()
            cluster = Cluster(name)
            cluster.start()
            self.current = cluster
            if dapr is not None:
                cluster.install_dapr(*dapr)
            print(f"cluster {name} up in {time.monotonic() - started:.1f} s")
        return self.current

    def end(self) -> None:
        if self.current:
            self.current.stop()
            self.current = None


@pytest.fixture(scope="session")
def clusters() -> Iterator[Clusters]:
    assert binary().exists(), f"no binary at {binary()}"
    images.make_all(binary())
    held = Clusters()
    try:
        yield held
    finally:
        held.end()


@pytest.fixture(scope="module")
def cluster(clusters: Clusters, request: pytest.FixtureRequest) -> Cluster:
    """The module's cluster, with Dapr's control plane unless the module says DAPR = None."""
    return clusters.get(request.module.CLUSTER, getattr(request.module, "DAPR", ()))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    report = (yield).get_result()  # type: ignore[misc]
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and cluster:
        with contextlib.suppress(Exception):
            report.sections.append(("pods", f"logs: {cluster.keep_logs(re.sub(r'[^a-z0-9_-]+', '-', item.name))}"))
