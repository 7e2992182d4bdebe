.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

venv: .venv/ready  ## make .venv and install
.venv/ready: pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c .ci/constraints.txt -e '.[dev]'
	@touch $@

lint: venv  ## format check, lint, contracts, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

test: venv  ## every test
	$(BIN)/pytest
