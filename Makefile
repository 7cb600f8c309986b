# `make demo` and `make test` do everything on a fresh Debian machine, as root or with sudo. `make help` lists the rest.
SHELL := /bin/bash
BIN := .venv/bin
.DEFAULT_GOAL := help

demo: setup ## start two organisations and all of Isthmus, migrate people, stay up for a look
	@$(BIN)/isthmus demo

test: setup-test ## every test, lint and types included (needs no preparation)
	@$(MAKE) --no-print-directory lint
	@$(BIN)/pytest $(TOGETHER) tests/unit tests/e2e tests/chaos tests/lab tests/clients

test-unit: setup ## tests of decisions only: seconds, nothing is started
	@$(BIN)/pytest -q $(TOGETHER) tests/unit

test-lab: setup-test ## the lab: forests, Exchange, and the services against them
	@$(BIN)/pytest tests/lab

test-clients: setup-test ## mail programs and libraries that others wrote, on the lab's Exchange
	@$(BIN)/pytest tests/clients

test-e2e: setup-test ## whole paths through real Kafka, PostgreSQL and a browser
	@$(BIN)/pytest tests/e2e

test-chaos: setup-test ## processes killed at random
	@$(BIN)/pytest tests/chaos

chaos: setup ## RUNS=200 mailboxes copied under every fault, compared property by property
	@$(BIN)/python -m tests.chaos.faults --runs $(or $(RUNS),200)

bench: setup ## measure, beside the plainest script that does the same; writes bench.json
	@$(BIN)/python -m tests.bench

lint: setup-test ## ruff, mypy --strict, buf
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make fmt'"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary $(SOURCES)
	@cd proto && PATH="$$PWD/node_modules/.bin:$$PATH" buf lint
	@scripts/check-breaking.sh

fmt: setup ## format the code
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

lock: setup ## resolve the dependencies anew into requirements.lock
	@scripts/lock.sh

proto: ## compile the .proto files after an edit
	@rm -f .venv/isthmus-stamp && scripts/bootstrap.sh run

setup:
	@scripts/bootstrap.sh run

setup-test:
	@scripts/bootstrap.sh test
	@[ -x proto/node_modules/.bin/buf ] || npm install --prefix proto --silent --no-audit --no-fund

clean: ## forget .venv and the tools; data folders stay
	rm -rf .venv .tools proto/gen proto/node_modules .mypy_cache .ruff_cache .pytest_cache

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

# Most tests wait more than they compute: two halves at a time, each with forests, Exchange, Kafka and PostgreSQL of its own.
TOGETHER = -n 2 --dist loadfile

SOURCES = $(wildcard libs/*/isthmus_*) $(wildcard services/*/isthmus_*) lab/isthmus_lab cli/isthmus_cli tests

.PHONY: demo test test-unit test-lab test-clients test-e2e test-chaos chaos bench lint fmt lock proto setup setup-test clean help
