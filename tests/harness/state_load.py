"""Two thousand state requests a second from wrk, and beside it a few callers that note when each of
their calls began, how long it took and what came of it."""

import contextlib
import signal
import threading
import time
from dataclasses import dataclass
from typing import Any

import grpc

from .daprd import Daprd
from .load import Load, Wrk
from .paths import sanitized
from .poll import wait_for
from .state_clients import GrpcState, HttpState, StateError

_SCRIPT = """
local path, headers = "/v1.0/state/STORE", {["Content-Type"] = "application/json"}
local reads, writes, last = {}, {}, 0
function init(args)
  for i = 0, 99 do
    reads[i] = wrk.format("GET", path .. "/k" .. i)
    writes[i] = wrk.format("POST", path, headers, '[{"key":"k' .. i .. '","value":{"n":' .. i .. '}}]')
  end
end
function request()
  last = last + 1
  if last % 3 == 0 then return writes[last % 100] end
  return reads[last % 100]
end
"""


# Seconds; a call that takes longer has waited for the store to come back.
QUICK = 2.0 if sanitized() else 0.5


@dataclass
class Probe:
    began: float
    took: float
    error: StateError | BaseException | None

    @property
    def ended(self) -> float:
        return self.began + self.took

    def well(self) -> bool:
        return self.error is None and self.took <= QUICK

    def clear(self) -> bool:
        """Done, or refused in Dapr's words."""
        error = self.error
        if error is None:
            return True
        if not isinstance(error, StateError):
            return False
        if error.http:
            return error.http == 500 and str(error.code).startswith("ERR_STATE_")
        return error.grpc in ("INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED")


class StateLoad:
    """`with StateLoad(daprd, "redis", seconds) as load:`; `rate` requests a second from 200 connections,
    so that whatever waits for the store is bounded by them alone. What is asked for is a tenth more: wrk's
    clock and the answers take that."""

    CONNECTIONS = 200

    def __init__(self, daprd: Daprd, store: str, seconds: float, rate: int = 2000, probers: int = 4):
        self.daprd, self.store, self.seconds = daprd, store, seconds
        self.pause = self.CONNECTIONS * 10000 // (rate * 11)
        self.probes: list[Probe] = []
        self.waiting: dict[int, float] = {}  # by prober: when the call began that has not ended
        self.memory: list[int] = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._probe, args=(n,)) for n in range(probers)]
        self.threads.append(threading.Thread(target=self._watch))

    def __enter__(self) -> "StateLoad":
        url = f"http://{self.daprd.host}:{self.daprd.http_port}/"
        script = _SCRIPT.replace("STORE", self.store)
        self.wrk = Wrk(url, self.seconds, self.CONNECTIONS, pause=self.pause, lua=script)
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(30)
        self.wrk.end()

    def finish(self) -> Load:
        """Ends wrk, and gives what it saw."""
        self.wrk.process.send_signal(signal.SIGINT)
        return self.wrk.result()

    def _probe(self, number: int) -> None:
        make: Any = GrpcState if number % 2 else HttpState
        stack, client, count = contextlib.ExitStack(), None, 0
        with stack:
            while not self.stop.wait(0.02):
                count += 1
                began, error = time.monotonic(), None
                self.waiting[number] = began
                try:
                    client = client or make(self.daprd, self.store, stack)
                    if count % 2:
                        client.save([{"key": f"probe{number}", "value": count}])
                    else:
                        client.get(f"probe{number}")
                except (StateError, OSError, EOFError, ValueError, grpc.RpcError) as failure:
                    error = failure
                    if not isinstance(failure, StateError):
                        client = None
                self.probes.append(Probe(began, time.monotonic() - began, error))
                del self.waiting[number]

    def _watch(self) -> None:
        while not self.stop.wait(0.1):
            self.memory.append(self.daprd.rss_kib())

    def offered(self, seconds: float) -> float:
        """Operations a second that reach the runtime's component, watched for that time."""

        def count() -> tuple[float, float]:
            done = self.daprd.metrics().total("dapr_component_state_count", component=self.store)
            return time.monotonic(), done

        (began, before), _, (ended, after) = count(), time.sleep(seconds), count()
        return (after - before) / (ended - began)

    # What was seen.
    def failed(self, since: float, until: float = float("inf")) -> list[Probe]:
        """Probes that began in this time and failed."""
        return [probe for probe in self.probes if since <= probe.began < until and probe.error]

    def longest(self, since: float = 0.0) -> float:
        return max((probe.took for probe in self.probes if probe.began >= since), default=0.0)

    def felt(self, since: float, seconds: float = 10.0) -> None:
        """Waits until calls fail."""
        wait_for(lambda: self.failed(since), seconds, "the fault is felt")

    def recovery(self, since: float, seconds: float = 20.0, quiet: float = 1.0) -> float:
        """Seconds from `since`, when the fault was over, to the end of the last call that failed or was slow,
        once `quiet` seconds went well."""

        def last() -> float:
            return max([since, *(probe.ended for probe in list(self.probes) if not probe.well())])

        def well() -> bool:
            now, end = time.monotonic(), last()
            if any(now - began > QUICK for began in list(self.waiting.values())):
                return False
            return now - end > quiet and any(p.well() and p.began >= end for p in list(self.probes))

        wait_for(well, seconds, f"it recovers; last {[p.error for p in self.probes[-3:]]}")
        return last() - since
