"""An app whose component takes long to start keeps nobody else waiting: apps, changes, the end."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from harness.poll import wait_for
from harness.redis_server import RedisServer
from harness.shared import Shared
from harness.yamls import component

WHO = "/v1.0/metadata"
SLOW = ("slow-a", "slow-b", "slow-c")
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def frozen() -> Iterator[tuple[Shared, RedisServer]]:
    """Three apps with a Redis that takes connections and says nothing, and `good` without."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        redis.pause()
        store = component("store", "state.redis", redis.metadata(), scopes=[*SLOW], initTimeout="60s")
        apps: dict[str, dict[str, object]] = {name: {} for name in (*SLOW, "good")}
        yield Shared(stack, apps, resources={"s.yaml": store}), redis


def serves(shared: Shared, name: str) -> bool:
    with contextlib.suppress(OSError):
        return bool(shared.request(name, "GET", WHO, timeout=2).status == 200)
    return False


def test_others_are_served_and_it_is_too_once_it_can(frozen: tuple[Shared, RedisServer]) -> None:
    shared, redis = frozen
    # The fixture has waited for health, which comes after two seconds at most.
    assert serves(shared, "good") and not serves(shared, "slow-a")
    assert [record for record in shared.daprd.log_records() if "slow-a is not served yet" in record["msg"]]

    began = time.monotonic()
    shared.daprd.put_app("late.yaml", shared.text("late"))
    wait_for(lambda: serves(shared, "late"), 10)
    assert time.monotonic() - began < 5

    redis.resume()
    for name in SLOW:
        wait_for(lambda name=name: serves(shared, name), 10)
        saved = shared.request(name, "POST", "/v1.0/state/store", HEADERS, b'[{"key": "k", "value": 1}]')
        assert saved.status == 204


def test_a_form_on_its_way_is_replaced_and_removed(frozen: tuple[Shared, RedisServer]) -> None:
    shared, redis = frozen
    shared.daprd.put_app("slow-a.yaml", shared.text("slow-a", limits={"inFlight": 7}))
    shared.daprd.remove_app("slow-b.yaml")
    shared.daprd.put_app("mark.yaml", shared.text("mark"))
    wait_for(lambda: serves(shared, "mark"), 10)
    redis.resume()
    for name in ("slow-a", "slow-c"):
        wait_for(lambda name=name: serves(shared, name), 10)
    shared.daprd.put_app("mark2.yaml", shared.text("mark2"))
    wait_for(lambda: serves(shared, "mark2"), 10)
    assert not serves(shared, "slow-b")
    served = [record["app_id"] for record in shared.daprd.log_records() if record["msg"].endswith("is served")]
    assert served.count("slow-a") == 1 and "slow-b" not in served


def test_the_end_does_not_wait_for_them(frozen: tuple[Shared, RedisServer]) -> None:
    shared, _ = frozen
    shared.daprd.put_app("late.yaml", shared.text("late"))
    began = time.monotonic()
    assert shared.daprd.stop() == 0
    assert time.monotonic() - began < 4


def test_what_is_mended_meanwhile_is_taken_when_the_start_fails() -> None:
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        redis.pause()

        def store(kind: str, metadata: dict[str, object]) -> str:
            return component("store", kind, metadata, scopes=["late"], initTimeout="4s")

        resources = {"s.yaml": store("state.redis", redis.metadata())}
        shared = Shared(stack, {"late": {}, "good": {}}, resources=resources)
        shared.daprd.put_resource("s.yaml", store("state.in-memory", {}))
        assert not serves(shared, "late")
        wait_for(lambda: serves(shared, "late"), 10)  # the next comparison is a minute away
