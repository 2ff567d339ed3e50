#!/bin/sh
# The programs as a bundle in the cache, which start faster and need less memory than the sources. Without it everything works all
# the same.
. "$root/setup/step.sh"
. "$root/setup/command-line.sh"

command_line "$bundle/sources"
[ "$program" != "$bundle/main.mjs" ] || exit 0
[ -w "$root/node_modules" ] || exit 0

# Made in a second or two: not worth a line for the user, unless it fails.
echo 'the programs, as a bundle' >"$work/title"
"$toolchain/bin/node" --disable-warning=ExperimentalWarning "$root/packages/cli/src/write-bundle.ts" "$work/bundle"
# Checkouts share a cache: each has a folder of its own there. A system that runs loads more of the bundle that it began with when it
# needs that, so the last ones stay.
of_this_checkout=$VM_TASK_CACHE/bundles/$(printf %s "$root" | sha256sum | cut -c 1-16)
made=$of_this_checkout/$(sha256sum <"$work/bundle/sources" | cut -c 1-16)
mkdir -p "$of_this_checkout"
[ -d "$made" ] || mv "$work/bundle" "$made"
# A folder there is no bundle of ours.
[ -L "$bundle" ] || rm -rf -- "$bundle"
ln -sfn "$made" "$bundle.new"
mv -T "$bundle.new" "$bundle"
(cd "$of_this_checkout" && ls -t | tail -n +6 | xargs -r rm -rf --)
