"""A name whose addresses a test changes while a runtime runs: a hosts file that only this runtime sees,
put over the machine's in a mount namespace of its own."""

import functools
import pathlib
import subprocess

import pytest

from .daprd import Daprd

NAME = "app.test"


@functools.cache
def available() -> bool:
    """Whether this machine lets us have a mount namespace."""
    try:
        done = subprocess.run(
            ["unshare", "--mount", "--map-root-user", "mount", "--bind", "/dev/null", "/etc/hosts"],
            capture_output=True,
        )
    except OSError:
        return False
    return done.returncode == 0


def wanted(folder: pathlib.Path) -> "HostNames":
    """With a hosts file in `folder`. Skips the test where there are no mount namespaces."""
    if not available():
        pytest.skip("needs a mount namespace (unshare --mount --map-root-user)")
    return HostNames(folder / "hosts")


class HostNames:
    def __init__(self, file: pathlib.Path):
        self.file = file

    def set(self, *addresses: str) -> None:
        """Written in place: the mount is of this very file."""
        lines = ["127.0.0.1 localhost", *(f"{address} {NAME}" for address in addresses)]
        self.file.write_text("\n".join(lines) + "\n")

    def give_to(self, daprd: Daprd) -> Daprd:
        """Before it is started; it stays one process with one id."""
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        before = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, str(self.file)]
        daprd.args = [*before, *daprd.args]
        return daprd
