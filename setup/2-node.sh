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

announce "Node $node_version and pnpm $pnpm_version, from the npm registry"
# The platform's packages themselves: `node` and `pnpm` would fetch them by install scripts, which npm 11 does not run.
# No --prefix: npm would look for the machine's npmrc under it.
mkdir "$work/packages"
cd "$work/packages"
TMPDIR=$work npm install --no-save --no-package-lock --ignore-scripts --no-audit --no-fund \
  "node-linux-$arch@$node_version" "@pnpm/exe.linux-$arch@$pnpm_version"
mkdir -p "$work/toolchain/bin"
mv "node_modules/node-linux-$arch/bin/node" "node_modules/@pnpm/exe.linux-$arch/pnpm" "$work/toolchain/bin"
"$work/toolchain/bin/node" --version
"$work/toolchain/bin/pnpm" --version
rm -rf "$toolchain"
mv "$work/toolchain" "$toolchain"
