#!/bin/sh
# A nats-server that is new enough, as $toolchain/bin/nats-server: the machine's own, or else a newer Debian's. That suite
# never becomes one of the machine's sources: apt runs on a private state, and the package is unpacked, not installed.
. "$root/setup/step.sh"
. "$root/setup/debian-source.sh"

link=$toolchain/bin/nats-server
private=$VM_TASK_CACHE/toolchain/nats-server
unpacked=$private/usr/sbin/nats-server

use() {
  # One that was unpacked before hashes were recorded.
  [ "$1" != "$unpacked" ] || [ -e "$unpacked.sha256" ] || write_record "$private"
  ln -sfn "$1" "$work/nats-server-link"
  mv -T "$work/nats-server-link" "$link"
  exit 0
}

# Settings that the machine's apt has stay (proxy, certificates); what is cleared would act on the machine or choose for us.
private_apt() {
  apt=$work/apt
  mkdir -p "$apt/sources" "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/unpacked"
  source_for "$nats_server_suite" >"$apt/sources/debian.sources" || return 1
  cat >"$apt/apt.conf" <<END
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$apt/sources";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$apt/state";
Dir::State::Lists "$apt/state/lists";
Dir::State::status "/dev/null";
Dir::Cache "$apt/cache";
Dir::Log "$apt";
Acquire::Languages "none";
APT::Sandbox::User "root";
#clear APT::Default-Release;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
}

# is_tested PROGRAM: new enough, and not newer than what the tests ran with.
is_tested() {
  has_program "$1" "$nats_server_minimum" && ! has_program "$1" "$nats_server_untested"
}

# write_record FOLDER: beside the server that is unpacked there, its hash. `up` compares it before each start.
write_record() {
  sha256sum -- "$1/usr/sbin/nats-server" >"$work/record"
  chmod 444 "$work/record"
  mv -- "$work/record" "$1/usr/sbin/nats-server.sha256"
}

# Not even asked for its version, if it is another one than was unpacked.
if [ -e "$unpacked" ] && [ -e "$unpacked.sha256" ]; then
  [ "$(sha256sum <"$unpacked" | cut -d ' ' -f 1)" = "$(cut -d ' ' -f 1 "$unpacked.sha256")" ] ||
    refuse "$unpacked is not what was unpacked there ($unpacked.sha256 has its hash), so it was not started. Find out who changed it; then remove $private, and run the same command again."
fi

by_hand="Put a nats-server of version $nats_server_minimum or newer on the PATH."
if [ -x "$link" ] && has_program "$link" "$nats_server_minimum"; then
  [ "$(readlink -f -- "$link")" != "$(readlink -f -- "$unpacked")" ] || use "$unpacked"
  exit 0
fi
for program in $(which -a nats-server) "$unpacked"; do
  if is_tested "$program"; then use "$program"; fi
done
for program in $(which -a nats-server) "$unpacked"; do
  if has_program "$program" "$nats_server_minimum"; then use "$program"; fi
done

announce "nats-server ≥ $nats_server_minimum, unpacked from Debian $nats_server_suite"
private_apt || refuse "nats-server $nats_server_minimum or newer is needed, and this machine's apt has no Debian mirror to take it from. $by_hand"
apt-get -c "$apt/apt.conf" update
cd "$apt/unpacked"
apt-get -c "$apt/apt.conf" download nats-server
dpkg-deb --extract nats-server_*.deb .
rm nats-server_*.deb
has_program "$apt/unpacked/usr/sbin/nats-server" "$nats_server_minimum" ||
  refuse "The nats-server of this machine's mirror (Debian $nats_server_suite) is older than $nats_server_minimum or does not run here. $by_hand"
write_record "$apt/unpacked"
rm -rf "$private"
mv "$apt/unpacked" "$private"
use "$unpacked"
