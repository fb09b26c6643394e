# make demo     the whole house in one minute: keys, cards, registry, hospital (KEEP=1 leaves it running, RHC_LANG=zh|en)
# make test     format, lints, build, unit tests, end-to-end tests on the real PC/SC daemon, foreign judges
# make bench    speed and memory against tests/bench/bars.toml (ONLY=part for one); exit 3 on a miss; writes docs/performance.md
# make soak     every item of every profile perturbed, then an hour of fuzzing, in release mode; dated logs in docs/evidence/
# make lint     format, clippy, and cargo-deny where it is installed

.PHONY: demo test bench soak lint setup build

export KEEP

demo: setup build
	@target/debug/rhc-demo

test: setup
	@tests/all.sh

bench: setup
	@cargo build --workspace --bins --release --locked --quiet
	@target/release/rhc-bench $(addprefix --only ,$(ONLY))

soak: setup
	@mkdir -p docs/evidence
	@cargo build --release -p tests-fuzz -p tests-spec --locked --quiet
	@bash -c 'set -o pipefail; target/release/rhc-spec perturb | tee docs/evidence/perturbation-$$(date +%F).log'
	@bash -c 'set -o pipefail; target/release/rhc-fuzz --seconds 3600 | tee docs/evidence/fuzz-$$(date +%F).log'

lint:
	@tests/lint.sh

setup:
	@tests/setup.sh

build:
	@cargo build --workspace --locked $(if $(CI),,--quiet)
