"""HTTP/2 frames by hand over a bare socket: for clients that misbehave. Headers are sent as HPACK
literals without a table; what the peer sends is split into frames, and its headers stay encoded."""

import socket
import struct
from collections.abc import Iterable, Iterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def text(value: bytes) -> bytes:
    """A string literal of HPACK, not Huffman-coded."""
    if len(value) < 127:
        return bytes([len(value)]) + value
    rest, encoded = len(value) - 127, b"\x7f"
    while rest >= 128:
        encoded += bytes([rest % 128 + 128])
        rest //= 128
    return encoded + bytes([rest]) + value


def header_block(headers: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(b"\x00" + text(name.encode()) + text(value.encode()) for name, value in headers)


class H2Client:
    """`with H2Client(host, port) as client:` has exchanged settings."""

    def __init__(self, host: str, port: int, timeout: float = 10.0, window: int = 65535):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.authority = f"{host}:{port}"
        self.stream = -1
        self.buffer = b""
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, struct.pack("!HI", 4, window)))

    def __enter__(self) -> "H2Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def request(
        self, path: str, method: str = "GET", headers: Iterable[tuple[str, str]] = (), end: bool = True
    ) -> bytes:
        """The HEADERS frame of a new stream, whose number is then `stream`; not sent."""
        self.stream += 2
        block = header_block(
            [
                (":method", method),
                (":scheme", "http"),
                (":path", path),
                (":authority", self.authority),
                *headers,
            ]
        )
        return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), self.stream, block)

    def reset(self, stream: int, code: int = 8) -> bytes:
        return frame(RST_STREAM, 0, stream, struct.pack("!I", code))

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        """(type, flags, stream, payload) until the peer closes; settings and pings are answered."""
        while True:
            while len(self.buffer) >= 9 and len(self.buffer) >= 9 + (size := int.from_bytes(self.buffer[:3])):
                kind, flags, stream = struct.unpack("!BBI", self.buffer[3:9])
                payload, self.buffer = self.buffer[9 : 9 + size], self.buffer[9 + size :]
                if kind == SETTINGS and not flags & ACK:
                    self.socket.sendall(frame(SETTINGS, ACK, 0))
                if kind == PING and not flags & ACK:
                    self.socket.sendall(frame(PING, ACK, 0, payload))
                yield kind, flags, stream, payload
            data = self.socket.recv(65536)
            if not data:
                return
            self.buffer += data

    def wait(self, kind: int) -> tuple[int, int, int, bytes]:
        """The next frame of a type; EOFError when the peer closes first."""
        for found in self.frames():
            if found[0] == kind:
                return found
        raise EOFError(f"closed before a frame of type {kind}")
