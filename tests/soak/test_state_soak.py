"""Hours of state under faults: stores killed, paused and moved again and again, with the settings a user
has who sets none; histories are judged round by round."""

import contextlib
import os
import random
import time
from typing import Any

import pytest

from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.register_load import RegisterLoad
from harness.state_load import StateLoad
from harness.state_opened import server_of
from harness.state_stores import store_component
from harness.tcp_proxy import TcpProxy

# Shared out among the cases of this file.
SECONDS = float(os.environ.get("SOAK_SECONDS") or 60 * float(os.environ.get("SOAK_MINUTES") or 10)) / 7
STORES = ["redis", "postgresql-v1", "postgresql-v2"]
ROUND = 20.0  # seconds of one history
MIB = 1024


class Harm:
    """One fault after another, each from the main thread."""

    def __init__(self, server: Any, proxy: TcpProxy):
        self.server, self.proxy, self.chance = server, proxy, random.Random(1)

    def once(self) -> str:
        kind = self.chance.choice(["kill", "kill", "pause", "cut", "move"])
        if kind == "kill":
            self.server.crash_and_return(self.chance.uniform(0, 2))
        elif kind == "pause":
            self.server.pause()
            time.sleep(self.chance.uniform(0.1, 4))
            self.server.resume()
        elif kind == "cut":
            self.proxy.cut()
        else:
            self.server.move()
            self.proxy.move_to(self.server.port)
        return kind


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("store", STORES)
def test_linearizable_for_long(stack: contextlib.ExitStack, store: str) -> None:
    server, proxy, place = server_of(stack, store, durable=True)
    app = stack.enter_context(HttpApp())
    resources = {"s.yaml": store_component(store, place)}
    daprd = stack.enter_context(Daprd("app", app=app, resources=resources))
    harm, end, rounds = Harm(server, proxy), time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        load = RegisterLoad(daprd, store)
        with load:
            until = time.monotonic() + min(ROUND, SECONDS)
            while time.monotonic() < until:
                load.progress(30)
                harm.once()
                time.sleep(harm.chance.uniform(0.2, 2))
            load.progress(30)
        assert load.verdict() == ""
        rounds += 1
    print(f"\n{store}: {rounds} histories")


@pytest.mark.timeout(SECONDS + 300)
def test_sqlite_linearizable_for_long(stack: contextlib.ExitStack, tmp_path: Any) -> None:
    resources = {"s.yaml": store_component("sqlite", {"connectionString": str(tmp_path / "s.db")})}
    app = stack.enter_context(HttpApp())
    daprd = stack.enter_context(Daprd("app", app=app, resources=resources))
    end, chance = time.monotonic() + SECONDS, random.Random(2)
    while time.monotonic() < end:
        load = RegisterLoad(daprd, "sqlite")
        with load:
            until = time.monotonic() + min(ROUND, SECONDS)
            while time.monotonic() < until:
                load.progress(30)
                time.sleep(chance.uniform(0, 2))
                daprd.kill()
                daprd.start()
        assert load.verdict() == ""


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("store", STORES)
def test_faults_under_load_for_long(stack: contextlib.ExitStack, store: str) -> None:
    server, proxy, place = server_of(stack, store, durable=True)
    app = stack.enter_context(HttpApp())
    resources = {"s.yaml": store_component(store, place)}
    daprd = stack.enter_context(Daprd("app", app=app, resources=resources))
    harm = Harm(server, proxy)
    with StateLoad(daprd, store, SECONDS + 200) as load:
        time.sleep(5)
        end, peaks = time.monotonic() + SECONDS, []
        while time.monotonic() < end:
            began = time.monotonic()
            kind = harm.once()
            took = load.recovery(time.monotonic(), 60)
            assert took <= 2.0, (kind, took)
            unclear = [probe for probe in load.failed(began) if not probe.clear()]
            assert not unclear, (kind, unclear[:3])
            peaks.append(max(load.memory))
            load.memory.clear()
            load.probes.clear()
            time.sleep(1)
        quarter = max(1, len(peaks) // 4)
        early, late = peaks[quarter : 2 * quarter] or peaks, peaks[-quarter:]
        print(f"\n{store}: {len(peaks)} faults, KiB {peaks[0]} -> {peaks[-1]}")
        assert max(late) <= max(early) * 1.1 + 4 * MIB, peaks
    assert daprd.alive()
