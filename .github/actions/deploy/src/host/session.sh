# The resident session on one machine that is changed: takes the lock and runs every operation as its own child, so
# that a cut connection cannot free the lock while `docker compose up` still runs. POSIX sh.
#
#   session.sh NONCE DEPLOY_DIR SILENCE OBSERVE [argument of observe.sh ...]
#
# Requests on standard input: a header of 64 bytes (`op argument-bytes payload-bytes`, blanks, newline), then the
# arguments (base64 words), then the payload. Answers: `NONCE op exit-code base64`. A ping is answered by nothing.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022

nonce=$1 dir=$2 silence=$3 observe=$4
shift 4
tmp=$(mktemp -d) || exit 70
trap 'rm -rf "$tmp"' EXIT
# A connection that is gone must not end what has begun.
trap '' HUP PIPE

die() {
  echo "$*"
  exit 1
}

running() { [ "$(docker inspect --format '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }
digest_of() { docker inspect --format '{{index .Config.Labels "starrocks-ha.digest"}}' "$1" 2>/dev/null; }

# move HOST_DIGEST PATH...: staged files into place, each by one rename
move() {
  from=$dir/.staged/$1
  shift
  [ -d "$from" ] || die "the files were not uploaded: $from is missing"
  for path in "$@"; do
    mkdir -p "$(dirname "$dir/$path")" || die "$(dirname "$dir/$path") cannot be made"
    { cp -p "$from/$path" "$dir/$path.starrocks-ha-new" && mv -f "$dir/$path.starrocks-ha-new" "$dir/$path"; } ||
      die "$dir/$path cannot be written"
  done
}

mark() { # MARKER
  mkdir -p "$dir/state" && printf '%s\n' "$1" >"$dir/state/.deployed.json.new" &&
    mv -f "$dir/state/.deployed.json.new" "$dir/state/deployed.json"
}

# stage HOST_DIGEST CHECKSUMS < tar
do_stage() {
  to=$dir/.staged/$1
  [ -d "$to" ] && exit 0
  rm -rf "$dir"/.staged/.new.*
  { mkdir -p "$dir/.staged" && new=$(mktemp -d "$dir/.staged/.new.XXXXXX"); } || die "$dir/.staged cannot be written"
  tar -x -C "$new" -f "$payload" || die 'the upload cannot be unpacked'
  printf '%s' "$2" >"$tmp/sums"
  (cd "$new" && sha256sum --quiet -c "$tmp/sums") || die 'the upload arrived damaged'
  chmod 0755 "$new"
  # Those of earlier deploys, but not what another service of this host still waits for.
  find "$dir/.staged" -mindepth 1 -maxdepth 1 -type d -name '[0-9a-f]*' -mtime +7 -exec rm -rf {} +
  mv "$new" "$to" || die "$to cannot be written"
}

# pull IMAGE SECONDS
do_pull() {
  docker image inspect "$1" >/dev/null 2>&1 && exit 0
  timeout "$2" docker pull --quiet "$1"
}

# activate SERVICE EXPECTED DIGEST HOST_DIGEST MARKER MOUNTS PATH...
do_activate() {
  service=$1 expected=$2 digest=$3 host=$4 marker=$5 mounts=$6
  shift 6
  there=$(digest_of "$service")
  # Compare and swap: what is replaced must be what was seen.
  if [ "$there" != "$expected" ] && [ "$there" != "$digest" ]; then
    echo "E_SWAP it carries the digest ${there:-none}, and ${expected:-none} was seen"
    exit 1
  fi
  # A folder that is another one than the container's would start it without its data.
  docker inspect --format '{{range .Mounts}}{{.Destination}} {{.Source}}{{"\n"}}{{end}}' "$service" 2>/dev/null >"$tmp/mounts"
  printf '%s\n' "$mounts" | while read -r container machine; do
    old=$(sed -n "s|^$container ||p" "$tmp/mounts")
    if [ -n "$old" ] && [ "$old" != "$machine" ]; then
      echo "E_DATA_MOVED its data lies in $old, and $machine would be mounted"
      exit 1
    fi
  done || exit 1
  if [ "$there" = "$digest" ] && running "$service"; then exit 0; fi
  move "$host" "$@"
  mark "$marker"
  cd "$dir" || die "$dir is gone"
  docker compose --project-directory "$dir" up -d --no-deps --pull never "$service" 2>&1
}

# refresh HOST_DIGEST MARKER PATH...
do_refresh() {
  host=$1 marker=$2
  shift 2
  move "$host" "$@"
  mark "$marker"
}

# writeState COPY PEER...: which FEs exist, in both copies
do_writeState() {
  copy=$1
  shift
  for folder in "$dir/state/fe" "$copy"; do
    mkdir -p "$folder" || die "$folder cannot be made"
    for peer in "$@"; do printf '%s\n' "$peer"; done >"$folder/.peers.new"
    mv -f "$folder/.peers.new" "$folder/peers" || die "$folder/peers cannot be written"
  done
}

# asideMetadata META COPY REASON: renamed, never deleted
do_asideMetadata() {
  running starrocks-fe && die 'the FE runs: its metadata is not touched'
  [ -e "$1" ] || exit 0
  aside=$1.aside-$(date -u +%Y%m%dT%H%M%SZ)-$3
  { mv "$1" "$aside" && mkdir -p "$1"; } || die "$1 cannot be moved aside"
  rm -f "$dir/state/fe/joining" "$dir/state/fe/founding" "$2/joining" "$2/founding"
  echo "$aside"
}

# stop SERVICE
do_stop() {
  running "$1" || exit 0
  docker stop "$1" 2>&1
}

# logs SERVICE LINES
do_logs() { docker logs --tail "$2" "$1" 2>&1; }

do_observe() { sh -c "$observe" sh "$@"; }

# lock OWNER: held by descriptor 9 of this shell, and by every child that it starts from now on
lock() {
  mkdir -p "$dir" 2>"$tmp/out" || return 1
  exec 9>>"$dir/.lock" || return 1
  if flock -n 9; then
    printf '%s\n' "$1" >"$dir/.lock.owner" || return 1
    : >"$tmp/out"
    return 0
  fi
  exec 9>&-
  cat "$dir/.lock.owner" >"$tmp/out" 2>/dev/null
  return 75
}

answer() { # OP CODE < output
  printf '%s %s %s %s\n' "$nonce" "$1" "$2" "$(base64 -w 0)"
}

payload=$tmp/payload
answer ready 0 </dev/null
while :; do
  header=$(timeout "$silence" dd bs=1 count=64 2>/dev/null) || break
  [ -n "$header" ] || break
  # shellcheck disable=SC2086 # three words without blanks
  set -f -- $header "$@"
  set +f
  [ $# -ge 3 ] || break
  op=$1 words=$2 bytes=$3
  shift 3
  [ "$op" = ping ] && continue
  [ "$op" = release ] && break
  timeout "$silence" head -c "$words" >"$tmp/words" || break
  timeout 600 head -c "$bytes" >"$payload" || break
  (
    if [ "$op" = observe ]; then
      do_observe "$@"
      exit
    fi
    set --
    while read -r word; do set -- "$@" "$(printf '%s' "$word" | base64 -d)"; done <"$tmp/words"
    case $op in
      stage | pull | activate | refresh | writeState | asideMetadata | stop | logs) "do_$op" "$@" ;;
      lock) exit 0 ;;
      *) die "unknown operation" ;;
    esac
  ) >"$tmp/out" 2>&1 </dev/null
  code=$?
  if [ "$op" = lock ]; then
    read -r word <"$tmp/words"
    lock "$(printf '%s' "$word" | base64 -d)" 2>>"$tmp/out"
    code=$?
  fi
  answer "$op" "$code" <"$tmp/out"
done
