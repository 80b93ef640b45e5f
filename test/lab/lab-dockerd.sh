#!/bin/sh
# lab-dockerd start|stop: the Docker Engine of one lab host, as `systemctl start|stop docker` would. Its settings are in
# /etc/docker/daemon.json.
set -eu
pid_file=/run/docker.pid
log=/var/log/lab-dockerd.log

start() {
  setsid dockerd </dev/null >>"$log" 2>&1 &
  dockerd=$!
  until docker version >/dev/null 2>&1; do
    if ! kill -0 "$dockerd" 2>/dev/null; then
      tail -n 5 "$log"
      exit 1
    fi
    sleep 0.05
  done
}

stop() {
  dockerd=$(cat "$pid_file")
  kill "$dockerd"
  while kill -0 "$dockerd" 2>/dev/null; do sleep 0.05; done
}

case $1 in
  start | stop) "$1" ;;
  *) exit 64 ;;
esac
