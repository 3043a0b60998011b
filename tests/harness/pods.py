"""The runtime as it finds itself in a pod: not as root, with a hosts file of its own and what Kubernetes
mounts below /var/run/secrets."""

import os
import pathlib
import shutil
import signal

from .daprd import Daprd
from .servers import launcher

# In a mount namespace of its own: $1 is a hosts file, $2 a folder to be seen as /var/run/secrets.
_SCRIPT = """
[ -z "$1" ] || mount --bind "$1" /etc/hosts || exit 1
if [ -n "$2" ]; then
  mount -t tmpfs none /var/run/ && mkdir -p /var/run/secrets && mount --bind "$2" /var/run/secrets || exit 1
fi
shift 2
exec "$@"
"""


def is_root() -> bool:
    return os.geteuid() == 0


def as_pod(
    daprd: Daprd, *, hosts: dict[str, str] | None = None, secrets: pathlib.Path | None = None,
    user: str | None = "nobody",
) -> Daprd:
    """Before it is started; needs root. It stays one process with one id. `hosts` are names and their
    addresses; everything below `secrets` must be readable for `user`."""
    assert is_root()
    hosts_file = daprd.folder / "hosts"
    names = {"localhost": "127.0.0.1", **(hosts or {})}
    hosts_file.write_text("".join(f"{address} {name}\n" for name, address in names.items()))
    files = [str(hosts_file) if hosts else "", str(secrets or "")]
    words = ["unshare", "--mount", "sh", "-c", _SCRIPT, "sh", *files]
    daprd.args = [*words, *launcher(user, signal.SIGKILL), *daprd.args]
    if user:
        shutil.chown(daprd.folder, user)
    return daprd
