# Everything that a checkout needs: Python 3.11 or newer, venv and make.
# The stamps in the virtual environment keep a second run from installing again.

PYTHON ?= python3
VENV ?= .venv
# What is installed: `runtime`, or `otel`, which is that and OpenTelemetry's SDK.
LOCK ?= runtime
# Empty for an image: the package is then copied into the environment, not linked to the checkout.
EDITABLE ?= --editable

# What `make lock` may do with the pins that stand: --upgrade takes the newest of all.
UPGRADE ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --build-constraint requirements/build.txt \
	--custom-compile-command "make lock" $(UPGRADE)
# More workers than cores, as half of the tests wait for servers; files in the order of
# tests/conftest.py, which begins with the longest.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3 / 2)
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
SOURCES := service tests deploy docs

# A user's own settings must not choose other packages or another place; a mirror of theirs stays.
unexport PIP_CONSTRAINT PIP_NO_BINARY PIP_ONLY_BINARY PIP_PREFIX PIP_REQUIRE_HASHES PIP_TARGET PIP_USER
# Else every process that a test starts would compile all that it imports, which is half of its time.
unexport PYTHONDONTWRITEBYTECODE
$(if $(word 2,$(VENV)),$(error VENV must not have a blank in it))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install run test cover check bench soak faults fuzz twins lab docs lock clean

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /\1: /p' Makefile

install: $(VENV)/.installed  ## the service and its locked dependencies
run: $(VENV)/.installed  ## the service beside an emulator of CCC, without any configuration
	$(BIN)/callerid demo

test: $(VENV)/.tools  ## every test, on all cores; a real Redis server comes with the tools
	$(PYTEST)

cover: $(VENV)/.tools  ## every test, with the branch coverage that is held
	$(PYTEST) --cov

check: $(VENV)/.tools  ## format, lint, types, import contract
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.tools  ## the table of docs/performance.md; QUICK=1: its first rows; BASE=DIR: beside that checkout
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(if $(BASE),--base "$(BASE)") \
		$(if $(ROUNDS),--rounds $(ROUNDS))

soak: $(VENV)/.tools  ## whether memory stays where it is, over 20 minutes at full speed; MINUTES=5: over fewer
	$(BIN)/python -m tests.bench.soak $(if $(MINUTES),--minutes $(MINUTES))

faults: $(VENV)/.tools  ## what becomes of picks while Redis or a service fails; ROWS="1 2 38": these alone
	$(BIN)/python -m tests.faults.harness $(ROWS)

fuzz: $(VENV)/.tools  ## 100,000 requests of any kind at a service of its own; SEED=2: others
	$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED))

twins: $(VENV)/.tools  ## the ledgers' property tests with 10 times the examples; TIMES=50: with more
	TIMES=$(or $(TIMES),10) $(BIN)/python -m pytest --timeout 0 tests/redis/test_*_property.py

lab: $(VENV)/.tools  ## how well numbers are judged and chosen, over simulated days; TABLES="found peace": these alone
	$(BIN)/python -m tests.lab $(TABLES)

docs: $(VENV)/.tools  ## write docs/api.md from the OpenAPI document
	$(BIN)/python -m docs.api > docs/.api.md && mv docs/.api.md docs/api.md

lock: | $(VENV)/bin/python  ## resolve the dependencies, by uv, which nothing else needs; UPGRADE=--upgrade: anew
	$(PIP) install --no-deps --only-binary :all: --require-hashes --requirement requirements/lock.txt
	$(COMPILE) --group lock --output-file requirements/lock.txt
	$(COMPILE) --group build --output-file requirements/build.txt
	$(COMPILE) pyproject.toml --output-file requirements/runtime.txt
	$(COMPILE) pyproject.toml --extra otel --constraint requirements/runtime.txt \
		--output-file requirements/otel.txt
	$(COMPILE) pyproject.toml --extra dev --extra otel --constraint requirements/build.txt \
		--constraint requirements/runtime.txt --output-file requirements/dev.txt

clean:  ## remove what these targets made
	rm -rf $(VENV) build *.egg-info .coverage .coverage.* .hypothesis .*_cache
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or newer is needed, as in: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

# Exactly what is locked, in two steps: the build backend, then the rest, some of which it builds.
# Each package comes without its wishes, so that pip has nothing to look up beside a pin; whether
# the pins fit each other is asked once all are there.
define install
	$(PIP) install --no-deps --only-binary :all: --require-hashes --requirement requirements/build.txt
	$(PIP) install --no-deps --no-build-isolation --no-compile --require-hashes --requirement requirements/$(1).txt
	@rm -rf build
	$(PIP) install --no-deps --no-build-isolation --no-index $(EDITABLE) .
	@$(BIN)/python -m pip --disable-pip-version-check check >$(VENV)/.check || { cat $(VENV)/.check >&2; \
		echo "What is installed does not fit: run \`make lock\` if pyproject.toml has changed, else \`make clean\`" >&2; exit 1; }
endef

$(VENV)/.installed: requirements/build.txt requirements/$(LOCK).txt pyproject.toml | $(VENV)/bin/python
	$(call install,$(LOCK))
	@touch $@

$(VENV)/.tools: requirements/build.txt requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	$(call install,dev)
	@touch $(VENV)/.installed $@
