"""Faults from outside: crowds of idle connections, readers that do not read, floods of resets, no
file descriptors left."""

import contextlib
import resource
import socket
import threading
import time

import pytest

from harness import h2raw, rawhttp
from harness.daprd import Daprd
from harness.h2raw import GOAWAY, HEADERS, H2Client
from harness.http_app import HttpApp
from harness.paths import sanitized
from harness.poll import wait_for

INVOKE = "/v1.0/invoke/app/method"
MIB = 1024


@contextlib.contextmanager
def many_descriptors(wanted: int):  # noqa: ANN201
    """Raises this process's limit, which its children inherit; skips where the machine forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), max(hard, wanted)))
    except (ValueError, OSError):
        pytest.skip(f"only {hard} open files are allowed here")
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, max(hard, wanted)))


@pytest.mark.timeout(180)
def test_ten_thousand_idle_connections(stack: contextlib.ExitStack) -> None:
    stack.enter_context(many_descriptors(12000))
    app = stack.enter_context(HttpApp())
    daprd = stack.enter_context(Daprd("app", app=app))
    assert daprd.get(f"{INVOKE}/x").status == 200
    before = daprd.rss_kib()
    request = b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    held: list[socket.socket] = []
    stack.callback(lambda: [connection.close() for connection in held])
    for _ in range(10000):
        connection = socket.create_connection((daprd.host, daprd.http_port), 10)
        connection.sendall(request)
        held.append(connection)
    for connection in held:
        assert connection.recv(4096).startswith(b"HTTP/1.1 204")
    per_connection = (daprd.rss_kib() - before) / len(held)
    assert sanitized() or per_connection < 8, f"{per_connection:.1f} KiB a connection"
    times = []
    for _ in range(100):
        started = time.monotonic()
        assert daprd.get(f"{INVOKE}/x").status == 200
        times.append(time.monotonic() - started)
    assert sorted(times)[50] < 0.05
    for connection in held[::1000]:
        connection.sendall(request)
        assert connection.recv(4096).startswith(b"HTTP/1.1 204")


@pytest.mark.timeout(240)
def test_slow_reader_of_a_gigabyte(stack: contextlib.ExitStack) -> None:
    """The body is as large as its length says, and the runtime never holds more than a window of it."""
    app = stack.enter_context(HttpApp())
    daprd = stack.enter_context(Daprd("app", app=app))
    size = 1 << 30
    most = 0
    with daprd.connect() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.send(connection.head("GET", f"{INVOKE}/big?bytes={size}"))
        head = connection.read_head()
        assert head.status == 200
        for _ in range(10):  # slow at first: the app writes faster than this reads
            connection.socket.recv(4096)
            time.sleep(0.1)
            most = max(most, daprd.rss_kib())
        # Then fast; whatever the framing, at least that many bytes must come.
        read, block = len(connection.buffer) + 10 * 4096, bytearray(1 << 20)
        reads = 0
        while read < size - 40960:
            got = connection.socket.recv_into(block)
            assert got, f"cut after {read} bytes"
            read += got
            reads += 1
            if reads % 500 == 0:
                most = max(most, daprd.rss_kib())
        most = max(most, daprd.rss_kib())
    assert sanitized() or most < 64 * MIB, f"{most} KiB resident"


@pytest.mark.timeout(120)
def test_slow_app_reading_an_upload(stack: contextlib.ExitStack) -> None:
    """An app that does not read stops the uploader, not the runtime's memory."""
    app = stack.enter_context(HttpApp())
    daprd = stack.enter_context(Daprd("app", app=app, flags=["--max-body-size", "2Gi"]))

    async def never_reads(request, reply) -> None:  # noqa: ANN001
        await request.app.gate("read").wait()
        await reply.send(200)
        reply.close = True

    app.routes["/stuck"] = never_reads
    with daprd.connect() as connection:
        connection.send(connection.head("POST", f"{INVOKE}/stuck", None, 1 << 30))
        connection.socket.settimeout(2)
        sent, block = 0, bytes(1 << 16)
        with contextlib.suppress(TimeoutError):
            while sent < 1 << 29:
                sent += connection.socket.send(block)
        assert sent < 1 << 28, "the uploader was stopped"
        assert sanitized() or daprd.rss_kib() < 64 * MIB
        app.release("read")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("port", ["http", "grpc"])
def test_hundred_thousand_resets(served_http: tuple[HttpApp, Daprd], port: str) -> None:
    """Rapid reset: the runtime ends such connections or bears them, and serves everyone else."""
    app, daprd = served_http
    number = daprd.http_port if port == "http" else daprd.grpc_port
    path = f"{INVOKE}/slow?ms=1" if port == "http" else "/dapr.proto.runtime.v1.Dapr/GetMetadata"
    before = daprd.rss_kib()
    resets = connections = 0
    while resets < 100_000 and connections < 3000:
        connections += 1
        with H2Client(daprd.host, number) as client:
            try:
                for _ in range(200):
                    batch = []
                    for _ in range(50):
                        batch.append(
                            client.request(
                                path, headers=[("content-type", "application/grpc"), ("te", "trailers")]
                            )
                        )
                        batch.append(client.reset(client.stream))
                    client.send(b"".join(batch))
                    resets += 50
                    if resets >= 100_000:
                        break
            except (ConnectionError, TimeoutError):
                pass
    assert resets >= 100_000
    assert daprd.get("/v1.0/healthz").status == 204
    assert daprd.get(f"{INVOKE}/x").status == 200
    wait_for(lambda: app.in_flight == 0, 20, "no call of a reset stream stays at the app")
    assert sanitized() or daprd.rss_kib() - before < 32 * MIB


def test_a_reset_flood_is_answered_with_goaway(served_http: tuple[HttpApp, Daprd]) -> None:
    _, daprd = served_http
    with H2Client(daprd.host, daprd.http_port) as client:
        with contextlib.suppress(ConnectionError):
            for _ in range(400):
                batch = []
                for _ in range(50):
                    batch.append(client.request(f"{INVOKE}/slow"))
                    batch.append(client.reset(client.stream))
                client.send(b"".join(batch))
        try:
            _, _, _, payload = client.wait(GOAWAY)
            assert int.from_bytes(payload[4:8]) == 11, "ENHANCE_YOUR_CALM"
        except ConnectionResetError:
            pass  # the frame was lost behind unread data


@pytest.mark.parametrize("flood", ["ping", "settings"])
def test_ping_and_settings_floods(served_http: tuple[HttpApp, Daprd], flood: str) -> None:
    _, daprd = served_http
    one = h2raw.frame(h2raw.PING, 0, 0, bytes(8)) if flood == "ping" else h2raw.frame(h2raw.SETTINGS, 0, 0)
    with H2Client(daprd.host, daprd.http_port) as client:
        client.socket.settimeout(3)
        with contextlib.suppress(ConnectionError, TimeoutError):
            for _ in range(1000):
                client.send(one * 100)
    assert daprd.get("/v1.0/healthz").status == 204
    assert sanitized() or daprd.rss_kib() < 64 * MIB


def test_slow_loris_is_cut(served_http: tuple[HttpApp, Daprd]) -> None:
    """Headers must be there within 10 seconds."""
    _, daprd = served_http
    with socket.create_connection((daprd.host, daprd.http_port), 30) as connection:
        connection.sendall(b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        started = time.monotonic()
        connection.settimeout(20)
        while connection.recv(4096):
            pass
        assert 5 < time.monotonic() - started < 15


@pytest.mark.timeout(120)
def test_file_descriptors_exhausted() -> None:
    """With none left accept backs off without burning a core; when some are free all is as before."""
    with HttpApp() as app, Daprd("app", app=app, open_files=128) as daprd:
        assert daprd.get(f"{INVOKE}/x").status == 200
        held = [socket.create_connection((daprd.host, daprd.http_port), 5) for _ in range(200)]
        try:
            wait_for(lambda: daprd.descriptors() >= 120, 10)
            assert daprd.process
            before = sum(cpu_ticks(daprd.process.pid))
            time.sleep(2)
            used = sum(cpu_ticks(daprd.process.pid)) - before
            assert used < 100, f"{used} ticks of CPU in 2 s while nothing can be accepted"
            assert daprd.alive()
        finally:
            for connection in held:
                connection.close()
        wait_for(lambda: daprd.get(f"{INVOKE}/x", timeout=2).status == 200, 20)
        wait_for(lambda: daprd.descriptors() < 80, 20, "descriptors given back")


def cpu_ticks(pid: int) -> tuple[int, int]:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]), int(fields[12])


@pytest.mark.timeout(120)
def test_nothing_leaks_over_many_connections(served_http: tuple[HttpApp, Daprd]) -> None:
    _, daprd = served_http

    def burst(count: int) -> None:
        for index in range(count):
            with rawhttp.Connection(daprd.host, daprd.http_port) as connection:
                if index % 3 == 0:
                    connection.send(b"GET /v1.0/healthz HTTP/1.1\r\nHo")  # left in the middle
                else:
                    connection.request("POST", f"{INVOKE}/mirror", body=b"x" * 1000)

    burst(500)
    descriptors, memory = daprd.descriptors(), daprd.rss_kib()
    threads = [threading.Thread(target=burst, args=(1000,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    wait_for(lambda: daprd.descriptors() <= descriptors + 20, 20, "descriptors given back")
    assert sanitized() or daprd.rss_kib() < memory + 8 * MIB


def test_h2c_prior_knowledge_and_upgrade(served_http: tuple[HttpApp, Daprd]) -> None:
    _, daprd = served_http
    with H2Client(daprd.host, daprd.http_port) as client:
        client.send(client.request("/v1.0/healthz"))
        assert client.wait(HEADERS)[2] == 1
    with daprd.connect() as connection:
        connection.send(
            connection.head(
                "GET",
                "/v1.0/healthz",
                {
                    "Connection": "Upgrade, HTTP2-Settings",
                    "Upgrade": "h2c",
                    "HTTP2-Settings": "AAMAAABkAAQAAP__",
                },
            )
        )
        answer = connection.read_head()
        assert answer.status == 101 and (answer.header("upgrade") or "").lower() == "h2c"


def test_h2c_can_be_switched_off() -> None:
    with (
        Daprd("app", env={"DAPR_HTTP_DISABLE_H2C": "true"}) as daprd,
        H2Client(daprd.host, daprd.http_port) as client,
    ):
        client.send(client.request("/v1.0/healthz"))
        with pytest.raises((EOFError, ConnectionError)):
            client.wait(HEADERS)
