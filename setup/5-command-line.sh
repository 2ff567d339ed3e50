#!/bin/sh
# The command line as a bundle in the cache, which starts faster than the sources. Without it everything works all the same.
. "$root/setup/step.sh"
. "$root/setup/command-line.sh"

command_line "$command_line_bundle/sources"
[ "$program" != "$command_line_bundle/main.mjs" ] || exit 0
[ -w "$root/node_modules" ] || exit 0

# Made in a second or two: not worth a line for the user, unless it fails.
echo 'the command line, as a bundle' >"$work/title"
"$toolchain/bin/node" --disable-warning=ExperimentalWarning "$root/packages/cli/src/write-bundle.ts" "$work/command-line"
# Checkouts share a cache: each has a bundle of its own there.
of_this_checkout=$(printf %s "$root" | sha256sum | cut -c 1-16)
bundle=$VM_TASK_CACHE/command-line/$of_this_checkout
mkdir -p "$VM_TASK_CACHE/command-line"
rm -rf "$bundle"
mv "$work/command-line" "$bundle"
ln -sfn "$bundle" "$command_line_bundle.new"
mv -T "$command_line_bundle.new" "$command_line_bundle"
