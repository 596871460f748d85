#!/bin/sh
# Run one phase of the tests and say how long it took: phase.sh NAME COMMAND...
name=$1
shift
echo "== $name"
start=$(date +%s)
"$@"
status=$?
echo "== $name: $(($(date +%s) - start)) s, exit status $status"
exit $status
