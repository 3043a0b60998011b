#!/usr/bin/env bash
# node.sh kill|start N: ends node N with every process on it, as a power cut would, or boots it (again).
#
# The control plane runs beside the nodes and stays. Images and container data of the node are kept.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
verb=${1:-} node=${2:-}
[[ $verb =~ ^(kill|start)$ && $node =~ ^[12]$ ]] || { sed -n 2,4p "${BASH_SOURCE[0]}" | cut -c3-; exit 2; }
need_namespaces
[[ -e $RUN/n$node/net ]] || die "there is no node n$node"

if [[ $verb == kill ]]; then
  pid_of "n$node" >/dev/null || die "n$node does not run"
  # All of a pid namespace ends with its first process.
  if first=$(node_pid "$node"); then kill -9 "$first"; fi
  for _ in $(seq 50); do pid_of "n$node" >/dev/null || break; sleep 0.1; done
  if pid=$(pid_of "n$node"); then kill -9 "$pid"; fi
  rm -f "$RUN/pids/n$node"
  say "n$node killed"
  exit
fi

! pid_of "n$node" >/dev/null || die "n$node runs already"
# What a reboot clears. Cgroups left over would stall the kubelet for minutes.
remove_cgroups "dapr-shared-n$node/kubepods"
rm -rf "$RUN/n$node/fs/run" "$RUN/n$node/images.done"
in_net "$node" ip link del cni0 2>/dev/null || true
cd /
setsid nohup nsenter --net="$RUN/n$node/net" \
  unshare --mount --pid --fork --kill-child --mount-proc bash "$HERE/node-init.sh" "$node" \
  >>"$RUN/n$node/node.log" 2>&1 </dev/null &
note_pid "n$node" $!
say "n$node started"
