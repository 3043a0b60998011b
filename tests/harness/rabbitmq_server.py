"""RabbitMQ as the tests need it: one node with its own epmd, cookie and data folder, with users, TLS and
settings as the test wants them. What is in durable queues outlives kill() and start()."""

import os
import pathlib
import socket
import subprocess
from typing import Any

from .certs import Authority
from .ports import free_port
from .servers import Server

SCRIPTS = pathlib.Path("/usr/lib/rabbitmq/bin")
USER, PASSWORD = "guest", "guest"


class RabbitMqServer(Server):
    """`with RabbitMqServer() as server:`. `tls` adds amqps and makes it the port that metadata() names;
    `client_certificates` asks clients for one and takes its name as the user (SASL EXTERNAL).
    `settings` are lines of rabbitmq.conf (two underscores for a dot)."""

    name = "rabbitmq"

    def __init__(self, *, tls: bool = False, client_certificates: bool = False, **settings: Any):
        super().__init__()
        self.plain_port, self.dist_port, self.epmd_port = self.port, free_port(), free_port()
        self.client_certificates = client_certificates
        self.node = f"test{self.plain_port}@localhost"
        self.epmd: subprocess.Popen[bytes] | None = None
        self.authority = Authority.make(self.folder / "tls") if tls else None
        self.settings: dict[str, Any] = {
            "log.console": "true",
            "log.console.level": "warning",
            "log.file": "false",
            # A small disk is no reason to stop tests.
            "disk_free_limit.absolute": "1MB",
            **{name.replace("__", "."): value for name, value in settings.items()},
        }
        if self.authority:
            self.tls_port = free_port()
            certificate, key = self.authority.sign("server")
            self.authority.sign("client", USER)
            self.settings |= {
                "listeners.ssl.1": f"{self.host}:{self.tls_port}",
                "ssl_options.cacertfile": self.authority.certificate,
                "ssl_options.certfile": certificate,
                "ssl_options.keyfile": key,
                "ssl_options.verify": "verify_peer" if client_certificates else "verify_none",
                "ssl_options.fail_if_no_peer_cert": "true" if client_certificates else "false",
            }
            if client_certificates:
                self.settings |= {
                    "auth_mechanisms.1": "EXTERNAL",
                    "auth_mechanisms.2": "PLAIN",
                    "ssl_cert_login_from": "common_name",
                }

    def environment(self) -> dict[str, str]:
        """Also of rabbitmqctl."""
        return os.environ | {
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            # With this the script becomes the server instead of waiting for it.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -kernel inet_dist_use_interface {127,0,0,1} "
            "+S 1:1 +sbwt none",
        }

    def command(self) -> list[str]:
        lines = {"listeners.tcp.1": f"{self.host}:{self.plain_port}", **self.settings}
        (self.folder / "rabbitmq.conf").write_text("".join(f"{k} = {v}\n" for k, v in lines.items()))
        plugins = "[rabbitmq_auth_mechanism_ssl]." if self.client_certificates else "[]."
        (self.folder / "plugins").write_text(plugins + "\n")
        words = [str(SCRIPTS / "rabbitmq-server")]
        return ["env", *(f"{k}={v}" for k, v in self.environment().items() if os.environ.get(k) != v), *words]

    def start(self) -> "RabbitMqServer":
        if self.epmd is None:
            self.epmd = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", "--", "epmd", "-port", str(self.epmd_port), "-address", self.host],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        super().start()
        return self

    def answers(self) -> bool:
        """The greeting comes only when the node has recovered what it had."""
        try:
            with socket.create_connection((self.host, self.plain_port), timeout=2) as client:
                client.sendall(b"AMQP\x00\x00\x09\x01")
                return client.recv(1) == b"\x01"
        except OSError:
            return False

    def __exit__(self, *args: object) -> None:
        try:
            super().__exit__(*args)
        finally:
            if self.epmd:
                self.epmd.kill()
                self.epmd.wait()
                self.epmd = None

    def ctl(self, *words: str) -> str:
        """What rabbitmqctl prints: `ctl("list_queues", "name", "messages")`, columns divided by tabs."""
        done = subprocess.run(
            [str(SCRIPTS / "rabbitmqctl"), "--quiet", "-n", self.node, *words],
            env=self.environment(), capture_output=True, text=True, timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def queues(self) -> dict[str, int]:
        """How many messages each queue has, those that are handed out included."""
        lines = self.ctl("list_queues", "--no-table-headers", "name", "messages").splitlines()
        return {name: int(count) for name, count in (line.split("\t") for line in lines if "\t" in line)}

    def block_publishers(self) -> None:
        """As if the memory were full, until unblock_publishers()."""
        self.ctl("set_vm_memory_high_watermark", "0.0000001")

    def unblock_publishers(self) -> None:
        self.ctl("set_vm_memory_high_watermark", "0.9")

    @property
    def address(self) -> str:
        return f"{self.host}:{self.plain_port}"

    def metadata(self) -> dict[str, Any]:
        """What a component needs to reach it."""
        if not self.authority:
            return {"connectionString": f"amqp://{USER}:{PASSWORD}@{self.address}"}
        who = "" if self.client_certificates else f"{USER}:{PASSWORD}@"
        fields = {
            "connectionString": f"amqps://{who}localhost:{self.tls_port}",
            "caCert": self.authority.certificate.read_text(),
        }
        if self.client_certificates:
            fields["clientCert"] = (self.authority.folder / "client.crt").read_text()
            fields["clientKey"] = (self.authority.folder / "client.key").read_text()
            fields["saslExternal"] = "true"
        return fields

