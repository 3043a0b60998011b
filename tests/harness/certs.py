"""A certificate authority and what it signs, made by openssl for one test."""

import pathlib
import shutil
import ssl
import subprocess
from dataclasses import dataclass


def _openssl(folder: pathlib.Path, *words: str) -> None:
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@dataclass
class Authority:
    folder: pathlib.Path

    @staticmethod
    def make(folder: pathlib.Path) -> "Authority":
        folder.mkdir(parents=True, exist_ok=True)
        _openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=test authority")
        return Authority(folder)

    def sign(self, name: str, subject: str = "localhost") -> tuple[pathlib.Path, pathlib.Path]:
        """Certificate and key for `localhost` and 127.0.0.1, with this common name."""
        _openssl(self.folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}")
        (self.folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        _openssl(self.folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                 "-CAcreateserial", "-out", f"{name}.crt", "-days", "2", "-extfile", f"{name}.ext")
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    @property
    def certificate(self) -> pathlib.Path:
        return self.folder / "ca.crt"

    def give_to(self, user: str | None) -> None:
        """A server of another user must be able to read its key."""
        if user:
            for file in [self.folder, *self.folder.iterdir()]:
                shutil.chown(file, user)

    def client_context(self, name: str | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.certificate))
        if name:
            context.load_cert_chain(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        return context
