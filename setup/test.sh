#!/bin/sh
# `npm test`: sets up, then format and lint, types, and all tests. Arguments go to vitest. The last line is
# "N passed, N failed"; the checks before the tests count as one each.
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

# What biome and vitest keep for themselves goes to the cache, not to ~/.cache and ~/.local.
own=$VM_TASK_CACHE/checks

check() {
  printf '\n%s\n' "$*"
  if XDG_CACHE_HOME=$own "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

# Prints passed, failed and skipped tests of vitest's results. A file that did not load has no tests and counts as a
# failed one; so does a run that left no results.
count_tests() {
  node -e '
    const text = require("node:fs").readFileSync(process.argv[1], "utf8");
    const none = { testResults: [], numPassedTests: 0, numFailedTests: 1, numPendingTests: 0, numTodoTests: 0 };
    const results = text === "" ? none : JSON.parse(text);
    const dead = results.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
    const skipped = results.numPendingTests + results.numTodoTests;
    console.log(results.numPassedTests, results.numFailedTests + dead.length, skipped);
  ' "$results"
}

check biome ci .
check tsc --noEmit
check tsc --noEmit --project tsconfig.browser.json
status=0
XDG_DATA_HOME=$own vitest run --reporter=default --reporter=json --outputFile.json="$results" "$@" || status=$?
read -r tests_passed tests_failed skipped <<END
$(count_tests)
END
# An error outside every test fails the run and no test.
[ "$status" = 0 ] || [ "$tests_failed" != 0 ] || tests_failed=1
passed=$((passed + tests_passed)) failed=$((failed + tests_failed))

[ "$skipped" = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
