"""Eight clients, half by HTTP and half by gRPC, at a few registers and sets of one store: every change is
made with the etag of a read. What they saw is kept as histories, and judged at the end."""

import contextlib
import random
import threading
from typing import Any

import grpc

from . import linear
from .daprd import Daprd
from .poll import wait_for
from .state_clients import MISSING, GrpcState, HttpState, StateError

REFUSED = {409, "ABORTED"}
FAILURES = (StateError, OSError, EOFError, ValueError, grpc.RpcError)


class RegisterLoad:
    """`with RegisterLoad(daprd, "redis") as load:` runs until the block ends."""

    def __init__(self, daprd: Daprd, store: str, *, clients: int = 8, registers: int = 3, sets: int = 2):
        self.daprd, self.store, self.clients = daprd, store, clients
        self.keys = [f"register{i}" for i in range(registers)] + [f"set{i}" for i in range(sets)]
        self.histories = {key: linear.History() for key in self.keys}
        self.tags: dict[str, list[tuple[Any, str]]] = {key: [] for key in self.keys}
        self.added: dict[str, dict[str, bool | None]] = {key: {} for key in self.keys}
        self.stop, self.threads = threading.Event(), []
        self.errors: list[str] = []
        self.broken: list[BaseException] = []
        self.done = 0  # acknowledged changes

    @staticmethod
    def seen(value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @staticmethod
    def initial(key: str) -> Any:
        return [] if key.startswith("set") else "start"

    def client(self, number: int, stack: contextlib.ExitStack) -> Any:
        if number % 2:
            return GrpcState(self.daprd, self.store, stack)
        return HttpState(self.daprd, self.store, stack)

    def __enter__(self) -> "RegisterLoad":
        with contextlib.ExitStack() as stack:
            self.client(0, stack).save([{"key": key, "value": self.initial(key)} for key in self.keys])
        self.threads = [threading.Thread(target=self._guarded, args=(n,)) for n in range(self.clients)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(60)

    def _guarded(self, number: int) -> None:
        try:
            self._run(number)
        except BaseException as failure:
            self.broken.append(failure)
            raise

    def _run(self, number: int) -> None:
        chance, counter = random.Random(number), 0
        stack = contextlib.ExitStack()
        client: Any = None
        known: dict[str, tuple[Any, str]] = {}
        while not self.stop.is_set():
            try:
                client = client or self.client(number, stack)
            except OSError:
                self.stop.wait(0.05)
                continue
            key = chance.choice(self.keys)
            if key in known and chance.random() < 0.7:
                counter += 1
                failure = self._change(client, number, key, *known.pop(key), f"{number}.{counter}")
            else:
                failure = self._read(client, number, key, known)
            if failure is not None:
                self.errors.append(repr(failure))
                if not isinstance(failure, StateError):
                    stack.close()
                    client = None
                self.stop.wait(0.02)
        stack.close()

    def _read(self, client: Any, number: int, key: str, known: dict[str, Any]) -> BaseException | None:
        operation = self.histories[key].began(number, "read")
        try:
            value, etag, _ = client.get(key)
        except FAILURES as failure:
            return failure
        value = self.seen(None if value is MISSING else value)
        self.histories[key].ended(operation, True, value)
        if etag:
            known[key] = (value, etag)
            self.tags[key].append((value, etag))
        return None

    def _change(
        self, client: Any, number: int, key: str, old: Any, etag: str, element: str
    ) -> BaseException | None:
        new = (*old, element) if isinstance(old, tuple) else element
        self.added[key][element] = None
        operation = self.histories[key].began(number, "cas", new, old)
        ok: bool | None = None
        problem: BaseException | None = None
        try:
            client.save([{"key": key, "value": list(new) if isinstance(new, tuple) else new, "etag": etag}])
            ok = True
            self.done += 1
        except StateError as failure:
            refused = {failure.http, failure.grpc} & REFUSED
            ok, problem = (False, None) if refused else (None, failure)
        except FAILURES as failure:
            problem = failure
        self.histories[key].ended(operation, ok)
        self.added[key][element] = ok
        return problem

    def progress(self, seconds: float, changes: int = 50) -> None:
        """Waits until that many more changes were acknowledged."""
        goal = self.done + changes
        wait_for(lambda: self.done >= goal, seconds, f"changes are acknowledged; last {self.errors[-3:]}")

    def verdict(self) -> str:
        """After the block: empty if all that was seen and what is there now can be explained."""
        assert not self.broken, self.broken
        with contextlib.ExitStack() as stack:
            client = self.client(0, stack)
            for key in self.keys:
                assert self._read(client, self.clients, key, {}) is None
        for key in self.keys:
            history = self.histories[key].operations
            final = history[-1].value
            what = (
                linear.etag_violation(self.tags[key])
                or linear.violation(history, self.seen(self.initial(key)))
                or (linear.set_violation(self.added[key], final) if key.startswith("set") else "")
            )
            if what:
                return f"{self.store}, {key}: {what}"
        return ""
