"""Subscribers made with Dapr's own SDKs, unmodified, whose runtime is on another loopback address and other
ports, with an API token, over a broker that persists. Each gets what is published, publishes itself, goes on
when the runtime has been killed and started again, and gets what was published while it was down."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
import runner

from harness import rawhttp
from harness.daprd import Daprd
from harness.paths import LOGS
from harness.poll import wait_for
from harness.ports import free_port
from harness.redis_server import RedisServer
from harness.yamls import component

ADDRESS, APP_HOST = "127.0.0.10", "127.0.0.11"
TOKEN = {"dapr-api-token": runner.TOKEN}


class Program:
    """A subscriber's process. It may be ended as by SIGKILL and started again."""

    def __init__(self, name: str, command: runner.Command, env: dict[str, str]):
        self.argv, self.cwd = command
        self.env = {**os.environ, **env}
        self.log = LOGS / f"sdk-{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_text("")
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("a") as log:
            self.child = subprocess.Popen(
                self.argv, cwd=self.cwd, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self) -> None:
        if self.child and self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait()

    def wait_line(self, line: str, seconds: float = 30) -> None:
        def printed() -> bool:
            assert self.child
            if self.child.poll() is not None:
                pytest.fail(f"ended with {self.child.returncode}:\n{self.log.read_text()[-3000:]}")
            return line in self.log.read_text().splitlines()

        wait_for(printed, seconds, f"{line!r} in {self.log}")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    runner.need_runtime()
    with RedisServer() as server:
        yield server


class Scene:
    """One subscriber, its runtime and the broker."""

    def __init__(self, stack: contextlib.ExitStack, redis: RedisServer, name: str, command: Callable[[str], runner.Command],
                 kind: str):
        app_id, port = name, free_port(APP_HOST)
        fields = {**redis.metadata(), "consumerID": app_id, "processingTimeout": "2s", "redeliverInterval": "1s"}
        flags = ["--app-channel-address", APP_HOST, "--app-port", str(port)] if kind != "stream" else []
        flags += ["--app-protocol", "grpc"] if kind == "grpc" else []
        self.daprd = stack.enter_context(
            Daprd(
                app_id, host=ADDRESS, flags=flags,
                resources={"ps.yaml": component("ps", "pubsub.redis", fields)},
                env={"DAPR_API_TOKEN": runner.TOKEN},
            )
        )
        redis("FLUSHALL")
        argv, cwd = command("receiver")
        env = runner.environment(ADDRESS, self.daprd.http_port, self.daprd.grpc_port)
        self.app = Program(app_id, ([*argv, kind, APP_HOST, str(port)], cwd), env)
        stack.callback(self.app.kill)
        self.numbers = iter(range(1, 100))

    def publish(self) -> int:
        number = next(self.numbers)
        headers = [("Content-Type", "application/json"), *TOKEN.items()]
        answer = self.daprd.request("POST", "/v1.0/publish/ps/orders", headers, '{"n": %d}' % number)
        assert answer.status == 204, answer
        return number

    def topics(self) -> set[str]:
        metadata = self.daprd.get("/v1.0/metadata", list(TOKEN.items())).json()
        return {entry["topic"] for entry in metadata.get("subscriptions", [])}

    def subscribed(self) -> None:
        wait_for(lambda: self.topics() == {"orders", "echoes"}, 60, "subscribed")

    def echoed(self, number: int) -> None:
        self.app.wait_line(f"GOT {number}")
        self.app.wait_line(f"ECHO {number}")


def play(scene: Scene) -> None:
    scene.app.start()
    scene.subscribed()
    scene.echoed(scene.publish())
    # The runtime dies and is started again.
    scene.daprd.kill()
    scene.daprd.start()
    scene.subscribed()
    scene.echoed(scene.publish())
    # The app dies; what is published meanwhile waits.
    scene.app.kill()
    waiting = [scene.publish() for _ in range(3)]
    time.sleep(0.2)
    scene.app.start()
    for number in waiting:
        scene.echoed(number)
    scene.echoed(scene.publish())


PROGRAMS: dict[str, tuple[Callable[[str], runner.Command], str]] = {
    "python-fastapi": (runner.python_command, "fastapi"),
    "python-grpc": (runner.python_command, "grpc"),
    "python-stream": (runner.python_command, "stream"),
    "javascript-http": (runner.javascript_command, "http"),
    "javascript-grpc": (runner.javascript_command, "grpc"),
    "go-http": (runner.go_command, "http"),
    "go-grpc": (runner.go_command, "grpc"),
    "java-http": (runner.java_command, "http"),
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PROGRAMS)
def test_receives(redis: RedisServer, name: str) -> None:
    command, kind = PROGRAMS[name]
    with contextlib.ExitStack() as stack:
        play(Scene(stack, redis, name, command, kind))
