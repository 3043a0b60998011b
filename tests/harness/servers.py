"""A server of the machine (Redis, PostgreSQL) as a child of the test: a free port, a folder of its own,
killed, paused and started again at will, and gone when the test is, even if that was killed."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from typing import Self

from .poll import wait_for
from .ports import free_port


def launcher(user: str | None, number: signal.Signals, largest_file: int = 0) -> list[str]:
    """What stands before a command so that the child gets this signal when the thread that started it
    ends. It is done by programs and not between fork and exec, where a process with threads is unsafe."""
    words = ["setpriv", f"--pdeathsig={number.name.removeprefix('SIG')}"]
    if user:
        group = pwd.getpwnam(user).pw_gid
        words += [f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    return [*words, "--", *(["prlimit", f"--fsize={largest_file}", "--"] if largest_file else [])]


def unprivileged() -> str | None:
    """The user that servers which refuse root run as; None where we are no root ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def folder_of(user: str | None, prefix: str) -> pathlib.Path:
    folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    if user:
        shutil.chown(folder, user)
    return folder


def children(pid: int) -> list[int]:
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def running(pid: int) -> bool:
    """False for what has ended, also if nobody has fetched its exit code yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Server:
    """`with RedisServer() as server:`; a subclass says how it is started and when it answers. Start it
    from the main thread: it ends with the thread that started it."""

    name = "server"
    user: str | None = None  # whom it runs as, if not ourselves
    death_signal = signal.SIGKILL
    largest_file = 0  # bytes that no file of it may exceed; 0 = any

    def __init__(self) -> None:
        self.host, self.port = "127.0.0.1", free_port()
        self.folder = folder_of(self.user, f"{self.name}-test-")
        self.log = self.folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    # Life.
    def start(self) -> Self:
        before = launcher(self.user, self.death_signal, self.largest_file)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*before, *self.command()],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_for(self._ready, 30, f"{self.name} on {self.port}")
        return self

    def _ready(self) -> bool:
        if self.process and self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.log_text()[-3000:]}")
        return self.answers()

    def family(self) -> list[int]:
        assert self.process
        pids = [self.process.pid]
        for pid in pids:
            pids += children(pid)
        return pids

    def signal(self, number: int) -> None:
        """To every process of the server, the first one first."""
        for pid in self.family():
            if running(pid):
                os.kill(pid, number)

    def pause(self) -> None:
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to all of it; returns when nothing of it runs."""
        if self.process is None:
            return
        pids = self.family() if self.process.poll() is None else []
        for pid in pids:
            if running(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_for(lambda: not any(running(pid) for pid in pids), 10, f"{self.name} is gone")
        self.process = None

    def stop(self, seconds: float = 10.0) -> None:
        """Asks it to end in good order, then insists."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT if self.name == "postgres" else signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def crash_and_return(self, away: float = 0.0) -> None:
        self.kill()
        time.sleep(away)
        self.start()

    def move(self) -> None:
        """The same data behind another port, as after a fail-over to another machine."""
        self.stop()
        self.port = free_port()
        self.start()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            self.kill()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""
