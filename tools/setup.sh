#!/usr/bin/env bash
# Installs what building, checking and testing need: tools/setup.sh [build|lint|test|all]
#
# Run it again at will: what is there is left alone, and nothing is printed when nothing is missing.
# Debian packages need root or sudo, and only when one is missing. Everything else lands in .tools/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# One package a word; a|b means the first of them that this Debian release has.
BUILD_PACKAGES=(clang-19 lld-19 llvm-19 cmake ninja-build ccache pkg-config make python3 ca-certificates
  'libboost-json1.81-dev|libboost-json-dev' libssl-dev libnghttp2-dev libc-ares-dev libprotobuf-dev
  protobuf-compiler libyaml-cpp-dev libsqlite3-dev libre2-dev zlib1g-dev libhiredis-dev libpq-dev
  librdkafka-dev liblz4-dev libzstd-dev librabbitmq-dev
  libgtest-dev libgmock-dev libbenchmark-dev)
LINT_PACKAGES=(clang-format-19 clang-tidy-19)
TEST_PACKAGES=(libclang-rt-19-dev python3-venv python3-pip python3-pytest
  python3-pytest-timeout python3-grpcio python3-protobuf python3-yaml nginx-light wrk
  nghttp2-client sqlite3 curl openssl procps iproute2 'postgresql-15|postgresql' redis-server redis-sentinel redis-tools
  mosquitto rabbitmq-server etcd-server 'openjdk-17-jdk-headless|default-jdk-headless' maven
  containerd runc containernetworking-plugins iptables nftables conntrack kmod util-linux gcc libc6-dev)

# binary=folder below tools/go=package
GO_TOOLS=(h2spec=h2spec=github.com/summerwind/h2spec/cmd/h2spec
  ghz=ghz=github.com/bojand/ghz/cmd/ghz
  interop_client=interop=google.golang.org/grpc/interop/client
  interop_server=interop=google.golang.org/grpc/interop/server
  helm=helm-unittest=helm.sh/helm/v3/cmd/helm
  helm-unittest=helm-unittest=github.com/helm-unittest/helm-unittest/cmd/helm-unittest)

say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }

# Prints the wanted packages that are not installed, one a line, alternatives still joined by |.
missing_packages() {
  local installed want name
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
  installed=" ${installed//$'\n'/ } "
  for want in "$@"; do
    for name in ${want//|/ }; do
      [[ $installed == *" $name "* ]] && continue 2
    done
    echo "$want"
  done
}

# Debian bookworm is 12; testing and unstable carry no number.
check_release() {
  local ID='' VERSION_ID=''
  # shellcheck disable=SC1091
  [[ ! -r /etc/os-release ]] || . /etc/os-release
  [[ $ID == debian && ${VERSION_ID:-99} -ge 12 ]] ||
    die "packages are installed on Debian 12 (bookworm) or later only, and this is ${ID:-unknown}" \
      "${VERSION_ID:-}; install these by hand: $*"
}

install_packages() {
  local missing name want root=() policy=/usr/sbin/policy-rc.d own_policy='' started=$SECONDS rc=0
  command -v dpkg-query >/dev/null || die "this is not Debian (no dpkg-query); install by hand: $*"
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  check_release "${missing[*]}"
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || die "needs root or sudo to install: ${missing[*]}"
    root=(sudo)
  fi
  mkdir -p .tools
  "${root[@]}" apt-get update -qq >.tools/apt.log 2>&1 ||
    { tail -5 .tools/apt.log >&2; die "apt-get update failed (.tools/apt.log)"; }
  local install=()
  for want in "${missing[@]}"; do
    for name in ${want//|/ }; do
      if apt-cache show "$name" >/dev/null 2>&1; then install+=("$name"); continue 2; fi
    done
    die "no package source here has $want; enable Debian's main archive and its updates"
  done
  say "installing ${install[*]}"
  # A freshly installed nginx must not start on port 80 of the developer's machine.
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
    "${root[@]}" chmod 755 $policy
    own_policy=1
  fi
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    "${install[@]}" >>.tools/apt.log 2>&1 || rc=$?
  [[ -z $own_policy ]] || "${root[@]}" rm -f $policy
  [[ $rc -eq 0 ]] || { tail -8 .tools/apt.log >&2; die "apt-get install failed (.tools/apt.log)"; }
  say "${#install[@]} packages installed in $((SECONDS - started)) s"
}

# libpq.a of libpq-dev needs two archives that Debian ships with the server's development files only,
# and these depend on clang 14 and LLVM. So the package is fetched and just the archives are taken
# out of it.
postgres_archives() {
  local folder=.tools/lib/postgres version key temp deb package root=()
  version=$(dpkg-query -W -f '${Version}' libpq-dev)
  package=postgresql-server-dev-${version%%.*}
  key=$folder/$version
  [[ -e $key && -e $folder/libpgcommon_shlib.a && -e $folder/libpgport_shlib.a ]] && return
  mkdir -p "$folder"
  temp=$(mktemp -d .tools/deb.XXXXXX)
  if ! (cd "$temp" && apt-get download "$package=$version") >.tools/apt.log 2>&1; then
    [[ $EUID -eq 0 ]] || root=(sudo)
    "${root[@]}" apt-get update -qq >.tools/apt.log 2>&1 || true
    (cd "$temp" && { apt-get download "$package=$version" || apt-get download "$package"; }) \
      >>.tools/apt.log 2>&1 ||
      { rm -rf "$temp"; tail -5 .tools/apt.log >&2; die "cannot fetch $package (.tools/apt.log)"; }
  fi
  deb=$(echo "$temp"/*.deb)
  rm -f "$folder"/*
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$folder" --wildcards --strip-components=6 \
    './usr/lib/postgresql/*/lib/libpgcommon_shlib.a' './usr/lib/postgresql/*/lib/libpgport_shlib.a' ||
    { rm -rf "$temp"; die "$package has not the archives that libpq.a needs"; }
  rm -rf "$temp"
  touch "$key"
  say "took the archives libpq.a needs out of $package"
}

# The SDK and grpcio at pinned versions. Without the package index the core suites still run, on
# Debian's own pytest and grpcio; the suites that need the SDK report themselves as skipped.
python_venv() {
  local python='' candidate key started=$SECONDS
  for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
    then python=$candidate; break; fi
  done
  [[ -n $python ]] || die "no Python 3.11 or newer that can make a virtual environment" \
    "(Debian: apt-get install python3-venv)"
  key=$({ cat tests/requirements.txt; "$python" -V; pwd; } | sha256sum | cut -c1-64)
  [[ -x .tools/venv/bin/python && $(cat .tools/venv.key 2>/dev/null) == "$key" ]] && return
  say "making .tools/venv"
  rm -rf .tools/venv .tools/venv.key
  mkdir -p .tools
  if "$python" -m venv .tools/venv >.tools/venv.log 2>&1 &&
    .tools/venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt \
      >>.tools/venv.log 2>&1; then
    echo "$key" >.tools/venv.key
    say "Python packages installed in $((SECONDS - started)) s"
  else
    rm -rf .tools/venv
    tail -3 .tools/venv.log >&2
    say "no Python packages (.tools/venv.log); skipping what needs them: the Dapr Python SDK"
  fi
}

go_is_new_enough() {
  local version minor=${1:-25}
  command -v go >/dev/null || return 1
  version=$(GOTOOLCHAIN=local go env GOVERSION) && version=${version#go1.} && version=${version%%[!0-9]*}
  [[ -n $version && $version -ge $minor ]]
}

go_tools() {
  local entry name module package key started todo=() rc
  if ! go_is_new_enough; then
    say "no Go 1.25 or newer: skipping $(printf '%s\n' "${GO_TOOLS[@]%%=*}" | paste -sd' ')"
    return
  fi
  for entry in "${GO_TOOLS[@]}"; do
    IFS='=' read -r name module package <<<"$entry"
    key=$({ cat "tools/go/$module/go.mod" "tools/go/$module/go.sum"; echo "$package"; } |
      sha256sum | cut -c1-64)
    [[ -x .tools/bin/$name && $(cat ".tools/bin/$name.key" 2>/dev/null) == "$key" ]] && continue
    todo+=("$entry=$key")
  done
  [[ ${#todo[@]} -gt 0 ]] || return 0
  mkdir -p .tools/bin
  for entry in "${todo[@]}"; do
    IFS='=' read -r name module package key <<<"$entry"
    started=$SECONDS rc=0
    (cd "tools/go/$module" && CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS='-mod=readonly -buildvcs=false' \
      go build -trimpath -ldflags '-s -w' -o "../../../.tools/bin/$name" "$package") \
      >.tools/go.log 2>&1 || rc=$?
    if [[ $rc -eq 0 ]]; then
      echo "$key" >".tools/bin/$name.key"
      say "built $name in $((SECONDS - started)) s"
    else
      tail -3 .tools/go.log >&2
      say "cannot build $name (.tools/go.log): skipping it"
    fi
  done
}

# What tests/e2e makes a cluster of; built from Go modules, a quarter of an hour once.
cluster() {
  if ! go_is_new_enough 26; then
    say "no Go 1.26 or newer: skipping the Kubernetes cluster of the end-to-end tests"
    return
  fi
  tests/e2e/cluster/setup.sh || say "no Kubernetes cluster: skipping the end-to-end tests"
}

# The broker that the tests of Kafka start: its jars from Maven Central, in .tools/kafka.
kafka_jars() {
  local folder=.tools/kafka key started=$SECONDS
  key=$(sha256sum <tools/kafka/pom.xml | cut -c1-64)
  [[ $(cat $folder/key 2>/dev/null) == "$key" ]] && return
  say "fetching Kafka's jars"
  rm -rf $folder
  mkdir -p $folder
  if mvn -q -B -f tools/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime \
    "-DoutputDirectory=$PWD/$folder/lib" >.tools/kafka.log 2>&1; then
    echo "$key" >$folder/key
    say "Kafka's jars fetched in $((SECONDS - started)) s"
  else
    rm -rf $folder
    tail -3 .tools/kafka.log >&2
    say "cannot fetch Kafka's jars (.tools/kafka.log): its tests will fail"
  fi
}

main() {
  local group=${1:-all}
  case $group in
    build) install_packages "${BUILD_PACKAGES[@]}"; postgres_archives ;;
    lint) install_packages "${BUILD_PACKAGES[@]}" "${LINT_PACKAGES[@]}"; postgres_archives ;;
    test)
      install_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
      postgres_archives
      python_venv
      go_tools
      kafka_jars
      cluster
      ;;
    all)
      install_packages "${BUILD_PACKAGES[@]}" "${LINT_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
      postgres_archives
      python_venv
      go_tools
      kafka_jars
      cluster
      ;;
    *) die "unknown group '$group'; use build, lint, test or all" ;;
  esac
}
main "$@"
