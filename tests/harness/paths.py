"""Where the binary under test, the logs and generated files are."""

import os
import pathlib
import shutil

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"
TOOLS = ROOT / ".tools" / "bin"


def binary() -> pathlib.Path:
    """The runtime under test: $DAPRD_BINARY, else $DAPRD, else the release build."""
    for name in ("DAPRD_BINARY", "DAPRD"):
        if os.environ.get(name):
            return pathlib.Path(os.environ[name])
    return BUILD / "release" / "daprd"


def sanitized() -> bool:
    """True when the binary is slowed down and fattened by a sanitizer, so no budgets apply."""
    return binary().parent.name in ("asan", "tsan")


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def tool(name: str) -> str | None:
    """A tool that set-up builds, or one of the machine; None where there is none."""
    own = TOOLS / name
    return str(own) if own.exists() else shutil.which(name)
