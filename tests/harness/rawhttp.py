"""An HTTP/1.1 client over a bare socket: it sends the target and headers byte for byte as given and
reports the answer byte for byte, which no ordinary client library does."""

import json
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Headers = Iterable[tuple[str, str]] | dict[str, str]


@dataclass
class Response:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    interim: list[tuple[int, list[tuple[str, str]]]] = field(default_factory=list)

    def header(self, name: str, default: str | None = None) -> str | None:
        """The first value of a header, its name compared without case."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), default)

    def all(self, name: str) -> list[str]:
        return [v for n, v in self.headers if n.lower() == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)


def pairs(headers: Headers | None) -> list[tuple[str, str]]:
    if headers is None:
        return []
    return list(headers.items()) if isinstance(headers, dict) else list(headers)


class Connection:
    """One connection, used for one request after another."""

    def __init__(self, host: str, port: int, timeout: float = 30.0, unix: str | None = None):
        if unix:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(unix)
        else:
            self.socket = socket.create_connection((host, port), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.authority = f"{host}:{port}"
        self.buffer = b""

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(
        self,
        method: str,
        target: str | bytes,
        headers: Headers | None = None,
        body_length: int | None = None,
        host: bool = True,
    ) -> bytes:
        """The bytes of a request head. Host and Content-Length are added unless given."""
        lines = pairs(headers)
        names = {name.lower() for name, _ in lines}
        if host and "host" not in names:
            lines.insert(0, ("Host", self.authority))
        if body_length is not None and not names & {"content-length", "transfer-encoding"}:
            lines.append(("Content-Length", str(body_length)))
        raw = target if isinstance(target, bytes) else target.encode("latin-1")
        head = method.encode() + b" " + raw + b" HTTP/1.1\r\n"
        head += b"".join(f"{n}: {v}\r\n".encode("latin-1") for n, v in lines)
        return head + b"\r\n"

    def request(
        self,
        method: str,
        target: str | bytes,
        headers: Headers | None = None,
        body: bytes | str | None = None,
    ) -> Response:
        if isinstance(body, str):
            body = body.encode()
        self.send(self.head(method, target, headers, None if body is None else len(body)) + (body or b""))
        return self.read_response(method)

    def _fill(self) -> bool:
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def read_line(self) -> bytes:
        while b"\n" not in self.buffer:
            if not self._fill():
                raise EOFError(f"connection closed in a line; had {self.buffer[:200]!r}")
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r")

    def read_exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not self._fill():
                raise EOFError(f"closed with {len(self.buffer)} of {size} bytes")
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def read_fields(self) -> list[tuple[str, str]]:
        fields = []
        while line := self.read_line():
            name, _, value = line.decode("latin-1").partition(":")
            fields.append((name, value.strip()))
        return fields

    def read_head(self) -> Response:
        """The final status line and headers; interim answers are collected on the way."""
        interim: list[tuple[int, list[tuple[str, str]]]] = []
        while True:
            line = self.read_line().decode("latin-1")
            version, _, rest = line.partition(" ")
            if not version.startswith("HTTP/1."):
                raise ValueError(f"not a status line: {line!r}")
            code, _, reason = rest.partition(" ")
            fields = self.read_fields()
            if int(code) >= 200 or int(code) == 101:
                return Response(int(code), reason, fields, interim=interim)
            interim.append((int(code), fields))

    def chunks(self, response: Response) -> Iterator[bytes]:
        """The pieces of a chunked body as they come; trailers land in `response`."""
        while True:
            size = int(self.read_line().split(b";")[0], 16)
            if size == 0:
                response.trailers = self.read_fields()
                return
            data = self.read_exactly(size)
            if self.read_exactly(2) != b"\r\n":
                raise ValueError("a chunk does not end with CRLF")
            yield data

    def read_response(self, method: str = "GET") -> Response:
        response = self.read_head()
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            return response
        if (response.header("transfer-encoding") or "").lower() == "chunked":
            response.body = b"".join(self.chunks(response))
        elif (length := response.header("content-length")) is not None:
            response.body = self.read_exactly(int(length))
        else:
            response.body = self.read_to_end()
        return response

    def read_to_end(self) -> bytes:
        while self._fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def closed_by_peer(self, timeout: float = 5.0) -> bool:
        """True when the peer ends the connection within `timeout`, sending nothing more."""
        self.socket.settimeout(timeout)
        try:
            return self.buffer == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def request(
    host: str,
    port: int,
    method: str,
    target: str | bytes,
    headers: Headers | None = None,
    body: bytes | str | None = None,
    timeout: float = 30.0,
) -> Response:
    """One request on a connection of its own."""
    with Connection(host, port, timeout) as connection:
        return connection.request(method, target, headers, body)


def chunked(parts: Iterable[bytes], trailers: Headers | None = None) -> bytes:
    """A chunked body, one chunk per part."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    ends = "".join(f"{n}: {v}\r\n" for n, v in pairs(trailers)).encode("latin-1")
    return body + b"0\r\n" + ends + b"\r\n"
