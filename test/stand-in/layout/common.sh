# shellcheck shell=bash
# Exports the upper-case lines of a conf file, each evaluated by the shell, as StarRocks' common.sh does.
export_env_from_conf() {
    while read -r line; do
        line=$(eval "echo $line")
        [[ $line == *=* ]] && export "${line?}"
    done < <(sed -e 's/[[:blank:]]*=[[:blank:]]*/=/' -e 's/^[[:blank:]]*//' "$1" | grep -E '^[A-Z][A-Z_0-9]*=')
}

# A pid file of a process that still runs forbids a second start.
refuse_second_start() {
    local kind=$1 pid
    pid=$(cat "$2" 2>/dev/null) || return 0
    [ "$pid" != "$$" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q "$STARROCKS_HOME/lib" || return 0
    echo "$kind running as process $pid. Stop it first."
    exit 1
}
