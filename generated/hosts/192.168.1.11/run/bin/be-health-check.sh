#!/usr/bin/env bash
# Healthy: this BE answers on its own HTTP port. It says nothing of its registration; only the leader's rows do.
set -euo pipefail

env_file=${STARROCKS_ROOT:-/opt/starrocks}/run/starrocks-be.env
port=$(sed -n 's/^BE_HTTP_PORT=\([0-9]\{1,5\}\)\r\{0,1\}$/\1/p' "$env_file" | head -n 1)
[[ -n $port ]] || {
  echo "BE_HTTP_PORT is missing in $env_file"
  exit 1
}
curl -f -s -S -m 8 "http://localhost:$port/api/health"
