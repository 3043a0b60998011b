#!/usr/bin/env python3
"""`make demo`: one shared runtime, two small applications that live elsewhere and start later.

Shows invocation over HTTP and gRPC, state with its etag, and an application that is stopped while a
call waits for it. Every step is checked; the exit code is 0 only when all went as told."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import tiny_grpc

HERE = pathlib.Path(__file__).resolve().parent
BINARY = pathlib.Path(os.environ.get("DAPRD", HERE.parents[1] / "build" / "release" / "daprd"))
HOST = "127.0.0.1"
APP = """apiVersion: shared.dapr.io/v1alpha1
kind: SharedApp
metadata: {{name: {name}}}
spec:
  appId: {name}
  target: {{address: 127.0.0.1, port: {target}, protocol: http}}
  ports: {{http: {http}, grpc: {grpc}, internal: {internal}}}
"""
STORE = """apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: {name}}}
spec:
  type: {type}
  version: v1
  metadata: {metadata}
"""


class Failure(Exception):
    """A step of the demo did not go as told."""


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def http(
    method: str, port: int, path: str, value: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, Any]:
    """Status, body (JSON, or None) and headers."""
    body = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(
        f"http://{HOST}:{port}{path}",
        body,
        {"Content-Type": "application/json", **(headers or {})},
        method=method,
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None, answer.headers
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text.startswith(b"{") else None, error.headers


def title(text: str) -> None:
    print(f"\n{text}", flush=True)


def show(seconds: float, call: str, result: Any) -> None:
    text = result if isinstance(result, str) else json.dumps(result)
    print(f"  {seconds * 1000:8.1f} ms   {call}  ->  {text[:120]}", flush=True)


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise Failure(what)


def step(
    call: str,
    method: str,
    port: int,
    path: str,
    value: Any = None,
    wanted: int = 200,
    headers: dict[str, str] | None = None,
) -> tuple[Any, Any]:
    """One timed HTTP call that must answer `wanted`; body and headers."""
    started = time.monotonic()
    status, body, fields = http(method, port, path, value, headers)
    show(time.monotonic() - started, call, f"{status}" + (f" {json.dumps(body)}" if body is not None else ""))
    expect(status == wanted, f"{call} answered {status}, not {wanted}")
    return body, fields


class Demo:
    def __init__(self, folder: pathlib.Path, stack: contextlib.ExitStack):
        self.folder, self.stack = folder, stack
        numbers = free_ports(12)
        self.http, self.grpc, self.internal, self.metrics = numbers[:4]
        self.apps = {
            name: dict(
                zip(("target", "http", "grpc", "internal"), numbers[4 + 4 * i : 8 + 4 * i], strict=True)
            )
            for i, name in enumerate(("shop", "stock"))
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start_runtime(self) -> None:
        for name, ports in self.apps.items():
            self.write(f"apps/{name}.yaml", APP.format(name=name, **ports))
        self.write("resources/shelf.yaml", STORE.format(name="shelf", type="state.in-memory", metadata="[]"))
        database = json.dumps([{"name": "connectionString", "value": str(self.folder / "orders.db")}])
        self.write(
            "resources/orders.yaml", STORE.format(name="orders", type="state.sqlite", metadata=database)
        )
        started = time.monotonic()
        log = open(self.folder / "daprd.log", "wb")
        self.stack.enter_context(log)
        self.run(
            "daprd",
            [
                str(BINARY),
                "--apps-path",
                str(self.folder / "apps"),
                "--resources-path",
                str(self.folder / "resources"),
                "--app-wake-timeout",
                "30s",
                "--dapr-listen-addresses",
                HOST,
                "--dapr-internal-grpc-listen-address",
                HOST,
                "--metrics-listen-address",
                HOST,
                "--dapr-http-port",
                str(self.http),
                "--dapr-grpc-port",
                str(self.grpc),
                "--dapr-internal-grpc-port",
                str(self.internal),
                "--metrics-port",
                str(self.metrics),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self.wait_healthy(started)
        show(time.monotonic() - started, "start of daprd until GET /v1.0/healthz", "204")

    def wait_healthy(self, started: float) -> None:
        while time.monotonic() < started + 15:
            if self.processes["daprd"].poll() is not None:
                break
            with contextlib.suppress(OSError):
                if http("GET", self.http, "/v1.0/healthz")[0] == 204:
                    return
            time.sleep(0.002)
        tail = (self.folder / "daprd.log").read_text(errors="replace")[-2000:]
        raise Failure(f"daprd did not become healthy; the end of its log:\n{tail}")

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def run(self, name: str, command: list[str], **options: Any) -> None:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        self.processes[name] = process
        self.stack.callback(self.end, process)

    @staticmethod
    def end(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start_app(self, name: str) -> None:
        endpoint = f"http://{HOST}:{self.apps[name]['http']}"
        self.run(
            name,
            [sys.executable, str(HERE / "apps.py"), name, str(self.apps[name]["target"])],
            env={**os.environ, "DAPR_HTTP_ENDPOINT": endpoint, "no_proxy": HOST, "NO_PROXY": HOST},
        )
        print(
            f"  started application {name} on port {self.apps[name]['target']}; it calls the runtime at {endpoint}"
        )

    def invocation(self) -> None:
        shop = self.apps["shop"]["http"]
        title(
            "Invocation over HTTP: shop is called, calls stock, and keeps the order. The first call finds "
            "the applications still starting, and waits."
        )
        for number in (1, 2, 3):
            body, _ = step(
                f"POST shop /orders ({number})",
                "POST",
                shop,
                "/v1.0/invoke/shop/method/orders",
                {"id": f"order-{number}", "item": "apples", "count": 2},
            )
            expect(body["left"] == 100 - 2 * number, f"{body['left']} apples left")
        title("Invocation over gRPC: InvokeService from shop's port to stock")
        for _ in range(2):
            started = time.monotonic()
            answer = tiny_grpc.invoke(HOST, self.apps["shop"]["grpc"], "stock", "take/pears", b'{"count": 5}')
            show(time.monotonic() - started, "InvokeService stock take/pears", answer.decode())
        expect(json.loads(answer)["left"] == 90, "10 pears were taken")

    def state(self) -> None:
        shop = self.apps["shop"]["http"]
        title("State (SQLite): read back with its etag; a writer with an old etag is refused")
        _, fields = step("GET order-1", "GET", shop, "/v1.0/state/orders/order-1")
        etag = fields["ETag"]
        print(f"                 etag {etag}")
        expect(bool(etag), "no etag")
        change = [{"key": "order-1", "value": {"paid": True}, "etag": etag}]
        step("save order-1 with that etag", "POST", shop, "/v1.0/state/orders", change, 204)
        step("save it again with the same etag", "POST", shop, "/v1.0/state/orders", change, 409)
        step("GET order-1", "GET", shop, "/v1.0/state/orders/order-1")

    def absence(self) -> None:
        title("The application stock is stopped; the runtime stays healthy and a call to it waits")
        self.end(self.processes["stock"])
        step("GET /v1.0/healthz", "GET", self.http, "/v1.0/healthz", wanted=204)
        results: list[tuple[float, int, Any]] = []

        def wait_for_stock() -> None:
            started = time.monotonic()
            status, body, _ = http(
                "POST", self.apps["shop"]["http"], "/v1.0/invoke/stock/method/take/apples", {"count": 1}
            )
            results.append((time.monotonic() - started, status, body))

        waiting = threading.Thread(target=wait_for_stock, daemon=True)
        waiting.start()
        time.sleep(1.5)
        expect(not results, f"the call did not wait: {results}")
        print("     1.5 s later   the call is still waiting; starting stock again")
        self.start_app("stock")
        waiting.join(30)
        expect(bool(results), "the waiting call was never answered")
        seconds, status, body = results[0]
        show(seconds, "the waiting call", f"{status} {json.dumps(body)}")
        expect(status == 200 and body["left"] == 93, "the waiting call was answered by stock")

    def goodbye(self) -> None:
        title("Shutdown")
        started = time.monotonic()
        self.processes["daprd"].terminate()
        code = self.processes["daprd"].wait(15)
        show(time.monotonic() - started, "SIGTERM to daprd until its end", f"exit code {code}")
        expect(code == 0, f"daprd ended with {code}")


def main() -> int:
    if not BINARY.exists():
        print(f"{BINARY} is missing; run make build first", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="dapr-demo-") as folder, contextlib.ExitStack() as stack:
        demo = Demo(pathlib.Path(folder), stack)
        try:
            title("One runtime for the app-ids shop and stock, before either application exists")
            demo.start_runtime()
            for name in ("shop", "stock"):
                demo.start_app(name)
            demo.invocation()
            demo.state()
            demo.absence()
            demo.goodbye()
        except (Failure, OSError) as failure:
            print(f"\ndemo failed: {failure}", file=sys.stderr)
            with contextlib.suppress(OSError):
                print(
                    (pathlib.Path(folder) / "daprd.log").read_text(errors="replace")[-3000:], file=sys.stderr
                )
            return 1
    print("\nAll went as told.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
