#!/usr/bin/env python3
"""Measures the runtime beside nginx in one run and holds it to the budget.

    bench/run.py [--seconds N] [--peer /path/to/daprd] [--check] [--only NAME]

Prints, for each case, requests a second, p50, p99, and the CPU microseconds a request costs in the
measured process alone; then the ratio to nginx's figure for the comparable case, and whether that is
within the budget. Ratios of one run hold on any machine; the absolute figures do not. Everything speaks
plaintext, so that nobody pays for TLS. --peer measures another daprd binary in a second column. --check
exits 1 if a budget is not held or a request failed. docs/measured.md says what each row is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from processes import (
    Load,
    Nginx,
    Process,
    free_port,
    h2load_grpc,
    http_get,
    proxy_server,
    static_server,
    stripped_size,
    wrk,
)

APPS = 200
ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("DAPRD", ROOT / "build/release/daprd"))


@dataclass
class Row:
    name: str
    load: Load
    cpu_us: float
    compared_with: str = ""
    budget: float = 0.0
    least_rate: float = 0.0
    peer_us: float | None = None


class Bench:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.seconds = arguments.seconds
        self.only = arguments.only
        self.peer = Path(arguments.peer) if arguments.peer else None
        self.rows: list[Row] = []
        self.failures: list[str] = []
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.app = free_port()
        self.backend = Nginx(static_server(self.app))
        self.backend.wait_port(self.app)

    def close(self) -> None:
        self.backend.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- one daprd -------------------------------------------------------------------------------

    def daprd(self, binary: Path, app_id: str, *flags: str) -> tuple[Process, dict[str, int]]:
        ports = {name: free_port() for name in ("http", "grpc", "internal", "metrics")}
        resources = self.folder / "resources"
        resources.mkdir(exist_ok=True)
        (resources / "memory.yaml").write_text(
            "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: store}\n"
            "spec: {type: state.in-memory, version: v1, metadata: []}\n"
        )
        config = self.folder / "config.yaml"
        config.write_text(
            "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: bench}\n"
            "spec:\n  nameResolution:\n    component: sqlite\n    configuration:\n"
            f"      connectionString: {self.folder}/names.db\n  tracing: {{samplingRate: \"0\"}}\n"
        )
        argv = [str(binary)]
        if app_id:
            argv += [f"--app-id={app_id}", f"--dapr-internal-grpc-port={ports['internal']}"]
        argv += [
            f"--dapr-http-port={ports['http']}",
            f"--dapr-grpc-port={ports['grpc']}",
            f"--metrics-port={ports['metrics']}",
            "--dapr-listen-addresses=127.0.0.1",
            f"--resources-path={resources}",
            f"--config={config}",
            "--log-level=error",
            *flags,
        ]
        process = Process(f"daprd-{app_id or 'shared'}", argv)
        process.wait_port(ports["http"])
        self.wait_health(ports["http"])
        return process, ports

    @staticmethod
    def wait_health(port: int) -> None:
        until = time.monotonic() + 15
        while time.monotonic() < until:
            try:
                if http_get(f"http://127.0.0.1:{port}/v1.0/healthz")[0] == 204:
                    return
            except OSError:
                pass
            time.sleep(0.01)
        raise SystemExit("daprd did not become healthy")

    # --- measuring -------------------------------------------------------------------------------

    def measure(self, name: str, processes: list[Process], run, compared_with: str = "",
                budget: float = 0.0) -> Row:
        before = sum(process.cpu() for process in processes)
        load = run(self.seconds)
        cpu = sum(process.cpu() for process in processes) - before
        row = Row(name, load, cpu / max(load.requests, 1) * 1e6, compared_with, budget)
        if load.failed:
            self.failures.append(f"{name}: {load.failed} requests failed")
        return row

    def case(self, name: str, setup, compared_with: str, budget: float, ours_only: bool = False,
             least_rate: float = 0) -> None:
        """`setup(binary)` gives (processes, run); repeated for the peer if there is one."""
        if self.only and self.only not in name:
            return
        row = None
        for binary in [BINARY, None if ours_only else self.peer]:
            if binary is None:
                continue
            processes, run = setup(binary)
            try:
                run(1)  # warm: connections, caches, branch predictors
                measured = self.measure(name, processes, run, compared_with, budget)
            finally:
                for process in processes:
                    process.stop()
            if row is None:
                row = measured
            else:
                row.peer_us = measured.cpu_us
        row.least_rate = least_rate
        self.rows.append(row)

    def nginx_cases(self) -> None:
        static, proxy, two = free_port(), free_port(), free_port()
        server = Nginx(static_server(static))
        server.wait_port(static)
        wrk(f"http://127.0.0.1:{static}/", 1)
        self.rows.append(
            self.measure("nginx static", [server], lambda s: wrk(f"http://127.0.0.1:{static}/", s)))
        server.stop()
        server = Nginx(proxy_server(proxy, self.app))
        server.wait_port(proxy)
        wrk(f"http://127.0.0.1:{proxy}/", 1)
        self.rows.append(
            self.measure("nginx proxy", [server], lambda s: wrk(f"http://127.0.0.1:{proxy}/", s)))
        second = Nginx(proxy_server(two, proxy))
        second.wait_port(two)
        wrk(f"http://127.0.0.1:{two}/", 1)
        self.rows.append(
            self.measure("nginx two proxies", [server, second],
                         lambda s: wrk(f"http://127.0.0.1:{two}/", s)))
        second.stop()
        server.stop()

    def invoke_own(self, binary: Path):
        process, ports = self.daprd(binary, "own", f"--app-port={self.app}")
        url = f"http://127.0.0.1:{ports['http']}/v1.0/invoke/own/method/hello"
        return [process], lambda s: wrk(url, s)

    def invoke_two(self, binary: Path):
        callee, _ = self.daprd(binary, "callee", f"--app-port={self.app}")
        caller, ports = self.daprd(binary, "caller")
        url = f"http://127.0.0.1:{ports['http']}/v1.0/invoke/callee/method/hello"
        until = time.monotonic() + 10
        while http_get(url)[0] != 200 and time.monotonic() < until:
            time.sleep(0.05)
        return [caller, callee], lambda s: wrk(url, s)

    def invoke_same_process(self, binary: Path):
        if binary != BINARY:
            return self.invoke_two(binary)
        apps = self.folder / "apps"
        apps.mkdir(exist_ok=True)
        http = free_port()
        for app_id, port, ports in (("caller", 0, f"ports: {{http: {http}}}"), ("callee", self.app, "")):
            target = f"target: {{address: 127.0.0.1, port: {port}}}" if port else ""
            (apps / f"{app_id}.yaml").write_text(
                "apiVersion: shared.dapr.io/v1alpha1\nkind: SharedApp\n"
                f"metadata: {{name: {app_id}}}\nspec:\n  appId: {app_id}\n"
                + "".join(f"  {line}\n" for line in (target, ports) if line)
            )
        process, _ = self.daprd(binary, "", f"--apps-path={apps}")
        process.wait_port(http)
        url = f"http://127.0.0.1:{http}/v1.0/invoke/callee/method/hello"
        return [process], lambda s: wrk(url, s)

    def state(self, binary: Path) -> tuple[Process, dict[str, int]]:
        process, ports = self.daprd(binary, "state")
        request = urllib.request.Request(
            f"http://127.0.0.1:{ports['http']}/v1.0/state/store",
            data=b'[{"key":"k","value":"hello from the app"}]', method="POST")
        urllib.request.urlopen(request, timeout=5).read()
        return process, ports

    def state_get_http(self, binary: Path):
        process, ports = self.state(binary)
        return [process], lambda s: wrk(f"http://127.0.0.1:{ports['http']}/v1.0/state/store/k", s)

    def state_get_grpc(self, binary: Path):
        process, ports = self.state(binary)
        message = b"\x0a\x05store\x12\x01k"
        return [process], lambda s: h2load_grpc(
            ports["grpc"], "/dapr.proto.runtime.v1.Dapr/GetState", message, s)

    # --- many app-ids in one process ---------------------------------------------------------------

    def shared(self, count: int) -> tuple[Process, int, float]:
        """The process, its HTTP port and the milliseconds of its start. Every app's target is the
        one backend; every app has the in-memory store of the resources."""
        apps = self.folder / f"apps-{count}"
        apps.mkdir(exist_ok=True)
        for i in range(count):
            (apps / f"a{i}.yaml").write_text(
                "apiVersion: shared.dapr.io/v1alpha1\nkind: SharedApp\n"
                f"metadata: {{name: a{i}}}\n"
                f"spec: {{appId: a{i}, target: {{address: 127.0.0.1, port: {self.app}}}}}\n")
        return self.timed_start(f"--apps-path={apps}")

    def timed_start(self, *flags: str) -> tuple[Process, int, float]:
        """Starts it with the default name resolution, and asks for health without a pause, for a
        pause would be part of the figure."""
        port, grpc, metrics = (free_port() for _ in range(3))
        begin = time.monotonic()
        process = Process("daprd-start", [
            str(BINARY), f"--dapr-http-port={port}", f"--dapr-grpc-port={grpc}",
            f"--metrics-port={metrics}", "--dapr-listen-addresses=127.0.0.1", "--log-level=error",
            f"--resources-path={self.folder}/resources", *flags])
        request = b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        while time.monotonic() - begin < 10:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    probe.sendall(request)
                    if b" 204 " in probe.recv(200):
                        return process, port, (time.monotonic() - begin) * 1000
        process.stop()
        raise SystemExit("daprd did not start")

    def starts(self, times: int, start) -> list[float]:
        taken = []
        for _ in range(times):
            process, _, milliseconds = start()
            taken.append(milliseconds)
            process.stop()
        return sorted(taken)

    def many_apps(self, binary: Path):
        process, port, _ = self.shared(APPS)
        calls = [(f"a{i}-dapr", f"/v1.0/invoke/a{i}/method/x") for i in range(APPS)]
        return [process], lambda s: wrk(f"http://127.0.0.1:{port}/", s, calls=calls)

    def many_figures(self) -> None:
        taken = self.starts(10, lambda: self.shared(APPS))
        self.at_most(f"{APPS} app-ids, start to ready (median of 10)", taken[5], "ms", 60)
        one, _, _ = self.shared(1)
        many, port, _ = self.shared(APPS)
        time.sleep(0.5)
        each = (many.resident() - one.resident()) / (APPS - 1)
        self.at_most("each of them, at rest", each, "KiB", 256)
        served = sum(
            http_get(f"http://127.0.0.1:{port}/v1.0/metadata", {"Host": f"a{i}-dapr"})[0] == 200
            for i in range(APPS))
        if served != APPS:
            self.failures.append(f"{APPS} app-ids: only {served} are served")
        one.stop()
        many.stop()

    # --- figures that are not rates --------------------------------------------------------------

    def at_most(self, name: str, value: float, unit: str, limit: float) -> None:
        good = value <= limit
        print(f"{name:<44}{value:>10.1f} {unit:<4} budget {limit:g} {'ok' if good else 'OVER'}")
        if not good:
            self.failures.append(f"{name}: {value:.1f} {unit}, budget {limit:g}")

    def figures(self) -> None:
        internal = free_port()
        taken = self.starts(
            10, lambda: self.timed_start("--app-id=start", f"--dapr-internal-grpc-port={internal}"))
        self.at_most("start to healthz 204 (median of 10)", taken[5], "ms", 5)

        process, ports = self.state(BINARY)
        time.sleep(0.5)
        self.at_most("resident, idle", process.resident() / 1024, "MB", 8)
        before = process.resident()
        idle = []
        for _ in range(1000):
            probe = socket.create_connection(("127.0.0.1", ports["http"]))
            probe.sendall(b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            probe.recv(400)
            idle.append(probe)
        time.sleep(0.5)
        self.at_most("per idle connection", (process.resident() - before) / 1000, "KiB", 8)
        for probe in idle:
            probe.close()
        wrk(f"http://127.0.0.1:{ports['http']}/v1.0/state/store/k", self.seconds, 256)
        self.at_most("resident, after load", process.resident() / 1024, "MB", 16)
        process.stop()
        self.at_most("binary, stripped", stripped_size(BINARY) / 1e6, "MB", 15)

    # --- the report ------------------------------------------------------------------------------

    def report(self) -> None:
        by_name = {row.name: row for row in self.rows}
        print(f"{'case':<36}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}{'ratio':>8}  budget"
              + ("     peer us" if self.peer else ""))
        for row in self.rows:
            line = (f"{row.name:<36}{row.load.rate:>9.0f}{row.load.p50_ms:>9.2f}"
                    f"{row.load.p99_ms:>9.2f}{row.cpu_us:>9.1f}")
            if row.compared_with and row.compared_with in by_name:
                ratio = row.cpu_us / by_name[row.compared_with].cpu_us
                line += f"{ratio:>8.2f}  "
                if row.budget:
                    good = ratio <= row.budget
                    line += f"{row.budget:g} x {row.compared_with} {'ok' if good else 'OVER'}"
                    if not good:
                        self.failures.append(
                            f"{row.name}: {ratio:.2f} x {row.compared_with}, budget {row.budget:g}")
            if row.least_rate:
                good = row.load.rate >= row.least_rate
                line += f"{row.least_rate:g} req/s {'ok' if good else 'UNDER'}"
                if not good:
                    self.failures.append(
                        f"{row.name}: {row.load.rate:.0f} req/s, budget {row.least_rate:g}")
            if row.peer_us is not None:
                line += f"  {row.peer_us:.1f}"
            print(line)
        print()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="length of each measurement")
    parser.add_argument("--peer", help="another daprd binary to measure as well")
    parser.add_argument("--check", action="store_true", help="exit 1 if a budget is not held")
    parser.add_argument("--only", help="only cases whose name contains this")
    arguments = parser.parse_args()
    if not BINARY.exists():
        raise SystemExit(f"{BINARY} is missing: run make build")
    bench = Bench(arguments)
    try:
        bench.nginx_cases()
        bench.case("invoke own app, HTTP", bench.invoke_own, "nginx proxy", 1.3)
        bench.case("invoke through two daprds, HTTP", bench.invoke_two, "nginx two proxies", 1.5)
        bench.case("invoke within one process, HTTP", bench.invoke_same_process, "nginx proxy", 1.4)
        bench.case("state get, in memory, HTTP", bench.state_get_http, "nginx static", 1.4)
        bench.case("state get, in memory, gRPC", bench.state_get_grpc, "nginx static", 1.6)
        bench.case(f"invoke spread over {APPS} app-ids", bench.many_apps, "nginx proxy", 0,
                   ours_only=True, least_rate=20_000)
        bench.report()
        if not arguments.only:
            bench.figures()
            bench.many_figures()
    finally:
        bench.close()
    for failure in bench.failures:
        print(f"not held: {failure}")
    return 1 if arguments.check and bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
