"""The proofs of absent apps and slow subscribers at their full size, over every broker."""

import contextlib
import pathlib
from collections.abc import Iterator

import pytest

pytest.importorskip("yaml")
from harness.absent_app import AbsentApp  # noqa: E402
from harness.brokers import TABLE, Brokers, compiled_in  # noqa: E402
from harness.slow_subscriber import slow_subscriber  # noqa: E402

MESSAGES, SECONDS = 20_000, 60.0
WAITING, SIZE, MIB = 100_000, 1_000, 1024


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", compiled_in())
def test_absent_app_loses_nothing_at_length(
    stack: contextlib.ExitStack, tmp_path: pathlib.Path, name: str
) -> None:
    durable = "durable" in TABLE[name]["traits"]
    options = {"durable": True} if name == "redis" else {}
    scene = AbsentApp(stack, Brokers.own(stack, name, **options), tmp_path)
    assert scene.play(MESSAGES, SECONDS, restart_broker=durable) == ""
    assert max(scene.returns) < 1.0, scene.state()


@pytest.fixture(scope="module")
def brokers() -> Iterator[Brokers]:
    with Brokers() as all_brokers:
        yield all_brokers


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [name for name in compiled_in() if name != "memory"])
def test_slow_subscriber_at_length(brokers: Brokers, stack: contextlib.ExitStack, name: str) -> None:
    seen = slow_subscriber(brokers[name], stack, WAITING, SIZE, 60.0)
    print(f"\n{name}: {seen}")
    assert 5 <= seen.handled / seen.seconds <= 12, seen
    assert seen.peak < 48 * MIB, seen
