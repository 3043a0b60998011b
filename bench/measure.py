"""One benchmark run: its cases, the processes they measure, and the report with the budgets."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loads import Load
from processes import Nginx, NotStarted, Process, free_port, http_get, static_server
from servers import PostgresServer, RedisServer

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("DAPRD", ROOT / "build/release/daprd"))

MEMORY = (
    "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: store}\n"
    "spec: {type: state.in-memory, version: v1, metadata: []}\n"
)


@dataclass
class Started:
    """What a case measures: the processes whose CPU time counts, and the load of so many seconds."""

    processes: list[Process]
    run: Callable[[int], Load]


@dataclass
class Case:
    """A row. `setup` starts what the binary is measured by; `stack` ends it. `compared_with` names the
    row that `budget` is a multiple of; 0 shows the ratio alone."""

    group: str
    name: str
    setup: Callable[[Bench, Path, contextlib.ExitStack], Started]
    compared_with: str = ""
    budget: float = 0.0
    ours_only: bool = False
    least_rate: float = 0.0


@dataclass
class Figure:
    """Figures that are no rates: printed by `show` as they come."""

    group: str
    name: str
    show: Callable[[Bench], None]


@dataclass
class Row:
    case: Case
    load: Load
    cpu_us: float
    peer_us: float | None = None


def chosen(part: Case | Figure, only: list[str]) -> bool:
    return not only or any(word in part.group or word in part.name for word in only)


class Bench:
    def __init__(self, seconds: int, peer: Path | None) -> None:
        self.seconds, self.peer = seconds, peer
        self.rows: list[Row] = []
        self.failures: list[str] = []
        self.stack = contextlib.ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.app = free_port()

    def close(self) -> None:
        self.stack.close()

    # --- servers, started when first wanted --------------------------------------------------------

    @functools.cached_property
    def backend(self) -> Nginx:
        return self.keep(self.stack, Nginx(static_server(self.app)), self.app)

    @functools.cached_property
    def redis(self) -> RedisServer:
        return self.stack.enter_context(RedisServer())

    @functools.cached_property
    def postgres(self) -> PostgresServer:
        return self.stack.enter_context(PostgresServer())

    @staticmethod
    def keep(stack: contextlib.ExitStack, process: Process, port: int) -> Process:
        """Ends with the stack; listens when this returns."""
        stack.callback(process.stop)
        process.wait_port(port)
        return process

    def daprd(self, stack: contextlib.ExitStack, binary: Path, app_id: str, *flags: str,
              component: str = MEMORY) -> tuple[Process, dict[str, int]]:
        """A runtime that is healthy, and its ports. Without an app-id it serves those of the flags."""
        ports = {name: free_port() for name in ("http", "grpc", "internal", "metrics")}
        resources = Path(tempfile.mkdtemp(prefix="resources-", dir=self.folder))
        (resources / "component.yaml").write_text(component)
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
        process = self.keep(stack, Process(f"daprd-{app_id or 'shared'}", argv), ports["http"])
        self.wait_health(process, ports["http"])
        return process, ports

    @staticmethod
    def wait_health(process: Process, port: int) -> None:
        until = time.monotonic() + 15
        while time.monotonic() < until and process.child.poll() is None:
            with contextlib.suppress(OSError):
                if http_get(f"http://127.0.0.1:{port}/v1.0/healthz")[0] == 204:
                    return
            time.sleep(0.01)
        raise NotStarted(f"{process.name} did not become healthy:\n{process.output()[-2000:]}")

    # --- measuring -------------------------------------------------------------------------------

    def measure(self, case: Case, binary: Path) -> Row:
        with contextlib.ExitStack() as stack:
            started = case.setup(self, binary, stack)
            started.run(1)  # warm: connections, caches, branch predictors
            before = sum(process.cpu() for process in started.processes)
            load = started.run(self.seconds)
            cpu = sum(process.cpu() for process in started.processes) - before
            if load.failed or not load.requests:
                self.failures.append(f"{case.name}: {load.failed} of {load.requests} requests failed")
            return Row(case, load, cpu / max(load.requests, 1) * 1e6)

    def run(self, case: Case) -> None:
        try:
            row = self.measure(case, BINARY)
            self.rows.append(row)
            if self.peer and not case.ours_only:
                row.peer_us = self.measure(case, self.peer).cpu_us
        except NotStarted as error:
            self.failures.append(f"{case.name}: {error}")

    def show(self, figure: Figure) -> None:
        try:
            figure.show(self)
        except NotStarted as error:
            self.failures.append(f"{figure.name}: {error}")

    # --- the report ------------------------------------------------------------------------------

    def at_most(self, name: str, value: float, unit: str, limit: float) -> None:
        good = value <= limit
        print(f"{name:<44}{value:>10.1f} {unit:<4} budget {limit:g} {'ok' if good else 'OVER'}", flush=True)
        if not good:
            self.failures.append(f"{name}: {value:.1f} {unit}, budget {limit:g}")

    def held(self, row: Row, cpu_of: dict[str, float]) -> str:
        """Ratio, budget and verdict of a row."""
        case, text = row.case, ""
        reference = cpu_of.get(case.compared_with, 0.0)
        if reference:
            ratio = row.cpu_us / reference
            text = f"{ratio:>8.2f}  "
            if case.budget:
                good = ratio <= case.budget
                text += f"{case.budget:g} x {case.compared_with} {'ok' if good else 'OVER'}"
                if not good:
                    self.failures.append(
                        f"{case.name}: {ratio:.2f} x {case.compared_with}, budget {case.budget:g}")
        if case.least_rate:
            good = row.load.rate >= case.least_rate
            text += f"{case.least_rate:g} req/s {'ok' if good else 'UNDER'}"
            if not good:
                self.failures.append(f"{case.name}: {row.load.rate:.0f} req/s, budget {case.least_rate:g}")
        return text

    def report(self) -> None:
        if not self.rows:
            return
        cpu_of = {row.case.name: row.cpu_us for row in self.rows}
        print(f"{'case':<40}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}{'ratio':>8}  budget"
              + ("     peer us" if self.peer else ""))
        for row in self.rows:
            line = (f"{row.case.name:<40}{row.load.rate:>9.0f}{row.load.p50_ms:>9.2f}"
                    f"{row.load.p99_ms:>9.2f}{row.cpu_us:>9.1f}{self.held(row, cpu_of)}")
            if row.peer_us is not None and not math.isnan(row.peer_us):
                line += f"  {row.peer_us:.1f}"
            print(line)
        print(flush=True)
