#!/usr/bin/env bash
# Starts the FE of this machine: founds, joins or simply starts, by what the metadata folder and state/ hold.
#
# An FE with empty metadata and no helper founds a new cluster, and a second cluster looks healthy while it eats the
# first one's machines. So founding needs index 0, empty metadata, and no sign in either copy of state/ that this
# machine was ever part of a cluster. Helpers are for empty metadata only: an initialised FE crashes with them.
set -euo pipefail

ROOT=${STARROCKS_ROOT:-/opt/starrocks}
RUN=$ROOT/run
ENV_FILE=$RUN/starrocks-fe.env
META=$ROOT/fe/meta
STATE=$RUN/state/fe
COPY=$RUN/state-copy
# Seconds to wait for an FE to join before the container is restarted; between two questions; between two log lines.
WAIT_SECONDS=${FE_WAIT_SECONDS:-300}
POLL_SECONDS=${FE_POLL_SECONDS:-0.5}
REPORT_SECONDS=${FE_REPORT_SECONDS:-5}

say() { printf '%s fe-entrypoint: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }

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

address='^([0-9]{1,3})(\.[0-9]{1,3}){3}$'

check_env() {
  local name
  for name in HTTP_PORT RPC_PORT FE_QUERY_PORT EDIT_LOG_PORT MASTER_FE_EDIT_LOG_PORT MASTER_FE_QUERY_PORT; do
    [[ ${!name:-} =~ ^[0-9]{1,5}$ ]] || die "$ENV_FILE: $name must be a port, and is '${!name:-}'"
  done
  for name in HOST_IP MASTER_FE_HOST; do
    [[ ${!name:-} =~ $address ]] || die "$ENV_FILE: $name must be an IPv4 address, and is '${!name:-}'"
  done
  [[ ${FE_INDEX:-} =~ ^[01]$ ]] || die "$ENV_FILE: FE_INDEX must be 0 or 1, and is '${FE_INDEX:-}'"
  [[ ${FE_ROLE:-follower} =~ ^(follower|observer)$ ]] || die "$ENV_FILE: FE_ROLE must be follower or observer"
}

# Lays the compiled conf files over StarRocks' own, whose other files (hadoop_env.sh, udf_security.policy) stay.
lay_conf() { cp -R "$RUN/conf/fe/." "$ROOT/fe/conf/"; }

# --- state/: two copies, and either counts

remembers() { [[ -e $STATE/$1 || -e $COPY/$1 ]]; }

# remember NAME TEXT
remember() {
  local folder
  for folder in "$STATE" "$COPY"; do
    mkdir -p "$folder"
    printf '%s' "$2" >"$folder/.$1.new"
    mv "$folder/.$1.new" "$folder/$1"
  done
}

forget() { rm -f "$STATE/$1" "$COPY/$1"; }

# FEs that this machine has met, without itself.
peers() {
  cat "$STATE/peers" "$COPY/peers" 2>/dev/null | grep -E "$address" | grep -vxF "$HOST_IP" | sort -u || true
}

# --- metadata

has_files() { [[ -n $(find "$1" -mindepth 1 -maxdepth 1 -print -quit 2>/dev/null) ]]; }

metadata() {
  local role=no bdb=no
  [[ -s $META/image/ROLE && -s $META/image/VERSION ]] && role=yes
  has_files "$META/bdb" && bdb=yes
  if [[ $role == yes && $bdb == yes ]]; then
    echo whole
  elif [[ -z $(find "$META" -mindepth 1 -type f -print -quit 2>/dev/null) ]]; then
    echo empty
  else
    echo partial
  fi
}

cluster_id() { sed -n 's/^clusterId=\([0-9-]*\).*/\1/p' "$META/image/VERSION" 2>/dev/null | head -n 1; }

# --- the cluster

ready() { curl -f -s -m 3 "http://$1:$HTTP_PORT/api/bootstrap" 2>/dev/null | grep -q '"status":"OK"'; }

# sql HOST STATEMENT: rows with a header line, tab-separated. MYSQL_PWD of the environment is used when there is one.
sql() { timeout 15 mysql --connect-timeout=3 -h "$1" -P "$FE_QUERY_PORT" -u root --batch -e "$2" 2>&1; }

# Columns by name: their places differ between versions.
columns() { # columns NAME... < rows
  awk -F '\t' -v names="$*" '
    NR == 1 { n = split(names, name, " "); for (i = 1; i <= NF; i++) at[$i] = i; next }
    { line = ""; for (i = 1; i <= n; i++) line = line (i > 1 ? " " : "") $(at[name[i]]); print line }'
}

# Helpers: the followers among the rows that are alive, as host:port, without this machine.
helpers_of() {
  columns IP EditLogPort Role Alive | awk -v self="$HOST_IP" '$1 != self && $3 != "OBSERVER" && $4 == "true" { print $1 ":" $2 }'
}

registered() { columns IP EditLogPort | grep -qxF "$HOST_IP $EDIT_LOG_PORT"; }

add_self() { # add_self HOST
  local kind=FOLLOWER answer
  [[ ${FE_ROLE:-follower} == observer ]] && kind=OBSERVER
  answer=$(sql "$1" "ALTER SYSTEM ADD $kind \"$HOST_IP:$EDIT_LOG_PORT\"") || say "ADD $kind: $answer"
}

# The id of the cluster that this machine was part of; nothing when it never was, or never learnt it.
own_cluster() { cat "$STATE/member" "$COPY/member" 2>/dev/null | grep -E -m 1 '^-?[0-9]+$' || true; }

# Sets `helpers` once this machine may start as a joiner; 1 while it may not.
try_join() { # try_join HOST
  local rows
  ready "$1" || { doing="$1:$HTTP_PORT is not ready"; return 1; }
  if ! rows=$(sql "$1" 'SHOW FRONTENDS'); then
    if grep -qi 'access denied' <<<"$rows"; then
      say "root of $1 has a password that is not known here: the deploy, or you, must register $HOST_IP:$EDIT_LOG_PORT" >&2
      helpers="$1:$EDIT_LOG_PORT"
      return 0
    fi
    doing="$1 answers: $(head -n 1 <<<"$rows")"
    return 1
  fi
  # An address may have been given to a machine of another cluster since.
  local own theirs
  own=$(own_cluster)
  theirs=$(columns ClusterId <<<"$rows" | head -n 1)
  if [[ -n $own && $own != "$theirs" ]]; then
    doing="$1 belongs to cluster $theirs, and this machine was part of cluster $own"
    return 1
  fi
  if ! registered <<<"$rows"; then
    add_self "$1"
    if ! rows=$(sql "$1" 'SHOW FRONTENDS') || ! registered <<<"$rows"; then
      doing="$1 does not show $HOST_IP yet"
      return 1
    fi
  fi
  remember peers "$(columns IP <<<"$rows" | grep -E "$address" | grep -vxF "$HOST_IP" | sort -u)"
  helpers=$(helpers_of <<<"$rows" | tr '\n' ',')
  helpers=${helpers%,}
  [[ -n $helpers ]] || { doing="$1 shows no follower that is alive"; return 1; }
}

# Sets `helpers`, or ends the container after the limit: the restart policy tries again.
await_cluster() {
  local fe start=$SECONDS reported=-1 known
  doing='no other FE is known'
  while ((SECONDS - start < WAIT_SECONDS)); do
    known=$({ echo "$MASTER_FE_HOST"; peers; } | grep -vxF "$HOST_IP" | sort -u || true)
    for fe in $known; do
      try_join "$fe" && return 0
    done
    if ((SECONDS / REPORT_SECONDS != reported)); then
      reported=$((SECONDS / REPORT_SECONDS))
      say "waiting for an FE of the cluster, $((SECONDS - start)) s of $WAIT_SECONDS s: $doing"
    fi
    nap "$POLL_SECONDS"
  done
  die "no FE of the cluster answered within $WAIT_SECONDS s: $doing. Is $MASTER_FE_HOST up, and can this machine reach its ports $HTTP_PORT, $FE_QUERY_PORT and $EDIT_LOG_PORT?"
}

# Runs beside the FE until it is ready, and only then writes down that it is a member.
watch_until_ready() {
  local id rows
  until ready "$HOST_IP" && [[ $(metadata) == whole ]]; do sleep "$POLL_SECONDS"; done
  id=$(cluster_id)
  remember member "$id"$'\n'
  forget joining
  forget founding
  if rows=$(sql "$HOST_IP" 'SHOW FRONTENDS'); then
    remember peers "$(columns IP <<<"$rows" | grep -E "$address" | grep -vxF "$HOST_IP" | sort -u || true)"
  elif [[ $HOST_IP != "$MASTER_FE_HOST" ]]; then
    remember peers "$({ echo "$MASTER_FE_HOST"; peers; } | sort -u)"
  fi
}

start() { # start [--helper LIST]
  watch_until_ready </dev/null &
  exec "$ROOT/fe/bin/start_fe.sh" --logconsole --host_type IP "$@"
}

# Metadata that would crash for ever, or found a second cluster: nothing is started, and it says so until it changes.
# The deploy tells by `refused` that no founding and no join is under way here.
refuse() {
  remember refused ''
  while true; do
    say "NOT STARTED: $1"
    nap 30
    [[ $(metadata) == "$2" ]] || die "the metadata changed: starting over"
  done
}

main() {
  read_env
  check_env
  forget refused
  lay_conf
  local meta
  meta=$(metadata)
  case $meta in
    whole)
      if remembers joining; then
        refuse "a join was cut off, and $META cannot be trusted. Deploy again (it moves the folder aside and joins), or move it aside by hand and restart this container." whole
      fi
      say "starting with the metadata of cluster $(cluster_id)"
      start
      ;;
    partial)
      refuse "$META is incomplete (an FE that was killed while it founded or joined). Deploy again (it moves the folder aside), or move it aside by hand and restart this container." partial
      ;;
  esac
  if [[ $FE_INDEX == 0 ]] && ! remembers member && ! remembers joining && [[ -z $(peers) ]]; then
    say "founding the cluster ${CLUSTER:-}: the metadata is empty, and this machine has never met another FE"
    remember founding ''
    start
  fi
  if [[ $FE_INDEX == 0 && -z $(peers) ]]; then
    refuse "$META is empty, and this machine was part of cluster $(cat "$STATE/member" "$COPY/member" 2>/dev/null | head -n 1). Is its disk mounted? It founds no second cluster: deploy again, so that it learns of the other FEs and joins them." empty
  fi
  await_cluster
  say "joining with the helpers $helpers"
  remember joining ''
  start --helper "$helpers"
}

main "$@"
