# Everything that a checkout needs: Python 3.11 or newer, venv and make.
# The stamps in the virtual environment keep a second run from installing again.

PYTHON ?= python3
VENV ?= .venv
# Empty for an image: the package is then copied into the environment, not linked to the checkout.
EDITABLE ?= --editable

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" pyproject.toml
SOURCES := service tests deploy docs

.DEFAULT_GOAL := help
.PHONY: help install run test check bench docs lock clean

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /\1: /p' Makefile

install: $(VENV)/.installed  ## the service and its locked dependencies
run: $(VENV)/.installed  ## the service beside an emulator of CCC, without any configuration
	$(BIN)/callerid demo

test: $(VENV)/.tools  ## every test, with coverage; a real Redis server comes with the tools
	$(BIN)/python -m pytest --cov

check: $(VENV)/.tools  ## format, lint, types, import contract
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.tools  ## the table of docs/performance.md; QUICK=1: its first rows; BASE=DIR: beside that checkout
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(if $(BASE),--base "$(BASE)") \
		$(if $(ROUNDS),--rounds $(ROUNDS))

docs: $(VENV)/.tools  ## write docs/api.md from the OpenAPI document
	$(BIN)/python -m docs.api > docs/.api.md && mv docs/.api.md docs/api.md

lock: $(VENV)/.tools  ## resolve the dependencies anew, by uv, which nothing else needs
	$(PIP) install "uv>=0.9"
	$(LOCK) --upgrade --output-file requirements/runtime.txt
	$(LOCK) --upgrade --extra dev --constraint requirements/runtime.txt --output-file requirements/dev.txt

clean:  ## remove what these targets made
	rm -rf $(VENV) build *.egg-info .coverage .coverage.* .hypothesis .*_cache
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or newer is needed, as in: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes --requirement requirements/runtime.txt
	$(PIP) install --no-deps $(EDITABLE) .
	@touch $@

$(VENV)/.tools: requirements/dev.txt $(VENV)/.installed
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	@touch $@
