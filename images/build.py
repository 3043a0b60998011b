#!/usr/bin/env python3
"""Makes the container image of the release binary, without a container engine.

Usage: build.py [--arch amd64|arm64] [--name NAME:TAG] [--out FOLDER]

In build/image/<arch>/: daprd.oci.tar (an OCI layout, for tools that push), daprd.docker.tar (for `docker
load` and `ctr images import`), sbom.spdx.json, digest. The image holds the binary, the CA roots, the
licences and the SBOM, and nothing else; the same binary makes the same image, to the last byte.
"""

import argparse
import datetime
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import oci  # noqa: E402
import sbom  # noqa: E402

ROOT = sbom.ROOT
PRESETS = {"amd64": "release", "arm64": "release-arm64"}
MACHINES = {"amd64": 62, "arm64": 183}  # e_machine of an ELF header
ROOTS = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
USER = "65532:65532"
LARGEST = 20 * 1000 * 1000


def version():
    text = (ROOT / "src/daprd/build_info.hpp").read_text()
    return re.search(r'define DAPR_VERSION "([^"]+)"', text).group(1)


def check_binary(binary, arch):
    if not binary.is_file():
        raise SystemExit(f"image: no {binary.relative_to(ROOT)}; build it first (make image does)")
    head = binary.read_bytes()[:64]
    machine = int.from_bytes(head[18:20], "little")
    if machine != MACHINES[arch]:
        raise SystemExit(f"image: {binary.relative_to(ROOT)} is not for {arch}")
    # A program that asks for a loader would not start on an empty base.
    if b"ld-linux" in binary.read_bytes()[:4096]:
        raise SystemExit(f"image: {binary.relative_to(ROOT)} is not static; use the release preset")


def make(arch, name, out):
    build = ROOT / "build" / PRESETS[arch]
    binary = build / "daprd"
    check_binary(binary, arch)
    created = datetime.datetime.fromtimestamp(sbom.commit_time(), datetime.UTC)
    found = sbom.packages(build)
    document = sbom.spdx(found, binary, version(), arch, created.strftime("%Y-%m-%dT%H:%M:%SZ"))
    document = (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()
    layer = oci.layer({"/daprd": binary, "/etc/ssl/certs/ca-certificates.crt": ROOTS,
                       "/sbom.spdx.json": document, **sbom.licence_texts(found)})
    if len(layer) > LARGEST:
        raise SystemExit(f"image: {len(layer)} bytes, which is more than {LARGEST}")
    labels = {"org.opencontainers.image.title": "daprd", "org.opencontainers.image.version": version(),
              "org.opencontainers.image.licenses": "Apache-2.0"}
    # A command and no entry point: Dapr's injector and charts give /daprd as the first argument.
    config = oci.configuration(layer, USER, command=["/daprd"], arch=arch, labels=labels)
    out.mkdir(parents=True, exist_ok=True)
    digest = oci.write_oci_layout(out / "daprd.oci.tar", name, config, layer, labels)
    oci.write_docker_archive(out / "daprd.docker.tar", name, config, layer)
    (out / "sbom.spdx.json").write_bytes(document)
    (out / "digest").write_text(digest + "\n")
    packed = (out / "daprd.oci.tar").stat().st_size
    print(f"image {name} {arch} {digest}: {len(layer) / 1e6:.1f} MB, {packed / 1e6:.1f} MB packed")


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", choices=PRESETS, default=oci.architecture())
    parser.add_argument("--name", help="name and tag (dapr-shared/daprd:<version>)")
    parser.add_argument("--out", type=pathlib.Path, help="folder (build/image/<arch>)")
    options = parser.parse_args(arguments)
    name = options.name or f"dapr-shared/daprd:{version()}"
    make(options.arch, name, (options.out or ROOT / "build/image" / options.arch).resolve())


if __name__ == "__main__":
    main(sys.argv[1:])
