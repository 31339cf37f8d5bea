# Works on a fresh machine that has cargo, make and bash. `make test` installs what the tests need besides (tests/setup.sh).

.PHONY: run test prove fuzz bench bench-quick

# Everything in one process: http://127.0.0.1:8080 for partners, http://127.0.0.1:8081 for administrators.
run:
	cargo run --release --locked -- dev --ready-file target/ready.json

# Every test. tests/setup.sh leaves the addresses of the servers that it started in target/test.env.
test:
	tests/setup.sh
	set -a && . ./target/test.env && cargo test --locked --no-fail-fast

# The long proofs, which are the tests marked #[ignore], one after another: a million plans with their usage against exact fractions,
# hundreds of kills, floods, big periods. Each prints what it has shown. They want a machine of their own, and some GB of disk.
# With PROOF=billing::months only those of that name.
PROOF ?=
prove:
	tests/setup.sh
	set -a && . ./target/test.env && \
		cargo test --locked --release --lib --test integration -- --ignored --nocapture --test-threads=1 $(PROOF)

# Each parser of bytes from outside under libFuzzer, for so many seconds (tests/fuzz). Needs a nightly compiler and `cargo install
# cargo-fuzz`; what breaks a parser is kept in target/fuzz.
FOR ?= 60
fuzz:
	set -e; for seeds in tests/fuzz/seeds/*; do \
		parser=$${seeds##*/}; mkdir -p target/fuzz/$$parser; echo "$$parser"; \
		TOLLGATE_PARSER=$$parser cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz/build parsers \
			target/fuzz/$$parser $$seeds -- -max_total_time=$(FOR) -max_len=4096 -artifact_prefix=target/fuzz/broken-$$parser-; \
	done

# What the README says of speed: the things that a call costs one by one, the CPU time that a usage record costs the books, the
# side-by-side run against the peers that are installed (about 40 minutes; figures go to benches/results), and the instructions
# of a request, which fail if they have grown. Options: python3 benches/peers --help, python3 benches/instructions --help.
# `bench-quick` only sees that all cases work.
bench:
	cargo bench --locked --bench micro
	cargo bench --locked --bench books
	python3 benches/peers
	python3 benches/oauth
	python3 benches/guesses
	python3 benches/instructions

bench-quick:
	python3 benches/peers --quick
