#!/usr/bin/env bash
# node-init.sh N: the first process of node N; node.sh starts it in namespaces of its own.
#
# Mounts the node's own folders on the usual paths, then runs containerd, kubelet and kube-proxy.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
NODE=$1 DIR=$RUN/n$1
set -e
mount --make-rshared /
for folder in /var/lib/{kubelet,containerd,cni} /var/log/{pods,containers} /run/containerd /etc/cni/net.d
do
  mkdir -p "$DIR/fs$folder"
  mount --bind "$DIR/fs$folder" "$folder"
  mount --make-rshared "$folder"
done
# The pods' network namespaces live and die with the node.
mount -t tmpfs tmpfs /run/netns
mount --make-rshared /run/netns
# These two belong to the network namespace.
for setting in net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables; do echo 1 >/proc/sys/$setting; done

cat >/etc/cni/net.d/10-bridge.conflist <<END
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "/var/lib/cni/networks",
            "ranges": [[{"subnet": "10.244.$NODE.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
END
# Where CAP_SYS_RESOURCE is missing (some virtual machines) no OOM score can be lowered, and runc fails.
# Hence restrict_oom_score_adj here and oomScoreAdj: 0 below.
cat >"$DIR/containerd.toml" <<END
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:1"
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "/etc/cni/net.d"
END
cat >"$DIR/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: "$RUN/pki/ca.crt"}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: /dapr-shared-n$NODE
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
resolvConf: ""
failSwapOn: false
oomScoreAdj: 0
evictionHard: {memory.available: 200Mi, nodefs.available: 1Gi, imagefs.available: 1Gi}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
syncFrequency: 10s
nodeStatusUpdateFrequency: 5s
shutdownGracePeriod: 0s
END
cat >"$DIR/kube-proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: "$RUN/kube-proxy.kubeconfig"}
clusterCIDR: 10.244.0.0/16
hostnameOverride: n$NODE
mode: $(<"$RUN/proxy-mode")
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
END
set +e

# keep LOG COMMAND...: starts it again when it ends, as an init system would.
keep() {
  local log=$1
  shift
  while :; do
    "$@" >>"$log" 2>&1
    echo "ended with $?, started again" >>"$log"
    sleep 1
  done
}
import() {
  local tar
  for tar in "$@"; do
    [[ $DIR/imported/${tar##*/} -nt $tar ]] && continue
    ctr -n k8s.io images import "$tar" >>"$DIR/import.log" 2>&1 && touch "$DIR/imported/${tar##*/}"
  done
}
keep "$DIR/containerd.log" containerd -c "$DIR/containerd.toml" &
until ctr version >/dev/null 2>&1; do sleep 0.1; done
# The kubelet would try to pull these two at once.
import "$IMAGES/localhost_pause_1.tar" "$IMAGES/localhost_coredns_1.tar"
keep "$DIR/kubelet.log" "$BIN/kubelet" --config="$DIR/kubelet.yaml" \
  --kubeconfig="$RUN/n$NODE.kubeconfig" --hostname-override="n$NODE" --node-ip="10.250.0.$NODE" \
  --root-dir=/var/lib/kubelet &
keep "$DIR/kube-proxy.log" "$BIN/kube-proxy" --config="$DIR/kube-proxy.yaml" &
import "$IMAGES"/*.tar
: >"$DIR/images.done"
# The first process must reap the orphans of its namespace.
while :; do
  wait -n 2>/dev/null
  sleep 1
done
