.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYTHONDONTWRITEBYTECODE =  # every program started anew would translate all modules again: seconds each time

.PHONY: help venv run up lint types style test e2e faults db-check diagrams i18n i18n-check bench chaos check

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

venv: .venv/ready  ## make .venv and install
.venv/ready: pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Ruam needs Python 3.11 or newer: install it, or name it: make PYTHON=python3.12 run"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python has no venv module here: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c .ci/constraints.txt -e '.[dev]'
	@touch $@

run: venv  ## start everything with the demo shop; Ctrl-C stops it
	@exec $(BIN)/oms up --demo

up: venv  ## start everything without demo data
	@exec $(BIN)/oms up

# What takes longest comes first. Two at a time, and each one's output together.
SIDE_BY_SIDE = $(MAKE) --no-print-directory -j 2 --output-sync=target

lint: venv  ## format, lint, import contracts, types, spelling
	@$(SIDE_BY_SIDE) types style

types: venv
	$(BIN)/mypy

style: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/codespell

test: venv  ## every test, against PostgreSQL and Redis that the tests start themselves
	$(BIN)/pytest -n 3 --dist loadfile

faults: venv  ## only the tests that kill processes
	$(BIN)/pytest -m faults tests/faults

db-check: venv  ## migrations: up from empty, equal to the models, one down and up again
	$(BIN)/oms migrations check

i18n: venv  ## every sentence has its Thai; prints what is missing as a draft
	$(BIN)/python -m views.i18n

check: venv  ## everything that must hold before a change lands (that all has its Thai is one of the tests)
	@$(SIDE_BY_SIDE) types style db-check
	@$(MAKE) --no-print-directory test

bench: venv  ## measure the budgets (10,000 to 1,000,000 orders); writes docs/benchmarks.md
	$(BIN)/python -m tests.bench

chaos: venv  ## the races and properties for long: a thousand rounds, ten minutes of mixed work, fresh seeds
	RUAM_CHAOS=1 RUAM_PROFILE=deep $(BIN)/pytest tests/race tests/property -p no:randomly -s
	RUAM_DEEP=1 $(BIN)/pytest -n 2 --dist loadfile -m "deep or e2e or faults"
	$(BIN)/python -m tests.faults.chaos --points 30
	$(BIN)/python -m tests.faults.market_day

diagrams: venv  ## draw docs/states.md from the state machines
	$(BIN)/python -m oms.diagrams
