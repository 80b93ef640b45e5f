#!/bin/bash
# remove.sh LAB_FOLDER: ends and removes everything of one lab, by its name: processes of its network namespaces, the
# namespaces, links, control groups and disks. May be repeated.
set -eu
folder=$1
lab=$(basename "$folder")
[[ $lab =~ ^srlab[0-9]+$ ]] || exit 64

namespaces() {
  ip netns list | awk -v lab="$lab-" 'index($1, lab) == 1 { print $1 }'
}

for namespace in $(namespaces); do
  # A host's processes live in its PID namespace: they end with its process 1, and this ends all of them at once.
  while pids=$(ip netns pids "$namespace") && [[ -n $pids ]]; do
    for pid in $pids; do kill -KILL "$pid" 2>/dev/null || true; done
    sleep 0.02
  done
  ip netns delete "$namespace"
done

for link in $(ip -o link show | awk -F': |@' '{ print $2 }'); do
  case $link in "$lab" | "$lab"[-x]*) ip link delete "$link" 2>/dev/null || true ;; esac
done

find /sys/fs/cgroup -depth -type d -path "*/$lab-*" -exec rmdir {} + 2>/dev/null || true
rm -rf "$folder"
