"""One unary gRPC call over plain-text HTTP/2 with nothing but the standard library, so that the demo
runs on a machine that has only Python. Enough for a friendly server; not a client for real use."""

import socket
import struct

DATA, HEADERS, SETTINGS, PING, GOAWAY = 0, 1, 4, 6, 7


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def _header(name: str, value: str) -> bytes:
    """A literal header without indexing (RFC 7541, 6.2.2); both parts are shorter than 127 bytes."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def _varint(number: int) -> bytes:
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


def field(number: int, value: bytes | str | int) -> bytes:
    """One field of a protobuf message: bytes and text by length, numbers as varint."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def fields(message: bytes) -> dict[int, bytes]:
    """The length-delimited fields of a message, the last of each number."""
    found: dict[int, bytes] = {}
    position = 0

    def varint() -> int:
        nonlocal position
        number = shift = 0
        while True:
            byte = message[position]
            position += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while position < len(message):
        key = varint()
        if key & 7 == 2:
            size = varint()
            found[key >> 3] = message[position : position + size]
            position += size
        elif key & 7 == 0:
            varint()
        else:
            position += 8 if key & 7 == 1 else 4
    return found


def call(host: str, port: int, method: str, request: bytes, timeout: float = 30.0) -> bytes:
    """The answer's message. ConnectionError when the call ended without one, that is with an error."""
    with socket.create_connection((host, port), timeout) as connection:
        head = b"".join(
            _header(name, value)
            for name, value in (
                (":method", "POST"),
                (":scheme", "http"),
                (":path", method),
                (":authority", f"{host}:{port}"),
                ("content-type", "application/grpc"),
                ("te", "trailers"),
            )
        )
        connection.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + _frame(SETTINGS, 0, 0)
            + _frame(HEADERS, 4, 1, head)
            + _frame(DATA, 1, 1, struct.pack("!BI", 0, len(request)) + request)
        )
        buffer = body = b""
        while True:
            while len(buffer) >= 9 and len(buffer) >= 9 + (size := int.from_bytes(buffer[:3], "big")):
                kind, flags, _ = struct.unpack("!BBI", buffer[3:9])
                payload, buffer = buffer[9 : 9 + size], buffer[9 + size :]
                if kind == SETTINGS and not flags & 1:
                    connection.sendall(_frame(SETTINGS, 1, 0))
                elif kind == PING and not flags & 1:
                    connection.sendall(_frame(PING, 1, 0, payload))
                elif kind == DATA:
                    body += payload
                elif kind == GOAWAY:
                    raise ConnectionError(f"{method}: the server closed the connection")
                if kind in (DATA, HEADERS) and flags & 1:
                    if len(body) < 5:
                        raise ConnectionError(f"{method}: the call failed")
                    return body[5:]
            data = connection.recv(65536)
            if not data:
                raise ConnectionError(f"{method}: the connection ended")
            buffer += data


def invoke(host: str, port: int, app: str, method: str, data: bytes) -> bytes:
    """Dapr's InvokeService with POST and JSON: the data of the answer."""
    message = (
        field(1, method) + field(2, field(2, data)) + field(3, "application/json") + field(4, field(1, 3))
    )
    answer = call(host, port, "/dapr.proto.runtime.v1.Dapr/InvokeService", field(1, app) + field(3, message))
    return fields(fields(answer).get(1, b"")).get(2, b"")
