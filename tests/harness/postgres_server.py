"""PostgreSQL as the tests need it. The data directory is made once per test process and copied; where
the tests run as root the server runs as an unprivileged user, for it refuses root."""

import atexit
import functools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
from typing import Any

from .certs import Authority
from .servers import Server, folder_of, launcher, unprivileged

PASSWORD = "pass word's"


@functools.cache
def programs() -> pathlib.Path:
    """Where the server's programs are; Debian keeps them off PATH."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[4]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    assert on_path, "PostgreSQL's server is not installed"
    return pathlib.Path(on_path).parent


@functools.cache
def _template() -> pathlib.Path:
    """A data directory fresh from initdb."""
    user = unprivileged()
    folder = folder_of(user, "postgres-template-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n")
    if user:
        shutil.chown(secret, user)
    done = subprocess.run(
        [*launcher(user, signal.SIGKILL), str(programs() / "initdb"), "-D", str(folder / "data"),
         "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync", "--wal-segsize=1", "--auth-local=trust",
         "--auth-host=scram-sha-256", f"--pwfile={secret}"],
        capture_output=True, text=True, cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return folder / "data"


class PostgresServer(Server):
    """`settings` are those of postgresql.conf. `durable` keeps fsync on. `largest_file` bytes is what
    any file may grow to, by which a full disk is played without one."""

    name = "postgres"
    death_signal = signal.SIGQUIT

    def __init__(
        self, *, durable: bool = False, tls: bool = False, largest_file: int = 0, **settings: Any
    ):
        self.user = unprivileged()
        super().__init__()
        self.largest_file = largest_file
        self.data = self.folder / "data"
        self.copy(_template(), self.data)
        self.settings: dict[str, Any] = {
            "fsync": "on" if durable else "off",
            "synchronous_commit": "on" if durable else "off",
            "max_connections": 60,
            "shared_buffers": "16MB",
            "listen_addresses": self.host,
            "unix_socket_directories": str(self.folder),
            **settings,
        }
        self.authority = Authority.make(self.folder / "tls") if tls else None
        if self.authority:
            certificate, key = self.authority.sign("server")
            key.chmod(0o600)
            self.authority.give_to(self.user)
            self.settings |= {"ssl": "on", "ssl_cert_file": certificate, "ssl_key_file": key}

    @staticmethod
    def copy(source: pathlib.Path, target: pathlib.Path) -> None:
        done = subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], capture_output=True)
        assert done.returncode == 0, done.stderr

    def command(self) -> list[str]:
        # What a server that was killed has left behind; none of it runs any more.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        words = [str(programs() / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        for name, value in self.settings.items():
            words += ["-c", f"{name}={value}"]
        return words

    def answers(self) -> bool:
        with socket.create_connection((self.host, self.port), 2):
            pass
        asked = subprocess.run(
            [str(programs() / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port), "-t", "2"]
        )
        return asked.returncode == 0

    # Access.
    def url(
        self, database: str = "postgres", *, user: str = "postgres", password: str = PASSWORD, **more: Any
    ) -> str:
        """A connection string of keywords and values."""
        quoted = {
            "host": self.host, "port": self.port, "user": user, "password": password, "dbname": database, **more
        }
        return " ".join(
            "{}='{}'".format(name, str(value).replace("\\", "\\\\").replace("'", "\\'"))
            for name, value in quoted.items()
        )

    def sql(self, text: str, database: str = "postgres") -> list[list[str]]:
        """What psql answers: rows of texts; NULL is `(null)`."""
        done = subprocess.run(
            ["psql", "-XAtq", "-F", "\x1f", "-P", "null=(null)", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder),
             "-p", str(self.port), "-U", "postgres", "-d", database, "-f", "-"],
            input=text, capture_output=True, text=True,
            env={k: v for k, v in os.environ.items() if not k.startswith("PG")},
        )
        assert done.returncode == 0, done.stderr
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def database(self, name: str) -> str:
        """Makes an empty database; its connection string."""
        self.sql(f'CREATE DATABASE "{name}"')
        return self.url(name)
