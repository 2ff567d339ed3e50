# The machine's own Debian mirror and signing key, asked for another suite. Sourced.
# shellcheck shell=sh
apt_settings=/etc/apt

# entry_for SUITE: prints address and key file (or -) of the machine's own apt entry for that suite; fails if it has none.
entry_for() {
  {
    cat "$apt_settings/sources.list" "$apt_settings"/sources.list.d/*.list 2>/dev/null | awk '
      $1 == "deb" {
        key = match($0, /signed-by=[^] ,]+/) ? substr($0, RSTART + 10, RLENGTH - 10) : "-"
        sub(/\[[^]]*\]/, "")
        print $3, $2, key
      }'
    for file in "$apt_settings"/sources.list.d/*.sources; do
      [ -e "$file" ] || continue
      awk -v RS= -F '\n' '{
        split("", field)
        for (i = 1; i <= NF; i++) if (match($i, /^[A-Za-z-]+:/)) {
          field[tolower(substr($i, 1, RLENGTH - 1))] = substr($i, RLENGTH + 2)
        }
        if ((" " field["types"] " ") !~ / deb / || field["enabled"] == "no") next
        split(field["uris"], uris, " ")
        key = field["signed-by"] ~ /^ *\// ? field["signed-by"] : "-"
        count = split(field["suites"], suites, " ")
        for (i = 1; i <= count; i++) print suites[i], uris[1], key
      }' "$file"
    done
  } | awk -v suite="$1" '$1 == suite { print $2, $3; found = 1; exit } END { exit !found }'
}

# source_for SUITE: prints a deb822 entry for that suite on the machine's own mirror; fails where there is no Debian mirror.
source_for() {
  entry=$(. /etc/os-release && entry_for "${VERSION_CODENAME:-}") || return 1
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "${entry% *}" "$1"
  [ "${entry#* }" = - ] || printf 'Signed-By: %s\n' "${entry#* }"
}
