# Says who holds the lock of one machine. With `free`, ends what a run that is gone has left behind, and nothing else.
# POSIX sh; needs coreutils, find, grep, util-linux.
#
#   unlock.sh DEPLOY_DIR look|free
#
# Answers in lines after `starrocks-ha unlock`: `state free|alive|left|freed|stuck`, `owner JSON`, `process PID NAME`.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

lock=$1/.lock

printf '\nstarrocks-ha unlock\n'
is_free() { [ ! -e "$lock" ] || flock -n -s "$lock" true; }
if is_free; then
  echo 'state free'
  exit 0
fi
printf 'owner %s\n' "$(head -n 1 "$1/.lock.owner" 2>/dev/null)"

holders() { find -L /proc/[0-9]*/fd -maxdepth 1 -samefile "$lock" 2>/dev/null | sed 's|^/proc/\([0-9]*\)/.*|\1|' | sort -u; }

# connected PID: does a login stand above it? Once the connection is gone, the first process takes over what the login
# had begun. Whoever cannot be told is taken for a login: nothing that may belong to a living run is ended.
connected() {
  above=$1
  while [ "$above" -gt 1 ]; do
    case $(cat "/proc/$above/comm" 2>/dev/null) in
      sh | dash | bash | ash | ksh | zsh | busybox | sudo | timeout) ;;
      systemd) return 1 ;;
      *) return 0 ;;
    esac
    above=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$above/status" 2>/dev/null)
    [ -n "$above" ] || return 0
  done
  return 1
}

# The session's own shell talks to a runner, or ends by itself after a minute of silence; but it neither listens nor ends
# while what it started hangs. That has no standard input.
alive='' pids=''
for pid in $(holders); do
  name=$(cat "/proc/$pid/comm" 2>/dev/null)
  # It has ended meanwhile: whoever looks at a lock opens it too, `find` for one.
  [ -n "$name" ] || continue
  pids="$pids $pid"
  printf 'process %s %s\n' "$pid" "$(printf '%s' "$name" | tr -cd '[:alnum:]_.:-')"
  if grep -q 'session\.sh NONCE' "/proc/$pid/cmdline" 2>/dev/null; then
    [ "$(readlink "/proc/$pid/fd/0" 2>/dev/null)" = /dev/null ] || ! connected "$pid" || alive=yes
  fi
done
if [ -n "$alive" ]; then
  echo 'state alive'
  exit 0
fi
if [ -z "$pids" ]; then
  # It has ended just now, or this user may not see it.
  if is_free; then echo 'state free'; else echo 'state stuck'; fi
  exit 0
fi
if [ "$2" != free ]; then
  echo 'state left'
  exit 0
fi
# shellcheck disable=SC2086 # numbers only
kill -TERM $pids 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
  if is_free; then
    echo 'state freed'
    exit 0
  fi
  sleep 0.5
done
echo 'state stuck'
