"""Many app-ids in one process, in short and with bounds that a busy machine holds too; tests/soak
holds the real ones."""

import contextlib
import shutil

import pytest

from harness import load, rawhttp
from harness.paths import sanitized
from harness.poll import wait_for
from harness.shared import Shared

pytestmark = [
    pytest.mark.skipif(sanitized(), reason="budgets of speed and memory"),
    pytest.mark.skipif(not shutil.which("wrk") or not shutil.which("nginx"), reason="needs wrk and nginx"),
]
IN_FLIGHT = 20


@pytest.mark.timeout(120)
def test_a_flood_of_one_app_leaves_the_others_p99(stack: contextlib.ExitStack) -> None:
    """Ten times what the app may take, and each call is slow."""
    flood = load.measure_flood(stack, in_flight=IN_FLIGHT, rounds=3, seconds=2)
    assert flood.refused > 0, "the flood was more than the app may take"
    assert flood.broken == 0
    assert flood.during < max(2 * flood.before, 3.0), flood


@pytest.mark.timeout(120)
def test_a_hanging_target_holds_only_its_own(stack: contextlib.ExitStack) -> None:
    load.check_hanging_target(stack, in_flight=IN_FLIGHT, body_memory_mib=4)


@pytest.mark.timeout(60)
def test_callers_that_leave_give_their_places_back(stack: contextlib.ExitStack) -> None:
    """Or an app that hangs would be at its limit for good once its callers have lost patience."""
    hanging, quick = stack.enter_context(load.slow_target(-1)), stack.enter_context(load.quick_target())
    shared = load.compartments(stack, hanging, quick, inFlight=5)

    def in_flight() -> float:
        return shared.daprd.metrics().total("dapr_shared_inflight", app_id="loud")

    held = [rawhttp.Connection(shared.daprd.host, shared.ports["loud"]["http"]) for _ in range(5)]
    for connection in held:
        connection.send(connection.head("GET", "/v1.0/invoke/loud/method/x"))
    try:
        wait_for(lambda: in_flight() == 5)
        for connection in held:
            connection.close()
        wait_for(lambda: in_flight() == 0, 5, "the calls of callers that have closed their connections end")
    except BaseException:
        shared.daprd.kill()
        raise


@pytest.mark.timeout(120)
def test_two_hundred_apps() -> None:
    crowd = load.measure_crowd(200, starts=3, seconds=3)
    assert crowd.start_ms < 300, crowd
    assert crowd.kib_per_app < 256, crowd
    assert crowd.spread.refused == 0 and crowd.spread.broken == 0, crowd
    assert crowd.spread.rate > 10_000, crowd


@pytest.mark.timeout(60)
def test_a_removed_app_gives_back_what_it_held(stack: contextlib.ExitStack) -> None:
    """Apps that come and go leave neither descriptors nor memory behind."""
    target = stack.enter_context(load.quick_target())
    shared = Shared(stack, {"steady": {"target": {"address": "127.0.0.1", "port": target}}})

    def come_and_go(times: int) -> tuple[int, int]:
        for _ in range(times):
            load.add_and_remove_guest(shared, target)
        return shared.daprd.descriptors(), shared.daprd.rss_kib()

    descriptors, memory = come_and_go(10)
    after, grown = come_and_go(30)
    assert after <= descriptors + 5
    assert grown < memory + 4096
