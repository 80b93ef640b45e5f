# Looks for the signs of known troubles on one machine, and changes nothing. POSIX sh; everything it asks may be missing,
# and everything that can hang has a limit.
#
#   probe.sh [container NAME] [log NAME LINES] [file NAME PATH LINES] [tcp ADDRESS PORT] [registry IMAGE]
#            [machine ADDRESS FOLDER] [brief ADDRESS FOLDER] ...
#
# Answers in lines `name base64`, from `begin` to `end`, one for each question and in that order. What a log says is inside
# of base64 and can forge none.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec </dev/null

# The end of a log is what matters, and none is so long that it fills the runner's memory.
put() { printf '\n%s %s\n' "$1" "$(tail -c 200000 | base64 -w 0)"; }

# A daemon that hangs is asked once: every further question would wait as long again.
docker_ok=''
command -v docker >/dev/null 2>&1 && timeout 5 docker version >/dev/null 2>&1 && docker_ok=yes
ask() { [ -n "$docker_ok" ] && timeout 5 docker "$@" 2>/dev/null; }

# --- reachability

verdict() { # verdict EXIT TEXT
  case $1:$2 in
    0:*) echo open ;;
    124:* | *'imed out'*) echo timeout ;;
    *refused*) echo refused ;;
    *[Uu]nreachable* | *'No route'*) echo unreachable ;;
    *) echo unknown ;;
  esac
}

by_bash() {
  # --norc: with a socket as standard input bash takes itself for a remote login, and that file may take minutes.
  # shellcheck disable=SC2016 # for bash
  said=$(timeout 3 bash --norc --noprofile -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$1" "$2" 2>&1)
  verdict $? "$said"
}

by_nc() {
  said=$(timeout 3 nc -z -v -w 3 "$1" "$2" 2>&1)
  verdict $? "$said"
}

by_curl() {
  said=$(timeout 5 curl -sS --noproxy '*' --connect-timeout 3 -m 4 -o /dev/null -w 'after=%{time_connect}' "http://$1:$2/" 2>&1)
  # Connected is enough, whatever came of it: a port that speaks no HTTP is open all the same.
  case $said in *after=0.000000* | *after=0 | *after=0.000) verdict 1 "$said" ;; *after=*) echo open ;; *) echo unknown ;; esac
}

reach() { # reach HOST PORT
  state=unknown
  for tool in bash nc curl; do
    command -v "$tool" >/dev/null 2>&1 || continue
    state=$("by_$tool" "$1" "$2")
    [ "$state" = unknown ] || break
  done
  echo "$state"
}

# registry_of IMAGE: host and port, by Docker's rule: the part before the first slash, if it looks like a host
registry_of() {
  first=''
  case $1 in */*) first=${1%%/*} ;; esac
  case $first in
    *.* | *:* | localhost) ;;
    *) first=$(ask info --format '{{.IndexServerAddress}}' | sed -n 's|^https\{0,1\}://\([A-Za-z0-9.:-]*\).*|\1|p') ;;
  esac
  case $first in *:*) printf '%s %s\n' "${first%:*}" "${first##*:}" ;; ?*) printf '%s 443\n' "$first" ;; esac
}

registry() { # registry IMAGE
  at=$(registry_of "$1")
  # Through a proxy or a mirror the daemon goes another way than this shell.
  other=$(ask info --format '{{.HTTPSProxy}}{{range .RegistryConfig.Mirrors}}{{.}}{{end}}')
  if [ -z "$at" ] || [ -n "$other" ]; then echo unknown; else reach "${at% *}" "${at#* }"; fi
}

# BDB asks for its own address backwards: a name server that does not answer holds an FE up for minutes.
backwards() {
  timeout 4 getent hosts "$1" >/dev/null 2>&1
  case $? in 124) echo hangs ;; 127) echo '?' ;; *) echo answers ;; esac
}

# Whoever waits for somebody else does so at the same time as the others: one after the other, a machine that is cut off
# would not be done within the limit of its answer. Each line is short: a pipe never cuts it.
far() {
  while [ $# -gt 0 ]; do
    case $1 in
      tcp)
        (printf 'tcp %s %s %s\n' "$2" "$3" "$(reach "$2" "$3")") &
        shift 3
        ;;
      registry)
        (printf 'registry %s - %s\n' "$2" "$(registry "$2")") &
        shift 2
        ;;
      machine | brief)
        (printf 'reverse %s - %s\n' "$2" "$(backwards "$2")") &
        shift 3
        ;;
      file) shift 4 ;;
      log) shift 3 ;;
      container) shift 2 ;;
      *) shift ;;
    esac
  done
  wait
}

found=$(far "$@")
found() { printf '%s\n' "$found" | grep -F -- "$1 " | sed -n 's/.* //p' | head -n 1; }

# --- settings of the machine

line_end='
'
# Not by the shell, which reads byte by byte: of a setting under /proc/sys only the first one comes.
value() { head -n 1 "$1" 2>/dev/null || echo '?'; }
# One line, however many there are: no value becomes another fact.
fact() { printf '%s %.300s\n' "$1" "${2%%"$line_end"*}"; }
running() { grep -lxE "$1" /proc/[0-9]*/comm 2>/dev/null | sed -n 's|^/proc/\([0-9]*\)/comm|\1|p' | head -n 1; }
column() { timeout 5 df "$1" "$2" 2>/dev/null | awk 'NR == 2 { print $4 }'; }

# existing PATH: it, or its nearest parent that exists
existing() {
  path=/${1#/}
  while [ ! -e "$path" ]; do path=${path%/*} path=${path:-/}; done
  printf '%s' "$path"
}

synchronised() {
  said=$(timeout 3 timedatectl show -p NTPSynchronized --value 2>/dev/null)
  [ "$said" = yes ] || ! timeout 3 chronyc -n tracking 2>/dev/null | grep -q '^Leap status *: Normal' || said=yes
  echo "${said:-?}"
}

may_sudo() {
  command -v sudo >/dev/null 2>&1 || { echo missing; return; }
  if timeout 3 sudo -n true >/dev/null 2>&1; then echo yes; else echo no; fi
}

missing() {
  for tool in awk base64 cat cut date df find flock grep head id mkdir mv rm sed sha256sum sort tail tar timeout tr; do
    command -v "$tool" >/dev/null 2>&1 || printf '%s ' "$tool"
  done
}

kills() {
  { timeout 3 dmesg 2>/dev/null || timeout 5 journalctl -k -n 5000 --no-pager -o cat 2>/dev/null; } |
    grep -iE 'out of memory: killed process'
}

of_docker() {
  fact docker_restarts_at_boot "$(timeout 3 systemctl is-enabled docker 2>/dev/null || echo '?')"
  root=$(ask info --format '{{.DockerRootDir}}')
  fact docker_root_free_kib "$(column -Pk "$(existing "${root:-/var/lib/docker}")")"
  daemon=$(running dockerd)
  [ -n "$daemon" ] || return 0
  fact docker_nofile "$(awk '/^Max open files/ { print $5 }' "/proc/$daemon/limits" 2>/dev/null)"
  # May it raise limits? CAP_SYS_RESOURCE is bit 24.
  fact docker_caps "$(sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$daemon/status" 2>/dev/null)"
}

of_folder() { # FOLDER
  folder=$(existing "$1")
  fact file_system "$(timeout 3 stat -f -c %T "$folder" 2>/dev/null || echo '?')"
  fact inodes_free "$(column -Pi "$folder")"
  at=$(timeout 5 df -P "$folder" 2>/dev/null | awk 'NR == 2 { print $6 }')
  options=$(awk -v at="$at" '$2 == at { found = $4 } END { print found }' /proc/mounts)
  case ",$options," in *,noexec,*) fact noexec yes ;; *) fact noexec no ;; esac
  case ",$options," in *,ro,*) fact read_only yes ;; *) fact read_only no ;; esac
}

# Before a service of a machine that runs is taken away: what would keep it from coming back.
brief() { # ADDRESS FOLDER
  fact missing_tools "$(missing)"
  fact reverse_lookup "$(found "reverse $1 -")"
  of_folder "$2"
}

machine() { # ADDRESS FOLDER
  brief "$1" "$2"
  fact user "$(id -un 2>/dev/null) $(id -u)"
  fact sudo "$(may_sudo)"
  fact kernel "$(uname -sr)"
  fact cpus "$(grep -c '^processor' /proc/cpuinfo)"
  if grep -qw avx2 /proc/cpuinfo; then fact avx2 yes; else fact avx2 no; fi
  fact architecture "$(uname -m)"
  fact available_kib "$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
  fact swap_kib "$(awk 'NR > 1 { sum += $3 } END { print sum + 0 }' /proc/swaps 2>/dev/null)"
  fact swappiness "$(value /proc/sys/vm/swappiness)"
  fact overcommit "$(value /proc/sys/vm/overcommit_memory)"
  fact max_map_count "$(value /proc/sys/vm/max_map_count)"
  fact huge_pages "$(value /sys/kernel/mm/transparent_hugepage/enabled)"
  fact huge_pages_defrag "$(value /sys/kernel/mm/transparent_hugepage/defrag)"
  fact somaxconn "$(value /proc/sys/net/core/somaxconn)"
  fact tcp_abort_on_overflow "$(value /proc/sys/net/ipv4/tcp_abort_on_overflow)"
  fact threads_max "$(value /proc/sys/kernel/threads-max)"
  fact pid_max "$(value /proc/sys/kernel/pid_max)"
  fact file_max "$(value /proc/sys/fs/nr_open)"
  fact clock_synchronised "$(synchronised)"
  fact zone "$(date +%z)"
  fact selinux "$(timeout 3 getenforce 2>/dev/null || echo absent)"
  fact apparmor "$(value /sys/module/apparmor/parameters/enabled)"
  # As util-linux sees it: the hybrid layout of an older system is no v2.
  fact cgroup "$(timeout 3 stat -f -c %T /sys/fs/cgroup 2>/dev/null || echo '?')"
  fact firewall "$(for one in firewalld ufw; do timeout 3 systemctl is-active --quiet "$one" 2>/dev/null && printf '%s ' "$one"; done)"
  of_docker
  fact oom_kills "$(kills | wc -l)"
  fact last_oom_kill "$(kills | tail -n 1)"
}

# The end of a file. Never of a pipe or a device, which may never end.
end_of() { # PATH LINES
  [ -f "$1" ] || return 0
  if [ -r "$1" ]; then timeout 5 tail -n "$2" "$1" 2>/dev/null; else echo 'this user may not read it'; fi
}

echo starrocks-ha | put begin
while [ $# -gt 0 ]; do
  case $1 in
    container)
      ask inspect --type container --format \
        '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.RestartCount}} {{.State.Error}}' "$2" | put container
      shift 2
      ;;
    log)
      if [ -n "$docker_ok" ]; then timeout 5 docker logs --tail "$3" "$2" 2>&1; fi | put log
      shift 3
      ;;
    file)
      end_of "$3" "$4" | put file
      shift 4
      ;;
    tcp)
      found "tcp $2 $3" | put tcp
      shift 3
      ;;
    registry)
      found "registry $2 -" | put registry
      shift 2
      ;;
    machine)
      machine "$2" "$3" | put machine
      shift 3
      ;;
    brief)
      brief "$2" "$3" | put brief
      shift 3
      ;;
    *) exit 64 ;;
  esac
done
echo ok | put end
