"""What is inside the shipped binary, as an SPDX 2.3 document: the static libraries that the linker took,
each with the Debian package it is from, read from ninja's link command and dpkg's data."""

import gzip
import hashlib
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
SYSROOTS = ROOT / ".tools" / "sysroot"

# By Debian's source package. The texts themselves are in the image, below /licenses.
LICENCES = {
    "boost1.81": "BSL-1.0", "boost1.83": "BSL-1.0", "c-ares": "MIT", "ca-certificates": "MPL-2.0",
    "gcc-12": "GPL-3.0-or-later WITH GCC-exception-3.1", "glibc": "LGPL-2.1-or-later",
    "hiredis": "BSD-3-Clause", "librabbitmq": "MIT", "librdkafka": "BSD-2-Clause", "lz4": "BSD-2-Clause",
    "libzstd": "BSD-3-Clause", "nghttp2": "MIT", "openssl": "Apache-2.0", "postgresql-15": "PostgreSQL",
    "protobuf": "BSD-3-Clause", "re2": "BSD-3-Clause", "sqlite3": "blessing", "yaml-cpp": "MIT",
    "zlib": "Zlib",
}


def output(*command):
    return subprocess.run([str(word) for word in command], check=True, text=True, cwd=ROOT,
                          stdout=subprocess.PIPE).stdout


def archives(build):
    """The static libraries from outside the tree that the link of daprd names, and the compiler's own.
    Those in the build's own lib/ are the system's, made smaller (cmake/Packages.cmake)."""
    link = output("ninja", "-C", build, "-t", "commands", "-s", "daprd")
    words = re.findall(r"\S+\.a(?=\s|$)", link)
    found = {pathlib.Path(word) for word in words if word.startswith("/")}
    target = re.search(r"--target=\S+", link)
    sysroot = re.search(r"--sysroot=\S+", link)
    compiler = ["clang++-19", *(found.group() for found in (target, sysroot) if found)]
    copies = [word.removeprefix("lib/") for word in words if word.startswith("lib/")]
    for name in ("libc.a", "libm.a", "libstdc++.a", "libgcc.a", *copies):
        found.add(pathlib.Path(output(*compiler, f"-print-file-name={name}").strip()).resolve())
    return sorted(found)


def package_of(file):
    """Debian's package of a file; its name may be written with or without /usr, as dpkg has it."""
    for name in (file, pathlib.Path(str(file).removeprefix("/usr"))):
        run = subprocess.run(["dpkg", "-S", str(name)], text=True, capture_output=True, check=False)
        if run.returncode == 0:
            return run.stdout.split(": ")[0].split(",")[0]
    raise SystemExit(f"image: no Debian package has {file}, so the SBOM cannot name its origin")


FIELDS = ("name", "version", "source", "homepage")


def describe(package):
    """Name, version, source package and home page of an installed package."""
    shown = output("dpkg-query", "-W", "-f",
                   "${Package}\\t${Version}\\t${source:Package}\\t${Homepage}", package)
    return dict(zip(FIELDS, shown.split("\t"), strict=True))


def unpacked(file):
    """The same of an archive that a script of tools/ took out of a package that is not installed."""
    if SYSROOTS in file.parents:
        folder = SYSROOTS / file.relative_to(SYSROOTS).parts[0]
        for line in (folder / "packages").read_text().splitlines():
            name, version, source, homepage, files = line.split("\t")
            if file.name in (pathlib.Path(held).name for held in files.split()):
                # A source may be named with a version of its own, and not at all when it is the package's.
                return dict(zip(FIELDS, (name, version, source.split(" ")[0] or name, homepage), strict=True))
        raise SystemExit(f"image: {folder / 'packages'} does not name {file}")
    # PostgreSQL's, beside a file named its version.
    version = next(name.name for name in file.parent.iterdir() if name.suffix != ".a")
    source = f"postgresql-{version.split('.')[0]}"
    return {"name": source.replace("-", "-server-dev-"), "version": version, "source": source, "homepage": ""}


def packages(build):
    """Everything in the image that is not ours, one entry for each Debian package, by name."""
    found = {}
    for file in archives(build):
        entry = unpacked(file) if ROOT in file.parents else describe(package_of(file))
        found.setdefault(entry["name"], {**entry, "files": []})["files"].append(file.name)
    found["ca-certificates"] = {**describe("ca-certificates"), "files": ["ca-certificates.crt"]}
    return sorted(found.values(), key=lambda entry: entry["name"])


def licence_texts(found):
    """Path in the image -> the licence Debian ships with each package, packed: Boost's alone is 2 MB."""
    texts = {"/licenses/dapr-shared.gz": packed(ROOT / "LICENSE")}
    for entry in found:
        text = pathlib.Path("/usr/share/doc", entry["name"], "copyright")
        if not text.exists():  # of a package whose archives alone were taken
            text = pathlib.Path("/usr/share/doc/libpq-dev/copyright")
        texts[f"/licenses/{entry['source']}.gz"] = packed(text)
    return texts


def packed(file):
    return gzip.compress(file.read_bytes(), 9, mtime=0)


def spdx(found, binary, version, arch, created):
    """The document. `created` is an ISO time that must not be the time of this run, or no two builds
    would be the same."""
    data = pathlib.Path(binary).read_bytes()
    checksum = hashlib.sha256(data).hexdigest()
    ours = {
        "SPDXID": "SPDXRef-daprd", "name": "daprd", "versionInfo": version,
        "supplier": "NOASSERTION", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": checksum}],
        "primaryPackagePurpose": "APPLICATION",
    }
    listed = [ours]
    relations = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                  "relatedSpdxElement": "SPDXRef-daprd"}]
    for entry in found:
        reference = "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", entry["name"])
        licence = LICENCES.get(entry["source"], "NOASSERTION")
        listed.append({
            "SPDXID": reference, "name": entry["source"], "versionInfo": entry["version"],
            "supplier": "Organization: Debian", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "homepage": entry["homepage"] or "NOASSERTION",
            "licenseConcluded": licence, "licenseDeclared": licence, "copyrightText": "NOASSERTION",
            "comment": f"{entry['name']}: {', '.join(sorted(entry['files']))}",
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                "referenceLocator": f"pkg:deb/debian/{entry['name']}@{entry['version']}?arch={arch}",
            }],
        })
        kind = "CONTAINS" if entry["name"] == "ca-certificates" else "STATIC_LINK"
        relations.append({"spdxElementId": "SPDXRef-daprd", "relationshipType": kind,
                          "relatedSpdxElement": reference})
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"daprd-{version}-{arch}", "documentNamespace": f"urn:dapr-shared:sbom:{checksum}",
        "creationInfo": {"created": created, "creators": ["Tool: images/sbom.py"]},
        "packages": listed, "relationships": relations,
    }


def commit_time():
    """Seconds of $SOURCE_DATE_EPOCH, else of the last commit, else 0."""
    if os.environ.get("SOURCE_DATE_EPOCH"):
        return int(os.environ["SOURCE_DATE_EPOCH"])
    run = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True, capture_output=True,
                         check=False)
    return int(run.stdout) if run.returncode == 0 and run.stdout.strip() else 0
