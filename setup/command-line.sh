# Which program the command line is. Sourced with $root set; starts one process.
# shellcheck shell=sh disable=SC2034
bundle=$root/node_modules/.bundle

# command_line STAMP: sets $program: the bundle, while the stamp holds and the sources are those that it was made of; else the
# sources. Sets $checked to the stamp where it was seen to hold, so that one process looks at both.
command_line() {
  program=$root/packages/cli/src/main.ts
  if sha256sum --check --status -- "$1" "$bundle/sources" 2>/dev/null; then
    program=$bundle/main.mjs
    checked=$1
  fi
}
