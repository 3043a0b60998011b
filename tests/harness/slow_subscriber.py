"""An app that handles ten messages a second while a broker has very many for it."""

import contextlib
import time
from typing import Any

from .brokers import Broker, unique
from .daprd import Daprd
from .poll import wait_for
from .publishers import HttpPublisher
from .subscriber import HttpSubscriber, subscription


def slow_subscriber(
    broker: Broker, stack: contextlib.ExitStack, waiting: int, seconds: float
) -> tuple[int, int]:
    """The most KiB that the subscribing runtime took, and how many messages the app has handled."""
    topic, group = unique("slow"), unique("g")
    broker.prepare([topic])
    app, handled = HttpSubscriber(), []

    def answer(event: Any) -> None:
        app.events.clear()
        handled.append(event.path)
        time.sleep(0.1)  # the app has one thread

    app.answer = answer
    resources = {
        "ps.yaml": broker.component(group, away=True),
        "s.yaml": subscription(topic, "/t", name="s"),
    }
    # The group is there before the messages are, and the app is not.
    daprd = stack.enter_context(Daprd("slow", app=app, resources=resources))
    wait_for(lambda: daprd.get("/v1.0/metadata").json().get("subscriptions"), 20, "subscribed")
    sender = {"ps.yaml": broker.component(unique("sender"), away=True)}
    publisher = HttpPublisher(stack.enter_context(Daprd("sender", resources=sender)))
    entries = [{"entryId": str(n), "event": "x" * 1000, "contentType": "text/plain"} for n in range(500)]
    for _ in range(waiting // len(entries)):
        assert publisher.bulk(entries, topic) == []
    stack.enter_context(app)
    wait_for(lambda: handled, 20, "the first delivery")
    peak, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        peak = max(peak, daprd.rss_kib())
        time.sleep(0.05)
    return peak, len(handled)
