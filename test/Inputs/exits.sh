#!/usr/bin/env bash
# exits.sh STATUS COMMAND...: runs the command and succeeds if its exit status is STATUS. lit's `not` accepts any failure.
expected=$1
shift
"$@"
status=$?
[ "$status" -eq "$expected" ] && exit 0
echo "exit status $status, expected $expected: $*" >&2
exit 1
