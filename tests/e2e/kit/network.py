"""Calls from inside the cluster: threads of this process that live in a node's network namespace."""

import concurrent.futures
import ctypes
import http.client
import os
import pathlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CLONE_NEWNET = 0x40000000


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def enter(namespace: pathlib.Path) -> None:
    """The calling thread's sockets are of that network from here on; other threads are not touched."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(namespace, os.O_RDONLY)
    try:
        if libc.setns(handle, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
    finally:
        os.close(handle)


class NodeNetwork:
    def __init__(self, namespace: pathlib.Path):
        self.namespace = namespace
        self.pool = concurrent.futures.ThreadPoolExecutor(32, initializer=enter, initargs=(namespace,))

    def close(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self.pool.submit(function, *arguments).result()

    def http(self, *call: Any) -> Answer:
        return self.run(request, *call)


def connect(address: str, port: int) -> bool:
    with socket.create_connection((address, port), 2):
        return True


def request(address: str, port: int, method: str, path: str, body: bytes | None = None,
            headers: dict[str, str] | None = None, timeout: float = 10) -> Answer:
    """One call on a connection of its own."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    except http.client.HTTPException as failure:
        raise OSError(f"{type(failure).__name__}: {failure}") from failure
    finally:
        connection.close()


@dataclass
class Load:
    """Calls one after another from several threads, until `end`. Failures are kept with their time."""

    network: NodeNetwork
    call: Callable[[], Answer]
    threads: int = 4
    pause: float = 0.005
    times: list[tuple[float, float]] = field(default_factory=list)  # start, seconds
    failures: list[tuple[float, str]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _running: list[Any] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._running = [self.network.pool.submit(self._work) for _ in range(self.threads)]
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self._stop.set()
        for future in self._running:
            future.result()
        self._running = []

    def _work(self) -> None:
        while not self._stop.is_set():
            started = time.time()
            try:
                answer = self.call()
                if answer.status >= 300:
                    self.failures.append((started, f"{answer.status} {answer.body[:200]!r}"))
            except OSError as failure:
                self.failures.append((started, repr(failure)))
            self.times.append((started, time.time() - started))
            self._stop.wait(self.pause)

    @property
    def calls(self) -> int:
        return len(self.times)
