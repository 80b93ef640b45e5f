#!/bin/sh
# A docker that does what files under $FAKE say, and writes down what it was asked.
{ for word; do printf '%s|' "$word"; done; echo; } >>"$FAKE/calls"
[ ! -e "$FAKE/said" ] || { cat "$FAKE/said" >&2; exit 1; }
echo 'WARNING: a warning that is no answer' >&2
box=$FAKE/box
case $1 in
  version) echo 28.5.2 ;;
  ps) [ ! -e "$FAKE/ps" ] || cat "$FAKE/ps" ;;
  inspect)
    [ "$2" = --format ] || { cat "$FAKE/inspect"; exit; }
    [ ! -e "$FAKE/image/$4" ] || { echo 'template: :1:8: map has no entry for key "State"' >&2; exit 1; }
    [ -d "$box/$4" ] || { echo "Error: No such object: $4" >&2; exit 1; }
    case $3 in
      *Running*) cat "$box/$4/running" ;;
      *digest*) printf '%s %s\n' "$(cat "$box/$4/id" 2>/dev/null || echo "id-of-$4")" "$(cat "$box/$4/digest" 2>/dev/null || echo '<no value>')" ;;
      *Id*) cat "$box/$4/id" 2>/dev/null || echo "id-of-$4" ;;
      *Mounts*) cat "$box/$4/mounts" ;;
    esac
    ;;
  exec) cat "$FAKE/exec" ;;
  image)
    [ -e "$FAKE/pulled" ] || exit 1
    code=0
    if [ "$3" = --format ]; then shift 4; else shift 2; fi
    for one; do if grep -qxs "$one" "$FAKE/not-pulled"; then code=1; else echo "sha256:$one"; fi; done
    exit "$code"
    ;;
  pull) [ ! -e "$FAKE/no-pull" ] || { cat "$FAKE/no-pull" >&2; exit 1; } ;;
  stop)
    echo false >"$box/$2/running"
    # A tablet that comes at the last moment.
    [ ! -e "$FAKE/comes" ] || mkdir -p "$(cat "$FAKE/comes")"
    ;;
  start | restart) echo true >"$box/$2/running" ;;
  rm) rm -r "$box/$2" ;;
  logs) echo "out of $4"; echo "err of $4 tells $SECRET" >&2 ;;
  compose)
    [ ! -e "$FAKE/no-compose" ] || { echo "docker: 'compose' is not a docker command." >&2; exit 1; }
    [ "$2" != version ] || { echo 2.40.0; exit; }
    for service; do :; done
    # Held until the test lets go of it.
    if [ -p "$FAKE/hold" ]; then read -r _ <"$FAKE/hold"; fi
    [ ! -e "$FAKE/no-up" ] || { cat "$FAKE/no-up" >&2; exit 1; }
    mkdir -p "$box/$service"
    echo true >"$box/$service/running"
    cp "$FAKE/next" "$box/$service/digest"
    : >"$box/$service/mounts"
    ;;
esac
