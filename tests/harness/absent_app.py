"""An application that is killed, started, scaled, moved and refuses at random while messages are published
for it, and the accounting of what becomes of them."""

import contextlib
import http.client
import json
import pathlib
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from . import host_names
from .brokers import Broker, unique
from .daprd import Daprd
from .ledger import Ledger
from .poll import wait_for
from .ports import free_port
from .replicas import PROBE, GrpcReplica, HttpReplica, StreamReplica
from .subscriber import publish, subscription


class Publisher(threading.Thread):
    """Publishes the numbers in turn at a rate; what was not acknowledged is sent again, with new
    connections as the runtime comes and goes."""

    def __init__(self, daprd: Daprd, topic: str, ledger: Ledger, count: int, seconds: float):
        super().__init__(daemon=True)
        self.daprd, self.topic, self.ledger = daprd, topic, ledger
        self.count, self.pause = count, seconds / count
        self.allowed = 0  # numbers below it may be published now
        self.stopped = threading.Event()

    def run(self) -> None:
        connection = None
        for number in range(self.count):
            while number >= self.allowed and not self.stopped.is_set():
                time.sleep(0.01)
            self.ledger.attempt(number)
            while not self.stopped.is_set():
                try:
                    connection = connection or http.client.HTTPConnection(
                        self.daprd.host, self.daprd.http_port, timeout=15
                    )
                    connection.request(
                        "POST", f"/v1.0/publish/ps/{self.topic}", json.dumps(number),
                        {"Content-Type": "application/json"},
                    )
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status == 204:
                        self.ledger.acknowledge(number)
                        break
                except (OSError, http.client.HTTPException):
                    if connection:
                        connection.close()
                    connection = None
                time.sleep(0.05)
            time.sleep(self.pause)


Replica = HttpReplica | GrpcReplica | StreamReplica


class AbsentApp:
    """The whole scene. `durable` brokers lose nothing with the runtime; the others keep it running. `kind` is
    http, grpc or stream: who holds a stream is at no address and has no dead-letter topic here. `more` are
    further resources; `spec` fields go into the subscription as they are."""

    def __init__(
        self,
        stack: contextlib.ExitStack,
        broker: Broker,
        folder: pathlib.Path,
        kind: str = "http",
        seed: int = 1,
        more: dict[str, str] | None = None,
        **spec: Any,
    ):
        self.stack, self.broker, self.kind, self.dice = stack, broker, kind, random.Random(seed)
        self.ledger, self.topic, self.port = Ledger(), unique("away"), free_port()
        self.running: dict[str, Replica] = {}
        self.returns: list[float] = []  # seconds from the app's return to the first delivery
        self.names = host_names.wanted(folder)
        dead = f"{self.topic}-dead"
        broker.prepare([self.topic, dead])
        resources = {"ps.yaml": broker.component(unique("absent"), away=True), **(more or {})}
        place = None
        if kind != "stream":
            resources["s.yaml"] = subscription(self.topic, "/t", name="s", deadLetterTopic=dead, **spec)
            resources["d.yaml"] = subscription(dead, "/dead", name="d")
            place = self.replica(host_names.NAME)
        self.daprd = Daprd("absent", app=place, resources=resources)
        self.names.set("127.0.0.1")
        self.names.give_to(self.daprd)
        stack.callback(self.stop_app)
        stack.enter_context(self.daprd)

    def replica(self, address: str) -> Replica:
        if self.kind == "stream":
            return StreamReplica(self.ledger, self.daprd, self.topic, self.dice)
        kind = HttpReplica if self.kind == "http" else GrpcReplica
        return kind(self.ledger, self.port, address, self.dice)

    # The app.
    def start_app(self, *addresses: str) -> list[Replica]:
        self.names.set(*addresses)
        for address in addresses:
            self.running[address] = self.replica(address)
            self.running[address].start()
        return list(self.running.values())

    def stop_app(self) -> None:
        while self.running:
            self.running.popitem()[1].stop()

    def refuse(self, share: float) -> None:
        """A stream cannot say that nobody is there; it ends."""
        for replica in self.running.values():
            replica.refuses = share if self.kind != "stream" else 0.0

    def come_back(self, *addresses: str) -> None:
        """Starts the app and notes how soon the first delivery is there; messages must be waiting."""
        began = time.monotonic()
        replicas = self.start_app(*addresses)
        wait_for(lambda: any(replica.first for replica in replicas), 20, f"a delivery, {self.state()}")
        self.returns.append(min(replica.first for replica in replicas if replica.first) - began)

    # The runtime.
    def kill_runtime(self) -> None:
        self.daprd.kill()
        log = self.daprd.log
        self.daprd.log = log.with_name(f"{log.stem}-again.log")
        self.daprd.start()

    def state(self) -> str:
        ledger = self.ledger
        return (
            f"{self.broker.name}: {len(ledger.acknowledged)} acknowledged, {len(ledger.delivered)} delivered, "
            f"{ledger.duplicates()} duplicates, {len(ledger.dead)} dead, back after "
            f"{[round(seconds, 2) for seconds in self.returns]} s"
        )

    def subscribed(self) -> None:
        """Some brokers forget what comes before the first subscription."""
        self.probe(lambda: any(replica.probed for replica in self.running.values()), "the subscription stands")

    def all_served(self) -> None:
        """Each replica gets its share. What waited may have gone to the first that was there: more comes."""
        replicas = self.running.values()
        self.probe(lambda: all(replica.first or replica.probed for replica in replicas), "each replica gets some")

    def probe(self, done: Callable[[], bool], what: str) -> None:
        def seen() -> bool:
            publish(self.daprd, PROBE, self.topic)
            time.sleep(0.1)
            return done()

        wait_for(seen, 30, what)

    def settled(self, count: int) -> bool:
        """So many were acknowledged, and all of them came."""
        return len(self.ledger.acknowledged) >= count and not self.ledger.missing()

    def play(self, count: int, seconds: float, restart_broker: bool) -> str:
        """Everything that can happen to an app, within about so many seconds; then the verdict."""
        durable, pause = self.broker.has("durable"), seconds / 8
        self.start_app("127.0.0.1")
        self.subscribed()
        publisher = Publisher(self.daprd, self.topic, self.ledger, count, seconds / 2)
        publisher.start()
        self.stack.callback(publisher.stopped.set)

        def share(eighths: int) -> None:
            publisher.allowed = count * eighths // 8

        def away(eighths: int, *then: str) -> None:
            share(eighths)
            wait_for(self.ledger.missing, 30, "a message waits")
            time.sleep(pause)
            self.come_back(*then)

        share(2)
        wait_for(lambda: self.ledger.delivered, 30, "the first delivery")
        self.stop_app()  # killed
        away(3, "127.0.0.1")
        self.refuse(0.3)
        time.sleep(pause)
        self.stop_app()
        if durable:
            self.kill_runtime()  # while the app is away
            time.sleep(self.broker.entry.get("afterlife", 0))
        away(5, "127.0.0.1", "127.0.0.2", "127.0.0.3")
        self.all_served()
        self.refuse(0.2)
        share(6)
        if restart_broker:
            self.broker.server.stop(20)
            self.broker.server.start()
            # Its own recovery is not to be taken for the app's return.
            with contextlib.suppress(AssertionError):
                wait_for(lambda: self.settled(count * 6 // 8), 20)
        time.sleep(pause)
        self.stop_app()
        away(7, "127.0.0.9")  # moved
        share(8)
        if durable:
            self.kill_runtime()  # in the middle of deliveries
        self.refuse(0.5)
        time.sleep(pause)
        self.refuse(0)
        publisher.join(60 + seconds)
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not self.ledger.missing(), 30 + seconds, "all delivered")
        print(f"\n{self.state()}")
        return self.ledger.verdict(count)
