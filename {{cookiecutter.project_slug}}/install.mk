# An environment in $(VENV), filled by uv where it is on PATH, else by pip; `make UV= ...` takes pip.
VENV ?= .venv
PYTHON ?= python3
UV ?= $(shell command -v uv 2>/dev/null)
ifneq ($(words $(CURDIR)),1)
$(error $(CURDIR): make takes no path with a space; move this folder)
endif
SHELL := /bin/bash
export PATH := $(abspath $(VENV))/bin:$(PATH)

# Said before anything is made: what pip says of an old Python does not name it.
FITS := import sys; sys.version_info < (3, 11) and sys.exit("Python 3.11 or newer is needed; " \
  + sys.executable + " is " + sys.version.split()[0] + "; " + sys.argv[1])
# $(call environment,TARGET): make $(VENV) where there is none.
environment = if test -x $(VENV)/bin/python; \
  then $(VENV)/bin/python -c '$(FITS)' 'rm -rf $(VENV), then make $(1) PYTHON=python3.11'; \
  else $(PYTHON) -c '$(FITS)' 'make $(1) PYTHON=python3.11' && $(PYTHON) -m venv $(VENV); fi

# $(call install,OPTIONS AND PACKAGES): what is done in a few lines, errors whole. On a screen, one line
# is written over by what is fetched now.
ifneq ($(UV),)
install = { set -o pipefail; $(UV) pip install --python $(VENV)/bin/python 2>&1 $(1) | $(FEW); }
else
install = { set -o pipefail; $(VENV)/bin/python -m pip --disable-pip-version-check install $(1) | $(COUNTED); }
endif
FEW := while IFS= read -r line; do case $$line in \
  ' '[-+~]' '*|' Downloaded '*|'   Building '*|'      Built '*) ;; \
  'Downloading '*) test ! -t 1 || printf '%-75.75s\r' "$$line";; *) printf '%-75s\n' "$$line";; esac; done
COUNTED := while read -r does what _; do case $$does-$$what in \
  Collecting-*|Processing-*) n=$$((n + 1)); test ! -t 1 || printf '%-75.75s\r' "package $$n: $${what\#\#*/}";; \
  Installing-collected) printf '%-75s\n' "installing $$n packages";; esac; done
