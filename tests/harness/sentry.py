"""The real sentry in standalone mode: the certificate authority that gives runtimes their identities.

    with Sentry(ttl="8s") as sentry:
        with Daprd("cart", flags=sentry.flags(), env=sentry.env()) as daprd: ...
        sentry.kill(); sentry.start(); sentry.pause(); sentry.resume()
        sentry.use(Root.make(folder / "next"), also=[sentry.root])   # another issuer, live

Roots and issuers are made by openssl, so that a test can also sign certificates of its own with them."""

import base64
import json
import pathlib
import subprocess
import time
from dataclasses import dataclass

from . import rawhttp
from .kube_api import control_plane_binary
from .ports import free_port
from .servers import Server
from .yamls import configuration

TRUST_DOMAIN = "cp.test"
NAMESPACE = "dapr-system"
ID = f"spiffe://{TRUST_DOMAIN}/ns/{NAMESPACE}/dapr-sentry"


def openssl(folder: pathlib.Path, *words: str) -> bytes:
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@dataclass
class Root:
    """A self-signed root and the issuer below it, as sentry makes them."""

    folder: pathlib.Path

    @staticmethod
    def make(folder: pathlib.Path, name: str = "root") -> "Root":
        folder.mkdir(parents=True, exist_ok=True)
        openssl(folder, "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "ca.key", "-out", "ca.crt",
                "-days", "2", "-subj", f"/O={name}")
        uses = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
        (folder / "issuer.ext").write_text(uses)
        openssl(folder, "req", "-newkey", "ed25519", "-nodes", "-keyout", "issuer.key", "-out", "issuer.csr",
                "-subj", "/O=" + ID.replace("/", "\\/"))
        openssl(folder, "x509", "-req", "-in", "issuer.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", "issuer.crt", "-days", "2", "-extfile", "issuer.ext")
        return Root(folder)

    @property
    def pem(self) -> str:
        return (self.folder / "ca.crt").read_text()

    def leaf(self, name: str, uri: str = "", days: int = 1) -> tuple[str, str]:
        """Files of a chain and its key for the holder of this SPIFFE id."""
        san = f"subjectAltName=critical,URI:{uri}\n" if uri else ""
        (self.folder / f"{name}.ext").write_text(f"{san}extendedKeyUsage=serverAuth,clientAuth\n")
        openssl(self.folder, "req", "-newkey", "ed25519", "-nodes", "-keyout", f"{name}.key",
                "-out", f"{name}.csr", "-subj", "/")
        openssl(self.folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "issuer.crt", "-CAkey",
                "issuer.key", "-CAcreateserial", "-out", f"{name}.leaf", "-days", str(days),
                "-extfile", f"{name}.ext")
        chain = self.folder / f"{name}.crt"
        chain.write_text((self.folder / f"{name}.leaf").read_text() + (self.folder / "issuer.crt").read_text())
        return str(chain), str(self.folder / f"{name}.key")


class Tokens:
    """Signs JSON web tokens that sentry's jwks validator knows."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        openssl(folder, "genrsa", "-out", "jwt.key", "2048")
        modulus = openssl(folder, "rsa", "-in", "jwt.key", "-noout", "-modulus").decode().strip().split("=")[1]
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "test", "e": "AQAB",
               "n": self._text(bytes.fromhex(modulus))}
        self.jwks = folder / "jwks.json"
        self.jwks.write_text(json.dumps({"keys": [key]}))

    @staticmethod
    def _text(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    def sign(self, subject: str, audience: str = ID) -> str:
        now = int(time.time())
        claims = {"sub": subject, "aud": audience, "iat": now, "exp": now + 3600}
        head = {"alg": "RS256", "typ": "JWT", "kid": "test"}
        text = ".".join(self._text(json.dumps(part).encode()) for part in (head, claims))
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", "jwt.key"],
            cwd=self.folder, input=text.encode(), capture_output=True, check=True,
        ).stdout
        return f"{text}.{self._text(signature)}"


class Sentry(Server):
    """`ttl` and `skew`: of the certificates it signs. `tokens`: ask callers for them, instead of trusting
    anybody. `more`: flags."""

    name = "sentry"

    def __init__(self, ttl: str = "24h", skew: str = "1s", tokens: bool = False, more: tuple[str, ...] = ()):
        super().__init__()
        self.more = more
        self.health_port, self.metrics_port = free_port(), free_port()
        self.credentials = self.folder / "credentials"
        self.credentials.mkdir()
        self.anchors = self.folder / "anchors.pem"
        self.tokens = Tokens(self.folder) if tokens else None
        mtls: dict[str, object] = {"enabled": True, "workloadCertTTL": ttl, "allowedClockSkew": skew}
        if self.tokens:
            mtls["tokenValidators"] = [{"name": "jwks", "options": {"source": str(self.tokens.jwks)}}]
        (self.folder / "config.yaml").write_text(configuration({"mtls": mtls}))
        self.root = Root.make(self.folder / "first", "first root")
        self.trust(self.root)
        self.use(self.root)

    def command(self) -> list[str]:
        return [
            "env", f"NAMESPACE={NAMESPACE}", str(control_plane_binary("dapr/sentry")), "--mode=standalone",
            f"--issuer-credentials={self.credentials}", f"--config={self.folder / 'config.yaml'}",
            f"--trust-domain={TRUST_DOMAIN}", f"--port={self.port}", f"--listen-address={self.host}",
            f"--healthz-port={self.health_port}", f"--healthz-listen-address={self.host}",
            f"--metrics-port={self.metrics_port}", "--enable-metrics=false", *self.more,
        ]  # fmt: skip

    def answers(self) -> bool:
        return rawhttp.request(self.host, self.health_port, "GET", "/healthz", timeout=2).status == 200

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    # What it signs with, and whom runtimes trust.
    def use(self, root: Root, also: tuple[Root, ...] = ()) -> None:
        """Signs with this root's issuer from now on (a running sentry notices within seconds)."""
        texts = {
            "ca.crt": root.pem + "".join(other.pem for other in also),
            "issuer.crt": (root.folder / "issuer.crt").read_text(),
            "issuer.key": (root.folder / "issuer.key").read_text(),
        }
        for name, text in texts.items():
            (self.credentials / name).write_text(text)

    def trust(self, *roots: Root) -> None:
        """Writes the file of anchors that `flags` names, at one stroke."""
        scratch = self.anchors.with_suffix(".new")
        scratch.write_text("".join(root.pem for root in roots))
        scratch.replace(self.anchors)

    # For runtimes.
    def flags(self, mtls: bool = True, **changed: str) -> list[str]:
        """`changed` by the flag's name with underscores."""
        named = {
            "sentry-address": f"{self.host}:{self.port}",
            "control-plane-trust-domain": TRUST_DOMAIN,
            "control-plane-namespace": NAMESPACE,
            "trust-anchors-file": str(self.anchors),
        } | {name.replace("_", "-"): value for name, value in changed.items()}
        return [f"--{name}={value}" for name, value in named.items()] + (["--enable-mtls"] if mtls else [])
