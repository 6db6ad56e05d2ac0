# `make` lists what there is. Everything happens in .venv and in BIOLABS_DATA_DIR (default var/).

PYTHON ?= python3
VENV := .venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK = 1
.DEFAULT_GOAL := help
.PHONY: help install install-dev run test test-sqlite test-postgresql test-browser lint format bench lock clean

help:  ## this list
	@echo "make run              the portal with a demonstration laboratory, on http://127.0.0.1:$${PORT:-8000}"
	@echo "make test             everything: lint, SQLite, PostgreSQL, browser"
	@echo "make test-sqlite      one of its parts; also test-postgresql, test-browser"
	@echo "make lint             the checks that read the code; make format repairs what can be repaired"
	@echo "make bench            speed and memory against yardsticks of this machine"
	@echo "make install          only the virtual environment; install-dev with the tools of the tests"
	@echo "make lock             new requirements*.txt from requirements*.in"
	@echo "make clean            remove what was built; your data in var/ stays"

install:  ## the virtual environment with what the portal needs
	@$(PYTHON) scripts/install.py requirements.txt

install-dev:  ## and with what the tests need
	@$(PYTHON) scripts/install.py requirements.txt requirements-dev.txt

run:  ## web server and worker; Ctrl-C stops both
	@$(PYTHON) scripts/check_port.py
	@$(PYTHON) scripts/install.py requirements.txt
	@exec $(VENV) scripts/run.py

test: install-dev
	@$(VENV) scripts/test.py

test-sqlite test-postgresql test-browser lint: install-dev
	@$(VENV) scripts/test.py $(subst test-,,$@)

format: install-dev
	@$(VENV) -m ruff check --fix --quiet . ; $(VENV) -m ruff format .

bench: install-dev
	@$(VENV) -m bench

lock: install-dev
	@$(VENV) scripts/lock.py

clean:
	rm -rf .venv staticfiles .ruff_cache .mypy_cache .hypothesis htmlcov .coverage test-results bench/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
