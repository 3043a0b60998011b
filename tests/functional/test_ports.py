"""The ports that are asked for, where the kernel gives the very same to outgoing connections."""

import contextlib
import os
import pathlib
import signal
import subprocess
from collections.abc import Iterator

import pytest
from harness.paths import binary
from harness.poll import wait_for
from harness.yamls import component, shared_app

# In a network of its own: a Redis, and then no more ports for outgoing connections than these two.
SCRIPT = """
ip link set lo up
redis-server --port 6379 --save '' --bind 127.0.0.1 >redis.log &
until redis-cli ping >ping.log 2>&1; do sleep 0.05; done
echo 50001 50002 >/proc/sys/net/ipv4/ip_local_port_range || exit 1
exec "$@"
"""


@contextlib.contextmanager
def alone(folder: pathlib.Path, flags: list[str]) -> Iterator[pathlib.Path]:
    """The log of a runtime in such a network."""
    resources = folder / "resources"
    resources.mkdir()
    store = component("store", "state.redis", {"redisHost": "127.0.0.1:6379"}, ignoreErrors=True, initTimeout="1s")
    (resources / "store.yaml").write_text(store)
    log = folder / "log"
    words = ["unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", SCRIPT, "sh"]
    ports = ["--dapr-http-port=3500", "--dapr-grpc-port=50001", "--metrics-port=9090"]
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [*words, str(binary()), f"--resources-path={resources}", *ports, *flags],
            stdout=out, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True,
        )  # fmt: skip
    try:
        yield log
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a network of its own")
@pytest.mark.parametrize("many", [False, True], ids=["one app", "many apps"])
def test_no_connection_of_ours_takes_them(tmp_path: pathlib.Path, many: bool) -> None:
    flags = ["--app-id=app", "--dapr-internal-grpc-port=50002"]
    if many:
        (tmp_path / "apps").mkdir()
        (tmp_path / "apps" / "app.yaml").write_text(shared_app("app", ports={"internal": 50002}))
        flags = [f"--apps-path={tmp_path / 'apps'}"]
    with alone(tmp_path, flags) as log:
        text = wait_for(lambda: "dapr initialized" in log.read_text() and log.read_text(), 20, "the start")
        # All others are taken by then: it has looked for one.
        assert "Failed to init component store" in text and "annot assign requested address" in text
        for line in ("API gRPC server is running on port 50001", "Internal gRPC server is running on :50002"):
            assert line in text, text
