#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, and runs every test: test.sh [quick]     quick: without the sanitizer builds
# Last line: 'N passed, N failed, N skipped'.
set -u
cd "$(dirname "$0")/.." || exit 2

passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# stage NAME COMMAND...: run it; its last line with counts is added up, a failure without counts is one failed test.
stage() {
	local name=$1 began=$SECONDS status counts
	shift
	echo "== $name"
	"$@" >"$log" 2>&1
	status=$?
	counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1)
	if [ "$status" -ne 0 ]; then
		tail -n 200 "$log"
	else
		grep '^skip ' "$log"
	fi
	if [ -n "$counts" ]; then
		read -r p _ f _ s _ <<<"${counts//,/}"
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + ${s:-0}))
		[ "$status" -eq 0 ] || [ "$f" -gt 0 ] || failed=$((failed + 1))
	elif [ "$status" -ne 0 ]; then
		failed=$((failed + 1))
	else
		passed=$((passed + 1))
	fi
	echo "   ${counts:-exit $status} ($((SECONDS - began)) s)"
}

tools/deps test || exit 3

make=(make -s -j"$(nproc)")
stage "build" "${make[@]}"
stage "lint" "${make[@]}" lint
stage "unit tests" "${make[@]}" check-unit
stage "black-box tests" "${make[@]}" check-scenarios
if [ "${1:-}" != quick ]; then
	stage "unit tests, address and undefined sanitizers" "${make[@]}" check-unit SAN=address,undefined
	stage "black-box tests, address and undefined sanitizers" env KILLS=60 "${make[@]}" check-scenarios SAN=address,undefined
	stage "unit tests, thread sanitizer" "${make[@]}" check-unit SAN=thread
	stage "fuzz targets" "${make[@]}" fuzz FUZZ_SECONDS=5
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
