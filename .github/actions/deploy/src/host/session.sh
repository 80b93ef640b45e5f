# The resident session on one machine that is changed: takes the lock and runs every operation as its own child, so
# that a cut connection cannot free the lock while `docker compose up` still runs. POSIX sh.
#
#   session.sh NONCE DEPLOY_DIR SILENCE OBSERVE [argument of observe.sh ...]
#
# Requests on standard input: a header of 2048 bytes (`op argument-bytes payload-bytes`, newline, the arguments, a line
# each, for printf's %b, where they find room, blanks, full stop), the arguments where they did not, the payload. An
# answer is one line: `= NONCE op exit-code` where that is all, or base64 of a header of 64 bytes (`NONCE op exit-code`,
# blanks, newline) and the output. A ping is answered by nothing. To start a program is what costs here: what the shell
# can do, it does by itself.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
line_end='
'

nonce=$1 dir=$2 silence=$3 observe=$4
shift 4
# A connection that is gone must not end what has begun.
trap '' HUP PIPE

# The output goes to $tmp/out, behind room for the header, which is written last: then one program sends them both.
prepare() { printf '%64s' '' >"$tmp/out"; }

answer() { # OP CODE
  if read -r said <"$tmp/out" || [ -n "$said" ]; then
    printf '%-63s\n' "$nonce $1 $2" 1<>"$tmp/out"
    # One line, whatever its length, and its end. A connection that takes nothing any more must not hold the lock; on one
    # that is gone, what had arrived is done all the same.
    timeout "$silence" base64 -w 999999999 "$tmp/out" || [ $? != 124 ] || exit 1
  else
    # So little finds room: what was sent before has been taken.
    printf '\n= %s %s %s\n' "$nonce" "$1" "$2"
  fi
}

die() {
  printf '%s\n' "$*"
  exit 1
}

{ tmp=$(mktemp -d 2>&1) && prepare; } || {
  printf '%-63s\nE_TMP %s\n' "$nonce ready 70" "${tmp:-nothing can be written}" | base64 -w 999999999
  exit 70
}
trap 'rm -rf "$tmp"' EXIT

# state_of SERVICE: running, there or none. Fails when docker does not say: silence is never taken for "none".
state_of() {
  if said=$(docker inspect --format '{{.State.Running}}' "$1" 2>&1); then
    case $said in
      *true) echo running ;;
      *) echo there ;;
    esac
    return 0
  fi
  case $said in
    # An image of that name answers too, and has no state.
    *[Nn]'o such '* | *'no entry for key'*) echo none ;;
    *) die "$said" ;;
  esac
}

# digest_of SERVICE: of its label, or of what was written down when it was taken over
digest_of() {
  docker inspect --format '{{.Id}} {{index .Config.Labels "starrocks-ha.digest"}}' "$1" >"$tmp/carries" || return 1
  read -r id label <"$tmp/carries"
  case $label in
    # docker says `<no value>` where there is no label at all.
    '' | '<no value>') [ ! -r "$dir/state/adopted" ] || sed -n "s/^$1 $id \([0-9a-f]\{64\}\)\$/\1/p" "$dir/state/adopted" ;;
    *) printf '%s\n' "$label" ;;
  esac
}

# write FILE TEXT: as put does it, by the shell itself; where that fails, put says why
write() {
  { folder_of "$1" && printf '%s\n' "$2" >"$1.starrocks-ha-new"; } 2>/dev/null && mv -fT "$1.starrocks-ha-new" "$1" && return
  put "$1" <<END
$2
END
}

# folder_of FILE: is there, or is made
folder_of() { [ -d "${1%/*}" ] || mkdir -p "${1%/*}"; }

# put FILE < text: whole or not at all. By cat: the shell's own printf calls a full disk an I/O error.
put() {
  folder_of "$1" || return 1
  { cat >"$1.starrocks-ha-new" && mv -fT "$1.starrocks-ha-new" "$1"; } || {
    rm -f "$1.starrocks-ha-new"
    return 1
  }
}

same_mode() { if [ -x "$1" ]; then [ -x "$2" ]; else [ ! -x "$2" ]; fi; }

# move HOST_DIGEST PATH...: staged files into place, but those that are there already. All are copied before the first one
# is renamed.
move() {
  from=$dir/.staged/$1 sums=$tmp/sums.$1
  shift
  for path in "$@"; do
    case /$path/ in */../*) die "$path leads out of $dir" ;; esac
    [ -f "$from/$path" ] || die "the upload is not whole, $from/$path is missing: delete that folder and deploy again"
  done
  [ -e "$sums" ] || (cd "$from" && sha256sum "$@" >"$sums") || die "$from cannot be read"
  same=$line_end$(cd "$dir" && sha256sum -c "$sums" 2>/dev/null)$line_end
  for path in "$@"; do
    shift
    to=$dir/$path
    case $same in *"$line_end$path: OK$line_end"*) if same_mode "$from/$path" "$to"; then continue; fi ;; esac
    set -- "$@" "$path"
    { folder_of "$to" && cp -p "$from/$path" "$to.starrocks-ha-new"; } || {
      for copied in "$@"; do rm -f "$dir/$copied.starrocks-ha-new"; done
      die "$to cannot be written; no file was changed"
    }
  done
  for path in "$@"; do
    mv -fT "$dir/$path.starrocks-ha-new" "$dir/$path" || die "$dir/$path cannot be written"
  done
}

mark() { # MARKER
  write "$dir/state/deployed.json" "$1" || die "$dir/state/deployed.json cannot be written"
}

# stage HOST_DIGEST CHECKSUMS < tar
do_stage() {
  to=$dir/.staged/$1
  sums=$tmp/sums.$1
  printf '%s\n' "$2" >"$sums" || die "$sums cannot be written"
  [ -d "$to" ] && (cd "$to" && sha256sum --status --strict -c "$sums" 2>/dev/null) && exit 0
  clear_halves
  # The machine is locked: nobody else makes a folder of that name.
  new=$dir/.staged/.new.$$
  mkdir -p "$new" || die "$dir/.staged cannot be written"
  tar -x -C "$new" -f "$payload" || die 'the upload cannot be unpacked'
  (cd "$new" && sha256sum --quiet --strict -c "$sums") || die 'the upload arrived damaged'
  if [ -e "$to" ]; then mv -T "$to" "$new.old" || die "$to cannot be replaced"; fi
  mv -T "$new" "$to" || die "$to cannot be written"
  # Now and then, those of earlier deploys, but not what another service of this host still waits for. Renamed before they
  # are deleted: a folder that was deleted by half would pass for an upload.
  set -- "$1" "$dir"/.staged/*
  [ $# -lt 8 ] || find "$dir/.staged" -mindepth 1 -maxdepth 1 -type d -name '[0-9a-f]*' ! -name "$1" -mtime +7 \
    -exec sh -c 'for old; do mv -T "$old" "${old%/*}/.new.${old##*/}"; done' sh {} +
  clear_halves
}

# What an upload that was cut off has left, or one that nobody needs any more.
clear_halves() {
  for half in "$dir"/.staged/.new.*; do [ ! -e "$half" ] || rm -rf "$half"; done
}

# pull IMAGE SECONDS
do_pull() {
  docker image inspect "$1" >/dev/null 2>&1 && exit 0
  timeout "$2" docker pull --quiet "$1"
  code=$?
  [ "$code" != 124 ] || echo "E_PULL_SLOW $1 did not arrive within $2 s"
  exit "$code"
}

# activate SERVICE EXPECTED DIGEST HOST_DIGEST MARKER MOUNTS PATH...
do_activate() {
  service=$1 expected=$2 digest=$3 host=$4 marker=$5 mounts=$6
  shift 6
  state=$(state_of "$service") || die "$state"
  there=''
  if [ "$state" != none ]; then
    there=$(digest_of "$service" 2>"$tmp/said") || die "$(cat "$tmp/said")"
    [ -n "$there" ] || die "E_NAME_TAKEN the container $service was not made by this tool"
  fi
  # Compare and swap: what is replaced must be what was seen.
  if [ "$there" != "$expected" ] && [ "$there" != "$digest" ]; then
    die "E_SWAP it carries the digest ${there:-none}, and ${expected:-none} was seen"
  fi
  [ "$state" = none ] || same_data "$service" "$mounts"
  if [ "$there" = "$digest" ] && [ "$state" = running ]; then exit 0; fi
  if [ "$state" = none ] || [ -z "$left" ]; then
    move "$host" "$@"
  else
    (leave_behind "$service" "$state" "$marker" && move "$host" "$@") || {
      [ "$state" != running ] || docker start "$service"
      exit 1
    }
  fi
  mark "$marker"
  cd "$dir" || die "$dir is gone"
  [ "$state" = none ] || give_way "$service"
  docker compose --project-directory "$dir" up -d --no-deps --pull never "$service"
}

# give_way SERVICE: Compose replaces only what it made. What a person made and was taken over has its data in the same
# folders (same_data has seen to that), and goes.
give_way() {
  [ -r "$dir/state/adopted" ] || return 0
  docker inspect --format '{{.Id}}' "$1" >"$tmp/id" || die "$1 cannot be read"
  grep -q "^$1 $(cat "$tmp/id") " "$dir/state/adopted" || return 0
  { docker stop "$1" && docker rm "$1"; } || die "$1, which was made by hand, could not be replaced"
}

# same_data SERVICE MOUNTS: a folder that is another one than the container's would start it without its data. Sets `left`
# to the storage that it would be without.
same_data() {
  docker inspect --format '{{range .Mounts}}{{.Destination}} {{.Source}}{{"\n"}}{{end}}' "$1" >"$tmp/mounts" ||
    die "the mounts of $1 cannot be read"
  left=''
  while read -r at old; do
    case $line_end$2$line_end in
      *"$line_end$at $old$line_end"*) ;;
      *"$line_end$at "*)
        wanted=${2#*"$at "}
        die "E_DATA_MOVED its data lies in $old, and ${wanted%%"$line_end"*} would be mounted"
        ;;
      *) case $at in */be/storage | */be/storage-[0-9]*) vacant "$old" && left=$left$old$line_end ;; esac ;;
    esac
  done <"$tmp/mounts"
}

# vacant FOLDER: a BE has made it, and no tablet is in it (`data/<shard>/<tablet>`, tablet_manager.cpp). A disk that is not
# mounted shows none of what a BE makes, and is not taken for one.
vacant() {
  { [ -e "$1/cluster_id" ] && [ -d "$1/data" ] && [ -z "$(find "$1/data" -mindepth 2 -maxdepth 2 -print -quit 2>&1)" ]; } ||
    die "E_DATA_MOVED tablets lie in $1, or nobody can tell, and it would not be mounted any more"
}

# leave_behind SERVICE STATE MARKER: stands still, and no tablet has come into any of $left meanwhile
leave_behind() {
  if [ "$2" = running ]; then docker stop "$1" || die "$1 cannot be stopped"; fi
  printf %s "$left" | while read -r folder; do
    (vacant "$folder") && printf '%s\n' "$3" | put "$folder.retired" || exit 1
  done
}

# refresh HOST_DIGEST MARKER PATH...
do_refresh() {
  host=$1 marker=$2
  shift 2
  move "$host" "$@"
  mark "$marker"
}

# writeState COPIES PEER...: which FEs exist, in every copy (a line each)
do_writeState() {
  copies=$1
  shift
  { [ $# -eq 0 ] || printf '%s\n' "$@"; } >"$tmp/peers" || die "$tmp/peers cannot be written"
  printf '%s\n' "$dir/state/fe" "$copies" | while read -r folder; do
    [ -n "$folder" ] || continue
    put "$folder/peers" <"$tmp/peers" || die "$folder/peers cannot be written"
  done || exit 1
}

# writeSwitches [LINE...]: none forgets them
do_writeSwitches() {
  if [ $# -eq 0 ]; then
    rm -f "$dir/state/fe/switches" || die "$dir/state/fe/switches cannot be removed"
  else
    printf '%s\n' "$@" | put "$dir/state/fe/switches" || die "$dir/state/fe/switches cannot be written"
  fi
}

# writeDrain STATE [TABLETS]: none forgets it
do_writeDrain() {
  if [ $# -eq 1 ]; then
    rm -f "$1/draining" || die "$1/draining cannot be removed"
  else
    printf '%s %s\n' "$2" "$(date +%s)" | put "$1/draining" || die "$1/draining cannot be written"
  fi
}

# copyMetadata META RELEASE EXPECTED: stops the FE, which runs on when there is no room or the copy fails. One copy for
# each state that the metadata was in; they are never deleted.
do_copyMetadata() {
  [ -d "$1" ] || die "$1 is not there"
  state=$(state_of starrocks-fe) || die "$state"
  needs=$(du -sk "$1" | sed 's/[^0-9].*//')
  free=$(df -Pk "$1" | sed -n 's/.* \([0-9][0-9]*\)  *[0-9]*% .*/\1/p')
  # With less than 5 GiB an FE stops working.
  [ "${free:-0}" -gt $((${needs:-0} + 5242880)) ] ||
    die "E_DISK_SHORT a copy of $1 needs $((${needs:-0} / 1024 + 1)) MiB, an FE wants 5120 MiB besides, and $((${free:-0} / 1024)) MiB are free"
  if [ "$state" = running ]; then
    is_seen starrocks-fe "$3"
    docker stop starrocks-fe || die 'the FE cannot be stopped'
  fi
  for copy in "$1".copy-*; do
    # Nothing is younger than that copy: a run that was killed has made it.
    if [ -d "$copy" ] && [ -z "$(find "$1" -newer "$copy" -print -quit)" ]; then exit 0; fi
  done
  # What a copy that was cut off has left.
  rm -rf "$1.copying"
  copy=$1.copy-$(date -u +%Y%m%dT%H%M%SZ)-$2
  if cp -a --reflink=auto "$1" "$1.copying" && touch "$1.copying" && mv -nT "$1.copying" "$copy"; then
    printf '%s\n' "$copy"
    exit 0
  fi
  [ "$state" != running ] || docker start starrocks-fe
  die "$1 cannot be copied"
}

# asideMetadata META COPY REASON: renamed, never deleted
do_asideMetadata() {
  state=$(state_of starrocks-fe) || die "$state"
  [ "$state" != running ] || die 'the FE runs: its metadata is not touched'
  [ -e "$1" ] || exit 0
  aside=$1.aside-$(date -u +%Y%m%dT%H%M%SZ)-$3
  { mv -nT "$1" "$aside" && [ ! -e "$1" ] && mkdir -p "$1"; } || die "$1 cannot be moved aside"
  for one in joining founding refused; do rm -f "$dir/state/fe/$one" "$2/$one"; done
  printf '%s\n' "$aside"
}

# is_seen SERVICE EXPECTED: what is stopped or removed must be what was seen
is_seen() {
  there=$(digest_of "$1" 2>"$tmp/said") || die "$(cat "$tmp/said")"
  [ "$there" = "$2" ] || die "E_SWAP it carries the digest ${there:-none}, and ${2:-none} was seen"
}

# stop SERVICE EXPECTED
do_stop() {
  state=$(state_of "$1") || die "$state"
  [ "$state" = running ] || exit 0
  is_seen "$@"
  docker stop "$1"
}

# adopt SERVICE CONTAINER DIGEST HOST_DIGEST MARKER PATH...: counts as ours from now on; nothing restarts
do_adopt() {
  service=$1 wanted=$2 digest=$3 host=$4 marker=$5
  shift 5
  there=$(docker inspect --format '{{.Id}}' "$service" 2>"$tmp/said") || die "$(cat "$tmp/said")"
  [ "$there" = "$wanted" ] || die "E_SWAP it is the container $there, and $wanted was seen"
  move "$host" "$@"
  mark "$marker"
  {
    grep -v "^$service " "$dir/state/adopted" 2>/dev/null
    printf '%s %s %s\n' "$service" "$there" "$digest"
  } | put "$dir/state/adopted" || die "$dir/state/adopted cannot be written"
}

# restart SERVICE EXPECTED: as it is
do_restart() {
  state=$(state_of "$1") || die "$state"
  [ "$state" != none ] || die "E_SWAP the container $1 is gone"
  is_seen "$@"
  docker restart "$1"
}

# removeContainer SERVICE EXPECTED: stopped ones only; its folders stay
do_removeContainer() {
  state=$(state_of "$1") || die "$state"
  [ "$state" != none ] || exit 0
  [ "$state" != running ] || die "$1 runs: it is not removed"
  is_seen "$@"
  docker rm "$1"
}

# retire MARKER STATE COPY FOLDER...: left behind by whom and when, beside each folder that exists. That it was a member
# is forgotten: a new BE may begin here with empty storage.
do_retire() {
  marker=$1 state=$2 copy=$3
  shift 3
  rm -f "$state/member" "$copy/member" "$state/draining" || die "$state/member cannot be removed"
  for folder in "$@"; do
    [ -e "$folder" ] || continue
    printf '%s\n' "$marker" | put "$folder.retired" || die "$folder.retired cannot be written"
  done
}

# record NONCE < text: one run that changed something; the newest fifty stay
do_record() {
  history=$dir/state/history
  put "$history/$(date -u +%Y%m%dT%H%M%SZ)-$1.json" <"$payload" || die "$history cannot be written"
  # Names begin with the time, so that their order is that of the runs.
  set -- "$history"/*.json
  while [ $# -gt 50 ]; do
    rm -f "$1"
    shift
  done
}

# logs SERVICE LINES
do_logs() { docker logs --tail "$2" "$1"; }

# lock OWNER: held by descriptor 9 of this shell, and by every child that it starts from now on
locked=''
lock() {
  [ -z "$locked" ] || return 0
  # Tried by a child first: dash ends when it cannot open a file itself.
  { [ -d "$dir" ] || mkdir -p "$dir"; } && (: >>"$dir/.lock") || return 1
  exec 9>>"$dir/.lock"
  # A moment's patience: whoever looks at this machine holds a shared lock for some milliseconds.
  if ! flock -w 1 9; then
    exec 9>&-
    cat "$dir/.lock.owner" 2>/dev/null
    return 75
  fi
  # Only who does not get the lock reads it.
  if printf '%s\n' "$1" >"$dir/.lock.owner"; then
    locked=yes
    return 0
  fi
  exec 9>&-
  return 1
}

# decode LINE: sets `word`
decode() {
  word=$1
  case $1 in
    *\\*)
      # With a full stop, or the substitution would eat newlines at the end.
      word=$(printf '%b.' "$1")
      word=${word%.}
      ;;
  esac
}

operate() { # OP < nothing
  op=$1
  set --
  while read -r coded; do
    decode "$coded"
    set -- "$@" "$word"
  done <"$tmp/words"
  case $op in
    stage | pull | activate | refresh | writeState | writeSwitches | writeDrain | copyMetadata | asideMetadata | stop | adopt | restart | removeContainer | retire | record)
      [ -n "$locked" ] || die 'this session does not hold the lock of the machine'
      "do_$op" "$@"
      ;;
    logs) do_logs "$@" ;;
    *) die 'unknown operation' ;;
  esac
}

# received COUNT FILE SECONDS: all of it, or the connection was cut midway and nothing may be done
received() {
  if [ "$1" = 0 ]; then : >"$2" && return; fi
  timeout "$3" dd bs="$1" count=1 iflag=fullblock 2>"$tmp/dd" >"$2" || return 1
  read -r blocks _ <"$tmp/dd"
  [ "$blocks" = 1+0 ]
}

# look ARGUMENT...: of observe.sh
look() {
  (
    set -- inside "$@"
    eval "$observe"
  ) >>"$tmp/out" 2>&1 </dev/null
}

payload=$tmp/payload
answer ready 0
while :; do
  header=$(timeout "$silence" dd bs=2048 count=1 iflag=fullblock 2>/dev/null) || break
  [ ${#header} -eq 2048 ] || break
  first=${header%%"$line_end"*} header=${header#*"$line_end"}
  read -r op words bytes <<END
$first
END
  [ "$op" = ping ] && continue
  [ "$op" = release ] && break
  if [ "$words" -lt ${#header} ]; then
    printf "%.${words}s" "$header" >"$tmp/words" || break
  else
    received "$words" "$tmp/words" "$silence" || break
  fi
  received "$bytes" "$payload" 600 || break
  prepare || break
  case $op in
    observe) look "$@" ;;
    lock)
      read -r coded <"$tmp/words"
      decode "$coded"
      lock "$word" >>"$tmp/out" 2>&1
      code=$?
      # What another run did meanwhile is seen at once, without one more exchange.
      if [ "$code" -eq 0 ]; then look "$@"; fi
      answer "$op" "$code"
      continue
      ;;
    *) (operate "$op") >>"$tmp/out" 2>&1 </dev/null ;;
  esac
  code=$?
  answer "$op" "$code"
done
