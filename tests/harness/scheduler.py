"""The real scheduler, one host with an etcd inside.

with Scheduler() as scheduler:
    with Daprd("cart", flags=[scheduler.flag]) as daprd: ...
    scheduler.kill(); scheduler.start(); scheduler.pause(); scheduler.resume()"""

import shutil

from .control_service import ControlService
from .ports import free_port
from .sentry import Sentry


class Scheduler(ControlService):
    name = "scheduler"

    def __init__(self, sentry: Sentry | None = None):
        super().__init__(sentry)
        self.peer_port, self.client_port = free_port(), free_port()

    def forget(self) -> None:
        """Drops all that a killed one has kept. It waits else for its own leases, about 20 seconds."""
        shutil.rmtree(self.folder / "etcd")

    def flags(self) -> list[str]:
        name = "dapr-scheduler-server-0"
        return [
            f"--id={name}", f"--etcd-data-dir={self.folder / 'etcd'}",
            f"--etcd-initial-cluster={name}=http://{self.host}:{self.peer_port}",
            f"--etcd-client-port={self.client_port}", f"--etcd-client-listen-address={self.host}",
            # What it tells runtimes of itself.
            f"--override-broadcast-host-port={self.address}", "--workers=16",
        ]  # fmt: skip

    @property
    def flag(self) -> str:
        """For runtimes."""
        return f"--scheduler-host-address={self.address}"
