"""How long a message takes from the publisher's call to the app: a steady few hundred a second, each with the
time it was published at, and an app that reads it."""

from __future__ import annotations

import re
import socket
import threading
import time

RATE = 400  # messages a second
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
LENGTH, DATA = re.compile(rb"content-length: *(\d+)", re.I), re.compile(rb'"data": *(\d+)')


def read_message(connection: socket.socket, rest: bytes) -> tuple[bytes, bytes, bytes]:
    """Head and body of the next message, and what came after it. An empty head: the peer has gone."""
    while (end := rest.find(b"\r\n\r\n")) < 0:
        data = connection.recv(65536)
        if not data:
            return b"", b"", b""
        rest += data
    head, rest = rest[: end + 2], rest[end + 4 :]
    found = LENGTH.search(head)
    wanted = int(found.group(1)) if found else 0
    while len(rest) < wanted:
        rest += connection.recv(65536)
    return head, rest[:wanted], rest[wanted:]


class Receiver:
    """An HTTP app whose deliveries tell when they were published. Ends with the process."""

    def __init__(self) -> None:
        self.delays: list[int] = []  # nanoseconds
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        rest = b""
        try:
            while True:
                head, body, rest = read_message(connection, rest)
                if not head:
                    return
                came = time.perf_counter_ns()
                found = DATA.search(body)
                if found:
                    self.delays.append(came - int(found.group(1)))
                connection.sendall(ANSWER if found else NOT_FOUND)
        except OSError:
            return

    def wait(self, count: int, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while len(self.delays) < count and time.monotonic() < until:
            time.sleep(0.01)
        return len(self.delays) >= count


class Publisher:
    def __init__(self, port: int, path: str) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.path, self.rest = path, b""

    def publish(self) -> None:
        body = b"%d" % time.perf_counter_ns()
        head = f"POST {self.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        self.connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        answer, _, self.rest = read_message(self.connection, self.rest)
        if b" 204 " not in answer[:20]:
            raise OSError(f"publishing was answered {answer!r}")


def measure(publisher: Publisher, receiver: Receiver, seconds: float) -> tuple[float, float, int]:
    """p50 and p99 in milliseconds, and how many did not come."""
    receiver.delays.clear()
    count, began = int(seconds * RATE), time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))
        publisher.publish()
    receiver.wait(count, 10)
    delays = sorted(receiver.delays)
    if not delays:
        return float("nan"), float("nan"), count
    middle, late = (delays[int(len(delays) * part)] / 1e6 for part in (0.5, 0.99))
    return middle, late, max(0, count - len(delays))
