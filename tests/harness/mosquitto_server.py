"""A real mosquitto for the tests: on a free port, with what it keeps in a folder of its own."""

import os
import socket
import subprocess
from typing import Any

from .certs import Authority
from .servers import Server


class MosquittoServer(Server):
    """`options` become lines of mosquitto.conf; a list gives several lines. `stop` has it write what it
    keeps to disk, `kill` does not; `forget` throws that away too."""

    name = "mosquitto"

    def __init__(
        self,
        *,
        user: tuple[str, str] | None = None,
        tls: bool = False,
        client_certificates: bool = False,
        **options: Any,
    ):
        super().__init__()
        self.login = user
        self.options: dict[str, Any] = {
            "max_queued_messages": 100_000,
            "autosave_on_changes": "true",
            "autosave_interval": 1,
            "set_tcp_nodelay": "true",
            **options,
        }
        self.authority = Authority.make(self.folder / "tls") if tls else None
        self.client_certificates = client_certificates
        if self.authority:
            certificate, key = self.authority.sign("server")
            self.authority.sign("client", "client")
            self.options |= {"cafile": self.authority.certificate, "certfile": certificate, "keyfile": key}
            if client_certificates:
                self.options["require_certificate"] = "true"

    @staticmethod
    def environment() -> dict[str, str]:
        return {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"}

    def command(self) -> list[str]:
        lines = [
            f"listener {self.port} {self.host}",
            "persistence true",
            f"persistence_location {self.folder}/",
            "log_dest stdout",
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # another user could not read the folder
        if self.login:
            passwords = self.folder / "passwords"
            passwords.write_text(":".join(self.login) + "\n")
            subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        else:
            lines.append("allow_anonymous true")
        for name, value in self.options.items():
            lines += [f"{name} {one}" for one in (value if isinstance(value, list) else [value])]
        file = self.folder / "mosquitto.conf"
        file.write_text("\n".join(lines) + "\n")
        # Found where Debian has it, which is on no ordinary user's path.
        return ["env", f"PATH={self.environment()['PATH']}", "mosquitto", "-c", str(file)]

    def answers(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), 1).close()
        except OSError:
            return False
        return True

    def forget(self) -> None:
        self.kill()
        (self.folder / "mosquitto.db").unlink(missing_ok=True)

    @property
    def url(self) -> str:
        login = ":".join(self.login) + "@" if self.login else ""
        return f"{'mqtts' if self.authority else 'mqtt'}://{login}{self.host}:{self.port}"

    def metadata(self) -> dict[str, Any]:
        """What a component needs to reach it."""
        fields = {"url": self.url}
        if self.authority:
            fields["caCert"] = self.authority.certificate.read_text()
        if self.authority and self.client_certificates:
            fields["clientCert"] = (self.authority.folder / "client.crt").read_text()
            fields["clientKey"] = (self.authority.folder / "client.key").read_text()
        return fields
