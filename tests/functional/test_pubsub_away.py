"""The app is not there, over every broker: nothing that was acknowledged is lost and nothing becomes a
dead letter because the app was away, while the runtime is killed and the broker restarted as well."""

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("yaml")
from harness.absent_app import AbsentApp  # noqa: E402
from harness.brokers import TABLE, Brokers, compiled_in  # noqa: E402
from harness.ledger import Ledger  # noqa: E402
from harness.paths import sanitized  # noqa: E402
from harness.slow_subscriber import slow_subscriber  # noqa: E402
from harness.subscriber import PUBSUB  # noqa: E402
from harness.yamls import document  # noqa: E402

MESSAGES, SECONDS = 2000, 8.0
WAITING, SIZE, MIB = 100_000, 640, 1024


def books(**changes: Any) -> Ledger:
    """Ten messages, all well but for `changes`."""
    ledger = Ledger()
    for number in range(10):
        ledger.attempt(number)
        ledger.acknowledge(number)
        if number not in changes.get("lost", []):
            ledger.deliver(number)
    return ledger


def test_the_books_can_be_right() -> None:
    ledger = books()
    assert ledger.verdict(10) == "" and ledger.duplicates() == 0
    ledger.deliver(3)
    ledger.deliver(3)
    assert ledger.verdict(10) == "" and ledger.duplicates() == 2
    ledger.attempt(10)  # its publisher was not told whether it was taken
    assert ledger.verdict(10) == ""
    ledger.deliver(10)
    assert ledger.verdict(10) == ""


def test_the_books_can_be_wrong() -> None:
    lost = books(lost=[4, 7])
    assert lost.missing() == {4, 7}
    assert lost.verdict(10) == "2 acknowledged messages never came: [4, 7]"
    dead = books()
    dead.bury(5)
    assert dead.verdict(10) == "1 dead letters: [5]"
    both = books(lost=[5])
    both.bury(5)
    assert "never came" in both.verdict(10) and "dead letters" in both.verdict(10)
    assert books().verdict(11) == "10 of 11 publishes were acknowledged"
    strange = books()
    strange.deliver(99)
    assert strange.verdict(10) == "1 messages came that nobody sent: [99]"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", compiled_in())
def test_absent_app_loses_nothing(stack: contextlib.ExitStack, tmp_path: pathlib.Path, name: str) -> None:
    durable = "durable" in TABLE[name]["traits"]
    options = {"durable": True} if name == "redis" else {}
    scene = AbsentApp(stack, Brokers.own(stack, name, **options), tmp_path)
    assert scene.play(MESSAGES, SECONDS, restart_broker=durable) == ""
    if not sanitized():
        assert max(scene.returns) < 1.0, scene.state()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["grpc", "stream"])
@pytest.mark.parametrize("name", [name for name in compiled_in() if name in ("redis", "rabbitmq")])
def test_absent_app_of_another_kind_loses_nothing(
    stack: contextlib.ExitStack, tmp_path: pathlib.Path, name: str, kind: str
) -> None:
    options = {"durable": True} if name == "redis" else {}
    broker = Brokers.own(stack, name, **options)
    # A quorum queue counts how often a message was returned: the app's absence must not use that up.
    quorum = name == "rabbitmq" and kind == "grpc"
    scene = AbsentApp(stack, broker, tmp_path, kind, **({"metadata": {"queueType": "quorum"}} if quorum else {}))
    assert scene.play(MESSAGES // 4, SECONDS / 2, restart_broker=name == "redis") == ""
    assert not quorum or "quorum" in broker.server.ctl("list_queues", "--no-table-headers", "type")
    if not sanitized():
        assert max(scene.returns) < 1.0, scene.state()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", [name for name in compiled_in() if name == "redis"])
def test_absent_app_spends_nothing_of_a_policy(
    stack: contextlib.ExitStack, tmp_path: pathlib.Path, name: str
) -> None:
    breaker = {"maxRequests": 1, "timeout": "60s", "trip": "consecutiveFailures > 5"}
    rules = {
        "policies": {"timeouts": {"t": "10s"}, "circuitBreakers": {"b": breaker}},
        "targets": {"components": {PUBSUB: {"inbound": {"timeout": "t", "circuitBreaker": "b"}}}},
    }
    more = {"r.yaml": document("Resiliency", {"name": "rules"}, rules)}
    scene = AbsentApp(stack, Brokers.own(stack, name, durable=True), tmp_path, more=more)
    assert scene.play(MESSAGES // 4, SECONDS / 2, restart_broker=False) == ""


@pytest.fixture(scope="module")
def brokers() -> Iterator[Brokers]:
    with Brokers() as all_brokers:
        yield all_brokers


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", [name for name in compiled_in() if name != "memory"])
def test_slow_subscriber_leaves_the_rest_to_the_broker(
    brokers: Brokers, stack: contextlib.ExitStack, name: str
) -> None:
    """Ten messages a second against 64 MB that wait: memory stays bounded."""
    seen = slow_subscriber(brokers[name], stack, WAITING, SIZE, 4.0)
    print(f"\n{name}: {seen}")
    assert 5 <= seen.handled / seen.seconds <= 12, seen
    if name != "mqtt3":  # its broker does not tell
        assert seen.waiting >= WAITING - seen.handled - 2000, seen
    if not sanitized():
        assert seen.peak < 48 * MIB, seen
