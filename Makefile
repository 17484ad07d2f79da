# Every target sets up what it needs, from nothing. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/pytest -n auto --dist loadgroup
# Hundreds of seeds, which share the processors; the other slow tests need them for themselves.
STORMS := tests/integration/summit/test_crash.py
# Extra arguments, e.g. make test ARGS="-k queue"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo up test test-slow bench fuzz lint check format screenshots requirements clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(READY) ## Run the whole system on example recipes, from a push to an installed package (ONCE=1: prove it and exit)
	@deploy/prepare-host demo
	@$(BIN)/python manage.py demo $(if $(ONCE),--once)

up: $(READY) ## Run the processes of this machine's role in the foreground
	@deploy/prepare-host demo
	@$(BIN)/python manage.py up

test: $(READY) ## Run the tests: all on SQLite, those of the database on PostgreSQL too
	@deploy/prepare-host test
	@$(PYTEST) $(ARGS)
	@.ci/with-postgres $(PYTEST) tests/integration $(ARGS)

test-slow: $(READY) ## Run the tests that build real software or run the whole system
	@deploy/prepare-host test-slow
	@$(if $(ARGS),,$(PYTEST) -m slow $(STORMS))
	@$(BIN)/pytest -m slow $(or $(ARGS),--ignore $(STORMS))

bench: $(READY) ## Measure and print the figures
	@deploy/prepare-host test
	@$(BIN)/pytest -m bench -q -s --no-header tests/bench $(ARGS)

fuzz: $(READY) ## Fuzz the formats (TARGETS="stone recipe": only some; SECONDS=60: how long each)
	@$(BIN)/python -m tests.fuzz $(TARGETS) --seconds $(or $(SECONDS),60)

lint: $(READY) ## Check style, imports, templates and migrations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/djlint --check --lint templates
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@SERPENT_ROLE=builder $(BIN)/python manage.py check

check: lint ## Lint, and check the types
	@$(BIN)/mypy

format: $(READY) ## Write the house's format into the tree
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .
	@$(BIN)/djlint --reformat --quiet templates

screenshots: $(READY) ## Take pictures of every page, light and dark, into var/screenshots (ARGS="home build": only some)
	@$(BIN)/python -m tests.e2e.screenshots var/screenshots $(ARGS)

requirements: $(READY) ## Pin requirements/*.in into requirements/*.txt, with hashes
	@for name in bootstrap base dev; do \
		$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
			--custom-compile-command 'make requirements' requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done

clean: ## Remove what the targets made, the state of the demo included
	rm -rf $(VENV) var .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(READY): requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@deploy/prepare-host python
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation \
		--config-settings editable_mode=compat --editable .
	@touch $@
