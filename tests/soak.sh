#!/usr/bin/env bash
# The long counts, each with a dated log in docs/evidence/: every item of every card profile perturbed, the cuts and kills
# of the anti-tear tests, every fault at every call of an HSM, every defective product against every conformance case and a
# thousand drawn ones, an hour of fuzzing (RHC_SOAK_SECONDS for another time). Stops
# at the first that finds something.
set -euo pipefail
cd "$(dirname "$0")/.."
day=$(date -u +%F)
mkdir -p docs/evidence
cargo build --release -p tests-fuzz -p tests-spec -p tests-conformance --locked --quiet
target/release/rhc-spec perturb | tee "docs/evidence/perturbation-$day.log"
target/release/rhc-conformance trial --generated 1000 --all | tee "docs/evidence/conformance-$day.log"
# Their counts are printed by the tests themselves.
cargo test --release -p cardlib-sim --test tearing --test killed --locked --quiet -- --nocapture |
  tee "docs/evidence/tearing-$day.log"
cargo build --workspace --locked --quiet
RHC_EVERY_FAULT=1 cargo test -p tests-e2e --test hsm_faults --locked --quiet -- --nocapture |
  tee "docs/evidence/hsm-faults-$day.log"
RHC_KILLS=500 cargo test -p kms-server --test issue --locked --quiet -- --nocapture kills |
  tee "docs/evidence/kills-$day.log"
target/release/rhc-fuzz --seconds "${RHC_SOAK_SECONDS:-3600}" | tee "docs/evidence/fuzz-$day.log"
