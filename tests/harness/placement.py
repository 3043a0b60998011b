"""The real placement service, one server that leads at once.

with Placement() as placement:
    with Daprd("cart", flags=[placement.flag]) as daprd: ...
    placement.kill(); placement.start(); placement.pause(); placement.resume()"""

from .control_service import ControlService
from .ports import free_port
from .sentry import Sentry


class Placement(ControlService):
    name = "placement"

    def __init__(self, sentry: Sentry | None = None):
        super().__init__(sentry)
        self.raft_port = free_port()

    def flags(self) -> list[str]:
        return [
            "--id=dapr-placement-0", f"--initial-cluster=dapr-placement-0={self.host}:{self.raft_port}",
        ]  # fmt: skip

    def answers(self) -> bool:
        # Until it leads it refuses runtimes, which healthz does not tell.
        text = self.log_text()
        led, begun = text.count("has acquired leadership"), text.count("Starting Dapr Placement Service")
        return led >= begun > 0 and super().answers()

    def reported(self, app_id: str) -> int:
        """How often this app has come to report itself since the beginning."""
        return self.log_text().count(f"status report connection from new namespace=default id={app_id} ")

    @property
    def flag(self) -> str:
        """For runtimes."""
        return f"--placement-host-address={self.address}"
