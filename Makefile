# The way in for people and machines; `cargo xtask` has the details.
# Build results stay outside the clone, so that fresh clones share them.

export CARGO_TARGET_DIR ?= $(HOME)/.cache/wardnet/target
export CARGO_BUILD_JOBS ?= 2

.PHONY: run test check bench clean help

help:
	@echo "make run     install what is missing, build, and start Wardnet on sample data"
	@echo "make test    everything that continuous integration runs"
	@echo "make check   format, tidy, clippy and tests: before every commit"
	@echo "make bench   the benchmarks"
	@echo "make clean   remove all build results"

run:
	scripts/setup.sh run
	cargo build --release --locked --package wardnet
	scripts/run.sh

test:
	scripts/setup.sh test
	cargo fetch --locked --quiet
	cargo fetch --locked --quiet --manifest-path fuzz/Cargo.toml
	cargo xtask check
	cargo xtask conformance

check:
	cargo xtask check --fast

bench:
	cargo build --release --locked --package wardnet --package wardnet-bench
	set -e; for row in lookup_key lookup_url feeds nsrl exports http evidence idle changes dns_lists dns_flood resolver rpz safe_browsing crowdsec; do \
		echo "## $$row"; $(CARGO_TARGET_DIR)/release/$$row; \
	done

clean:
	cargo clean
