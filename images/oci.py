#!/usr/bin/env python3
"""Makes container images out of files, without an engine, a daemon or a registry.

Usage: oci.py OUT.tar NAME:TAG USER BINARY [SOURCE[:PATH]...]. An image of one layer in docker-archive
form: BINARY becomes the entry point /<its name>, each SOURCE lies at PATH (its own path unless given); a
folder is taken with all below it. The bytes depend on nothing but the files' contents and names.
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import platform
import sys
import tarfile

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
SKIPPED_FOLDERS = {"__pycache__", ".cache"}


def architecture():
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def add(tar, name, data=b"", mode=0o644, kind=tarfile.REGTYPE):
    """One entry without anything of this machine: no owner, no time."""
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size, info.mtime = kind, mode, len(data), 0
    tar.addfile(info, io.BytesIO(data))


def below(source, path):
    """(path in the image, file) of every file that `source` stands for."""
    if not source.is_dir():
        yield path, source
        return
    for folder, folders, names in os.walk(source, followlinks=True):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        inside = path / pathlib.Path(folder).relative_to(source)
        for name in sorted(names):
            yield inside / name, pathlib.Path(folder) / name


def layer(files):
    """The tar of a layer. `files` maps a path in the image to a file or to bytes; links are followed, so
    what `ldd` prints can be given as it is. /tmp is there for programs that want one."""
    content = {}
    for path, source in files.items():
        if isinstance(source, bytes):
            content[pathlib.PurePosixPath(path)] = (source, 0o644)
            continue
        for place, file in below(pathlib.Path(source), pathlib.PurePosixPath(path)):
            content[place] = (file, 0o755 if os.access(file, os.X_OK) else 0o644)
    folders = {parent for path in content for parent in path.parents} - {pathlib.PurePosixPath("/")}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in sorted(folders - {pathlib.PurePosixPath("/tmp")}):
            add(tar, str(folder)[1:], mode=0o755, kind=tarfile.DIRTYPE)
        add(tar, "tmp", mode=0o1777, kind=tarfile.DIRTYPE)
        for path in sorted(content):
            source, mode = content[path]
            add(tar, str(path)[1:], source if isinstance(source, bytes) else source.read_bytes(), mode)
    return out.getvalue()


def configuration(layer_tar, user, entry=None, command=None, arch=None, labels=None, environment=()):
    """The image's configuration, the object whose digest is the image's id. `entry` is what always runs;
    `command` is what runs unless the container has arguments of its own."""
    run = {"Env": list(environment), "User": str(user), "WorkingDir": "/"}
    if entry:
        run["Entrypoint"] = entry
    if command:
        run["Cmd"] = command
    if labels:
        run["Labels"] = labels
    return canonical({
        "architecture": arch or architecture(),
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": [digest(layer_tar)]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "images/oci.py"}],
    })


def write_tar(file, entries):
    """Whole or not at all."""
    file = pathlib.Path(file)
    fresh = file.with_name(file.name + ".new")
    with tarfile.open(fresh, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in entries:
            add(tar, name, data)
    fresh.replace(file)


def write_docker_archive(file, name, config, layer_tar):
    """What `docker load` and `ctr images import` read; containerd completes short names in it as the
    kubelet does."""
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = canonical([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}])
    write_tar(file, [("manifest.json", manifest), (config_name, config), ("layer.tar", layer_tar)])


def write_oci_layout(file, name, config, layer_tar, annotations=None):
    """An OCI image layout in a tar, for every tool that pushes. Returns the digest of its manifest."""
    packed = gzip.compress(layer_tar, 9, mtime=0)
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", packed)],
    }
    if annotations:
        manifest["annotations"] = annotations
    manifest = canonical(manifest)
    entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    entry["platform"] = {key: json.loads(config)[key] for key in ("architecture", "os")}
    entry["annotations"] = {"org.opencontainers.image.ref.name": name.rpartition(":")[2],
                            "io.containerd.image.name": name}
    index = canonical({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                       "manifests": [entry]})
    blobs = {digest(data): data for data in (manifest, config, packed)}
    write_tar(file, [("oci-layout", canonical({"imageLayoutVersion": "1.0.0"})), ("index.json", index),
                     *((f"blobs/{key.replace(':', '/')}", blobs[key]) for key in sorted(blobs))])
    return digest(manifest)


def descriptor(media_type, data):
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


def main(arguments):
    if len(arguments) < 4:
        sys.exit(__doc__)
    out, name, user, binary = arguments[:4]
    entry = "/" + os.path.basename(binary)
    files = {entry: binary}
    for word in arguments[4:]:
        source, _, path = word.partition(":")
        files[os.path.normpath("/" + (path or os.path.abspath(source)).lstrip("/"))] = source
    tar = layer(files)
    config = configuration(tar, user, [entry], environment=["PATH=/usr/local/bin:/usr/bin:/bin:/"])
    write_docker_archive(out, name, config, tar)


if __name__ == "__main__":
    main(sys.argv[1:])
