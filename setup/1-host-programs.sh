#!/bin/sh
# QEMU and the image tools from the machine's own Debian by apt: only what is missing or too old, and only as root.
. "$root/setup/step.sh"
. "$root/setup/debian-source.sh"

# Debian 12's own QEMU is too old: there, what needs a version comes from the official backports.
. /etc/os-release
newer_suite=''
[ "${VERSION_CODENAME:-}" != bookworm ] || newer_suite=bookworm-backports
new_source_file=$apt_settings/sources.list.d/$newer_suite.sources

# Sets $missing (for people), $packages and $newer_packages (for apt).
look() {
  missing='' packages='' newer_packages=''
  programs_of "$level"
  # shellcheck disable=SC2086
  set -- $programs
  while [ $# -gt 0 ]; do
    if ! has_program "$1" "$3"; then
      missing="$missing, $1$([ "$3" = 0 ] || echo " ≥ $3")"
      if [ "$3" = 0 ] || [ -z "$newer_suite" ]; then packages="$packages $2"; else newer_packages="$newer_packages $2"; fi
    fi
    shift 3
  done
  missing=${missing#, }
}

# Sets $new_source: the apt entry that must be added, empty if none.
look_for_source() {
  new_source=''
  [ -n "$newer_packages" ] && ! entry_for "$newer_suite" >/dev/null || return 0
  new_source=$(source_for "$newer_suite") ||
    refuse "These are needed, and this machine's apt has no Debian mirror to take them from: $missing. Install them by hand."
}

# The same as at the end, for people to read and paste.
commands_for_root() {
  [ -z "$new_source" ] || printf "cat >%s <<'END'\n%s\nEND\n" "$new_source_file" "$new_source"
  echo 'apt-get update'
  [ -z "$packages" ] || echo "apt-get install --no-install-recommends$packages"
  [ -z "$newer_packages" ] || echo "apt-get install --no-install-recommends --target-release $newer_suite$newer_packages"
}

# apt gives up at once when another apt reads the lists; another program's lock on dpkg it can wait for by itself.
update_lists() {
  tries=150 # of 2 s: an unattended upgrade may take minutes
  while ! apt-get update >"$work/update" 2>&1; do
    cat "$work/update"
    grep -q 'Could not get lock' "$work/update" || return 0 # one broken mirror is not the end; the installation will tell
    [ "$tries" -gt 0 ] || return 1
    tries=$((tries - 1))
    sleep 2
  done
  cat "$work/update"
}

# install_packages OPTION-OR-PACKAGE…: only the download may be interrupted, because dpkg must finish what it began.
install_packages() {
  set -- --yes --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
  apt-get install --download-only "$@"
  (trap '' TERM && exec apt-get install "$@")
}

# What we install must not start a service: openssh-server is there for its program. So Debian's question whether a
# service may start is answered with no for as long as this shell lives.
forbid_services() {
  policy=/usr/sbin/policy-rc.d
  [ ! -e "$policy" ] || return 0
  trap 'rm -f "$policy"' EXIT
  cat >"$policy" <<END
#!/bin/sh
# Made by the set-up of vm-task and without effect after it; may be removed.
! kill -0 $$ 2>/dev/null || exit 101
END
  chmod 755 "$policy"
}

look
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || refuse "These are needed, and there is no apt to get them: $missing. Install them by hand."
look_for_source
if [ "$(id -u)" != 0 ]; then
  refuse "Only root can install what is missing: $missing. Have root run this, then run the same command again:

$(commands_for_root)
"
fi

announce "$missing, by apt"
export DEBIAN_FRONTEND=noninteractive
if [ -n "$new_source" ]; then
  echo "$new_source" >"$work/source"
  install -m 644 "$work/source" "$new_source_file"
fi
update_lists
forbid_services
sshd_before=$(command -v sshd) || :
# shellcheck disable=SC2086
[ -z "$packages" ] || install_packages $packages
# shellcheck disable=SC2086
[ -z "$newer_packages" ] || install_packages --target-release "$newer_suite" $newer_packages
[ -n "$sshd_before" ] || ! command -v sshd >/dev/null || update-rc.d ssh disable
look
[ -z "$missing" ] || refuse "This machine's Debian has no version that is new enough of: $missing. Install it by hand."
