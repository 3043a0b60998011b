"""Figures that are not rates: start, memory, size, and what each of many app-ids costs."""

from __future__ import annotations

import contextlib
import socket
import time

from loads import wrk
from measure import BINARY, MEMORY, Bench, Figure
from processes import NotStarted, Process, free_port, http_get, http_post, stripped_size
from rows_invoke import APPS, shared_apps


def timed_start(bench: Bench, *flags: str) -> tuple[Process, int, float]:
    """The process, its HTTP port and the milliseconds of its start with the default name resolution,
    asked for health without a pause, for a pause would be part of the figure."""
    port, grpc, metrics = (free_port() for _ in range(3))
    resources = bench.folder / "resources"
    resources.mkdir(exist_ok=True)
    (resources / "memory.yaml").write_text(MEMORY)
    begin = time.monotonic()
    process = Process("daprd-start", [
        str(BINARY), f"--dapr-http-port={port}", f"--dapr-grpc-port={grpc}",
        f"--metrics-port={metrics}", "--dapr-listen-addresses=127.0.0.1", "--log-level=error",
        f"--resources-path={resources}", *flags])
    request = b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    while time.monotonic() - begin < 10:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                probe.sendall(request)
                if b" 204 " in probe.recv(200):
                    return process, port, (time.monotonic() - begin) * 1000
    process.stop()
    raise NotStarted("daprd did not start")


def median_start(bench: Bench, *flags: str) -> float:
    taken = []
    for _ in range(10):
        process, _, milliseconds = timed_start(bench, *flags)
        taken.append(milliseconds)
        process.stop()
    return sorted(taken)[5]


def one_app(bench: Bench) -> None:
    flags = ["--app-id=start", f"--dapr-internal-grpc-port={free_port()}"]
    bench.at_most("start to healthz 204 (median of 10)", median_start(bench, *flags), "ms", 5)

    with contextlib.ExitStack() as stack:
        process, ports = bench.daprd(stack, BINARY, "state")
        memory(bench, process, ports["http"])
    bench.at_most("binary, stripped", stripped_size(BINARY) / 1e6, "MB", 15)


def memory(bench: Bench, process: Process, port: int) -> None:
    state = f"http://127.0.0.1:{port}/v1.0/state/store"
    http_post(state, '[{"key":"k","value":"hello from the app"}]')
    time.sleep(0.5)
    bench.at_most("resident, idle", process.resident() / 1024, "MB", 8)
    before = process.resident()
    idle = []
    for _ in range(1000):
        probe = socket.create_connection(("127.0.0.1", port))
        probe.sendall(b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        probe.recv(400)
        idle.append(probe)
    time.sleep(0.5)
    bench.at_most("per idle connection", (process.resident() - before) / 1000, "KiB", 8)
    for probe in idle:
        probe.close()
    wrk(f"{state}/k", bench.seconds, 256)
    bench.at_most("resident, after load", process.resident() / 1024, "MB", 16)


def many_apps(bench: Bench) -> None:
    many_flag, one_flag = shared_apps(bench, APPS), shared_apps(bench, 1)
    bench.at_most(f"{APPS} app-ids, start to ready (median of 10)", median_start(bench, many_flag), "ms", 60)
    one, _, _ = timed_start(bench, one_flag)
    many, port, _ = timed_start(bench, many_flag)
    time.sleep(0.5)
    each = (many.resident() - one.resident()) / (APPS - 1)
    bench.at_most("each of them, at rest", each, "KiB", 256)
    served = sum(
        http_get(f"http://127.0.0.1:{port}/v1.0/metadata", {"Host": f"a{i}-dapr"})[0] == 200
        for i in range(APPS))
    if served != APPS:
        bench.failures.append(f"{APPS} app-ids: only {served} are served")
    one.stop()
    many.stop()


FIGURES = [Figure("figures", "one app", one_app), Figure("figures", "many apps", many_apps)]
