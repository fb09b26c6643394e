# make demo     the whole house in one minute: keys, cards, registry, hospital (KEEP=1 leaves it running, RHC_LANG=zh|en)
# make demo-keys  the keys' own story: a rehearsed root ceremony with custodians, transcripts, hand-down, an order
# make test     format, lints, build, unit tests, end-to-end tests on the real PC/SC daemon, foreign judges
# make bench    speed and memory against tests/bench/bars.toml (ONLY=part for one); exit 3 on a miss; writes docs/performance.md
# make soak     every profile item perturbed, cuts and kills, every HSM fault, an hour of fuzzing; dated logs in docs/evidence/
# make lint     format, clippy, and cargo-deny where it is installed

# make demo-conformance   the conformance suites on the card that the demo makes and on one with a seeded fault

.PHONY: demo-conformance demo demo-keys test bench soak lint setup build

export KEEP

demo: setup build
	@target/debug/rhc-demo

demo-keys: setup build
	@target/debug/rhc-demo --keys --out out/demo-keys

test: setup
	@tests/all.sh

bench: setup
	@cargo build --workspace --release --locked --quiet
	@target/release/rhc-bench $(addprefix --only ,$(ONLY))

soak: setup
	@tests/soak.sh

lint:
	@tests/lint.sh

setup:
	@tests/setup.sh

build:
	@cargo build --workspace --locked $(if $(CI),,--quiet)

demo-conformance: setup build
	@tests/conformance/demo.sh
