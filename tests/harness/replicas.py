"""Endpoints of an app that comes and goes, over HTTP, over gRPC, or as the client of a stream. What they handle
is in the ledger; `refuses` is the share that they say they are not there for."""

import contextlib
import json
import queue
import random
import threading
import time
from typing import Any

import grpc

from .daprd import Daprd
from .ledger import Ledger
from .subscriber import Event, GrpcSubscriber, HttpSubscriber, StreamSubscriber

PROBE = "is anybody there"


class _Books:
    """What all kinds have: `handle` is false if the message was refused."""

    ledger: Ledger
    dice: random.Random

    def keep(self, ledger: Ledger, dice: random.Random) -> None:
        self.ledger, self.dice, self.refuses = ledger, dice, 0.0
        self.probed = False
        self.first: float | None = None  # when the first delivery came

    def handle(self, data: Any, path: str) -> bool:
        if data == PROBE:
            self.probed = True
            return True
        self.first = self.first or time.monotonic()
        if self.dice.random() < self.refuses:
            return False
        (self.ledger.bury if path == "/dead" else self.ledger.deliver)(data)
        return True


class HttpReplica(HttpSubscriber, _Books):
    def __init__(self, ledger: Ledger, port: int, host: str, dice: random.Random):
        super().__init__(port, host)
        self.keep(ledger, dice)
        self.answer = self._answer

    def _answer(self, event: Event) -> Any:
        self.events.clear()
        self.requests.clear()
        return None if self.handle(event.data, event.path) else 503


class GrpcReplica(GrpcSubscriber, _Books):
    def __init__(self, ledger: Ledger, port: int, host: str, dice: random.Random):
        super().__init__(port, host)
        self.keep(ledger, dice)
        self.answer = self._answer

    def _answer(self, event: Event) -> Any:
        self.events.clear()
        return 0 if self.handle(json.loads(event.body), event.path) else grpc.StatusCode.UNAVAILABLE


class StreamReplica(_Books):
    """Holds a stream and opens it anew when it breaks."""

    def __init__(self, ledger: Ledger, daprd: Daprd, topic: str, dice: random.Random):
        self.keep(ledger, dice)
        self.daprd, self.topic = daprd, topic
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> "StreamReplica":
        self.thread.start()
        return self

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join(10)

    def _run(self) -> None:
        while not self.stopped.is_set():
            stream = StreamSubscriber(self.daprd, self.topic)
            with contextlib.closing(stream):
                while not stream.ended.is_set() and not self.stopped.is_set():
                    with contextlib.suppress(queue.Empty):
                        message = stream.next(0.02)
                        self.handle(json.loads(message.data), message.path)
                        stream.ack(message.id)
            self.stopped.wait(0.05)
