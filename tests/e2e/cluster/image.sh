#!/usr/bin/env bash
# image.sh NAME TAG BINARY [SOURCE[:PATH]...]: an image of one layer, loaded into every node that is up.
#
# BINARY becomes the entry point /<its name>, the others go where PATH says; a folder is taken whole.
# $IMAGE_USER is its user (65532). It is kept for the next up.sh.
# image.sh --load ARCHIVE: takes a finished archive (docker-archive form) instead.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[[ $# -ge 2 ]] || { sed -n 2,6p "${BASH_SOURCE[0]}" | cut -c3-; exit 2; }
mkdir -p "$IMAGES"
if [[ $1 == --load ]]; then
  name=${2##*/}
  tar=$IMAGES/$name
  [[ $2 -ef $tar ]] || cp "$2" "$tar.new"
  [[ $2 -ef $tar ]] || mv "$tar.new" "$tar"
else
  name=$1:$2
  tar=$IMAGES/$(tr '/:' '__' <<<"$name").tar
  python3 "$ROOT/images/oci.py" "$tar" "$name" "${IMAGE_USER:-65532}" "${@:3}"
fi

on=
if [[ -e $RUN/ready ]]; then
  for i in $(seq "$(node_count)"); do
    [[ -n $(node_pid "$i") ]] || continue   # a node that is down takes it when it boots
    in_node "$i" ctr -n k8s.io images import "$tar" >/dev/null || die "n$i could not import $tar"
    touch "$RUN/n$i/imported/${tar##*/}"
    on+=" n$i"
  done
fi
say "image $name, $(($(stat -c %s "$tar") / 1048576)) MiB${on:+, loaded on$on}"
