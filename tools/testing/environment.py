"""Where things are on this machine."""

import os
import pathlib
import shutil

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / ".tools"


def in_ci():
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def python():
    """The Python of the pinned packages, or Debian's, which has pytest and grpcio but no Dapr SDK."""
    own = TOOLS / "venv" / "bin" / "python"
    return str(own if own.exists() else "/usr/bin/python3")


def find_tool(name):
    if name == "venv":
        found = TOOLS / "venv" / "bin" / "python"
        return str(found) if found.exists() else None
    own = TOOLS / "bin" / name
    return str(own) if own.exists() else shutil.which(name)


def missing_tools(names):
    return [name for name in names if not find_tool(name)]


def test_environment(preset):
    """What a test process sees: no proxies of the machine, the sanitizers' options, our tools."""
    environment = dict(os.environ)
    for name in ("http_proxy", "HTTP_PROXY"):
        environment.pop(name, None)
    environment["PATH"] = f"{TOOLS / 'bin'}:{environment['PATH']}"
    environment["DAPRD"] = str(ROOT / "build" / preset / "daprd")
    symbolizer = shutil.which("llvm-symbolizer-19")
    if symbolizer:
        environment["ASAN_SYMBOLIZER_PATH"] = symbolizer
        environment["TSAN_SYMBOLIZER_PATH"] = symbolizer
    environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    environment.setdefault("TSAN_OPTIONS", "halt_on_error=1:second_deadlock_stack=1")
    return environment
