"""Rows of nginx, which the others are compared with, and of service invocation."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from loads import Call, wrk
from measure import BINARY, Bench, Case, Started
from processes import Nginx, free_port, http_get, proxy_server, static_server

APPS = 200


def nginx(bench: Bench, stack: contextlib.ExitStack, proxies: int) -> Started:
    """One that answers by itself, or so many proxies in a row before it."""
    servers, port = [], bench.app
    if proxies:
        bench.backend  # noqa: B018 - starts it
    for _ in range(proxies):
        upstream, port = port, free_port()
        servers.append(bench.keep(stack, Nginx(proxy_server(port, upstream)), port))
    if not proxies:
        port = free_port()
        servers.append(bench.keep(stack, Nginx(static_server(port)), port))
    return Started(servers, lambda s: wrk(f"http://127.0.0.1:{port}/", s))


def own(bench: Bench, binary: Path, stack: contextlib.ExitStack) -> Started:
    bench.backend  # noqa: B018
    process, ports = bench.daprd(stack, binary, "own", f"--app-port={bench.app}")
    url = f"http://127.0.0.1:{ports['http']}/v1.0/invoke/own/method/hello"
    return Started([process], lambda s: wrk(url, s))


def through_two(bench: Bench, binary: Path, stack: contextlib.ExitStack) -> Started:
    bench.backend  # noqa: B018
    callee, _ = bench.daprd(stack, binary, "callee", f"--app-port={bench.app}")
    caller, ports = bench.daprd(stack, binary, "caller")
    url = f"http://127.0.0.1:{ports['http']}/v1.0/invoke/callee/method/hello"
    until = time.monotonic() + 10
    while http_get(url)[0] != 200 and time.monotonic() < until:
        time.sleep(0.05)
    return Started([caller, callee], lambda s: wrk(url, s))


def same_process(bench: Bench, binary: Path, stack: contextlib.ExitStack) -> Started:
    if binary != BINARY:
        return through_two(bench, binary, stack)
    bench.backend  # noqa: B018
    apps = bench.folder / "apps"
    apps.mkdir(exist_ok=True)
    http = free_port()
    for app_id, port, ports in (("caller", 0, f"ports: {{http: {http}}}"), ("callee", bench.app, "")):
        target = f"target: {{address: 127.0.0.1, port: {port}}}" if port else ""
        (apps / f"{app_id}.yaml").write_text(
            "apiVersion: shared.dapr.io/v1alpha1\nkind: SharedApp\n"
            f"metadata: {{name: {app_id}}}\nspec:\n  appId: {app_id}\n"
            + "".join(f"  {line}\n" for line in (target, ports) if line)
        )
    process, _ = bench.daprd(stack, binary, "", f"--apps-path={apps}")
    process.wait_port(http)
    url = f"http://127.0.0.1:{http}/v1.0/invoke/callee/method/hello"
    return Started([process], lambda s: wrk(url, s))


def shared_apps(bench: Bench, count: int) -> str:
    """The flag for so many app-ids. Every app's target is the one backend; every app has the store of
    the resources."""
    bench.backend  # noqa: B018
    apps = bench.folder / f"apps-{count}"
    apps.mkdir(exist_ok=True)
    for i in range(count):
        (apps / f"a{i}.yaml").write_text(
            "apiVersion: shared.dapr.io/v1alpha1\nkind: SharedApp\n"
            f"metadata: {{name: a{i}}}\n"
            f"spec: {{appId: a{i}, target: {{address: 127.0.0.1, port: {bench.app}}}}}\n")
    return f"--apps-path={apps}"


def spread(bench: Bench, binary: Path, stack: contextlib.ExitStack) -> Started:
    process, ports = bench.daprd(stack, binary, "", shared_apps(bench, APPS))
    calls = [Call(f"/v1.0/invoke/a{i}/method/x", f"a{i}-dapr") for i in range(APPS)]
    return Started([process], lambda s: wrk(f"http://127.0.0.1:{ports['http']}/", s, calls=calls))


CASES = [
    Case("nginx", "nginx static", lambda bench, _, stack: nginx(bench, stack, 0), ours_only=True),
    Case("nginx", "nginx proxy", lambda bench, _, stack: nginx(bench, stack, 1), ours_only=True),
    Case("nginx", "nginx two proxies", lambda bench, _, stack: nginx(bench, stack, 2), ours_only=True),
    Case("invoke", "invoke own app, HTTP", own, "nginx proxy", 1.3),
    Case("invoke", "invoke through two daprds, HTTP", through_two, "nginx two proxies", 1.5),
    Case("invoke", "invoke within one process, HTTP", same_process, "nginx proxy", 1.4),
    Case("invoke", f"invoke spread over {APPS} app-ids", spread, "nginx proxy", ours_only=True,
         least_rate=20_000),
]
