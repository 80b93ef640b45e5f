# Looks at one machine and changes nothing. POSIX sh; needs coreutils, grep, sed, awk, GNU find, util-linux, and docker if
# it is there.
#
#   observe.sh [inside] DEPLOY_DIR [again] [fe META STATE COPY] [be NAME STATE COPY COUNT FOLDER...]... [port N]...
#              [image REF]... [disk PATH...]
#
# Answers in one line `seen base64`: facts, each `name bytes`, a newline, so many bytes, a newline; the last one is `end`. A
# machine is looked at often, and to start a program is what costs: what the shell can do, it does by itself, and `again`
# leaves out what does not change within a run (docker's release and Compose's, which alone cost as much as all the rest).
# `inside` is a session, which encodes its answers and knows who has the lock.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

line_end='
'
facts=''
# fact NAME TEXT
fact() { facts="$facts$1 ${#2}$line_end$2$line_end"; }
# first FILE: sets `line` to its first line
first() {
  line=''
  [ ! -r "$1" ] || read -r line <"$1" || :
}
# content FILE: sets `text` to what it holds, which is little
content() {
  text=''
  while IFS= read -r line || [ -n "$line" ]; do text=$text$line$line_end; done <"$1"
}

inside='' again='' engine='' compose='' inspected='' staged='' mounted=''
[ "$1" != inside ] || { inside=yes; shift; }
dir=$1
shift
[ "${1-}" != again ] || { again=yes; shift; }

# Without one of these a machine would be seen only by half, and its data pass for none.
for tool in awk find flock grep sed sha256sum tar timeout; do
  command -v "$tool" >/dev/null 2>&1 || fact lacking "$tool"
done
# The others have no -printf, and busybox none of the rest.
ask_find() { find / -maxdepth 0 -printf '' -quit 2>/dev/null || fact lacking 'find of GNU findutils'; }

# --- docker: not there, not permitted and not running are three different things to a person
# try ARGUMENT...: sets `said` to what docker answers or complains; one that hangs must not hang the whole look
try() { said=$(timeout 8 docker "$@" 2>&1); }
# ask ARGUMENT...: its answer alone, its warnings apart
ask() { timeout 8 docker "$@" 2>/dev/null; }
# inspect: ours by their label, and those of the same names that a person made, which can be taken over. One that goes
# meanwhile makes docker fail and tell the others; where it hangs, the machine would pass for one without any.
inspect() {
  ids=$(sed -nE '/starrocks-ha\.cluster=|"Names":"starrocks-(fe|be(-[0-9]+)?)"/s/.*"ID":"([0-9a-f]*)".*/\1/p' <<.
$all
.
  )
  # shellcheck disable=SC2086 # ids are hexadecimal words
  [ -z "$ids" ] || inspected=$(ask inspect $ids) || [ $? != 124 ]
}
usable=''
if ! command -v docker >/dev/null 2>&1; then
  fact docker-error 'docker is not installed'
elif [ -z "$again" ] && ! { try version --format '{{.Server.Version}}' && engine=${said##*"$line_end"}; }; then
  fact docker-error "$(printf %.1000s "$said")"
elif [ -z "$again" ] && ! { try compose version --short && compose=${said##*"$line_end"}; }; then
  fact docker-error 'the Compose plugin (docker compose, v2) is missing'
elif ! try ps -a --no-trunc --format '{{json .}}'; then
  fact docker-error "$(printf %.1000s "$said")"
elif all=$said && ! inspect; then
  fact docker-error ''
else
  usable=yes
  fact docker "$engine$line_end$compose"
  fact containers "$all"
  [ -z "$ids" ] || fact inspected "$inspected"
  by_hand=$(sed -nE '/starrocks-ha\.cluster=/!s/.*"Names":"(starrocks-(fe|be)(-[0-9]+)?)".*/\1/p' <<.
$all
.
  )
  for name in $by_hand; do
    kind=${name#starrocks-} kind=${kind%%-*}
    text=$(ask exec "$name" cat "/opt/starrocks/$kind/conf/$kind.conf" | head -c 100000)
    fact conf "$name$line_end$text$line_end"
  done
fi

# existing PATH: sets `there` to it, or to its nearest parent that exists
existing() {
  there=/${1#/}
  while [ ! -e "$there" ]; do there=${there%/*} there=${there:-/}; done
}

# visible PATH...: what this user may not look into is not taken for empty: a machine whose data cannot be seen would
# pass for a new one.
visible() {
  for one in "$@"; do
    existing "$one"
    if [ -d "$there" ]; then [ -x "$there" ] || fact unseen "$there"; fi
    if [ "$there" = "$one" ]; then [ -r "$there" ] || fact unseen "$there"; fi
  done
}

# --- files of this tool
visible "$dir" "$dir/state/deployed.json" "$dir/state/adopted" "$dir/.lock" "$dir/.staged"
if cd "$dir" 2>/dev/null; then
  files=$(find . -printf '' \( -path ./data -o -path ./log -o -path ./state -o -path ./.staged \) -prune -o -type f \
    ! -name '.lock*' ! -name '*.starrocks-ha-new' -exec sha256sum {} + 2>/dev/null) || ask_find
  fact files "$files"
  for one in .staged/*; do [ ! -d "$one" ] || staged=$staged${one#.staged/}$line_end; done
  fact staged "$staged"
  if [ -r state/deployed.json ]; then content state/deployed.json && fact marker "$text"; fi
  if [ -r state/adopted ]; then content state/adopted && fact adopted "$text"; fi
  # A shared lock, for a moment: it fails only while a run holds the machine.
  if [ -z "$inside" ] && [ -r .lock ] && ! flock -n -s 9 9<.lock; then
    text='{}'
    [ ! -r .lock.owner ] || content .lock.owner
    fact lock "$text"
  fi
  cd / || exit 1
else
  ask_find
fi

# remembers STATE COPY NAME: either copy counts, and `line` is what it says
remembers() {
  for copy in "$1/$3" "$2/$3"; do
    if [ -e "$copy" ]; then first "$copy" && return; fi
  done
  return 1
}

# filled FOLDER: some file is in it, at any depth
filled() {
  [ -d "$1" ] || return 1
  for one in "$1"/*; do [ ! -f "$one" ] || return 0; done
  [ -n "$(find "$1" -mindepth 1 -type f -print -quit 2>/dev/null)" ]
}

# each FILE WORD: tells its lines, each behind that word
each() {
  [ -r "$1" ] || return 0
  while read -r line || [ -n "$line" ]; do told="$told$2 $line$line_end"; done <"$1"
}

look_fe() { # META STATE COPY
  if [ -s "$1/image/ROLE" ] && [ -s "$1/image/VERSION" ] && filled "$1/bdb"; then
    told='meta whole'
  elif filled "$1"; then
    told='meta partial'
  else
    told='meta empty'
  fi
  told=$told$line_end
  newest=-1
  for one in "$1"/image/image.[0-9]*; do
    one=${one##*/image.}
    case $one in *[!0-9]*) ;; *) [ "$newest" -ge "$one" ] || newest=$one ;; esac
  done
  [ "$newest" = -1 ] || told="${told}image $newest$line_end"
  each "$1/image/ROLE" role
  each "$1/image/VERSION" version
  if remembers "$2" "$3" member; then told="${told}member $line$line_end"; fi
  for one in joining founding refused; do
    if remembers "$2" "$3" "$one"; then told=$told$one$line_end; fi
  done
  each "$2/switches" switch
  each "$2/peers" peer
  each "$3/peers" peer
}

look_be() { # NAME STATE COPY COUNT FOLDER...
  told="name $1$line_end"
  if remembers "$2" "$3" member; then told="${told}member $line$line_end"; fi
  first "$2/draining"
  [ -z "$line" ] || told="${told}drain $line $(date +%s)$line_end"
  left=$4
  shift 4
  while [ "$left" -gt 0 ]; do
    # `<cluster id>-<release>` (cluster_id_mgr.cpp); the file is empty until the first heartbeat.
    first "$1/cluster_id"
    id=${line%%[!0-9]*}
    told="${told}folder ${id:--}$line_end"
    left=$((left - 1))
    shift
  done
}

# vacant FOLDER: a BE has made it, and no tablet is in it (`data/<shard>/<tablet>`, tablet_manager.cpp). A disk that is not
# mounted shows none of what a BE makes, and is not taken for one.
vacant() {
  [ -e "$1/cluster_id" ] && [ -d "$1/data" ] && [ -z "$(find "$1/data" -mindepth 2 -maxdepth 2 -print -quit 2>&1)" ]
}

# read_only PATH: its file system is mounted so, which no right of any user changes
read_only() {
  at=$(df -P "$1" 2>/dev/null | awk 'NR == 2 { print $6 }')
  options=$(awk -v at="$at" '$2 == at { found = $4 } END { print found }' /proc/mounts)
  case ",$options," in *,ro,*) return 0 ;; *) return 1 ;; esac
}

ports=' '
images=''
storage=$line_end
while [ $# -gt 0 ]; do
  case $1 in
    fe)
      visible "$2" "$2/image" "$2/image/VERSION" "$2/bdb" "$3" "$3/member" "$3/peers" "$4" "$4/member" "$4/peers"
      look_fe "$2" "$3" "$4"
      fact fe "$told"
      shift 4
      ;;
    be)
      shift
      visible "$3" "$3/member" "$2" "$2/member"
      look_be "$@"
      fact be "$told"
      left=$4
      shift 4
      while [ "$left" -gt 0 ]; do
        visible "$1" "$1/cluster_id"
        storage=$storage$1$line_end
        left=$((left - 1))
        shift
      done
      ;;
    port)
      ports="$ports$2 "
      shift 2
      ;;
    image)
      images="$images $2"
      shift 2
      ;;
    disk)
      shift
      break
      ;;
    *) exit 64 ;;
  esac
done

# --- storage of a BE's container that is not wanted any more: it may be left behind when nothing is in it
told=''
[ -z "$inspected" ] || mounted=$(awk -F '"' '
  $2 == "Source" { source = $4 }
  $2 == "Destination" && $4 ~ /\/be\/storage(-[0-9]+)?$/ { print source }
' <<.
$inspected
.
)
while read -r one; do
  case $storage in *"$line_end$one$line_end"*) continue ;; esac
  if [ -n "$one" ] && vacant "$one"; then told=$told$one$line_end; fi
done <<.
$mounted
.
[ -z "$told" ] || fact vacant "$told"

# --- images: docker tells them in the order of the question, and leaves out what is not there
told='' ids=''
# shellcheck disable=SC2086 # a reference is a word
[ -z "$usable" ] || [ -z "$images" ] || ids=$(ask image inspect --format '{{.Id}}' $images) || ids=''
for one in $images; do
  id=${ids%%"$line_end"*} ids=${ids#*"$line_end"}
  if [ -n "$usable" ] && [ -z "$id" ]; then id=$(ask image inspect --format '{{.Id}}' "$one"); fi
  told="$told$one $id$line_end"
done
fact images "$told"

# --- disks: path, nearest folder that exists, what may be done there; then the table of df, a line for each of them
told=''
for path; do
  existing "$path"
  if [ -w "$there" ]; then may=writable; elif read_only "$there"; then may=read-only; else may=forbidden; fi
  told=$told$path$line_end$may$line_end
  shift
  set -- "$@" "$there"
done
# One that df cannot ask has no line, and the others would be taken for each other.
table=$(df -Pk "$@" 2>/dev/null) || table=$(echo head; for path; do df -Pk "$path" 2>/dev/null | tail -n 1 | grep . || echo -; done)
fact disks "$told"
fact df "$table"

# --- who listens on the wanted ports: address, port, inode, then the processes that hold the sockets
listening=$(awk -v wanted="$ports" '
  function number(hex,   i, n) { n = 0; for (i = 1; i <= length(hex); i++) n = n * 16 + index("0123456789ABCDEF", substr(hex, i, 1)) - 1; return n }
  FNR > 1 && $4 == "0A" { split($2, at, ":"); port = number(at[2]); if (index(wanted, " " port " ")) print at[1], port, $10 }
' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
fact listening "$listening"

# chain(PID) prints three lines: it and its ancestors, its cgroups, its name. By awk: a shell reads a byte at a time, and
# a machine with many sockets would have to start thousands of programs for one look.
# shellcheck disable=SC2016 # for awk
chain='
  function parent(pid,   path, line, part, found) {
    path = "/proc/" pid "/status"
    found = 0
    while ((getline line < path) > 0)
      if (line ~ /^PPid:/) { split(line, part, /[ \t]+/); found = part[2] + 0; break }
    close(path)
    return found
  }
  function chain(pid,   path, line, all, groups, name) {
    path = "/proc/" pid "/cgroup"
    while ((getline line < path) > 0) groups = groups line " "
    close(path)
    path = "/proc/" pid "/comm"
    if ((getline line < path) > 0) name = line
    close(path)
    for (pid += 0; pid > 1; pid = parent(pid)) all = all (all == "" ? "" : " ") pid
    print all; print groups; print name
  }
'

if [ -n "$listening" ]; then
  wanted=''
  while read -r _ _ inode; do wanted="$wanted $inode"; done <<.
$listening
.
  fact holders "$(find /proc/[0-9]*/fd -maxdepth 1 -lname 'socket:*' -printf '%h %l\n' 2>/dev/null |
    awk -v wanted="$wanted" "$chain"'
      BEGIN { split(wanted, list, " "); for (i in list) inode["socket:[" list[i] "]"] = list[i] }
      $2 in inode && !told[$0]++ { split($1, at, "/"); print inode[$2]; chain(at[3]) }
    ')$line_end"
fi

# --- StarRocks that runs outside of this tool's containers
found=$(grep -lE 'com\.starrocks\.StarRocksF[E]|/be/lib/starrocks_b[e]' /proc/[0-9]*/cmdline 2>/dev/null)
[ -z "$found" ] || fact starrocks "$(printf '%s\n' "$found" | awk -F / "$chain"'{ chain($3) }')$line_end"

read -r _ memory _ </proc/meminfo
fact machine "$memory$line_end$(date +%s%3N)"
fact end ''
if [ -n "$inside" ]; then
  printf '\nseen\n%s' "$facts"
else
  printf '\nseen '
  printf %s "$facts" | base64 -w 0
  echo
fi
