#!/usr/bin/env bash
# Builds what the cluster is made of: Kubernetes, helm, CoreDNS, Dapr's control plane, and their images.
#
# Silent when nothing is missing. The Debian packages are installed by tools/setup.sh, which calls this.
# $CLUSTER_GO_JOBS is how many compilers run at once (all CPUs unless set).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A binary is left alone while its module, its own sources, its flags and the compiler are the same.
build() {
  local name=$1 module=$HERE/$2 package=$3 flags=$4 key started=$SECONDS jobs=()
  key=$({
    cat "$module/go.mod" "$module/go.sum"
    [[ ! -d $module/$package ]] || cat "$module/$package"/*.go
    echo "$package $flags"
    echo "$GO_VERSION"
  } | sha256sum | cut -c1-64)
  [[ -x $BIN/$name && $(cat "$BIN/$name.key" 2>/dev/null) == "$key" ]] && return
  [[ -z ${CLUSTER_GO_JOBS:-} ]] || jobs=(-p "$CLUSTER_GO_JOBS")
  mkdir -p "$(dirname "$BIN/$name")"
  (cd "$module" && nice -n 10 go build "${jobs[@]}" -ldflags "-s -w $flags" -o "$BIN/$name.new" \
    "$package") >"$CLUSTER_HOME/go.log" 2>&1 ||
    { tail -5 "$CLUSTER_HOME/go.log" >&2; die "cannot build $name ($CLUSTER_HOME/go.log)"; }
  mv "$BIN/$name.new" "$BIN/$name"
  echo "$key" >"$BIN/$name.key"
  echo "setup: built $name in $((SECONDS - started)) s"
}

# An image is made again when its binary or the maker of images is newer.
image() {
  local name=$1 tag=$2 binary=$3 user=$4 tar
  tar=$IMAGES/$(tr '/:' '__' <<<"$name:$tag").tar
  [[ $tar -nt $binary && $tar -nt $ROOT/images/oci.py ]] && return
  IMAGE_USER=$user "$HERE/image.sh" "$name" "$tag" "$binary" >/dev/null
}

main() {
  local version part
  mkdir -p "$BIN" "$IMAGES"
  exec 9>"$CLUSTER_HOME/setup.lock"
  flock 9
  GO_VERSION=$(go version)
  export CGO_ENABLED=0 GOWORK=off GOTOOLCHAIN=local
  export GOFLAGS="-mod=readonly -trimpath -buildvcs=false"

  version="-X k8s.io/component-base/version.gitVersion=v$KUBE_VERSION"
  version+=" -X k8s.io/component-base/version.gitMajor=1"
  version+=" -X k8s.io/component-base/version.gitMinor=32"
  version+=" -X k8s.io/component-base/version.gitTreeState=clean"
  version+=" -X k8s.io/client-go/pkg/version.gitVersion=v$KUBE_VERSION"
  version+=" -X k8s.io/client-go/pkg/version.gitMajor=1"
  version+=" -X k8s.io/client-go/pkg/version.gitMinor=32"
  for part in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
    build $part kube k8s.io/kubernetes/cmd/$part "$version"
  done
  # `helm template` pretends to be on the Kubernetes of its client library.
  version="-X helm.sh/helm/v3/internal/version.version=v3.17.0"
  version+=" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1"
  version+=" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=32"
  build helm addons helm.sh/helm/v3/cmd/helm "$version"
  build coredns addons ./coredns ""
  for part in placement sentry scheduler operator injector; do
    build dapr/$part dapr github.com/dapr/dapr/cmd/$part \
      "-X github.com/dapr/dapr/pkg/buildinfo.version=$DAPR_VERSION"
  done
  [[ $BIN/pause -nt $HERE/pause.c ]] || gcc -Os -s -static -o "$BIN/pause" "$HERE/pause.c"

  # Names with a host part are kept as they are; nothing is ever pulled from it.
  image localhost/pause 1 "$BIN/pause" 65535
  image localhost/coredns 1 "$BIN/coredns" 0
  for part in placement sentry scheduler operator injector; do
    image localhost/dapr/$part $DAPR_VERSION "$BIN/dapr/$part" 65532
  done
}
main
