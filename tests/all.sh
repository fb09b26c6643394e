#!/usr/bin/env bash
# All tests, in the order in which a mistake is cheapest to find. Says after each step how it went and at the end
# how many tests passed and failed; exit 1 when any failed.
set -u
cd "$(dirname "$0")/.." || exit 4
log=$(mktemp -d)
fuzz=
trap 'rm -rf "$log"; [ -z "$fuzz" ] || kill "$fuzz" 2>/dev/null' EXIT
# A build that is never built upon needs no incremental state, and nobody will hold a debugger to it.
[ "${CI:-}" = true ] && export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
passed=0 failed=0 started=$SECONDS
export RUST_BACKTRACE=0

# step NAME COMMAND...: one step that counts as one test, or as the tests that its output reports.
step() {
  local name=$1 out="$log/out" code begun=$SECONDS
  shift
  "$@" >"$out" 2>&1
  code=$?
  local good bad
  read -r good bad < <(awk '/^test result: / { good += $4; bad += $6 } END { print good + 0, bad + 0 }' "$out")
  if [ $((good + bad)) -eq 0 ]; then
    if [ $code -eq 0 ]; then good=1; else bad=1; fi
  elif [ $code -ne 0 ] && [ "$bad" -eq 0 ]; then
    bad=1
  fi
  passed=$((passed + good)) failed=$((failed + bad))
  printf '%-34s %4d passed %3d failed %5d s\n' "$name" "$good" "$bad" $((SECONDS - begun))
  cp "$out" "target/step-${name//[ ,]/-}.log" 2>/dev/null
  if [ $code -ne 0 ]; then
    grep -E '^(error|warning: unused|test .* FAILED|thread .* panicked|Diff in)' "$out" | head -n 20
    tail -n 60 "$out"
  fi
}

# said PATTERN: the lines of the last step that tell what was counted; what stands before the pattern is left out.
said() {
  grep -oE "$1.*" "$log/out" | sed 's/^/    /'
}

mkdir -p target
step "format" cargo fmt --all --check
step "build" cargo build --workspace --locked
# Some tests want programs of other crates and would build them again.
export RHC_BUILT=1
# The fuzzer keeps one core busy for its two minutes: beside the lints and the building of tests, not after them.
target/debug/rhc-fuzz --seconds 120 >"$log/fuzz" 2>&1 &
fuzz=$!
fuzzed() {
  wait "$fuzz"
  local code=$?
  fuzz=
  cat "$log/fuzz"
  return $code
}
step "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
step "vectors agree with OpenSSL" python3 tests/vectors/chain.py
step "documents" python3 tests/oracle/docs_check.py
step "profile agrees with the tables" python3 tests/oracle/profile_check.py
# Tests of whole houses look into other processes and start one as another user: as root, or by sudo.
[ "$(id -u)" -eq 0 ] || export RHC_TEST_RUNNER="sudo -n -E"
step "unit and end-to-end tests" tests/run.py --first issue --first all --first hsm_faults --first faults \
  --loud tests/conformance --loud hsm-sim/engine --loud kms/core --loud kms/server --house tests/stand --house tests/e2e \
  --workspace --locked
said "conformance: "
said "(api|policy table|packages|leases|receipts|orders|tickets|kills|instances): "
step "conformance suites on trial" target/debug/rhc-conformance trial --generated 100
said "(seed|cases:|requirements|table mutants|generated mutants|  survivor|false alarms|  rhc-)"
step "examples in documentation" cargo test --doc --workspace --locked
step "fuzz, two minutes" fuzzed
echo "took $((SECONDS - started)) s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
