"""Linearizability: clients change registers and sets by etag while what keeps them is killed and comes back.
No order of events may be needed that contradicts what a client saw, and nothing acknowledged may be lost."""

import contextlib
import pathlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from harness import linear
from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.postgres_server import PostgresServer
from harness.redis_server import RedisServer
from harness.register_load import RegisterLoad
from harness.state_stores import store_component
from harness.yamls import document

KILLS, BETWEEN = 3, 2.0


def run(load: RegisterLoad, crash: Callable[[], None], between: float = BETWEEN) -> None:
    with load:
        load.progress(20)
        for _ in range(KILLS):
            time.sleep(between)
            crash()
            load.progress(20)
        time.sleep(between / 2)
    assert load.verdict() == ""
    assert load.errors, "the kills were not felt"
    assert load.done > 50 * KILLS * between


@pytest.mark.timeout(120)
def test_redis_killed(stack: contextlib.ExitStack) -> None:
    server = stack.enter_context(RedisServer(durable=True))
    resources = {"s.yaml": store_component("redis", server.metadata())}
    daprd = stack.enter_context(Daprd("app", app=stack.enter_context(HttpApp()), resources=resources))
    run(RegisterLoad(daprd, "redis"), lambda: server.crash_and_return(0.2))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("store", ["postgresql-v1", "postgresql-v2"])
def test_postgresql_killed(stack: contextlib.ExitStack, store: str) -> None:
    server = stack.enter_context(PostgresServer(durable=True))
    resources = {"s.yaml": store_component(store, {"connectionString": server.database("state")})}
    daprd = stack.enter_context(Daprd("app", app=stack.enter_context(HttpApp()), resources=resources))
    run(RegisterLoad(daprd, store), lambda: server.crash_and_return(0.2))


RETRIES = {
    "policies": {
        "timeouts": {"soon": "300ms"},
        "retries": {"often": {"policy": "constant", "duration": "20ms", "maxRetries": 20}},
    },
    "targets": {"components": {"store": {"outbound": {"timeout": "soon", "retry": "often"}}}},
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("store", ["redis", "postgresql-v2"])
def test_a_retried_write_is_not_told_a_conflict_with_itself(stack: contextlib.ExitStack, store: str) -> None:
    """What a policy's timeout cuts off while the server stands still is done when it goes on."""
    server: Any = stack.enter_context(RedisServer() if store == "redis" else PostgresServer())
    place = server.metadata() if store == "redis" else {"connectionString": server.database("state")}
    resources = {
        "s.yaml": store_component(store, place, "store"),
        "r.yaml": document("Resiliency", {"name": "r"}, RETRIES),
    }
    daprd = stack.enter_context(Daprd("app", app=stack.enter_context(HttpApp()), resources=resources))

    def stand_still() -> None:
        server.pause()
        time.sleep(0.5)
        server.resume()

    run(RegisterLoad(daprd, "store"), stand_still, 0.8)


@pytest.mark.timeout(120)
def test_sqlite_its_runtime_killed(stack: contextlib.ExitStack, tmp_path: pathlib.Path) -> None:
    resources = {"s.yaml": store_component("sqlite", {"connectionString": str(tmp_path / "state.db")})}
    daprd = stack.enter_context(Daprd("app", app=stack.enter_context(HttpApp()), resources=resources))

    def crash() -> None:
        daprd.kill()
        time.sleep(0.1)
        daprd.start()

    run(RegisterLoad(daprd, "sqlite"), crash)


@pytest.mark.timeout(60)
def test_a_store_that_forgets_is_found_out(stack: contextlib.ExitStack) -> None:
    """The judge itself, on a real server: a Redis that keeps nothing on disk loses what it acknowledged."""
    server = stack.enter_context(RedisServer())
    resources = {"s.yaml": store_component("redis", server.metadata())}
    daprd = stack.enter_context(Daprd("app", app=stack.enter_context(HttpApp()), resources=resources))
    load = RegisterLoad(daprd, "redis")
    with load:
        load.progress(20)
        server.crash_and_return()
        time.sleep(1)
    found = [linear.violation(load.histories[key].operations, load.seen(load.initial(key))) for key in load.keys]
    assert load.verdict() and any("nothing explains" in one for one in found), found
