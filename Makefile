# `make` lists what there is. The build cache lies outside the checkout, so that a fresh clone builds fast.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hypocaust/target
export HYPOCAUST_VENV ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hypocaust/venv
BIN := $(CARGO_TARGET_DIR)/debug

.DEFAULT_GOAL := help
.PHONY: help setup console build demo test fmt lint

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## install what build and tests need (as root; otherwise it is named)
	@deploy/setup.sh test

console: ## build the console's bundle, which the centre embeds
	@cd central/console && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error; } && npm run --silent build

test: setup console ## set up and run every test, those against real servers included
	cd central/console && npm run --silent typecheck && npm test --silent
	cargo test --workspace

fmt: ## format
	cargo fmt --all

lint: ## formatting and clippy, as CI runs them
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
