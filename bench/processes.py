"""Starts and measures the processes of one benchmark run: the runtime and nginx."""

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


class NotStarted(Exception):
    """What a row needs does not come up; the text says what and why."""


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
        raise NotStarted(f"{self.name} did not come up on {port}:\n{self.output()[-2000:]}")

    def output(self) -> str:
        return Path(self.log.name).read_text(errors="replace")

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


def http_post(url: str, body: str) -> None:
    request = urllib.request.Request(
        url, body.encode(), {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=5) as response:
        response.read()
