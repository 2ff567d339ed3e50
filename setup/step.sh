# What the steps share. Sourced by each of them, with $root, $level and $work from set-up.sh; file descriptor 3 is the
# user, 1 and 2 are the log.
# shellcheck shell=sh
set -eu
. "$root/setup/environment.sh"
trap 'exit 143' TERM
# npm's logs and pnpm's locks go where all that is unfinished goes, not to ~/.npm and /tmp.
export npm_config_cache="$work/npm" npm_config_update_notifier=false
# Without a network, it is said after seconds; npm's own pauses between attempts are 10 and 60 s.
export npm_config_fetch_retry_mintimeout=1000 npm_config_fetch_retry_maxtimeout=5000
export pnpm_config_fetch_retry_mintimeout=1000 pnpm_config_fetch_retry_maxtimeout=5000

# announce TITLE: the user sees what is being done from here on.
announce() {
  printf '%s\n' "$1" >"$work/title"
  printf '=== %s\n' "$1"
  if [ -t 3 ]; then printf '\r\033[K' >&3; fi
  printf 'vm-task: set-up: %s\n' "$1" >&3
}

# refuse SENTENCE: ends the set-up with a sentence that says what to do.
refuse() {
  if [ -t 3 ]; then printf '\r\033[K' >&3; fi
  printf 'vm-task: %s\n' "$1" >&3
  exit 9
}

# version_of PROGRAM: the first number that `PROGRAM --version` prints.
version_of() {
  "$1" --version 2>/dev/null </dev/null | sed -n 's/^[^0-9]*\([0-9][0-9.]*\).*/\1/p;q'
}

# has_program NAME MINIMUM: it is on the PATH and at least that old.
has_program() {
  command -v "$1" >/dev/null || return 1
  [ "$2" != 0 ] || return 0
  printf '%s\n' "$2" "$(version_of "$1")" | sort --version-sort --check=quiet
}
