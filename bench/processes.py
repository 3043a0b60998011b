"""Starts and measures the processes of one benchmark run: the runtime, nginx and the load tools."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(pid: int) -> list[int]:
    found = [pid]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


def cpu_seconds(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


class Process:
    """A child that is always ended, with its CPU time and memory."""

    def __init__(self, name: str, argv: list[str], env: dict[str, str] | None = None) -> None:
        self.name = name
        self.log = tempfile.NamedTemporaryFile("w+", prefix=f"{name}-", suffix=".log")
        self.child = subprocess.Popen(
            argv, stdout=self.log, stderr=self.log, env={**os.environ, **(env or {})}
        )

    def cpu(self) -> float:
        return cpu_seconds(children(self.child.pid))

    def resident(self) -> int:
        return resident_kib(self.child.pid)

    def wait_port(self, port: int) -> None:
        until = time.monotonic() + 15
        while time.monotonic() < until:
            if self.child.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.01)
        self.log.seek(0)
        raise SystemExit(f"{self.name} did not come up on {port}:\n{self.log.read()[-2000:]}")

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Nginx(Process):
    """Static answer, one proxy, and a proxy in front of a proxy, each a server of its own."""

    def __init__(self, server: str) -> None:
        self.folder = tempfile.mkdtemp(prefix="bench-nginx-")
        config = Path(self.folder, "nginx.conf")
        config.write_text(
            f"""daemon off; worker_processes 1; pid {self.folder}/pid; error_log stderr crit;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600;
  client_body_temp_path {self.folder}/a; proxy_temp_path {self.folder}/b;
  fastcgi_temp_path {self.folder}/c; uwsgi_temp_path {self.folder}/d; scgi_temp_path {self.folder}/e;
  {server}
}}
"""
        )
        super().__init__("nginx", ["nginx", "-p", self.folder, "-c", str(config)])

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def static_server(port: int) -> str:
    return f"""server {{ listen 127.0.0.1:{port} reuseport; location / {{
      default_type application/json; return 200 '"hello from the app"'; }} }}"""


def proxy_server(port: int, upstream: int) -> str:
    return f"""upstream u{port} {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port} reuseport; location / {{
      proxy_pass http://u{port}; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}"""


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


def _millis(text: str) -> float:
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if not found:  # wrk prints "-nan" when it has too few samples
        return float("nan")
    number, unit = found.groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


# Makes the calls (Host and path) in turn, from requests that are written once.
IN_TURN = """
local calls, made, last = {%s}, {}, 0
function init(args)
  for i, call in ipairs(calls) do
    wrk.headers["Host"] = call[1]
    made[i] = wrk.format("GET", call[2])
  end
end
function request() last = last %% #made + 1 return made[last] end
"""


def wrk(url: str, seconds: int, connections: int = 32, calls: list[tuple[str, str]] | None = None) -> Load:
    """One URL again and again, or `calls` in turn at the server of the URL."""
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if calls:
            script.write(IN_TURN % ", ".join(f'{{"{host}", "{path}"}}' for host, path in calls))
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
        _millis(re.search(r"50%\s+(\S+)", text).group(1)),
        _millis(re.search(r"99%\s+(\S+)", text).group(1)),
        failed,
    )


def h2load_grpc(port: int, path: str, message: bytes, seconds: int) -> Load:
    """A unary gRPC call again and again over 32 connections, one call at a time on each."""
    with tempfile.TemporaryDirectory(prefix="bench-h2load-") as folder:
        body, log = Path(folder, "body"), Path(folder, "log")
        body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
        argv = ["h2load", "-t1", "-c32", "-m1", f"-D{seconds}", f"--data={body}", f"--log-file={log}"]
        for header in ["content-type: application/grpc", "te: trailers"]:
            argv += ["-H", header]
        text = subprocess.run(
            [*argv, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
        ).stdout
        # A line is: start, HTTP status, microseconds.
        times = sorted(int(line.split()[2]) for line in log.read_text().splitlines())
    failed = int(re.search(r"(\d+) failed", text).group(1))
    done = int(re.search(r"(\d+) 2xx", text).group(1))
    middle, late = (times[int(len(times) * share)] / 1000 for share in (0.5, 0.99))
    return Load(done, seconds, middle, late, failed)


def stripped_size(binary: Path) -> int:
    """Bytes of the binary without symbols, whether or not it still has them."""
    with tempfile.NamedTemporaryFile() as copy:
        for tool in ("llvm-strip-19", "strip"):
            if shutil.which(tool):
                subprocess.run([tool, "-o", copy.name, str(binary)], check=True)
                return Path(copy.name).stat().st_size
    return binary.stat().st_size


def http_get(url: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
