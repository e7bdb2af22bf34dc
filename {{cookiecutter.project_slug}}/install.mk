# An environment in $(VENV), filled by uv where it is on PATH, else by pip; `make UV= ...` takes pip.
VENV ?= .venv
PYTHON ?= python3
UV ?= $(shell command -v uv 2>/dev/null)
ifneq ($(words $(CURDIR)),1)
$(error $(CURDIR): make takes no path with a space; move this folder)
endif
SHELL := /bin/bash
export PATH := $(abspath $(VENV))/bin:$(PATH)
# Settings that would make pip install elsewhere.
export PIP_USER := 0
unexport PIP_TARGET PIP_PREFIX

# Checked first: pip's own error for an old Python does not mention the version.
FITS := import sys; sys.version_info < (3, 11) and sys.exit("Python 3.11 or newer is needed; " \
  + sys.executable + " is " + sys.version.split()[0] + "; " + sys.argv[1])
# $(call environment,TARGET): create $(VENV) if it is missing or incomplete. Git ignores it, wherever in
# the project it is.
environment = { if test -x $(VENV)/bin/python; \
  then $(VENV)/bin/python -c '$(FITS)' 'rm -rf $(VENV), then make $(1) PYTHON=python3.11' \
    && { $(if $(UV),true,$(VENV)/bin/python -c 'import pip' 2>/dev/null) || $(PYTHON) -m venv $(VENV); }; \
  else $(PYTHON) -c '$(FITS)' 'make $(1) PYTHON=python3.11' && $(PYTHON) -m venv $(VENV); fi; } \
  && { test ! -e $(VENV)/pyvenv.cfg || test -e $(VENV)/.gitignore || echo '*' >$(VENV)/.gitignore; }

# $(call at_home): the programs of an environment contain its path, and run only there. After a move or
# a copy they are rewritten.
at_home = made=$$(cat $(wildcard $(VENV)/bin/pip $(VENV)/bin/dvc) /dev/null \
    | sed -nE 's,^(.!|.*exec. "*)(/[^" ]*)/bin/python.*,\2,p' | head -n 1); \
  if test -n "$$made" && ! test "$$made" -ef $(VENV); then \
    grep -lIF "$$made" $(VENV)/bin/* | while IFS= read -r file; do sed "s|$$made|$(abspath $(VENV))|g" "$$file" >"$$file.new" \
      && cat "$$file.new" >"$$file"; rm -f "$$file.new"; done; \
    echo "$(VENV): was created in $$made; its programs now run here"; fi

# $(call install,OPTIONS AND PACKAGES): progress in a few lines, errors in full. On a terminal, one line
# is overwritten with the current download.
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
