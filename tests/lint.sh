#!/usr/bin/env bash
# Format, lints, and the rules on dependencies (deny.toml).
set -eu
cd "$(dirname "$0")/.."
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
if command -v cargo-deny >/dev/null 2>&1; then
  # The advisory database is on a host of its own, which build machines need not reach.
  cargo deny --offline --locked check bans licenses sources
else
  echo "lint: cargo-deny is not installed, deny.toml was not checked (cargo install cargo-deny --locked)"
fi
echo "lint: clean"
