"""A small client of the Redis protocol, to see raw keys without any library's view of them."""

import socket
import ssl
from typing import Any


class RedisError(Exception):
    """An error reply."""


class Resp:
    def __init__(
        self, host: str, port: int, *, password: str = "", user: str = "", tls: ssl.SSLContext | None = None
    ):
        plain = socket.create_connection((host, port), 10)
        self.socket = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        self.reader = self.socket.makefile("rb")
        if password:
            self("AUTH", *([user] if user else []), password)

    def __enter__(self) -> "Resp":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.reader.close()
        self.socket.close()

    def __call__(self, *words: Any) -> Any:
        """One command and its reply: bytes, int, None, or a list of such."""
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(
            b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        )
        return self._reply()

    def _reply(self) -> Any:
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("the connection has ended")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.reader.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        raise ValueError(f"no reply: {line!r}")

    def hash(self, key: str) -> dict[str, bytes]:
        flat = self("HGETALL", key)
        return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
