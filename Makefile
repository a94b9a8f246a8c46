# Everything starts here; `make help` lists what there is.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip
# uv knows no certificates but its own unless told: a company's proxy has its own, in the system's store.
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),1,0)
.DEFAULT_GOAL := help
.PHONY: help run test lint format bench chaos simulate clean requirements setup chromium

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Settings come from the environment or the command line: make run TRAFFIC=0 BIDDERS=2"
	@echo "  All of them: docs/settings.md"

run: .venv/.runtime ## start the whole platform with demo data; Ctrl-C stops it
	@exec $(BIN)/python -m rtbplatform.local run

test: .venv/.dev chromium ## run all tests on throw-away servers (ARGS="-k money" selects)
	@exec $(BIN)/python -m rtbplatform.local with-servers -- $(BIN)/python -m pytest -n 2 $(ARGS)

lint: .venv/.dev ## check format, lint rules and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@# django-stubs imports the settings; nothing is connected to
	DATABASE_URL=postgresql://lint@127.0.0.1/lint REDIS_URL=redis://127.0.0.1/0 \
		RTB_SECRET=only-for-the-type-checker-never-in-use $(BIN)/mypy

format: .venv/.dev ## format the code and fix what lint can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.dev ## measure CPU per auction, throughput and latency
	@exec $(BIN)/python -m bench

chaos: .venv/.dev ## break three regions in every way and judge (MINUTES=20, SEED=...)
	@exec $(BIN)/python -m tests.chaos --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(ARGS)
MINUTES ?= 20

simulate: .venv/.dev ## run the budget protocol through seeds of catastrophes (SEEDS=1-20000)
	@exec $(BIN)/python -m tests.simulation --seeds $(SEEDS) $(ARGS)
SEEDS ?= 1-20000

setup: .venv/.dev ## only install, for development

requirements: .venv/.made ## compile requirements*.in to hashed requirements*.txt
	$(UV) compile -q $(COMPILE) requirements.in -o requirements.txt
	$(UV) compile -q $(COMPILE) requirements-dev.in -o requirements-dev.txt
	$(UV) compile -q $(COMPILE) requirements-uv.in -o requirements-uv.txt
COMPILE := --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make requirements"

clean: ## remove what make made: .venv, caches, and var with all its data
	@if [ -e var/run.lock ] && ! flock -n var/run.lock true; then \
		echo "The platform is running: stop it first (Ctrl-C, or kill $$(cat var/run.lock))."; exit 1; fi
	rm -rf .venv var staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
		echo "The browser tests need Chromium: apt install chromium"; exit 1; }

# The virtual environment. Stamps are newer than what they were made from, so an up-to-date one costs nothing.
.venv/.made: requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed: apt install python3, or make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing: apt install python3-venv"; exit 1; }
	@echo "Making a virtual environment in .venv"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@touch $@

.venv/.runtime: .venv/.made requirements.txt
	@echo "Installing $$(grep -c '==' requirements.txt) packages of requirements.txt (about 150 MB; half a minute)"
	@$(UV) install -q --require-hashes -r requirements.txt
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.txt
	@echo "Installing the packages of requirements-dev.txt"
	@$(UV) install -q --require-hashes -r requirements-dev.txt
	@touch $@
