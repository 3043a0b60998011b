# What the scripts of the cluster share: where things are, and how processes and nodes are named.
# Sourced, never run. All that is written goes below $CLUSTER_HOME and $RUN.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
ROOT=$(cd "$HERE/../../.." && pwd -P)
CLUSTER_HOME=${CLUSTER_HOME:-$ROOT/.tools/cluster}
[[ $CLUSTER_HOME == /* ]] || CLUSTER_HOME=$PWD/$CLUSTER_HOME
export CLUSTER_HOME
BIN=$CLUSTER_HOME/bin IMAGES=$CLUSTER_HOME/images
KUBE_VERSION=1.32.3 DAPR_VERSION=1.18.3
CGROUPS=(cpu cpuacct cpuset memory devices freezer blkio pids systemd)

# containerd stacks overlays, which an overlay (the root of most containers) cannot carry. Then the
# cluster runs in memory.
run_folder() {
  mkdir -p "$CLUSTER_HOME"
  if [[ $(stat -f -c %T "$CLUSTER_HOME") == overlayfs ]]; then echo /dev/shm/dapr-shared-cluster
  else echo "$CLUSTER_HOME/run"; fi
}
RUN=${CLUSTER_RUN:-$(run_folder)}
export CLUSTER_RUN=$RUN
# Names the $RUN of the cluster that has this machine.
LOCK=/run/dapr-shared-cluster

STARTED=${EPOCHREALTIME/[.,]/}
say() {
  local tenths=$(((${EPOCHREALTIME/[.,]/} - STARTED) / 100000))
  printf '[%4d.%d s] %s\n' $((tenths / 10)) $((tenths % 10)) "$*"
}
die() { echo "cluster: $*" >&2; exit 1; }
# What this machine cannot do is no failure of the project: 77, which the suite reports as a skip.
skip() { echo "cluster: skipped: $*" >&2; exit 77; }

need_namespaces() {
  [[ $EUID -eq 0 ]] || skip "needs root, for network namespaces and mounts"
  local tool
  for tool in unshare nsenter; do
    command -v $tool >/dev/null || skip "needs $tool (Debian: util-linux)"
  done
  unshare --net --mount --pid --fork true 2>/dev/null || skip "this machine permits no namespaces"
}
need_up() {
  [[ $EUID -eq 0 ]] || skip "needs root, to enter a node's network"
  [[ -e $RUN/ready ]] || die "no cluster is up; run up.sh"
}

# Enters the network namespace of node $1 alone. `ip netns exec` would mount /sys anew, without cgroups.
in_net() { local node=$1; shift; nsenter --net="$RUN/n$node/net" "$@"; }
kubectl_() {
  in_net 1 env KUBECACHEDIR="$RUN/cache" "$BIN/kubectl" --kubeconfig="$RUN/admin.kubeconfig" "$@"
}

# A process is known by its id and its start time, so that a reused id is never killed.
start_time() {
  local line
  { line=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  line=${line##*) }
  # shellcheck disable=SC2086
  set -- $line
  [[ $1 != Z ]] && echo "${20}"
}
note_pid() { echo "$2 $(start_time "$2")" >"$RUN/pids/$1"; }
pid_of() { pid_in "$RUN/pids/$1"; }
pid_in() {
  local pid time
  read -r pid time 2>/dev/null <"$1" || return 1
  [[ -n $time && $(start_time "$pid") == "$time" ]] && echo "$pid"
}
# The first process of node $1: the child of the `unshare` that holds its namespaces.
node_pid() { local pid; pid=$(pid_of "n$1") && pgrep -P "$pid" | head -1; }
in_node() { local pid; pid=$(node_pid "$1") || return 1; shift; nsenter -t "$pid" -m -p -n "$@"; }
node_count() { find "$RUN" -maxdepth 1 -name 'n[0-9]' | wc -l; }

# The cluster in folder $1 is in use: it has a process, and who asked for it (if noted) still runs.
in_use() {
  local file
  [[ ! -e $1/owner ]] || pid_in "$1/owner" >/dev/null || return 1
  for file in "$1"/pids/*; do ! pid_in "$file" >/dev/null || return 0; done
  return 1
}

# Removes cgroup $1 from every hierarchy; processes that were just killed hold theirs for a moment.
remove_cgroups() {
  local hierarchy folder try
  for hierarchy in "${CGROUPS[@]}" unified; do
    folder=/sys/fs/cgroup/$hierarchy/$1
    for ((try = 0; try < 10; try++)); do
      [[ -d $folder ]] || break
      find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null
      [[ ! -d $folder ]] || sleep 0.2
    done
  done
}
