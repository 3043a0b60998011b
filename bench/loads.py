"""The load of a benchmark run: wrk for HTTP, h2load for gRPC, and what they saw."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

CONNECTIONS = 32


@dataclass
class Load:
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


@dataclass
class Call:
    """One HTTP request; `body` makes it a POST of JSON."""

    path: str
    host: str = ""
    body: str = ""
    method: str = field(init=False)

    def __post_init__(self) -> None:
        self.method = "POST" if self.body else "GET"

    def lua(self) -> str:
        # A JSON string is a Lua string for what these requests hold (no control characters).
        return "{%s}" % ", ".join(json.dumps(part) for part in (self.method, self.host, self.path, self.body))


def _millis(text: str) -> float:
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if not found:  # wrk prints "-nan" when it has too few samples
        return float("nan")
    number, unit = found.groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def _quantile(text: str, percent: int) -> str:
    """From a line of its own: the column of deviations above may end in `.50%` too."""
    return re.search(rf"^ +{percent}%\s+(\S+)", text, re.MULTILINE).group(1)


# Makes the calls in turn, from requests that are written once.
IN_TURN = """
local calls, made, last = {%s}, {}, 0
function init(args)
  wrk.headers["Content-Type"] = "application/json"
  for i, call in ipairs(calls) do
    if call[2] ~= "" then wrk.headers["Host"] = call[2] end
    made[i] = wrk.format(call[1], call[3], nil, call[4] ~= "" and call[4] or nil)
  end
end
function request() last = last %% #made + 1 return made[last] end
"""


def wrk(url: str, seconds: int, connections: int = CONNECTIONS, calls: list[Call] | None = None) -> Load:
    """One URL again and again, or `calls` in turn at the server of the URL."""
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if calls:
            script.write(IN_TURN % ", ".join(call.lua() for call in calls))
            script.flush()
            argv += ["-s", script.name]
        text = subprocess.run([*argv, url], capture_output=True, text=True, check=True).stdout
    requests, duration = re.search(r"(\d+) requests in ([\d.]+\w+)", text).groups()
    failed = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", text))
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    if errors:
        failed += sum(int(n) for n in errors.groups())
    return Load(
        int(requests),
        _millis(duration) / 1000,
        *(_millis(_quantile(text, percent)) for percent in (50, 99)),
        failed,
    )


def h2load_grpc(port: int, path: str, messages: list[bytes], seconds: int) -> Load:
    """A unary gRPC call again and again over 32 connections, one call at a time on each. h2load has one
    body for all its calls, so that each message has an h2load of its own and its share of the connections.
    What gRPC made of the calls is not seen here: count the statuses at the server."""
    share = str(CONNECTIONS // len(messages))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-h2load-")))
        running, logs = [], []
        for number, message in enumerate(messages):
            body, log = folder / f"body{number}", folder / f"log{number}"
            body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
            argv = ["h2load", "-t1", "-c", share, "-m1", f"-D{seconds}", f"--data={body}", f"--log-file={log}"]
            for header in ["content-type: application/grpc", "te: trailers"]:
                argv += ["-H", header]
            child = subprocess.Popen([*argv, f"http://127.0.0.1:{port}{path}"], text=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            stack.callback(child.kill)
            running.append(child)
            logs.append(log)
        texts = [child.communicate(timeout=seconds + 30)[0] for child in running]
        # A line is: start, HTTP status, microseconds.
        times = sorted(int(line.split()[2]) for log in logs for line in log.read_text().splitlines())
    failed = sum(int(re.search(r"(\d+) failed", text).group(1)) for text in texts)
    done = sum(int(re.search(r"(\d+) 2xx", text).group(1)) for text in texts)
    middle, late = (times[int(len(times) * part)] / 1000 if times else float("nan") for part in (0.5, 0.99))
    return Load(done, seconds, middle, late, failed)
