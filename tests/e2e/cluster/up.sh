#!/usr/bin/env bash
# up.sh [1|2]: a Kubernetes cluster of so many nodes (2), in network namespaces without a way out.
#
# $PROXY_MODE is kube-proxy's mode, iptables or nftables. $CLUSTER_OWNER is the process that the cluster is
# for: when it has ended without down.sh, the next up.sh takes the cluster away. Takes all down again when it
# fails; exits with 77 where the machine cannot carry a cluster.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
NODES=${1:-2} PROXY_MODE=${PROXY_MODE:-iptables}
[[ $NODES =~ ^[12]$ ]] || die "up.sh takes 1 or 2 nodes, not '$NODES'"
[[ $PROXY_MODE =~ ^(iptables|nftables)$ ]] || die "PROXY_MODE is iptables or nftables, not '$PROXY_MODE'"

check_machine() {
  local name
  need_namespaces
  [[ -d /sys/fs/cgroup/memory && -d /sys/fs/cgroup/cpuset ]] ||
    skip "needs cgroup v1 hierarchies below /sys/fs/cgroup"
  [[ -e /proc/sys/net/bridge ]] || modprobe br_netfilter 2>/dev/null ||
    skip "needs the kernel module br_netfilter"
  grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null ||
    skip "needs the overlay file system"
  for name in containerd runc etcd ip iptables conntrack openssl; do
    command -v $name >/dev/null || die "no $name; run tools/setup.sh test"
  done
  for name in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
    [[ -x $BIN/$name ]] || die "no $BIN/$name; run tools/setup.sh test"
  done
  for name in pause coredns; do
    [[ -e $IMAGES/localhost_${name}_1.tar ]] || die "no image of $name; run tools/setup.sh test"
  done
}

# Two locks: this cluster's folder, and the machine, whose cgroups and sysctls are used.
take_machine() {
  local folder
  mkdir "$RUN" 2>/dev/null || die "a cluster is up, or was left by a crash; run down.sh"
  if ! mkdir /sys/fs/cgroup/memory/dapr-shared-n1 2>/dev/null; then
    free_machine || { rmdir "$RUN"; exit 1; }
    mkdir /sys/fs/cgroup/memory/dapr-shared-n1
  fi
  trap failed EXIT
  echo "$RUN" >"$LOCK"
  trap 'exit 1' INT TERM HUP
  mkdir "$RUN"/{pids,pki,log,cache,etcd}
  [[ -z ${CLUSTER_OWNER:-} ]] || echo "$CLUSTER_OWNER $(start_time "$CLUSTER_OWNER")" >"$RUN/owner"
  echo "$PROXY_MODE" >"$RUN/proxy-mode"
  # The kubelet sets these for the whole machine.
  sysctl vm.overcommit_memory kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys \
    kernel.keys.root_maxbytes | tr -d ' ' >"$RUN/sysctl.saved"
  # Each node mounts its own folder on these, so they must exist.
  for folder in /var/lib/{kubelet,containerd,cni} /var/log/{pods,containers} /run/containerd /run/netns \
    /etc/cni /etc/cni/net.d; do
    [[ -d $folder ]] || { mkdir -p "$folder"; echo "$folder" >>"$RUN/made-folders"; }
  done
}
# Another checkout's cluster whose test run was killed must not stop everyone who comes after it.
free_machine() {
  local other i
  other=$(cat "$LOCK" 2>/dev/null) || other=
  if [[ -n $other ]] && in_use "$other"; then
    echo "cluster: one is up in $other; end it with CLUSTER_RUN=$other $HERE/down.sh" >&2
    return 1
  fi
  say "taking away what a cluster in ${other:-an unknown folder} left behind"
  if [[ -d $other ]]; then
    CLUSTER_RUN=$other "$HERE/down.sh" >/dev/null
  else
    for i in 1 2; do remove_cgroups dapr-shared-n$i; done
  fi
  [[ ! -d /sys/fs/cgroup/memory/dapr-shared-n1 ]] && return
  echo "cluster: processes of a cluster whose folder is gone run below" \
    "/sys/fs/cgroup/memory/dapr-shared-n1; end them" >&2
  return 1
}
failed() {
  trap - EXIT INT TERM HUP
  echo "up.sh failed; the ends of the logs:" >&2
  tail -n 3 "$RUN"/log/*.log "$RUN"/n?/*.log >&2 2>/dev/null || true
  "$HERE/down.sh" >&2 || true
  exit 1
}

make_networks() {
  local i j hierarchy file
  for i in $(seq "$NODES"); do
    mkdir -p "$RUN/n$i/imported"
    : >"$RUN/n$i/net"
    unshare --net="$RUN/n$i/net" true
    in_net "$i" ip link set lo up
  done
  if [[ $NODES == 2 ]]; then
    in_net 1 ip link add node1 type veth peer name node2 netns "$RUN/n2/net"
  else
    in_net 1 ip link add node1 type bridge
  fi
  for i in $(seq "$NODES"); do
    in_net "$i" ip addr add "10.250.0.$i/24" dev "node$i"
    in_net "$i" ip link set "node$i" up
    for j in $(seq "$NODES"); do
      [[ $i == "$j" ]] || in_net "$i" ip route add "10.244.$j.0/24" via "10.250.0.$j"
    done
    # A service's address needs a route before it is translated.
    in_net "$i" ip route add default dev "node$i"
    for hierarchy in "${CGROUPS[@]}"; do
      [[ ! -d /sys/fs/cgroup/$hierarchy ]] || mkdir -p "/sys/fs/cgroup/$hierarchy/dapr-shared-n$i"
    done
    for file in cpus mems; do
      cat /sys/fs/cgroup/cpuset/cpuset.$file >"/sys/fs/cgroup/cpuset/dapr-shared-n$i/cpuset.$file"
    done
  done
}

# Keys, certificates and tokens, new for every cluster.
make_keys() (
  umask 077
  cd "$RUN/pki"
  ec=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  openssl req -x509 "${ec[@]}" -keyout ca.key -out ca.crt -days 30 -subj /CN=kube-ca
  certificate() {
    openssl req "${ec[@]}" -keyout "$1.key" -out "$1.csr" -subj "$2"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" \
      -extfile <(echo "$3")
  }
  names=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
  names+=,DNS:kubernetes.default.svc.cluster.local,DNS:localhost
  names+=,IP:10.96.0.1,IP:10.250.0.1,IP:127.0.0.1
  certificate apiserver /CN=kube-apiserver "subjectAltName=$names"
  certificate kubelet-client /O=system:masters/CN=apiserver-kubelet-client extendedKeyUsage=clientAuth
  openssl genrsa -out sa.key 2048
  openssl rsa -in sa.key -pubout -out sa.pub
  user() {  # FILE USER GROUP
    local token
    token=$(openssl rand -hex 24)
    echo "$token,$2,$1,\"$3\"" >>tokens.csv
    cat >"$RUN/$1.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters:
- name: e2e
  cluster: {server: "https://10.250.0.1:6443", certificate-authority: "$RUN/pki/ca.crt"}
users: [{name: $1, user: {token: $token}}]
contexts: [{name: e2e, context: {cluster: e2e, user: $1}}]
current-context: e2e
END
  }
  user admin admin system:masters
  user controller-manager system:kube-controller-manager ""
  user scheduler system:kube-scheduler ""
  user kube-proxy system:kube-proxy ""
  for i in $(seq "$NODES"); do user "n$i" "system:node:n$i" system:nodes; done
)

# In node 1's network, but outside the node: killing n1 leaves the control plane alive.
start() {
  local name=$1
  shift
  setsid nohup nsenter --net="$RUN/n1/net" "$@" >"$RUN/log/$name.log" 2>&1 </dev/null &
  note_pid "$name" $!
}
start_control_plane() {
  local pki=$RUN/pki part try issuer=https://kubernetes.default.svc.cluster.local
  mount -t tmpfs -o size=512m,mode=700 etcd "$RUN/etcd"
  start etcd etcd --data-dir="$RUN/etcd/data" --listen-client-urls=http://127.0.0.1:2379 \
    --advertise-client-urls=http://127.0.0.1:2379 --listen-peer-urls=http://127.0.0.1:2380
  start apiserver "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 \
    --advertise-address=10.250.0.1 --service-cluster-ip-range=10.96.0.0/16 \
    --endpoint-reconciler-type=lease --allow-privileged=true --authorization-mode=Node,RBAC \
    --enable-admission-plugins=NodeRestriction --token-auth-file="$pki/tokens.csv" \
    --client-ca-file="$pki/ca.crt" --tls-cert-file="$pki/apiserver.crt" \
    --tls-private-key-file="$pki/apiserver.key" --kubelet-preferred-address-types=InternalIP \
    --kubelet-client-certificate="$pki/kubelet-client.crt" \
    --kubelet-client-key="$pki/kubelet-client.key" --service-account-issuer=$issuer \
    --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key"
  for ((try = 0; ; try++)); do
    ! kubectl_ get --raw /readyz >/dev/null 2>&1 || break
    for part in etcd apiserver; do pid_of $part >/dev/null || die "$part ended"; done
    [[ $try -lt 400 ]] || die "the API server is not ready after two minutes"
    sleep 0.3
  done
  start controller-manager "$BIN/kube-controller-manager" \
    --kubeconfig="$RUN/controller-manager.kubeconfig" --leader-elect=false \
    --use-service-account-credentials=true --service-account-private-key-file="$pki/sa.key" \
    --root-ca-file="$pki/ca.crt" --cluster-signing-cert-file="$pki/ca.crt" \
    --cluster-signing-key-file="$pki/ca.key" --cluster-cidr=10.244.0.0/16 --node-monitor-grace-period=20s
  start scheduler "$BIN/kube-scheduler" --kubeconfig="$RUN/scheduler.kubeconfig" --leader-elect=false
}

# Four folders a node, for the first claims that want them; they outlive the node, not the cluster.
volumes() {
  local i number
  cat <<END
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
END
  for i in $(seq "$NODES"); do
    for number in 1 2 3 4; do
      mkdir -p "$RUN/n$i/volumes/$number"
      chmod 777 "$RUN/n$i/volumes/$number"
      cat <<END
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: n$i-$number}
spec:
  capacity: {storage: 16Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: local
  local: {path: "$RUN/n$i/volumes/$number"}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [n$i]}]
END
    done
  done
}

start_nodes() {
  local i try
  for i in $(seq "$NODES"); do "$HERE/node.sh" start "$i" >/dev/null; done
  kubectl_ apply -f "$HERE/coredns.yaml" >/dev/null
  volumes | kubectl_ apply -f - >/dev/null
  for i in $(seq "$NODES"); do
    for ((try = 0; try < 300; try++)); do
      ! kubectl_ get node "n$i" >/dev/null 2>&1 || break
      sleep 0.3
    done
    kubectl_ wait --for=condition=Ready "node/n$i" --timeout=120s >/dev/null
  done
  for i in $(seq "$NODES"); do
    for ((try = 0; ; try++)); do
      [[ ! -e $RUN/n$i/images.done ]] || break
      [[ $try -lt 600 ]] || die "n$i still imports images"
      sleep 0.3
    done
  done
  kubectl_ -n kube-system wait --for=jsonpath='{.status.numberReady}'="$NODES" ds/coredns \
    --timeout=120s >/dev/null
}

check_machine
take_machine
make_networks
make_keys >"$RUN/log/openssl.log" 2>&1
start_control_plane
say "API server ready"
start_nodes
: >"$RUN/ready"
trap - EXIT INT TERM HUP
say "up: $NODES node(s), kube-proxy $PROXY_MODE"
