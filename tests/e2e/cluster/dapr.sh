#!/usr/bin/env bash
# dapr.sh [OPTION OF HELM...]: installs Dapr's control plane with Dapr's own chart, out of its Go module.
#
# $DAPRD_IMAGE is the image that the injector puts into annotated pods.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_up
export GOWORK=off GOFLAGS=-mod=readonly GOTOOLCHAIN=local
module=$(cd "$HERE/dapr" && go mod download github.com/dapr/dapr >&2 &&
  go list -m -f '{{.Dir}}' github.com/dapr/dapr)
chart=$module/charts/dapr
[[ -e $chart/Chart.yaml ]] || die "no chart at $chart"
# The scheduler's etcd is on volumes: in memory, it loses its data with the node and never starts again.
"$HERE/run-in" helm upgrade --install dapr "$chart" --namespace dapr-system --create-namespace \
  --set global.registry=localhost/dapr --set-string "global.tag=$DAPR_VERSION" \
  --set global.imagePullPolicy=IfNotPresent --set dapr_scheduler.cluster.storageClassName=local \
  --set-string "dapr_sidecar_injector.image.name=${DAPRD_IMAGE:-localhost/daprd:e2e}" "$@" >/dev/null
for part in deploy/dapr-sentry deploy/dapr-operator deploy/dapr-sidecar-injector \
  sts/dapr-placement-server sts/dapr-scheduler-server; do
  kubectl_ -n dapr-system rollout status $part --timeout=180s >/dev/null ||
    { kubectl_ -n dapr-system get pods >&2; die "$part is not ready"; }
done
say "Dapr $DAPR_VERSION ready"
