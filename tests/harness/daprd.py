"""The runtime as a child process: its ports, folders, log, and clients of its APIs."""

import collections
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import grpc

from . import metrics, protos, rawhttp
from .paths import LOGS, ROOT, binary, sanitized
from .poll import wait_for
from .ports import free_port

DAPR = "dapr.proto.runtime.v1.Dapr"
# What the machine's own environment must not decide.
HIDDEN = re.compile(
    r"^(DAPR_|APP_|NAMESPACE$|POD_NAME$|OTEL_|https?_proxy$|HTTPS?_PROXY$|no_proxy$|NO_PROXY$)"
)
_numbers: dict[str, Iterator[int]] = collections.defaultdict(lambda: itertools.count(1))


def start_limit() -> float:
    return 30.0 if sanitized() else 10.0


class Daprd:
    """`with Daprd("cart", app=app) as daprd:` is ready inside the block and must end with exit
    code 0 after SIGTERM at its end, unless the test stopped it.

    `resources`, `apps` and `configs` map file names to YAML texts; a resource named `x/y.yaml`
    goes to a directory `x` of its own, passed by a --resources-path of its own, in sorted order.
    `app` is anything with host and port. `flags` come last and so override."""

    def __init__(
        self,
        app_id: str | None = "app",
        *,
        app: Any = None,
        app_protocol: str | None = None,
        flags: list[str] | tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        resources: dict[str, str] | None = None,
        configs: dict[str, str] | None = None,
        apps: dict[str, str] | None = None,
        host: str = "127.0.0.1",
        ready: bool = True,
        json_log: bool = True,
        cwd: str | None = None,
        open_files: int | None = None,
    ):
        self.app_id, self.host, self.ready = app_id, host, ready
        self.http_port, self.grpc_port = free_port(host), free_port(host)
        self.internal_port, self.metrics_port = free_port(host), free_port(host)
        self.open_files = open_files
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="daprd-test-"))
        self.cwd = cwd or str(self.folder)
        # What name resolution announces; the internal port listens on this address alone.
        own = {} if host == "0.0.0.0" else {"DAPR_HOST_IP": host}
        self.env = {k: v for k, v in os.environ.items() if not HIDDEN.match(k)} | own | (env or {})
        self.process: subprocess.Popen[bytes] | None = None
        self.args = [str(binary())]
        if app_id is not None:
            self.args += ["--app-id", app_id]
        if app is not None:
            self.args += ["--app-port", str(app.port), "--app-channel-address", app.host]
            is_grpc = any(base.__name__ == "GrpcApp" for base in type(app).__mro__)
            protocol = app_protocol or ("grpc" if is_grpc else "http")
            self.args += ["--app-protocol", protocol]
        self.args += [
            "--dapr-http-port",
            str(self.http_port),
            "--dapr-grpc-port",
            str(self.grpc_port),
            "--dapr-internal-grpc-port",
            str(self.internal_port),
            "--dapr-internal-grpc-listen-address",
            host,
            "--dapr-listen-addresses",
            host,
            "--metrics-port",
            str(self.metrics_port),
            "--metrics-listen-address",
            host,
        ]
        if json_log:
            self.args += ["--log-as-json"]
        for directory in self._write("resources", resources):
            self.args += ["--resources-path", directory]
        for file in sorted(configs or {}):
            self._write("configs", {file: (configs or {})[file]})
            self.args += ["--config", str(self.folder / "configs" / file)]
        if apps is not None:
            self._write("apps", apps)
            (self.folder / "apps").mkdir(exist_ok=True)
            self.args += ["--apps-path", str(self.folder / "apps")]
        self.args += list(flags)
        self.log = self._log_file()

    @staticmethod
    def _log_file() -> pathlib.Path:
        """One file a process, named after the test; the next run of the test overwrites it."""
        test = os.environ.get("PYTEST_CURRENT_TEST", "manual").split(" ")[0].split("/")[-1]
        name = re.sub(r"[^\w.-]+", "_", test)[:120]
        folder = LOGS / "runtime"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}-{next(_numbers[name])}.log"

    def _write(self, below: str, files: dict[str, str] | None) -> list[str]:
        directories = set()
        for name, text in (files or {}).items():
            file = self.folder / below / name
            file.parent.mkdir(parents=True, exist_ok=True)
            scratch = file.with_name("." + file.name + ".tmp")
            scratch.write_text(text)
            scratch.replace(file)
            directories.add(str(file.parent))
        return sorted(directories)

    # Life.
    def start(self) -> "Daprd":
        limit = self.open_files

        def lower_limit() -> None:
            import resource

            if limit:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        with open(self.log, "wb") as log:
            log.write((" ".join(self.args) + "\n").encode())
            log.flush()
            self.process = subprocess.Popen(
                self.args,
                cwd=self.cwd,
                env=self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                preexec_fn=lower_limit if limit else None,
            )
        if self.ready:
            try:
                self.wait_ready()
            except BaseException:
                self.kill()
                raise
        return self

    def wait_ready(self) -> None:
        def healthy() -> bool:
            if self.process and self.process.poll() is not None:
                raise RuntimeError(f"daprd ended with {self.process.returncode}:\n{self.log_text()[-3000:]}")
            return rawhttp.request(self.host, self.http_port, "GET", "/v1.0/healthz", timeout=2).status == 204

        wait_for(healthy, start_limit(), f"healthz 204 ({self.log})")

    def __enter__(self) -> "Daprd":
        return self.start()

    def __exit__(self, kind: Any, *_: object) -> None:
        try:
            if self.process and self.process.returncode is None:
                code = self.stop()
                if kind is None:
                    assert code == 0, f"exit code {code} after SIGTERM:\n{self.log_text()[-3000:]}"
        finally:
            self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    def terminate(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = 20.0) -> int:
        """The exit code, once it has ended by itself."""
        assert self.process
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"daprd has not ended within {seconds} s:\n{self.log_text()[-2000:]}"
            ) from None

    def stop(self, seconds: float = 20.0) -> int:
        self.terminate()
        return self.wait(seconds)

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    # Clients.
    def request(
        self,
        method: str,
        target: str | bytes,
        headers: rawhttp.Headers | None = None,
        body: bytes | str | None = None,
        timeout: float = 30.0,
    ) -> rawhttp.Response:
        return rawhttp.request(self.host, self.http_port, method, target, headers, body, timeout)

    def get(self, target: str, headers: rawhttp.Headers | None = None, **more: Any) -> rawhttp.Response:
        return self.request("GET", target, headers, **more)

    def post(
        self, target: str, value: Any = None, headers: rawhttp.Headers | None = None
    ) -> rawhttp.Response:
        """`value` is sent as JSON."""
        return self.request(
            "POST", target, [("Content-Type", "application/json"), *rawhttp.pairs(headers)], json.dumps(value)
        )

    def connect(self, timeout: float = 30.0) -> rawhttp.Connection:
        return rawhttp.Connection(self.host, self.http_port, timeout)

    def channel(self, port: int | None = None, **options: Any) -> grpc.Channel:
        settings = [
            ("grpc.enable_http_proxy", 0),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
        ]
        return grpc.insecure_channel(
            f"{self.host}:{port or self.grpc_port}", options=[*settings, *options.items()]
        )

    def dapr(self, channel: grpc.Channel) -> Any:
        return protos.Stub(channel, DAPR)

    def metrics(self) -> metrics.Metrics:
        answer = rawhttp.request(self.host, self.metrics_port, "GET", "/metrics")
        assert answer.status == 200
        return metrics.parse(answer.text)

    # Looking inside.
    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    def log_records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]

    def logged(self, text: str, **fields: str) -> list[dict[str, Any]]:
        """JSON log records whose message contains `text` and whose fields equal the given."""
        return [
            record
            for record in self.log_records()
            if text in record.get("msg", "") and all(record.get(k) == v for k, v in fields.items())
        ]

    def rss_kib(self) -> int:
        return self._status("VmRSS")

    def anonymous_kib(self) -> int:
        """Resident memory without the pages of files, the binary's own among them."""
        return self._status("RssAnon")

    def peak_kib(self) -> int:
        """The most resident memory since its start."""
        return self._status("VmHWM")

    def _status(self, name: str) -> int:
        assert self.process
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+)", status).group(1))  # type: ignore[union-attr]

    def descriptors(self) -> int:
        assert self.process
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    # Changing what it watches.
    def put_app(self, name: str, text: str) -> None:
        self._write("apps", {name: text})

    def remove_app(self, name: str) -> None:
        (self.folder / "apps" / name).unlink()

    def put_resource(self, name: str, text: str) -> None:
        self._write("resources", {name: text})

    def remove_resource(self, name: str) -> None:
        (self.folder / "resources" / name).unlink()

    def put_config(self, name: str, text: str) -> None:
        self._write("configs", {name: text})

    def hang_up(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGHUP)


def run_once(
    flags: list[str], env: dict[str, str] | None = None, timeout: float = 20.0, cwd: str | None = None
) -> tuple[int, str, str, float]:
    """Runs the binary until it ends by itself: exit code, standard output and error, seconds."""
    clean = {k: v for k, v in os.environ.items() if not HIDDEN.match(k)} | (env or {})
    started = time.monotonic()
    done = subprocess.run(
        [str(binary()), *flags],
        env=clean,
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd or str(ROOT),
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout, done.stderr, time.monotonic() - started
