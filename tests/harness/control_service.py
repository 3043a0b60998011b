"""A service of the Dapr control plane in standalone mode, plain or with an identity from a sentry
(sentry.py): what placement.py and scheduler.py have in common."""

from . import rawhttp
from .kube_api import _Kept, control_plane_binary
from .ports import free_port
from .sentry import NAMESPACE, TRUST_DOMAIN, Sentry


class ControlService(_Kept):
    """With a `sentry`, which must run, it speaks TLS with the id of its own service only."""

    def __init__(self, sentry: Sentry | None = None):
        super().__init__()
        self.sentry = sentry
        self.health_port = free_port()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def flags(self) -> list[str]:
        raise NotImplementedError

    def command(self) -> list[str]:
        words = [
            "env", f"NAMESPACE={NAMESPACE}", str(control_plane_binary(f"dapr/{self.name}")),
            f"--port={self.port}", f"--listen-address={self.host}", f"--healthz-port={self.health_port}",
            f"--healthz-listen-address={self.host}", "--enable-metrics=false", *self.flags(),
        ]  # fmt: skip
        if self.sentry:
            words += [
                "--tls-enabled", f"--sentry-address={self.sentry.host}:{self.sentry.port}",
                f"--trust-domain={TRUST_DOMAIN}", f"--trust-anchors-file={self.sentry.anchors}",
            ]  # fmt: skip
        return words

    def answers(self) -> bool:
        return rawhttp.request(self.host, self.health_port, "GET", "/healthz", timeout=2).status == 200
