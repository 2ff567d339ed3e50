# Which program the command line is. Sourced with $root set; starts one process.
# shellcheck shell=sh disable=SC2034
command_line_bundle=$root/node_modules/.command-line

# Sets $program: the bundle, while the sources are those that it was made of; else the sources.
command_line() {
  program=$root/packages/cli/src/main.ts
  if sha256sum --check --status -- "$command_line_bundle/sources" 2>/dev/null; then
    program=$command_line_bundle/main.mjs
  fi
}
