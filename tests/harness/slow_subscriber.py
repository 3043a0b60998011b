"""An app that handles ten messages a second while a broker has very many for it."""

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from .brokers import Broker, unique
from .daprd import Daprd
from .poll import wait_for
from .ports import free_port
from .publishers import HttpPublisher
from .scaler import Scaler
from .subscriber import HttpSubscriber, subscription


@dataclass
class Seen:
    peak: int  # the most KiB that the subscribing runtime took in all its life
    handled: int
    seconds: float  # in which they were handled
    waiting: int  # messages that the runtime says are left


def slow_subscriber(
    broker: Broker, stack: contextlib.ExitStack, waiting: int, size: int, seconds: float
) -> Seen:
    """`waiting` messages of `size` bytes are there when the app comes."""
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
    port = free_port()
    daprd = stack.enter_context(
        Daprd("slow", app=app, resources=resources, flags=["--scaler-port", str(port)])
    )
    wait_for(lambda: daprd.get("/v1.0/metadata").json().get("subscriptions"), 20, "subscribed")
    sender = {"ps.yaml": broker.component(unique("sender"), away=True)}
    publisher = HttpPublisher(stack.enter_context(Daprd("sender", resources=sender)))
    one = {"event": "x" * size, "contentType": "text/plain"}
    entries = [{"entryId": str(n), **one} for n in range(200)]
    for _ in range(waiting // len(entries)):
        assert publisher.bulk(entries, topic) == []
    stack.enter_context(app)
    wait_for(lambda: handled, 20, "the first delivery")
    began = time.monotonic()
    wait_for(lambda: time.monotonic() >= began + seconds, seconds + 5)
    count, spent = len(handled), time.monotonic() - began
    with Scaler("127.0.0.1", port) as scaler:
        return Seen(daprd.peak_kib(), count, spent, scaler.count())
