#!/bin/sh
# Runs a program of the workspace with the Node that the set-up brought: with-node.sh FILE ARGUMENT…
set -eu
root=$(readlink -f -- "$0")
root=${root%/setup/*}
. "$root/setup/environment.sh"
set -- "$toolchain/bin/node" "$@"
is_ready test || exec "$root/setup/set-up.sh" test "$@"
exec "$@"
