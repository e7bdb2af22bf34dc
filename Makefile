# `make demo` shows the product, `make test` proves it. Both make their own environment in .venv.
PYTHON ?= python3
VENV := $(CURDIR)/.venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
DEMO := build/demo/ticket-triage
TOOLS := $(VENV)/tools-$(shell cksum < pyproject.toml | cut -d ' ' -f 1)
export PATH := $(VENV)/bin:$(PATH)

.PHONY: help demo project test lint tiny-base sample clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' Makefile

demo: project ## a project from default answers, its whole pipeline, the result
	cd $(DEMO) && dvc repro
	@cat $(DEMO)/reports/summary.md
	@printf '\nTry next:\n  cd $(DEMO) && . $(VENV)/bin/activate\n'
	@printf '  dvc exp run -S train.learning_rate=2e-3   # change one thing\n'
	@printf '  dvc exp show --only-changed               # compare the runs\n'
	@printf '  dvc plots diff                            # compare their loss curves\n'

test: lint ## the template's tests, the project's own, one full pipeline run
	cd '{{cookiecutter.project_slug}}' && pytest
	cd $(DEMO) && dvc repro
	pytest

lint: project
	ruff check . && ruff format --check . && mypy
	cd '{{cookiecutter.project_slug}}' && ruff check . && ruff format --check . && mypy

$(TOOLS): pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet '.[dev]'
	rm -f $(VENV)/tools-* && touch $@

$(DEMO): | $(TOOLS)
	cookiecutter --no-input --default-config --output-dir build/demo .

project: | $(DEMO)
	@$(MAKE) --no-print-directory --directory $(DEMO) setup VENV=$(VENV)

tiny-base: $(TOOLS) ## train the embedded base from scratch (about an hour)
	python -m sample.tiny_base

sample: $(TOOLS) ## write the sample data again
	python -m sample.tickets

clean: ## forget the demo and the tools' caches
	rm -rf build .mypy_cache .ruff_cache .pytest_cache
