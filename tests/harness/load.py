"""Load on a runtime from processes of their own (wrk), targets that cost little (nginx, slow_target),
and how fast many app-ids are served. Pinned where there are cores to pin to: the runtime on the last
core, everything else on the others, so that a figure is the runtime's and not the scheduler's."""

import contextlib
import os
import pathlib
import re
import select
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc

from . import protos, rawhttp
from .daprd import Daprd
from .poll import wait_for
from .ports import free_port
from .shared import Shared
from .yamls import MEMORY, shared_app

CORES = sorted(os.sched_getaffinity(0))
OTHERS = set(CORES[:-1] or CORES)
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


@dataclass
class Load:
    """What wrk saw: answers in all, those that are not 2xx or 3xx, broken connections, milliseconds."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50: float
    p99: float
    worst: float = 0.0

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def _millis(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS[unit]


class Wrk:
    """`wrk` in the background; `result()` waits for its end. `pause` milliseconds lie between the
    requests of one connection, which makes a rate; `calls` (Host and path) are made in turn; `lua` is
    a script that makes others."""

    def __init__(
        self,
        url: str,
        seconds: float,
        connections: int,
        *,
        pause: int = 0,
        calls: list[tuple[str, str]] | None = None,
        pinned: bool = False,
        lua: str = "",
    ):
        self.script = tempfile.NamedTemporaryFile("w", suffix=".lua")  # noqa: SIM115 - ends in result()
        if pause:
            self.script.write(f"function delay() return math.random(0, {2 * pause}) end\n")
        if calls:
            listed = ", ".join(f'{{"{host}", "{path}"}}' for host, path in calls)
            self.script.write(
                f"local calls, made, last = {{{listed}}}, {{}}, 0\n"
                "function init(args)\n"
                "  for i, call in ipairs(calls) do\n"
                '    wrk.headers["Host"] = call[1]\n'
                '    made[i] = wrk.format("GET", call[2])\n'
                "  end\n"
                "end\n"
                "function request() last = last % #made + 1 return made[last] end\n"
            )
        self.script.write(lua)
        self.script.flush()
        self.process = subprocess.Popen(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "20s", "--latency",
             "-s", self.script.name, url],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=(lambda: os.sched_setaffinity(0, OTHERS)) if pinned else None,
        )

    def result(self) -> Load:
        text, _ = self.process.communicate()
        self.script.close()
        assert self.process.returncode == 0, text
        count, lasted = re.search(r"(\d+) requests in ([\d.]+\w+)", text).groups()  # type: ignore[union-attr]
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        quantiles = dict(re.findall(r"(50|99)%\s+(\S+)", text))
        worst = re.search(r"Latency\s+\S+\s+\S+\s+(\S+)", text)
        return Load(
            int(count),
            _millis(lasted) / 1000,
            int(refused.group(1)) if refused else 0,
            sum(int(n) for n in errors.groups()) if errors else 0,
            _millis(quantiles["50"]),
            _millis(quantiles["99"]),
            _millis(worst.group(1)) if worst else 0.0,
        )

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def child(arguments: list[str], port: int, folder: str | None = None) -> Iterator[None]:
    """A process that listens on `port`, ended with the block."""
    process = subprocess.Popen(
        arguments, cwd=folder, preexec_fn=lambda: os.sched_setaffinity(0, OTHERS), stderr=subprocess.DEVNULL
    )

    def listens() -> bool:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True

    try:
        wait_for(listens, 10, f"{arguments[0]} on {port}")
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def slow_target(milliseconds: int) -> Iterator[int]:
    """The port of an application that answers after that time, or never if it is negative."""
    port = free_port()
    with child(
        [sys.executable, "-m", "harness.slow_target", str(port), str(milliseconds)],
        port,
        str(pathlib.Path(__file__).resolve().parents[1]),
    ):
        yield port


@contextlib.contextmanager
def quick_target() -> Iterator[int]:
    """The port of an application (nginx) that answers at once."""
    port, folder = free_port(), tempfile.mkdtemp(prefix="target-")
    config = pathlib.Path(folder, "nginx.conf")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind}; "
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit;\n"
        "events { worker_connections 8192; }\n"
        f"http {{ access_log off; keepalive_requests 1000000000; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port}; location /dapr/ {{ return 404; }}\n"
        "location / { default_type text/plain; return 200 hello; } } }\n"
    )
    try:
        with child(["nginx", "-p", folder, "-c", str(config)], port):
            yield port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pin(daprd: Daprd) -> None:
    """The runtime's threads on the last core, when there is more than one."""
    assert daprd.process
    for thread in os.listdir(f"/proc/{daprd.process.pid}/task"):
        with contextlib.suppress(ProcessLookupError):  # one that ends meanwhile
            os.sched_setaffinity(int(thread), {CORES[-1]})


# Many app-ids.
RESOURCES = {"memory.yaml": MEMORY}


def names(count: int) -> list[str]:
    return [f"a{i:03}" for i in range(count)]


def crowd(count: int, port: int) -> dict[str, str]:
    """SharedApp documents of as many app-ids, whose applications all listen on `port`."""
    target = {"address": "127.0.0.1", "port": port}
    return {f"{name}.yaml": shared_app(name, target=target) for name in names(count)}


def start_milliseconds(daprd: Daprd) -> float:
    """Starts it (made with ready=False): milliseconds until healthz of the process answers 204. Asks
    without a pause, for a pause would be part of the figure."""
    started = time.monotonic()
    daprd.start()
    while time.monotonic() - started < 30:
        with socket.socket() as probe:
            if probe.connect_ex((daprd.host, daprd.http_port)) == 0:
                probe.sendall(b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                if b" 204 " in probe.recv(1024):
                    return (time.monotonic() - started) * 1000
        assert daprd.alive(), daprd.log_text()[-2000:]
    raise AssertionError("not ready within 30 s")


@dataclass
class Crowd:
    start_ms: float  # best of several
    kib_per_app: float  # at rest
    spread: Load  # invocations, each app calling itself in turn


def measure_crowd(count: int, starts: int, seconds: float) -> Crowd:
    with quick_target() as target:
        with Daprd(None, apps=crowd(1, target), resources=RESOURCES) as one:
            alone = one.rss_kib()
        times = []
        for _ in range(starts - 1):
            with starting_crowd(count, target) as (daprd, milliseconds):
                times.append(milliseconds)
        with starting_crowd(count, target) as (daprd, milliseconds):
            times.append(milliseconds)
            per_app = (daprd.rss_kib() - alone) / (count - 1)
            url = f"http://{daprd.host}:{daprd.http_port}/"
            calls = [(f"{name}-dapr", f"/v1.0/invoke/{name}/method/x") for name in names(count)]
            Wrk(url, 1, 32, calls=calls).result()
            spread = Wrk(url, seconds, 32, calls=calls).result()
        return Crowd(min(times), per_app, spread)


@contextlib.contextmanager
def starting_crowd(count: int, target: int) -> Iterator[tuple[Daprd, float]]:
    """A runtime that was seen to serve each of `count` app-ids, and how long its start took."""
    daprd = Daprd(None, apps=crowd(count, target), resources=RESOURCES, ready=False)
    try:
        milliseconds = start_milliseconds(daprd)
        with daprd.connect() as connection:
            for name in names(count):
                answer = connection.request("GET", "/v1.0/metadata", {"Host": f"{name}-dapr"})
                assert answer.status == 200 and answer.json()["id"] == name, (name, answer)
        yield daprd, milliseconds
    except BaseException:
        daprd.kill()
        daprd.__exit__(RuntimeError)
        raise
    daprd.__exit__(None)


# Compartments.
@dataclass
class Flood:
    before: float  # the quiet app's p99 in milliseconds without the flood …
    during: float  # … and while it goes on
    refused: int  # calls of the flood that were refused with 429, and in all
    calls: int
    broken: int


def compartments(stack: contextlib.ExitStack, loud: int, quiet: int, **limits: object) -> Shared:
    """A runtime for the apps `quiet` and `loud`, at these ports; only `loud` is limited."""
    at = "127.0.0.1"
    return Shared(
        stack,
        {
            "quiet": {"target": {"address": at, "port": quiet}},
            "loud": {"target": {"address": at, "port": loud}, "limits": limits},
        },
        resources=RESOURCES,
    )


def measure_flood(stack: contextlib.ExitStack, in_flight: int, rounds: int, seconds: int) -> Flood:
    """Callers of `loud` are ten times its limit, each with 20 calls a second on average. The quiet
    app's p99 is taken with and without them in turn; the medians of the rounds count, so that one
    disturbance of the machine does not."""
    slow, quick = stack.enter_context(slow_target(50)), stack.enter_context(quick_target())
    shared = compartments(stack, slow, quick, inFlight=in_flight)
    pin(shared.daprd)

    def url(app: str) -> str:
        return f"http://127.0.0.1:{shared.ports[app]['http']}/v1.0/invoke/{app}/method/x"

    def quiet_p99() -> float:
        load = Wrk(url("quiet"), seconds, 8, pause=2, pinned=True).result()
        assert load.refused == 0 and load.broken == 0, load
        return load.p99

    quiet_p99()
    before, during, floods = [], [], []
    for _ in range(rounds):
        before.append(quiet_p99())
        flood = Wrk(url("loud"), seconds + 1, 10 * in_flight, pause=50, pinned=True)
        try:
            wait_for(lambda: shared.daprd.metrics().total("dapr_shared_inflight", app_id="loud") > 0, 5)
            during.append(quiet_p99())
            floods.append(flood.result())
        finally:
            flood.end()
    return Flood(
        statistics.median(before),
        statistics.median(during),
        sum(flood.refused for flood in floods),
        sum(flood.requests for flood in floods),
        sum(flood.broken for flood in floods),
    )


def check_hanging_target(stack: contextlib.ExitStack, in_flight: int, body_memory_mib: int) -> None:
    """An app that never answers: as many calls as its limit are held, the next is refused with 429;
    bodies, each of a quarter of it, are held up to its memory limit (4 to 12 MiB), and the process holds
    no more than that for it."""
    hanging, quick = stack.enter_context(slow_target(-1)), stack.enter_context(quick_target())
    shared = compartments(stack, hanging, quick, inFlight=in_flight, bodyMemory=f"{body_memory_mib}Mi")
    daprd, port = shared.daprd, shared.ports["loud"]["http"]

    def quiet_is_well() -> bool:
        return shared.request("quiet", "GET", "/v1.0/invoke/quiet/method/x").status == 200

    def call(body: bytes) -> rawhttp.Connection:
        connection = rawhttp.Connection(daprd.host, port)
        stack.callback(connection.close)
        connection.send(connection.head("POST", "/v1.0/invoke/loud/method/x", None, len(body)) + body)
        return connection

    def refused(connection: rawhttp.Connection) -> bool:
        return connection.read_head().status == 429

    assert quiet_is_well()
    # Many calls.
    held = [call(b"x") for _ in range(in_flight)]
    wait_for(lambda: daprd.metrics().total("dapr_shared_inflight", app_id="loud") == in_flight)
    assert all(refused(call(b"x")) for _ in range(in_flight))
    assert quiet_is_well()
    for connection in held:
        reset(connection)
    wait_for(lambda: daprd.metrics().total("dapr_shared_inflight", app_id="loud") == 0)
    # Large bodies, each a quarter of what the app may hold: four wait, the others are refused.
    before = daprd.rss_kib()
    body = bytes(body_memory_mib * 1024 * 256)
    held = [call(body) for _ in range(4)]
    wait_for(lambda: daprd.metrics().total("dapr_shared_inflight", app_id="loud") == 4)
    for _ in range(2 * body_memory_mib):
        connection = rawhttp.Connection(daprd.host, port)
        stack.callback(connection.close)
        connection.send(connection.head("POST", "/v1.0/invoke/loud/method/x", None, len(body)))
        assert refused(connection)
    assert quiet_is_well()
    assert daprd.rss_kib() - before < (2 * body_memory_mib + 4) * 1024
    for connection in held:
        reset(connection)
    wait_for(lambda: daprd.metrics().total("dapr_shared_inflight", app_id="loud") == 0)
    # The same with bodies whose length nobody says before.
    for hold in (hold_chunked_bodies, hold_grpc_bodies):
        before = daprd.rss_kib()
        hold(shared, body_memory_mib, before + (2 * body_memory_mib + 4) * 1024)
        assert quiet_is_well()


def hold_chunked_bodies(shared: Shared, body_memory_mib: int, most_kib: int) -> None:
    """Callers of `loud` who begin to send and do not end."""

    def answered(connection: rawhttp.Connection, seconds: float = 0) -> bool:
        return bool(select.select([connection.socket], [], [], seconds)[0])

    def begin(number: int, pieces: int) -> rawhttp.Connection:
        """Sends so many pieces of 32 KiB, or until there is an answer."""
        connection = rawhttp.Connection(shared.daprd.host, shared.ports["loud"]["http"], timeout=5)
        way = ("POST", "/v1.0/state/memory") if number % 2 else ("PUT", "/v1.0/metadata/x")
        connection.send(connection.head(*way, {"Transfer-Encoding": "chunked"}))
        for _ in range(pieces):
            if answered(connection):
                break
            connection.send(b"8000\r\n" + bytes(0x8000) + b"\r\n")
        return connection

    with contextlib.ExitStack() as callers:
        held = [begin(number, 8 * body_memory_mib - 1) for number in range(4)]
        callers.callback(lambda: [reset(connection) for connection in held])

        def full() -> bool:
            """As soon as what they sent has been read, nobody else is let in. Who asks before takes room
            from them, so that one of them may have been refused."""
            for number, connection in enumerate(held):
                if answered(connection):
                    connection.close()
                    held[number] = begin(number, 8 * body_memory_mib - 1)
                    return False
            with contextlib.closing(begin(0, 0)) as late:
                if answered(late, 0.2):
                    return late.read_head().status == 429
                reset(late)
            return False

        wait_for(full, 10, "the app's memory for bodies is taken")
        assert shared.daprd.rss_kib() < most_kib
        reset(held.pop())

        # There is room again, but not for so much.
        def refused_on_its_way() -> bool:
            with contextlib.closing(begin(0, 10 * body_memory_mib)) as large:
                return large.read_head().status == 429

        assert refused_on_its_way()


def hold_grpc_bodies(shared: Shared, body_memory_mib: int, most_kib: int) -> None:
    """Calls of `loud` by gRPC that its application never answers."""
    daprd = shared.daprd

    def in_flight(count: int) -> None:
        wait_for(lambda: daprd.metrics().total("dapr_shared_inflight", app_id="loud") == count)

    def request(kib: int) -> Any:
        out = protos.runtime.InvokeServiceRequest(id="loud")
        out.message.method, out.message.data.value = "x", bytes(kib * 1024)
        out.message.http_extension.verb = protos.common.HTTPExtension.POST
        return out

    with shared.channel("loud") as channel:
        invoke = daprd.dapr(channel).InvokeService

        def refused(kib: int) -> bool:
            try:
                invoke(request(kib), timeout=5)
            except grpc.RpcError as error:
                return error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and "spec.limits" in error.details()
            return False

        quarter = body_memory_mib * 256 - 4
        held = [invoke.future(request(quarter)) for _ in range(4)]
        in_flight(4)
        assert all(refused(kib) for kib in (0, 1, quarter, quarter))
        assert daprd.rss_kib() < most_kib
        held.pop().cancel()
        in_flight(3)
        assert refused(quarter * 5 // 4), "there is room again, but not for so much"
        for call in held:
            call.cancel()
        in_flight(0)


def reset(connection: rawhttp.Connection) -> None:
    """Ends it so that no reading is needed to see that the caller has gone."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def add_and_remove_guest(shared: Shared, target: int) -> None:
    """An app that is there for one call, found by name on the shared port."""
    spec = {"target": {"address": "127.0.0.1", "port": target}}

    def guest() -> int:
        return shared.daprd.get("/v1.0/invoke/guest/method/x", {"Host": "guest-dapr"}).status

    shared.daprd.put_app("guest.yaml", shared_app("guest", **spec))
    wait_for(lambda: guest() == 200, 10, "the guest is served")
    shared.daprd.remove_app("guest.yaml")
    wait_for(lambda: guest() == 421, 10, "the guest is gone")
