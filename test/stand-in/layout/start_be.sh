#!/usr/bin/env bash
curdir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STARROCKS_HOME=$(cd "$curdir/.." && pwd)
export STARROCKS_HOME

CONSOLE=${SYS_LOG_TO_CONSOLE:-0}
while [ $# -gt 0 ]; do
    case "$1" in
        --be) shift ;;
        --numa) shift 2 ;;
        --logconsole) CONSOLE=1; shift ;;
        --daemon) echo 'the stand-in does not run as a daemon'; exit 1 ;;
        *) echo "start_be.sh: unrecognized option '$1'"; exit 1 ;;
    esac
done

# shellcheck source=/dev/null
source "$curdir/common.sh"
export LOG_DIR="$STARROCKS_HOME/log"
export_env_from_conf "$STARROCKS_HOME/conf/be.conf"

refuse_second_start Backend "$curdir/be.pid"
mkdir -p "$LOG_DIR"
echo $$ >"$curdir/be.pid"

if [ "$CONSOLE" = 1 ]; then
    exec "${STANDIN_NODE:-node}" "$STARROCKS_HOME/lib/starrocks-be.cjs" --logconsole </dev/null
fi
exec "${STANDIN_NODE:-node}" "$STARROCKS_HOME/lib/starrocks-be.cjs" >>"$LOG_DIR/be.out" 2>&1 </dev/null
