# Every target installs what it needs first; nothing but make, Python 3.11 and Debian's usual tools is expected.
PYTHON ?= python3
BIN := .venv/bin
# Arguments for pytest or manage.py: make test T="tests/oee -k stop", make manage T="shell"
T ?=

.DEFAULT_GOAL := help
.PHONY: help run clean-data manage test check format bench faults shots tools

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 14

run: ## Start everything on this machine, with a simulated plant; Ctrl-C stops it (MS5_PORT, MS5_DATA_DIR)
	@$(PYTHON) ms5/bare/first_start.py run

clean-data: ## Remove the data of make run; the next start begins from nothing
	@$(PYTHON) ms5/bare/first_start.py clean

manage: ## Run a manage.py command against the data of make run: make manage T="shell"
	@$(PYTHON) ms5/bare/first_start.py manage $(T)

tools:
	@$(PYTHON) ms5/bare/first_start.py --tests

test: tools ## Run the whole suite: make test, or make test T="tests/oee -k stop"
	@$(BIN)/python -m tests.suite $(T)

check: tools ## Lint, types, import contract, migrations, production settings, Dockerfile
	@$(BIN)/python -m tests.check

format: tools ## Put the code into its format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: tools ## Measure the budgets
	@$(BIN)/python -m tests.bench $(T)

faults: tools ## Kill and cut things while the product runs
	@$(BIN)/python -m pytest -m stack $(T)

shots: tools ## Photograph every screen into shots/
	@$(BIN)/python -m tests.browser.shots $(T)
