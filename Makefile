# `make demo` and `make test` set up everything they need; nothing has to be done before them.

PYTHON ?= python3
BIN := .venv/bin
RECIPE ?= recipes/demo.yaml
SECONDS ?= 300

.PHONY: help demo demo-flink test test-formats fuzz check format schema lock clean

help:
	@echo "make demo        set up .venv and run $(RECIPE) into runs/demo (about 3 minutes)"
	@echo "make test        set up .venv with the test tools and torch (3 GB), and run the tests"
	@echo "make test-formats"
	@echo "                 set up .venv-formats with other trainers' readers (6 GB), and read exports"
	@echo "make fuzz        broken pages for the page extractor, SECONDS=$(SECONDS) of them"
	@echo "make check       ruff and mypy"
	@echo "make demo-flink  the demo on a real Flink; needs Java 11+ and Maven"
	@echo "make lock        pin requirements/*.in again"
	@echo "make clean       remove the virtual environments and runs"

demo: .venv/core.stamp
	$(BIN)/reasonmill run $(RECIPE)

demo-flink: .venv/core.stamp
	$(BIN)/python deploy/flink/demo.py

test: .venv/dev.stamp
	$(BIN)/python -m pytest

# The readers' own warnings are theirs.
test-formats: .venv-formats/consumers.stamp
	.venv-formats/bin/python -m pytest -W default tests/consumers

fuzz: .venv/dev.stamp
	$(BIN)/python -m tests.fuzz.html_pages --seconds $(SECONDS)

check: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: .venv/core.stamp
	$(BIN)/python -c 'from pipeline.config import recipe_schema; print(recipe_schema(), end="")' \
	  > recipes/recipe.schema.json

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Reasonmill needs Python 3.11 or later; $(PYTHON) is older. Try: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments (on Debian: install python3-venv)"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/core.stamp: requirements/core.lock requirements/build.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r requirements/build.lock
	$(BIN)/python -m pip install --quiet -r requirements/core.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev.stamp: requirements/dev.lock .venv/core.stamp
	$(BIN)/python -m pip install --quiet -r requirements/dev.lock
	@touch $@

.venv-formats/consumers.stamp: requirements/consumers.lock
	$(PYTHON) -m venv .venv-formats
	.venv-formats/bin/python -m pip install --quiet uv
	.venv-formats/bin/python -m uv pip install --quiet --no-deps --require-hashes \
	  --python .venv-formats/bin/python -r requirements/consumers.lock
	@touch $@

COMPILE := $(BIN)/python -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet

lock: .venv/core.stamp
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) requirements/build.in -o requirements/build.lock
	$(COMPILE) requirements/core.in -o requirements/core.lock
	$(COMPILE) requirements/dev.in -c requirements/core.lock -o requirements/dev.lock
	$(COMPILE) requirements/consumers.in -o requirements/consumers.lock
	$(COMPILE) requirements/peers.in -o requirements/peers.lock

clean:
	rm -rf .venv .venv-formats .venv-peers runs
