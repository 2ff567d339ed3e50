#!/bin/sh
# The workspace's own dependencies, exactly as the lockfile has them. pnpm's store, cache and state are in our cache.
. "$root/setup/step.sh"

installed=$root/node_modules/.installed
is_installed() {
  sha256sum --check --status -- "$installed" 2>/dev/null
}

is_installed && exit 0
[ -w "$root" ] || refuse "$root cannot be written, and its node_modules are missing or old. Clone the repository to a folder of your own, or set it up as its owner first."
# Two caches may be set up from one checkout at once: the lockfile itself is the lock.
exec 8<"$root/pnpm-lock.yaml"
flock 8
is_installed && exit 0

announce "the workspace's npm packages, by pnpm"
rm -f -- "$installed"
# pnpm does not read npm's machine-wide settings, where a mirror and its certificates may be: hand it all that npm knows.
export TMPDIR="$work"
cd "$work"
{
  for file in "$(npm config get globalconfig)" "$(npm config get userconfig)"; do
    [ ! -e "$file" ] || cat -- "$file"
    echo # the last line may have no end
  done
  echo "registry=$(npm config get registry)"
} >"$work/npmrc"

cd "$root"
export npm_config_userconfig="$work/npmrc" pnpm_config_store_dir="$VM_TASK_CACHE/pnpm/store"
export XDG_CACHE_HOME="$VM_TASK_CACHE/pnpm/cache" XDG_STATE_HOME="$work"
# pnpm's own locks are in /tmp, whatever TMPDIR says: where it had none before, none stay.
locks=/tmp/pnpm-store-operation-locks-$(id -u)
[ -e "$locks" ] || trap 'rm -rf -- "$locks"' EXIT
CI=true pnpm install --frozen-lockfile
sha256sum -- "$root/pnpm-lock.yaml" "$root/pnpm-workspace.yaml" >"$installed.new"
mv -- "$installed.new" "$installed"
