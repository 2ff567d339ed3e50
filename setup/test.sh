#!/bin/sh
# `npm test`: sets up, then format and lint, types, and all tests. Arguments go to vitest. The last line is
# "N passed, N failed"; the two checks before the tests count as one each.
set -eu
root=$(readlink -f -- "$0")
root=${root%/setup/*}
. "$root/setup/environment.sh"
is_ready test || exec "$root/setup/set-up.sh" test "$root/setup/test.sh" "$@"

PATH=$root/node_modules/.bin:$PATH
cd "$root"
results=$(mktemp "$VM_TASK_CACHE/test-results.XXXXXX")
trap 'rm -f -- "$results"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
passed=0 failed=0

check() {
  printf '\n%s\n' "$*"
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

# count KEY…: the sum of these numbers of vitest's results; 0 if it got so little done that there are none.
count() {
  node -e '
    const [file, ...keys] = process.argv.slice(1);
    const text = require("node:fs").readFileSync(file, "utf8");
    const results = text === "" ? {} : JSON.parse(text);
    console.log(keys.reduce((sum, key) => sum + (results[key] ?? 0), 0));
  ' "$results" "$@"
}

check biome ci .
check tsc --noEmit
tests=0
vitest run --reporter=default --reporter=json --outputFile.json="$results" "$@" || tests=$?
passed=$((passed + $(count numPassedTests)))
failed_tests=$(count numFailedTests)
# A file that does not load, a leak or an error outside any test fails the run without a failed test.
[ "$tests" = 0 ] || [ "$failed_tests" != 0 ] || failed_tests=1
failed=$((failed + failed_tests))
skipped=$(count numPendingTests numTodoTests)

[ "$skipped" = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
