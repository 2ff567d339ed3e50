#!/bin/sh
# Node 24 and pnpm from the npm registry: one file each, made visible together.
. "$root/setup/step.sh"

[ ! -x "$toolchain/bin/node" ] || exit 0
case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) refuse "Node $node_version is there for x86_64 and aarch64; this machine is $(uname -m)." ;;
esac
command -v npm >/dev/null || refuse 'npm is needed to get Node 24. Have root run: apt-get install --no-install-recommends npm'

# hash_of FILE: as npm writes it.
hash_of() {
  printf 'sha512-%s' "$(sha512sum -- "$1" | cut -d ' ' -f 1 | tr -d '\n' | sed 's/../\\x&/g' | xargs -0 printf | base64 -w 0)"
}

# take PACKAGE VERSION INTEGRITY MEMBER: that file of the package into the toolchain, and nothing else of it. npm asks the
# registry for the hash as well as for the package, so only the hash that the repository has says what runs here.
take() {
  mkdir "$work/package"
  (cd "$work/package" && TMPDIR=$work npm pack --ignore-scripts "$1@$2")
  found=$(hash_of "$work/package/"*.tgz)
  [ "$found" = "$3" ] ||
    refuse "$1 $2 is not what this version of vm-task was tested with, so nothing of it was run: it has $found, and setup/needs.sh has $3. The registry is $(npm config get registry): look there, and have npm use another one."
  tar --extract --gzip --no-same-owner --file "$work/package/"*.tgz --directory "$work/package" "package/$4"
  mv "$work/package/package/$4" "$work/toolchain/bin"
  rm -rf "$work/package"
}

announce "Node $node_version and pnpm $pnpm_version, from the npm registry"
# The platform's packages themselves: `node` and `pnpm` would fetch them by install scripts, which npm 11 does not run.
# Where no npmrc of a project is.
cd "$work"
mkdir -p "$work/toolchain/bin"
eval "node_integrity=\$node_${arch}_integrity pnpm_integrity=\$pnpm_${arch}_integrity"
# shellcheck disable=SC2154
take "node-linux-$arch" "$node_version" "$node_integrity" bin/node
# shellcheck disable=SC2154
take "@pnpm/exe.linux-$arch" "$pnpm_version" "$pnpm_integrity" pnpm
"$work/toolchain/bin/node" --version
"$work/toolchain/bin/pnpm" --version
rm -rf "$toolchain"
mv "$work/toolchain" "$toolchain"
