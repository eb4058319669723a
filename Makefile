# Every target installs what it needs first; nothing but make, Python 3.11 and Debian's usual tools is expected.
PYTHON ?= python3
BIN := .venv/bin
# Arguments for pytest or manage.py: make test T="tests/oee -k stop", make manage T="shell"
T ?=
PYTEST := $(BIN)/python -m pytest --durations=10
IN_PRODUCTION := env -i PATH="$(PATH)" MS5_ENV=production ALLOWED_HOSTS=ms5.plant.example \
	SECRET_KEY=only-for-this-check-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF \
	JWT_SECRET_KEY=only-for-this-check-ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789-abc \
	MS5_METRICS_TOKEN=only-for-this-check-zyxwvutsrqponmlkjihgfedcba \
	DATABASE_URL=postgresql:///none REDIS_URL=redis://none

.DEFAULT_GOAL := help
.PHONY: help run clean-data manage test check format bench faults stack shots tools

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

test: tools ## Run the whole suite, or a part of it: make test T="tests/oee -k stop" (MS5_TEST_CHANCE=all: many more examples)
	@$(BIN)/python -m tests $(T)

check: tools ## Lint, types, import contract, migrations, settings for production, Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	$(IN_PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/hadolint Dockerfile

format: tools ## Put the code into its format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: tools ## Measure the budgets
	@$(BIN)/python -m tests.bench $(T)

faults: tools ## Kill and stop everything at random while people call for help: make faults T="--minutes 2 --seed 7"
	@$(BIN)/python -m tests.faults $(T)

stack: tools ## Run only the tests of the running product
	@$(PYTEST) -m stack $(T)

shots: tools ## Photograph every screen into shots/
	@$(BIN)/python -m tests.browser.shots $(T)
