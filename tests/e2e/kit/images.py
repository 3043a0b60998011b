"""Images of the applications, made of what this machine has: Python with Dapr's SDK, Node with Dapr's SDK,
Redis. Their programs are not in them but in ConfigMaps, so an image is made once and kept."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig

from harness.paths import BUILD, ROOT

from .cluster import HOME

sys.path.insert(0, str(ROOT / "images"))
import oci  # noqa: E402

PYTHON, NODE, REDIS = "localhost/python-sdk:1", "localhost/node-sdk:1", "localhost/redis:1"
DAPRD = "localhost/daprd:e2e"
LEFT_OUT = {"test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages", "pip",
            "setuptools", "pytest", "_pytest", "mypy", "grpc_tools", "config-3.11-x86_64-linux-gnu"}


def libraries(*binaries: pathlib.Path) -> dict[str, pathlib.Path]:
    """The shared libraries that programs and modules load, at the paths where the loader looks."""
    found = {}
    text = subprocess.run(["ldd", *map(str, binaries)], text=True, capture_output=True, check=False).stdout
    for file in re.findall(r"(?:=> |^\s)(/[^ :\n]+) \(", text, re.MULTILINE):
        found[file] = pathlib.Path(file)
    return found


def tree(folder: pathlib.Path, at: str) -> dict[str, pathlib.Path]:
    files = {}
    for name, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f not in LEFT_OUT | {"__pycache__"}]
        for file in names:
            path = pathlib.Path(name, file)
            files[f"{at}/{path.relative_to(folder)}"] = path
    return files


def python_files() -> tuple[dict[str, object], list[str]]:
    paths = sysconfig.get_paths()
    interpreter = pathlib.Path(sys.executable).resolve()
    standard, packages = pathlib.Path(paths["stdlib"]), pathlib.Path(paths["purelib"])
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    files: dict[str, object] = {"/usr/local/bin/python": interpreter}
    files |= tree(standard, f"/usr/local/lib/{version}")
    files |= tree(packages, "/usr/local/site")
    files["/usr/local/bin/keda"] = keda_client()
    modules = [file for file in files.values() if str(file).endswith(".so")]
    files |= libraries(interpreter, *modules)  # type: ignore[arg-type]
    return files, ["PYTHONHOME=/usr/local", "PYTHONPATH=/usr/local/site", "PYTHONUNBUFFERED=1",
                   "PYTHONDONTWRITEBYTECODE=1"]


def node_files() -> tuple[dict[str, object], list[str]]:
    node = pathlib.Path(shutil.which("node") or "")
    work = BUILD / "sdk-js"
    if not (work / "node_modules" / "@dapr").is_dir():
        work.mkdir(parents=True, exist_ok=True)
        for file in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(ROOT / "tests" / "sdk" / "js" / file, work / file)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=work, check=True,
                       stdout=subprocess.DEVNULL)
    files: dict[str, object] = {"/usr/local/bin/node": node.resolve()}
    files |= tree(work / "node_modules", "/app/node_modules")
    files |= libraries(node.resolve())
    return files, ["NODE_PATH=/app/node_modules"]


def redis_files() -> tuple[dict[str, object], list[str]]:
    server = pathlib.Path(shutil.which("redis-server") or "").resolve()
    client = pathlib.Path(shutil.which("redis-cli") or "").resolve()
    return {"/usr/local/bin/redis-server": server, "/usr/local/bin/redis-cli": client,
            **libraries(server, client)}, []


def keda_client() -> pathlib.Path:
    """The client that KEDA itself uses, as a program of this machine."""
    program = BUILD / "sdk-keda" / "keda"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["go", "build", "-trimpath", "-o", str(program), "."], cwd=ROOT / "tests" / "sdk" / "keda", check=True,
            env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local",
                 "GOFLAGS": "-mod=readonly -buildvcs=false"})
    return program


def archive_of(name: str) -> pathlib.Path:
    return HOME / "images" / (re.sub("[/:]", "_", name) + ".tar")


def fingerprint(files: dict[str, object], environment: list[str]) -> str:
    facts = sorted((path, os.stat(file).st_size, int(os.stat(file).st_mtime))  # type: ignore[call-overload]
                   for path, file in files.items())
    return hashlib.sha256(json.dumps([facts, environment]).encode()).hexdigest()


def make(name: str, files: dict[str, object], environment: list[str]) -> None:
    archive = archive_of(name)
    key = archive.with_suffix(".key")
    wanted = fingerprint(files, environment)
    if archive.exists() and key.exists() and key.read_text() == wanted:
        return
    layer = oci.layer(files)
    config = oci.configuration(layer, "65532:65532",
                               environment=["PATH=/usr/local/bin:/usr/bin:/bin", *environment])
    archive.parent.mkdir(parents=True, exist_ok=True)
    oci.write_docker_archive(archive, name, config, layer)
    key.write_text(wanted)


def make_all(binary: pathlib.Path) -> None:
    """Everything the tests run, ready for the next cluster. The runtime's is the image that ships."""
    for name, files in ((PYTHON, python_files), (NODE, node_files), (REDIS, redis_files)):
        make(name, *files())
    out = BUILD / "e2e-image"
    done = subprocess.run([sys.executable, str(ROOT / "images" / "build.py"), "--name", DAPRD, "--out", str(out)],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
    assert binary.parent.name == "release", f"the image is of the release binary, not of {binary}"
    archive = archive_of(DAPRD)
    fresh = archive.with_suffix(".new")
    shutil.copyfile(out / "daprd.docker.tar", fresh)
    if archive.exists() and archive.read_bytes() == fresh.read_bytes():
        fresh.unlink()
    else:
        fresh.replace(archive)
