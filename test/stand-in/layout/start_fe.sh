#!/usr/bin/env bash
curdir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STARROCKS_HOME=$(cd "$curdir/.." && pwd)
export STARROCKS_HOME

HELPER='' HOST_TYPE='' CONSOLE=${SYS_LOG_TO_CONSOLE:-0}
while [ $# -gt 0 ]; do
    case "$1" in
        --helper) HELPER=$2; shift 2 ;;
        --helper=*) HELPER=${1#*=}; shift ;;
        --host_type) HOST_TYPE=$2; shift 2 ;;
        --host_type=*) HOST_TYPE=${1#*=}; shift ;;
        --logconsole) CONSOLE=1; shift ;;
        --daemon) echo 'the stand-in does not run as a daemon'; exit 1 ;;
        *) echo "start_fe.sh: unrecognized option '$1'"; exit 1 ;;
    esac
done

# shellcheck source=/dev/null
source "$curdir/common.sh"
export LOG_DIR="$STARROCKS_HOME/log"
JAVA_OPTS=''
export_env_from_conf "$STARROCKS_HOME/conf/fe.conf"
if [ -e "$STARROCKS_HOME/conf/hadoop_env.sh" ]; then
    # shellcheck source=/dev/null
    source "$STARROCKS_HOME/conf/hadoop_env.sh"
fi
[ -n "$JAVA_OPTS" ] || echo "JAVA_OPTS is not set in fe.conf, use default java options -Xmx8192m"

refuse_second_start Frontend "$curdir/fe.pid"
mkdir -p "$LOG_DIR" "$STARROCKS_HOME/meta"
echo $$ >"$curdir/fe.pid"

set -- "$STARROCKS_HOME/lib/starrocks-fe.cjs"
[ -z "$HELPER" ] || set -- "$@" --helper "$HELPER"
[ -z "$HOST_TYPE" ] || set -- "$@" --host_type "$HOST_TYPE"
if [ "$CONSOLE" = 1 ]; then
    exec "${STANDIN_NODE:-node}" "$@" --logconsole </dev/null
fi
exec "${STANDIN_NODE:-node}" "$@" >>"$LOG_DIR/fe.out" 2>&1 </dev/null
