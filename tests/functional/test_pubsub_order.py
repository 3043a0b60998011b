"""The order of a topic outlives the absence of the app, over every broker that keeps one."""

import contextlib
from collections.abc import Iterator

import pytest

pytest.importorskip("yaml")
from harness.brokers import TABLE, Brokers, compiled_in, unique  # noqa: E402
from harness.daprd import Daprd  # noqa: E402
from harness.poll import wait_for  # noqa: E402
from harness.subscriber import HttpSubscriber, publish, subscription  # noqa: E402

ORDERED = [name for name in compiled_in() if "ordered" in TABLE[name]["traits"]]
# What a killed runtime held at Redis is taken over when it has been silent for `processingTimeout`: it comes
# behind what follows.
LASTING = [name for name in ORDERED if "durable" in TABLE[name]["traits"] and name != "redis"]


@pytest.fixture(scope="module")
def brokers() -> Iterator[Brokers]:
    with Brokers() as all_brokers:
        yield all_brokers


class Scene:
    """An app that is there, subscribed, and has had the numbers 0 to 9."""

    def __init__(self, brokers: Brokers, stack: contextlib.ExitStack, name: str):
        broker, self.topic, self.app = brokers[name], unique("order"), HttpSubscriber()
        broker.prepare([self.topic])
        resources = {
            "ps.yaml": broker.component(unique("g")),
            "s.yaml": subscription(self.topic, "/t", name="s"),
        }
        stack.callback(self.app.stop)
        self.app.start()
        self.daprd = stack.enter_context(Daprd("order", app=self.app, resources=resources))

        def probed() -> bool:
            """Some brokers forget what comes before the first subscription."""
            publish(self.daprd, "probe", self.topic)
            with contextlib.suppress(AssertionError):
                wait_for(lambda: self.app.events, 1)
            return bool(self.app.events)

        wait_for(probed, 20, "the subscription stands")
        self.publish(0, 10)
        wait_for(lambda: 9 in self.firsts(), 10, "the first ten")

    def publish(self, first: int, end: int) -> None:
        for number in range(first, end):
            publish(self.daprd, number, self.topic)

    def firsts(self) -> list[int]:
        """The numbers as they came; what comes twice counts when it came first."""
        return list(dict.fromkeys(value for value in self.app.values() if value != "probe"))

    def all_in_order(self) -> None:
        wait_for(lambda: len(self.firsts()) >= 60, 30, f"all of them, got {len(self.firsts())}")
        assert self.firsts() == list(range(60))


@pytest.mark.parametrize("name", ORDERED)
def test_order_after_an_absence(brokers: Brokers, stack: contextlib.ExitStack, name: str) -> None:
    scene = Scene(brokers, stack, name)
    scene.app.stop()
    scene.publish(10, 60)
    scene.app.start()
    scene.all_in_order()


@pytest.mark.parametrize("name", LASTING)
def test_order_after_an_absence_in_which_the_runtime_was_killed(
    brokers: Brokers, stack: contextlib.ExitStack, name: str
) -> None:
    scene = Scene(brokers, stack, name)
    scene.app.stop()
    scene.publish(10, 40)
    scene.daprd.kill()
    scene.daprd.start()
    scene.publish(40, 60)
    scene.app.start()
    scene.all_in_order()
