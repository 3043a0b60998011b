"""Rows of TLS between runtimes: what it costs, and what a change of roots under load does to callers."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path

from loads import wrk
from measure import BINARY, ROOT, Bench, Case, Figure, Started
from processes import NotStarted, Process, http_get

sys.path.insert(0, str(ROOT / "tests"))
from harness.sentry import Root, Sentry  # noqa: E402

PLAIN = "invoke through two daprds, HTTP"
TTL = 8  # seconds that a certificate lives while roots change


def pair(bench: Bench, stack: contextlib.ExitStack, sentry: Sentry) -> tuple[list[Process], str]:
    """Caller and callee with identities, and the URL of a call through both."""
    bench.backend  # noqa: B018 - starts it
    callee, _ = bench.daprd(stack, BINARY, "callee", f"--app-port={bench.app}", *sentry.flags())
    caller, ports = bench.daprd(stack, BINARY, "caller", *sentry.flags())
    url = f"http://127.0.0.1:{ports['http']}/v1.0/invoke/callee/method/hello"
    until = time.monotonic() + 10
    while http_get(url)[0] != 200:
        if time.monotonic() > until:
            raise NotStarted("no call gets through with mTLS")
        time.sleep(0.05)
    return [caller, callee], url


def with_mtls(bench: Bench, _: Path, stack: contextlib.ExitStack) -> Started:
    processes, url = pair(bench, stack, stack.enter_context(Sentry()))
    return Started(processes, lambda seconds: wrk(url, seconds))


def rotation(bench: Bench) -> None:
    """The root is replaced, step by step as docs/mtls.md says, while calls go on."""
    with contextlib.ExitStack() as stack:
        sentry = stack.enter_context(Sentry(ttl=f"{TTL}s"))
        _, url = pair(bench, stack, sentry)
        connections = 8  # below what the processes can do: p99 shall not be that of a full queue
        normal = wrk(url, max(bench.seconds, 3), connections)
        first, second = sentry.root, Root.make(bench.folder / "second", "second root")

        def replace() -> None:
            sentry.trust(first, second)
            time.sleep(2)
            sentry.use(second, also=(first,))
            time.sleep(TTL)
            sentry.trust(second)

        changing = threading.Thread(target=replace)
        changing.start()
        load = wrk(url, 2 + TTL + 14, connections)
        changing.join()
    bench.at_most("calls failed while the root is replaced", load.failed, "", 0)
    bench.at_most("p99 meanwhile, of the normal one", load.p99_ms / normal.p99_ms, "x", 3)


CASES = [Case("mtls", "invoke through two daprds, HTTP, mTLS", with_mtls, PLAIN, 1.4,
              ours_only=True)]
FIGURES = [Figure("mtls", "replacing the root under load", rotation)]
