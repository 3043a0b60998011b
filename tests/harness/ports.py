"""Ports nobody uses, below the kernel's ephemeral range so that no outgoing connection takes one; and who
is connected to one."""

import os
import pathlib
import random
import socket

LOW, HIGH = 12000, 32000
_random = random.Random(os.getpid() * 7919 + int.from_bytes(os.urandom(4)))
_given: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A port nothing listens on now, never given out twice by this process."""
    for _ in range(1000):
        port = _random.randrange(LOW, HIGH)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise AssertionError("no free port found")


def established(port: int) -> set[str]:
    """The near ends of the connections over IPv4 to this port."""
    rows = [row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[2].endswith(f":{port:04X}") and row[3] == "01"}
