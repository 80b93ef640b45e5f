#!/bin/bash
# claim.sh LAB_ROOT OWNER_PID: removes what killed runs left, then claims a number for a new lab and prints it.
# Run under flock on LAB_ROOT: two at once would remove each other's.
set -eu
root=$1 owner=$2
here=$(dirname "$0")

# A process is known by its number and the moment it started: numbers are used again.
identity() {
  [[ -r /proc/$1/stat ]] || return 0
  local stat
  stat=$(<"/proc/$1/stat")
  # The name of a process may hold blanks and brackets; the fields after the last bracket do not.
  read -r -a fields <<<"${stat##*) }"
  echo "$1 ${fields[19]}"
}

for lab in "$root"/srlab*; do
  [[ -d $lab ]] || continue
  read -r pid started <"$lab/owner" || true
  if [[ "$pid $started" != "$(identity "$pid")" ]]; then bash "$here/remove.sh" "$lab"; fi
done

is_free() {
  local network=10.213.$1
  [[ ! -e $root/srlab$1 ]] || return 1
  # Networks of this machine that hold these addresses, or lie within them.
  if { ip -4 route show table all match "$network.0/24" && ip -4 route show table all root "$network.0/24"; } |
    grep -qv '^default'; then return 1; fi
  ! grep -qF "nameserver $network." /etc/resolv.conf
}

for ((try = 0; try < 500; try++)); do
  number=$((RANDOM % 250 + 2))
  if is_free "$number"; then
    mkdir "$root/srlab$number"
    identity "$owner" >"$root/srlab$number/owner"
    echo "$number"
    exit 0
  fi
done
echo 'no free /24 below 10.213.0.0/16 on this machine' >&2
exit 1
