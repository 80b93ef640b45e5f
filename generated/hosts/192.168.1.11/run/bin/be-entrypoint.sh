#!/usr/bin/env bash
# Starts this BE: at once when its storage carries a cluster id, after registering itself when everything is empty.
#
# An initialised BE registers nothing: an outage of the FEs must not keep it down, and a BE that was dropped on purpose
# must not add itself back. Empty storage on a machine that remembers a cluster means a disk that is not mounted: a BE
# that started there would hide the loss.
set -euo pipefail

ROOT=${STARROCKS_ROOT:-/opt/starrocks}
RUN=$ROOT/run
ENV_FILE=$RUN/starrocks-be.env
COPY=$RUN/state-copy
# Seconds to wait for an FE before the container is restarted; between two questions; between two log lines.
WAIT_SECONDS=${BE_WAIT_SECONDS:-300}
POLL_SECONDS=${BE_POLL_SECONDS:-0.5}
REPORT_SECONDS=${BE_REPORT_SECONDS:-5}

say() { printf '%s be-entrypoint: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }

die() {
  say "$*"
  exit 1
}

# As process 1 of a container, a shell that waits for a foreground command would not hear TERM.
trap 'exit 0' TERM INT
nap() {
  sleep "$1" &
  wait $! || true
}

assignment='^([A-Z][A-Z0-9_]*)=([A-Za-z0-9_.,:;/%@+-]*)$'
address='^([0-9]{1,3})(\.[0-9]{1,3}){3}$'

# Reads KEY=value lines. Never sourced: a value is data, whatever it says.
read_env() {
  [[ -r $ENV_FILE ]] || die "$ENV_FILE cannot be read: is the folder of this host complete?"
  local line
  while IFS= read -r line || [[ -n $line ]]; do
    line=${line%$'\r'}
    [[ -z $line || $line == \#* ]] && continue
    [[ $line =~ $assignment ]] || die "$ENV_FILE: this line is not KEY=value: ${line//[^[:print:]]/?}"
    export "${BASH_REMATCH[1]}=${BASH_REMATCH[2]}"
  done <"$ENV_FILE"
}

check_env() {
  local name
  for name in BE_PORT BE_HTTP_PORT HEARTBEAT_PORT BRPC_PORT STARLET_PORT FE_QUERY_PORT; do
    [[ ${!name:-} =~ ^[0-9]{1,5}$ ]] || die "$ENV_FILE: $name must be a port, and is '${!name:-}'"
  done
  for name in HOST_IP FE_HOST; do
    [[ ${!name:-} =~ $address ]] || die "$ENV_FILE: $name must be an IPv4 address, and is '${!name:-}'"
  done
  [[ ${BE_INDEX:-} =~ ^[0-9]{1,2}$ ]] || die "$ENV_FILE: BE_INDEX must be a number, and is '${BE_INDEX:-}'"
  [[ -n ${BE_STORAGE_PATHS:-} ]] || die "$ENV_FILE: BE_STORAGE_PATHS is missing"
  # The compiled paths are those of the container; elsewhere (STARROCKS_ROOT) they move along.
  export BE_STORAGE_PATHS=${BE_STORAGE_PATHS//\/opt\/starrocks/$ROOT}
  export BE_STORAGE_ROOT_PATH=${BE_STORAGE_ROOT_PATH//\/opt\/starrocks/$ROOT}
  STATE=$RUN/state/be
  ((BE_INDEX == 0)) || STATE=$RUN/state/be-$BE_INDEX
}

# Lays the compiled conf files over StarRocks' own, whose other files stay.
lay_conf() { cp -R "$RUN/conf/be/." "$ROOT/be/conf/"; }

remember() { # remember NAME TEXT
  local folder
  for folder in "$STATE" "$COPY"; do
    mkdir -p "$folder"
    printf '%s' "$2" >"$folder/.$1.new"
    mv "$folder/.$1.new" "$folder/$1"
  done
}

member() { cat "$STATE/member" 2>/dev/null || cat "$COPY/member" 2>/dev/null; }

paths() { tr ':' '\n' <<<"$BE_STORAGE_PATHS"; }

# `<cluster id>-<release>` (cluster_id_mgr.cpp); the file is empty until the first heartbeat.
id_of() { sed -n '1s/^\([0-9]\{1,\}\).*/\1/p' "$1/cluster_id" 2>/dev/null; }

# Storage folders that carry a cluster id.
initialised() {
  local path
  while read -r path; do
    if [[ -s $path/cluster_id ]]; then echo "$path"; fi
  done < <(paths)
}

sql() { timeout 15 mysql --connect-timeout=3 -h "$1" -P "$FE_QUERY_PORT" -u root --batch -e "$2" 2>&1; }

columns() { # columns NAME... < rows with a header line: by name, their places differ between versions
  awk -F '\t' -v names="$*" '
    NR == 1 { n = split(names, name, " "); for (i = 1; i <= NF; i++) at[$i] = i; next }
    { line = ""; for (i = 1; i <= n; i++) line = line (i > 1 ? " " : "") $(at[name[i]]); print line }'
}

registered() { columns IP HeartbeatPort | grep -qxF "$HOST_IP $HEARTBEAT_PORT"; }

# FEs: the one of the env file, those that a deploy or an FE of this machine has written down, and those that this BE
# has met: any of them will do, and the first may be down.
frontends() {
  { echo "$FE_HOST"; cat "$RUN/state/fe/peers" "$STATE/peers" "$COPY/peers" 2>/dev/null || true; } | grep -E "$address" |
    sort -u
}

remember_frontends() { # remember_frontends HOST
  local rows met
  rows=$(sql "$1" 'SHOW FRONTENDS') || return 0
  met=$(columns IP <<<"$rows" | grep -E "$address" | sort -u) || return 0
  remember peers "$met"$'\n'
}

try_register() { # try_register HOST
  local rows answer
  if ! rows=$(sql "$1" 'SHOW BACKENDS'); then
    if grep -qi 'access denied' <<<"$rows"; then
      say "root of $1 has a password that is not known here: the deploy, or you, must register $HOST_IP:$HEARTBEAT_PORT"
      return 0
    fi
    doing="$1:$FE_QUERY_PORT answers: $(head -n 1 <<<"$rows")"
    return 1
  fi
  if [[ -n $rows ]] && registered <<<"$rows"; then return 0; fi
  answer=$(sql "$1" "ALTER SYSTEM ADD BACKEND \"$HOST_IP:$HEARTBEAT_PORT\"") || say "ADD BACKEND: $answer"
  doing="$1 does not show $HOST_IP:$HEARTBEAT_PORT yet"
  rows=$(sql "$1" 'SHOW BACKENDS') && registered <<<"$rows"
}

await_registration() {
  local fe start=$SECONDS reported=-1
  doing='no FE was asked yet'
  while ((SECONDS - start < WAIT_SECONDS)); do
    for fe in $(frontends); do
      if try_register "$fe"; then
        remember_frontends "$fe"
        return 0
      fi
    done
    if ((SECONDS / REPORT_SECONDS != reported)); then
      reported=$((SECONDS / REPORT_SECONDS))
      say "waiting for the FE cluster, $((SECONDS - start)) s of $WAIT_SECONDS s: $doing"
    fi
    nap "$POLL_SECONDS"
  done
  die "no FE registered this BE within $WAIT_SECONDS s: $doing. Can this machine reach $FE_HOST:$FE_QUERY_PORT?"
}

# Runs beside the BE until the leader's first heartbeat has written the cluster id into every folder.
watch_until_initialised() {
  local first
  until [[ $(initialised | wc -l) -eq $(paths | wc -l) ]]; do sleep "$POLL_SECONDS"; done
  first=$(paths | head -n 1)
  remember member "$(id_of "$first")"$'\n'"$(initialised)"$'\n'
}

start() {
  watch_until_initialised </dev/null &
  exec "$ROOT/be/bin/start_be.sh" --logconsole
}

# Data that is not where it was: nothing is started, and it says so until it changes.
refuse() { # refuse TEXT
  local before
  before=$(initialised)
  while true; do
    say "NOT STARTED: $1"
    nap 30
    [[ $(initialised) == "$before" ]] || die 'the storage changed: starting over'
  done
}

main() {
  read_env
  check_env
  lay_conf
  local known was path
  known=$(initialised)
  was=$(member || true)
  while read -r path; do
    [[ $path == /* ]] || continue
    if paths | grep -qxF "$path" && ! grep -qxF "$path" <<<"$known"; then
      refuse "$path carried data of cluster $(head -n 1 <<<"$was") and carries none now. Is its disk mounted?"
    fi
  done <<<"$was"
  if [[ -z $known && -n $was ]]; then
    refuse "every storage folder is empty, and this BE was part of cluster $(head -n 1 <<<"$was"). Is its disk mounted?"
  fi
  if [[ -n $known ]]; then
    path=$(head -n 1 <<<"$was")
    if [[ -n $path && $path != "$(id_of "$(head -n 1 <<<"$known")")" ]]; then
      refuse "the storage belongs to another cluster ($(id_of "$(head -n 1 <<<"$known")")) than this BE was part of ($path)."
    fi
    say "starting with the storage of cluster $(id_of "$(head -n 1 <<<"$known")")"
  else
    await_registration
    say 'starting with empty storage'
  fi
  start
}

main "$@"
