#!/usr/bin/env bash
# down.sh: ends the processes that up.sh started and removes all it made; logs stay in
# $CLUSTER_HOME/last-logs. Safe after a crash, after a failed up.sh and when nothing is up.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[[ -d $RUN ]] || exit 0
need_namespaces
rm -f "$RUN/ready"
for i in 1 2; do pid_of n$i >/dev/null && "$HERE/node.sh" kill $i >/dev/null; done
parts=(scheduler controller-manager apiserver etcd)
for part in "${parts[@]}"; do pid=$(pid_of "$part") && kill "$pid"; done
for _ in $(seq 50); do
  left=
  for part in "${parts[@]}"; do pid_of "$part" >/dev/null && left=1; done
  [[ -n $left ]] || break
  sleep 0.1
done
for part in "${parts[@]}"; do pid=$(pid_of "$part") && kill -9 "$pid"; done

for mount in "$RUN"/n?/net "$RUN/etcd"; do umount "$mount" 2>/dev/null || umount -l "$mount" 2>/dev/null; done
# A folder left by a crash may be older than the cluster that has the machine now.
machine=$(cat "$LOCK" 2>/dev/null) || machine=$RUN
if [[ $machine == "$RUN" ]]; then
  for i in 1 2; do remove_cgroups dapr-shared-n$i; done
  [[ ! -s $RUN/sysctl.saved ]] || sysctl -q -p "$RUN/sysctl.saved"
  rm -f "$LOCK"
fi
[[ ! -s $RUN/made-folders ]] ||
  tac "$RUN/made-folders" | while read -r folder; do rmdir "$folder" 2>/dev/null; done
rm -rf "$CLUSTER_HOME/last-logs"
mkdir -p "$CLUSTER_HOME/last-logs"
cp "$RUN"/log/*.log "$CLUSTER_HOME/last-logs/" 2>/dev/null
for i in 1 2; do
  for log in "$RUN/n$i"/*.log; do
    [[ ! -e $log ]] || cp "$log" "$CLUSTER_HOME/last-logs/n$i-${log##*/}"
  done
done
# Tens of thousands of files: not worth waiting for.
gone=$RUN.gone.$$
mv "$RUN" "$gone"
setsid nohup rm -rf --one-file-system "$RUN".gone.* >/dev/null 2>&1 </dev/null &

left=()
for hierarchy in "${CGROUPS[@]}" unified; do
  [[ $machine == "$RUN" ]] || break
  for i in 1 2; do
    [[ ! -d /sys/fs/cgroup/$hierarchy/dapr-shared-n$i ]] || left+=("cgroup $hierarchy/dapr-shared-n$i")
  done
done
! grep -qF " $RUN" /proc/self/mountinfo || left+=("mounts below $RUN")
[[ ! -d $RUN ]] || left+=("$RUN")
[[ ${#left[@]} -eq 0 ]] || die "left behind: ${left[*]}"
say "down"
