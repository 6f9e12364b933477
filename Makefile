# Two commands are enough on a fresh Debian or Ubuntu with git, make and Python 3.11: `make demo`, `make test`.
# Both do the whole set-up first, can be run again, and leave no process behind.

# The first of these that is there; name another with `make PYTHON=/path/to/python3.11 demo`.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3,$(shell command -v $(name))))
SETUP = $(PYTHON) deploy/setup

.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos scenarios lint fmt lock frontend clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-9s %s\n' "$$name" "$$what"; done

setup: ## install what is missing: packages, Python environment, Kafka, PostgreSQL, pages
	@$(SETUP) --for demo

demo: setup ## run the province with simulated feeds until Ctrl-C
	@exec .venv/bin/ioc up --demo

test: ## all tests, linters and type checks
	@$(SETUP) --for test
	@exec .venv/bin/python deploy/setup/check.py

chaos: ## the long fault tests: processes are killed while events flow
	@$(SETUP) --for test
	@IOC_TEST_LONG=1 IOC_TEST_ROUNDS=$${IOC_TEST_ROUNDS:-10} exec .venv/bin/python -m pytest -m chaos

scenarios: ## every scenario on the real system, as drills at x60 and faster; about 25 minutes
	@$(SETUP) --for demo
	@exec .venv/bin/python -m tests.acceptance.every_scenario $(SCENARIOS)

lint: ## linters and type checks only
	@$(SETUP) --for test
	@exec .venv/bin/python deploy/setup/check.py --no-tests

fmt: ## format the Python code
	@$(SETUP) --for test
	@.venv/bin/ruff check --fix --quiet .; exec .venv/bin/ruff format .

lock: ## write the lock files anew from pyproject.toml, with hashes and without addresses
	@$(SETUP) --for test
	@for group in "" dev; do .venv/bin/uv pip compile pyproject.toml $${group:+--group $$group} --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet -o requirements$${group:+-$$group}.lock || exit 1; done

frontend: ## build wall and console into ioc/static
	@$(SETUP) --for frontend

clean: ## stop what runs and remove everything that was installed or built here, with all local data
	@if [ -x .venv/bin/ioc ]; then .venv/bin/ioc down; fi
	@$(PYTHON) deploy/setup --remove
