# Where things are, for the launcher, the set-up and the tests. Sourced with $root set; starts no process.
# Guaranteed afterwards: VM_TASK_HOME and VM_TASK_CACHE are exported and absolute, and PATH finds `node` 24, `pnpm` and a
# `nats-server` that is new enough, once they are set up, before any other, and what Debian keeps in /usr/sbin last.
# shellcheck shell=sh disable=SC2034
. "$root/setup/needs.sh"

# Whatever is made, others may not write to it.
umask go-w

say() {
  printf 'vm-task: %s\n' "$*" >&2
}

fail() {
  say "$@"
  exit 1
}

# absolute_folder VARIABLE DEFAULT
absolute_folder() {
  eval "folder=\${$1:-\$2}"
  case $folder in
    /*) ;;
    *) folder=$PWD/$folder ;;
  esac
  eval "$1=\$folder"
  export "${1?}"
}

user_home=${HOME:-}
if [ -z "$user_home" ] && { [ -z "${VM_TASK_HOME:-}" ] || [ -z "${VM_TASK_CACHE:-}" ]; }; then
  fail 'HOME is not set, so there is no place for state. Set HOME, or set both VM_TASK_HOME and VM_TASK_CACHE to a folder.'
fi
absolute_folder VM_TASK_HOME "$user_home/.vm-task"
absolute_folder VM_TASK_CACHE "${XDG_CACHE_HOME:-$user_home/.cache}/vm-task"

# Named by what is in it: checkouts that need different versions share a cache.
toolchain=$VM_TASK_CACHE/toolchain/node-$node_version-pnpm-$pnpm_version
PATH=$toolchain/bin:$PATH:/usr/sbin:/sbin
export PATH

# What Node has compiled is kept, so that every program of ours starts with a third less work.
export NODE_COMPILE_CACHE="$VM_TASK_CACHE/compiled"

# programs_of LEVEL: everything needs what `run` needs, every suite of tests what `test` needs, and its own table, if any.
programs_of() {
  programs=$host_programs
  [ "$1" = run ] || programs=$programs$test_programs
  case $1 in
    run | test) ;;
    *) eval "programs=\$programs\${$(printf %s "$1" | tr - _)_programs:-}" ;;
  esac
}

# The stamp that a finished set-up leaves: checksums of all that it was made from.
stamp_of() {
  stamp=$root/node_modules/.set-up-for-$1
}

# is_ready LEVEL: nothing is missing. Costs a few milliseconds, because it is asked before every command.
is_ready() {
  [ -x "$toolchain/bin/node" ] && [ -x "$toolchain/bin/nats-server" ] || return 1
  stamp_of "$1"
  [ "${checked:-}" = "$stamp" ] || sha256sum --check --status -- "$stamp" 2>/dev/null || return 1
  programs_of "$1"
  # shellcheck disable=SC2086
  set -- $programs
  while [ $# -gt 0 ]; do
    command -v "$1" >/dev/null || return 1
    shift 3
  done
}
