#!/bin/bash
# Process 1 of one host. Runs inside fresh mount, UTS, PID and IPC namespaces and the host's network namespace.
#   host.sh STATE_FOLDER LAB_ROOT NAME DOCKER(yes|no) {INTERFACE=ADDRESS/PREFIX}…
# Says on standard output `pid N` (as the outside counts), then `ready` or `failed WHY`.
set -eu

# The outer /proc is still mounted, and a redirection forks nothing: this is the number that the outside knows us by.
read -r pid _ </proc/self/stat
echo "pid $pid"

state=$1 lab_root=$2 name=$3 docker=$4
shift 4

fail() {
  echo "failed $*"
  exit 1
}

set_up_network() {
  local pair
  ip link set lo up
  for pair; do
    ip address add "${pair#*=}" dev "${pair%%=*}"
    ip link set "${pair%%=*}" up
  done
}

mount_root() {
  local root=$state/root
  mount -t overlay overlay -o "lowerdir=/,upperdir=$state/upper,workdir=$state/work" "$root"
  # Docker's own overlays do not work on an overlay.
  mount --bind "$state/docker" "$root/var/lib/docker"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  # sshd refuses keys below a home that others may write to, and the machine's own .bashrc may take seconds.
  mount -t tmpfs -o mode=700 tmpfs "$root/root"
  # The disks of the other hosts lie below the lower folder too.
  mount -t tmpfs -o mode=700 tmpfs "$root$lab_root"
  # chroot would not do: `docker exec` joins this mount namespace and would land in the outer machine's root.
  mkdir "$root/run/outer"
  cd "$root"
  pivot_root . run/outer
  cd /
  umount -l /run/outer
  rmdir /run/outer
  mkdir -p /run/sshd /run/lock
}

listens_on_22() {
  grep -q ':0016 [0:]* 0A' /proc/net/tcp
}

start_sshd() {
  /usr/sbin/sshd -D -e >>/var/log/lab-sshd.log 2>&1 </dev/null &
  local sshd=$!
  until listens_on_22; do
    kill -0 "$sshd" 2>/dev/null || fail 'sshd ended at once'
    sleep 0.02
  done
}

set_up_network "$@" || fail 'its network'
mount_root || fail 'its root'
hostname "$name"
start_sshd
if [[ $docker == yes ]]; then
  lab-dockerd start >&2 || fail 'dockerd did not start'
else
  # An SSH server and no more: in this host's own layer alone.
  while at=$(type -P docker); do rm "$at"; done
fi
echo ready

# Process 1 reaps what others left behind: bash does, while it waits.
while :; do
  sleep 86400 &
  wait $! || true
done
