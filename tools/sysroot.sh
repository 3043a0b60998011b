#!/usr/bin/env bash
# Debian's static libraries of another architecture, unpacked into .tools/sysroot/<architecture> for a
# cross build: tools/sysroot.sh arm64
#
# Nothing is installed and the machine's own package lists are not touched. Silent when it is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ARCH=${1:?usage: sysroot.sh arm64}
FOLDER=$PWD/.tools/sysroot/$ARCH
PACKAGES=(libc6-dev linux-libc-dev libgcc-12-dev libstdc++-12-dev libboost1.81-dev libboost-json1.81-dev
  libboost-container1.81-dev libssl-dev libnghttp2-dev libc-ares-dev libprotobuf-dev libyaml-cpp-dev
  libsqlite3-dev libre2-dev zlib1g-dev libhiredis-dev libpq-dev librdkafka-dev liblz4-dev libzstd-dev
  librabbitmq-dev libgtest-dev libgmock-dev googletest libbenchmark-dev libbenchmark1debian
  postgresql-server-dev-15)

key=$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-64)
[[ $(cat "$FOLDER/key" 2>/dev/null) != "$key" ]] || exit 0
started=$SECONDS
rm -rf "$FOLDER"
TREE=$FOLDER/root
mkdir -p "$FOLDER"/{apt/lists/partial,apt/archives/partial,debs} "$TREE"
touch "$FOLDER/apt/status"
apt=(apt-get -qq -o APT::Architecture="$ARCH" -o APT::Architectures::="$ARCH" -o APT::Sandbox::User=root
  -o Dir::State="$FOLDER/apt" -o Dir::State::Lists="$FOLDER/apt/lists"
  -o Dir::State::status="$FOLDER/apt/status" -o Dir::Cache="$FOLDER/apt")
fail() { tail -5 "$FOLDER/apt.log" >&2; echo "sysroot: $* ($FOLDER/apt.log)" >&2; exit 1; }
"${apt[@]}" update >"$FOLDER/apt.log" 2>&1 || fail "cannot read the package lists of $ARCH"
(cd "$FOLDER/debs" && "${apt[@]}" download "${PACKAGES[@]}") >>"$FOLDER/apt.log" 2>&1 ||
  fail "cannot fetch the packages of $ARCH"
for deb in "$FOLDER"/debs/*.deb; do dpkg-deb -x "$deb" "$TREE"; done
# What the SBOM names; the packages are not known to dpkg here.
for deb in "$FOLDER"/debs/*.deb; do
  # shellcheck disable=SC2016
  dpkg-deb -W --showformat='${Package}\t${Version}\t${Source}\t${Homepage}\t' "$deb"
  dpkg-deb --fsys-tarfile "$deb" | tar -t | sed -n 's#^\.\(/.*\.a\)$#\1#p' | paste -sd' '
done >"$FOLDER/packages"
# Debian's compilers look in /lib for what lies in /usr/lib.
[[ -e $TREE/lib ]] || ln -s usr/lib "$TREE/lib"
mkdir -p "$FOLDER/postgres"
cp "$TREE"/usr/lib/postgresql/*/lib/libpg{common,port}_shlib.a "$FOLDER/postgres/"
rm -rf "$FOLDER/debs" "$FOLDER/apt"
echo "$key" >"$FOLDER/key"
echo "setup: unpacked $ARCH's libraries in $((SECONDS - started)) s"
