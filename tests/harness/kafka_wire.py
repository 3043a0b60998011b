"""As much of Kafka's protocol as the tests need to look at a broker from outside: topics, ends of
partitions, committed offsets. One request a connection; the listener must be plain."""

import socket
import struct
from collections.abc import Sequence

CREATE_TOPICS, LIST_OFFSETS, OFFSET_FETCH, METADATA = 19, 2, 9, 3


class KafkaError(Exception):
    def __init__(self, what: str, code: int):
        super().__init__(f"{what}: Kafka error {code}")
        self.code = code


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">h", len(data)) + data


def _array(items: Sequence[bytes]) -> bytes:
    return struct.pack(">i", len(items)) + b"".join(items)


class _Reader:
    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, form: str) -> int:
        value: int = struct.unpack_from(">" + form, self.data, self.at)[0]
        self.at += struct.calcsize(">" + form)
        return value

    def text(self) -> str:
        size = max(self.take("h"), 0)
        self.at += size
        return self.data[self.at - size : self.at].decode()


def _ask(address: tuple[str, int], key: int, version: int, body: bytes) -> _Reader:
    with socket.create_connection(address, 5) as connection:
        request = struct.pack(">hhi", key, version, 1) + _text("tests") + body
        connection.sendall(struct.pack(">i", len(request)) + request)
        data = b""
        while len(data) < 4 or len(data) < 4 + struct.unpack_from(">i", data)[0]:
            chunk = connection.recv(65536)
            if not chunk:
                raise ConnectionError("the broker closed the connection")
            data += chunk
    reader = _Reader(data)
    reader.take("i")
    reader.take("i")
    return reader


def create_topic(address: tuple[str, int], topic: str, partitions: int) -> None:
    """Also where it exists already."""
    entry = _text(topic) + struct.pack(">ih", partitions, 1) + _array([]) + _array([])
    answer = _ask(address, CREATE_TOPICS, 0, _array([entry]) + struct.pack(">i", 10_000))
    answer.take("i")
    answer.text()
    code = answer.take("h")
    if code not in (0, 36):
        raise KafkaError(f"create topic {topic}", code)


def partition_count(address: tuple[str, int], topic: str) -> int:
    answer = _ask(address, METADATA, 0, _array([_text(topic)]))
    for _ in range(answer.take("i")):
        answer.take("i"), answer.text(), answer.take("i")
    answer.take("i")
    code = answer.take("h")
    if code:
        raise KafkaError(f"metadata of {topic}", code)
    answer.text()
    return answer.take("i")


def end_offsets(address: tuple[str, int], topic: str, partitions: int) -> list[int]:
    """The offset after the last message of each partition."""
    wanted = [struct.pack(">iq", partition, -1) for partition in range(partitions)]
    answer = _ask(address, LIST_OFFSETS, 1, struct.pack(">i", -1) + _array([_text(topic) + _array(wanted)]))
    answer.take("i")
    answer.text()
    ends = [0] * partitions
    for _ in range(answer.take("i")):
        partition, code = answer.take("i"), answer.take("h")
        answer.take("q")
        if code:
            raise KafkaError(f"end of {topic}", code)
        ends[partition] = answer.take("q")
    return ends


def committed(address: tuple[str, int], group: str, topic: str, partitions: int) -> list[int]:
    """What the group has committed for each partition; -1 = nothing."""
    wanted = [struct.pack(">i", partition) for partition in range(partitions)]
    answer = _ask(address, OFFSET_FETCH, 1, _text(group) + _array([_text(topic) + _array(wanted)]))
    offsets = [-1] * partitions
    if answer.take("i") == 0:  # the broker has never seen a group
        return offsets
    answer.text()
    for _ in range(answer.take("i")):
        partition = answer.take("i")
        offsets[partition] = answer.take("q")
        answer.text()
        code = answer.take("h")
        if code:
            raise KafkaError(f"offsets of {group}", code)
    return offsets
