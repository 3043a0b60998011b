"""Fixtures of the functional suites. `import harness` works from any folder below tests/."""

import contextlib
import pathlib
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness.daprd import Daprd  # noqa: E402
from harness.grpc_app import GrpcApp  # noqa: E402
from harness.http_app import HttpApp  # noqa: E402
from harness.paths import binary, in_ci  # noqa: E402
from harness.state_stores import StateServers  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a binary only the harness's own tests can run; in CI that is a failure."""
    if binary().exists() or in_ci():
        return
    for item in items:
        if "test_harness" not in item.nodeid:
            item.add_marker(pytest.mark.skip(reason=f"no binary at {binary()}"))


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    """Whatever is entered here ends with the test, last first."""
    with contextlib.ExitStack() as everything:
        yield everything


@pytest.fixture
def http_app() -> Iterator[HttpApp]:
    with HttpApp() as app:
        yield app


@pytest.fixture
def grpc_app() -> Iterator[GrpcApp]:
    with GrpcApp() as app:
        yield app


@pytest.fixture(scope="module")
def served_http() -> Iterator[tuple[HttpApp, Daprd]]:
    """One HTTP application `app` and its runtime for a whole file."""
    with HttpApp() as app, Daprd("app", app=app) as daprd:
        yield app, daprd


@pytest.fixture(scope="module")
def served_grpc() -> Iterator[tuple[GrpcApp, Daprd]]:
    """One gRPC application `app` and its runtime for a whole file."""
    with GrpcApp() as app, Daprd("app", app=app) as daprd:
        yield app, daprd


@pytest.fixture(scope="session")
def servers() -> Iterator[StateServers]:
    """Redis and PostgreSQL for the whole session; each starts when it is first wanted."""
    with StateServers() as all_servers:
        yield all_servers
