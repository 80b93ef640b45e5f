# Prints the records of the last runs that changed this machine, newest first, one base64 line each. POSIX sh.
#
#   history.sh DEPLOY_DIR
LC_ALL=C
export LC_ALL

printf '\nstarrocks-ha history\n'
# Newest first by name, which begins with the time; a glob is sorted the other way round.
set -- "$1"/state/history/*.json
left=$#
while [ "$left" -gt 0 ]; do
  eval "file=\${$left}"
  # shellcheck disable=SC2154 # set by eval
  if [ -r "$file" ]; then head -c 1000000 "$file" | base64 -w 0 && echo; fi
  left=$((left - 1))
done
echo end
