"""The servers that tests start: they keep what is theirs, and never outlive the test. Needs no runtime."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

from harness.poll import wait_for
from harness.postgres_server import PostgresServer
from harness.redis_server import RedisServer
from harness.resp import RedisError, Resp
from harness.servers import running
from harness.tcp_proxy import TcpProxy

TESTS = pathlib.Path(__file__).resolve().parents[1]


def test_redis_keeps_what_was_written_through_kill_and_move() -> None:
    with RedisServer(durable=True) as server:
        server("SET", "a", "1")
        server.crash_and_return()
        assert server("GET", "a") == b"1"
        before = server.port
        server.move()
        assert server.port != before and server("GET", "a") == b"1"
        with pytest.raises(RedisError, match="wrong number"):
            server("GET")
    assert not server.folder.exists()


def test_redis_paused_answers_nobody_until_resumed() -> None:
    with RedisServer() as server, server.connect() as client:
        client.socket.settimeout(0.2)
        server.pause()
        with pytest.raises(TimeoutError):
            client("PING")
        server.resume()
        assert server("PING") == b"PONG"


def test_redis_refuses_who_is_unknown() -> None:
    with RedisServer(acl=("dapr", "word")) as server:
        assert server("ACL", "WHOAMI") == b"dapr"
        with Resp(server.host, server.port) as stranger, pytest.raises(RedisError, match="NOAUTH"):
            stranger("PING")


def test_postgres_keeps_what_was_written_through_kill_and_move() -> None:
    with PostgresServer(durable=True) as server:
        server.database("own")
        server.sql("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, NULL)", "own")
        pids = server.family()
        assert len(pids) > 3
        server.crash_and_return()
        assert not any(running(pid) for pid in pids)
        assert server.sql("SELECT * FROM t", "own") == [["1", "(null)"]]
        server.move()
        assert server.sql("SELECT count(*) FROM t", "own") == [["1"]]


def test_proxy_moves_and_cuts() -> None:
    with RedisServer() as one, RedisServer() as two, TcpProxy(one.port) as proxy:
        one("SET", "name", "one")
        two("SET", "name", "two")
        client = Resp(proxy.host, proxy.port)
        assert client("GET", "name") == b"one"
        proxy.move_to(two.port)
        with pytest.raises((EOFError, OSError)):
            client("GET", "name")
        with Resp(proxy.host, proxy.port) as again:
            assert again("GET", "name") == b"two"
        client.close()


def test_servers_end_with_a_test_process_that_is_killed() -> None:
    script = (
        "from harness.redis_server import RedisServer\n"
        "from harness.postgres_server import PostgresServer\n"
        "import time\n"
        "one, two = RedisServer().start(), PostgresServer().start()\n"
        "print(*one.family(), *two.family(), flush=True)\n"
        "time.sleep(60)\n"
    )
    folder = tempfile.mkdtemp(prefix="killed-test-")
    os.chmod(folder, 0o711)
    child = subprocess.Popen(
        [sys.executable, "-c", script], cwd=TESTS, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": folder},
    )
    assert child.stdout
    # PostgreSQL's start-up process has ended by now.
    pids = [pid for pid in map(int, child.stdout.readline().split()) if running(pid)]
    assert len(pids) > 4
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    wait_for(lambda: not any(running(pid) for pid in pids), 10, "the servers are gone")
    shutil.rmtree(folder)
