"""The container image that `make image` makes: what is in it, that it starts with nothing around it, and
that the same binary makes the same bytes."""

import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile

import pytest
from conftest import make_image
from harness.paths import ROOT, binary

sys.path.insert(0, str(ROOT / "images"))
import oci  # noqa: E402

LARGEST = 20 * 1000 * 1000


def docker_layer(image: pathlib.Path) -> bytes:
    with tarfile.open(image / "daprd.docker.tar") as tar:
        return tar.extractfile("layer.tar").read()  # type: ignore[union-attr]


def blobs(image: pathlib.Path) -> dict[str, bytes]:
    with tarfile.open(image / "daprd.oci.tar") as tar:
        files = [member for member in tar if member.isfile()]
        return {file.name: tar.extractfile(file).read() for file in files}  # type: ignore[union-attr]


def test_two_builds_are_the_same_to_the_last_byte(image: pathlib.Path, tmp_path: pathlib.Path) -> None:
    again = make_image(tmp_path / "again")
    for name in ("daprd.oci.tar", "daprd.docker.tar", "sbom.spdx.json", "digest"):
        assert (image / name).read_bytes() == (again / name).read_bytes(), name


def test_the_binary_does_not_tell_where_it_was_built() -> None:
    """Two folders would make two binaries otherwise, and two digests."""
    text = binary().read_bytes()
    for folder in (ROOT, pathlib.Path.home()):
        assert folder == pathlib.Path("/") or os.fsencode(folder) + b"/" not in text, folder


def test_an_image_does_not_depend_on_the_times_and_owners_of_files(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "program"
    file.write_bytes(b"x")
    file.chmod(0o755)
    before = oci.layer({"/program": file})
    os.utime(file, (1, 1))
    assert oci.layer({"/program": file}) == before
    file.write_bytes(b"y")
    assert oci.layer({"/program": file}) != before


def test_the_oci_layout_holds_together(image: pathlib.Path) -> None:
    held = blobs(image)
    assert json.loads(held["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    for name, data in held.items():
        if name.startswith("blobs/"):
            assert hashlib.sha256(data).hexdigest() == name.removeprefix("blobs/sha256/")
    [entry] = json.loads(held["index.json"])["manifests"]
    assert entry["platform"] == {"architecture": oci.architecture(), "os": "linux"}
    assert entry["digest"] == (image / "digest").read_text().strip()
    manifest = json.loads(held[blob(entry["digest"])])
    config = json.loads(held[blob(manifest["config"]["digest"])])
    [layer] = manifest["layers"]
    assert layer["size"] == len(held[blob(layer["digest"])])
    assert config["rootfs"]["diff_ids"] == [oci.digest(docker_layer(image))]


def blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def test_user_and_command(image: pathlib.Path) -> None:
    with tarfile.open(image / "daprd.docker.tar") as tar:
        [entry] = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(tar.extractfile(entry["Config"]))["config"]  # type: ignore[arg-type]
    assert entry["RepoTags"] == ["example/daprd:one"]
    assert config["User"] == "65532:65532"
    # Charts and Dapr's injector give /daprd themselves, as the first argument.
    assert config["Cmd"] == ["/daprd"] and "Entrypoint" not in config


def test_it_is_small_and_holds_one_program(image: pathlib.Path) -> None:
    layer = docker_layer(image)
    assert len(layer) < LARGEST
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        members = {"/" + member.name: member for member in tar}
        held = tar.extractfile("daprd").read()  # type: ignore[union-attr]
    assert held == binary().read_bytes()
    assert [name for name, member in members.items() if member.isfile() and member.mode & 0o111] == ["/daprd"]
    assert not [name for name, member in members.items() if member.mode & 0o6000]
    assert "/etc/ssl/certs/ca-certificates.crt" in members
    others = {name for name, member in members.items() if member.isfile()} - {
        "/daprd", "/etc/ssl/certs/ca-certificates.crt", "/sbom.spdx.json"}
    assert all(name.startswith("/licenses/") for name in others), others


def test_the_sbom_names_every_library_with_version_and_licence(image: pathlib.Path) -> None:
    document = json.loads((image / "sbom.spdx.json").read_text())
    assert document["spdxVersion"] == "SPDX-2.3"
    packages = {package["SPDXID"]: package for package in document["packages"]}
    assert len(packages) == len(document["packages"])
    names = {package["name"] for package in packages.values()}
    assert {"daprd", "openssl", "nghttp2", "c-ares", "protobuf", "sqlite3", "glibc", "gcc-12", "zlib",
            "ca-certificates", "librdkafka"} <= names
    for package in packages.values():
        assert package["versionInfo"]
        # A new library needs its line in images/sbom.py.
        assert package["licenseDeclared"] != "NOASSERTION", package["name"]
    installed = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libssl-dev"], text=True,
                               capture_output=True, check=True).stdout
    assert packages["SPDXRef-libssl-dev"]["versionInfo"] == installed
    assert packages["SPDXRef-libssl-dev"]["licenseDeclared"] == "Apache-2.0"
    assert {r["relatedSpdxElement"] for r in document["relationships"]} == set(packages)
    [ours] = [package for package in packages.values() if package["name"] == "daprd"]
    assert ours["licenseDeclared"] == "Apache-2.0"
    assert ours["checksums"][0]["checksumValue"] == hashlib.sha256(binary().read_bytes()).hexdigest()
    with tarfile.open(fileobj=io.BytesIO(docker_layer(image))) as tar:
        assert json.load(tar.extractfile("sbom.spdx.json")) == document  # type: ignore[arg-type]


# In namespaces of its own: the image's files, read-only, are all there is.
START = """
set -e
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
ip link set lo up
chroot --userspec=65532:65532 "$1" /daprd --app-id one --dapr-graceful-shutdown-seconds 2 &
chroot --userspec=65532:65532 "$1" /daprd --wait
grep -E '^(Uid|Gid):' /proc/$!/status
kill $!
wait $!
echo "ended with $?"
"""


def test_it_starts_in_an_empty_read_only_root_as_65532(image: pathlib.Path, tmp_path: pathlib.Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, for namespaces and chroot")
    root = tmp_path / "root"
    root.mkdir()
    for folder in (root, *root.parents):  # pytest's folders are closed to others
        if folder.stat().st_uid == os.geteuid() and folder != folder.parent:
            folder.chmod(folder.stat().st_mode | 0o111)
    with tarfile.open(fileobj=io.BytesIO(docker_layer(image))) as tar:
        tar.extractall(root)  # noqa: S202 - our own archive
    root.chmod(0o755)
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "bash", "-c", START, "-", str(root)],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
    )
    if "unshare failed" in done.stdout:
        pytest.skip(f"needs namespaces: {done.stdout}")
    assert "dapr initialized" in done.stdout, done.stdout
    assert "Uid:\t65532\t65532\t65532\t65532" in done.stdout, done.stdout
    assert "Gid:\t65532\t65532\t65532\t65532" in done.stdout, done.stdout
    assert "ended with 0" in done.stdout, done.stdout
