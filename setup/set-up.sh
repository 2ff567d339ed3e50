#!/bin/sh
# Brings a machine from "Node 20 and apt" to where vm-task runs (`set-up.sh run COMMAND…`) or is tested
# (`set-up.sh test COMMAND…`), and then becomes the command: one process, so that a signal reaches whatever is at work.
#
#   needs.sh            every version and every program that is needed
#   environment.sh      where things are; is everything there?
#   set-up.sh           this: one set-up at a time, progress, interruption, errors, the stamp
#   step.sh             what the steps share
#   debian-source.sh    the machine's own Debian mirror, for another suite
#   1-host-programs.sh  QEMU and the image tools, by apt
#   2-node.sh           Node 24 and pnpm, from the npm registry
#   3-nats-server.sh    nats-server, from a newer Debian, unpacked beside Node
#   4-packages.sh       the workspace's own dependencies
#   5-bundle.sh         the programs as a bundle; command-line.sh chooses between it and the sources
#   with-node.sh        a program of the workspace, set up first; `npm test` is one
#
# A step looks whether its thing is there, and if not announces it and makes it: in $work first, then by one rename. So
# the set-up can be interrupted at any moment and started again, and does nothing where nothing is missing.
set -eu
root=$(readlink -f -- "$0")
root=${root%/setup/*}
. "$root/setup/environment.sh"
level=$1
shift
log=$VM_TASK_CACHE/setup.log
work=$VM_TASK_CACHE/setup.tmp

take_lock() {
  if ! reason=$(mkdir -p -- "$VM_TASK_CACHE/toolchain" 2>&1 && touch -- "$VM_TASK_CACHE/setup.lock" 2>&1); then
    fail "The cache folder cannot be written (${reason##*: }): $VM_TASK_CACHE. Set VM_TASK_CACHE to a folder that can."
  fi
  exec 9>"$VM_TASK_CACHE/setup.lock"
  flock --nonblock 9 && return
  say 'set-up: another one is at work on this cache; waiting for it'
  flock 9
}

# The steps have a session of their own: an interruption reaches all that they started, and only through us. The trap
# makes their shell outlive what it started, so that nobody writes any more when we are done waiting.
start_steps() {
  export root level work
  # shellcheck disable=SC2016
  setsid sh -c 'trap "exit 143" TERM; for step in "$root"/setup/[1-9]-*.sh; do sh "$step" || exit; done' \
    3>&2 >>"$log" 2>&1 </dev/null &
  steps=$!
}

# On a terminal, a line under the announcements: how long it has taken, and the log's last words.
show_progress() {
  began=$(date +%s)
  while kill -0 "$steps" 2>/dev/null; do
    words=$(tail -n 1 -- "$log" | sed '/^===/d' | tr -dc '[:print:]' | cut -c 1-60)
    printf '\r\033[K  %s s  %s' "$(($(date +%s) - began))" "$words" >&2
    sleep 0.5
  done
  printf '\r\033[K' >&2
}

interrupted() {
  trap '' INT TERM HUP
  say 'set-up: interrupted; it goes on from here next time'
  kill -s TERM -- "-$steps" 2>/dev/null || :
  wait "$steps" || :
  exit "$1"
}

explain_failure() {
  say "set-up: this did not work: $(cat -- "$work/title")"
  tail -n 8 -- "$log" | sed 's/^/    /' >&2
  fail "Most often it is the network or the disk. When that is mended, the same command goes on from here. The whole log: $log"
}

write_stamp() {
  stamp_of "$level"
  sums=$(sha256sum -- "$root"/setup/*.sh "$root/pnpm-lock.yaml" "$root/pnpm-workspace.yaml")
  [ "$sums" != "$(cat -- "$stamp" 2>/dev/null)" ] || return 0
  printf '%s\n' "$sums" >"$stamp.new"
  mv -- "$stamp.new" "$stamp"
}

set_up() {
  rm -rf -- "$work" # of one that was killed
  mkdir -m 700 -- "$work"
  trap 'rm -rf -- "$work"' EXIT
  : >"$log"
  start_steps
  trap 'interrupted 130' INT
  trap 'interrupted 143' TERM HUP
  [ ! -t 2 ] || show_progress
  status=0
  wait "$steps" || status=$?
  case $status in
    0) ;;
    9) exit 1 ;; # `refuse` has said why
    *) explain_failure ;;
  esac
  write_stamp
  rm -rf -- "$work"
  trap - EXIT INT TERM HUP
}

take_lock
is_ready "$level" || set_up
is_ready "$level" || fail "Something changed while it was set up; see $log, and try again."
exec 9>&-
exec "$@"
