# The commands of docs/reference/commands.md. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
# A pip of its own cache directory follows XDG_CACHE_HOME like everything else that is built here.
CLUSTER ?=
TESTS   ?= tests
# Of `make test`, each with a cluster of its own (about 2 GiB); 0 runs one test after the other in one process.
# On two cores three are quicker than two: tests wait for pods a third of their time.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help install demo demo-up demo-down cluster cluster-down test test-quick lint bench fresh clean

help:  ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

$(STAMP): setup.cfg pyproject.toml
	@$(PYTHON) demo/check.py python
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@echo "Installing Python packages into $(VENV) (about a minute the first time)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev,test]'
	@touch $@

install: $(STAMP)  ## make .venv with everything that is needed

demo:  ## a real Kubernetes and a JupyterHub with karvdash_hub; Ctrl-C stops all of it
	@$(PYTHON) demo/check.py demo
	@$(MAKE) --no-print-directory $(STAMP)
	@$(RUN) -m demo run

demo-up:  ## the same in the background; writes .demo/env
	@$(PYTHON) demo/check.py demo
	@$(MAKE) --no-print-directory $(STAMP)
	@$(RUN) -m demo up

demo-down:  ## stop what demo-up started
	@test ! -x $(RUN) || $(RUN) -m demo down

cluster: $(STAMP)  ## only the embedded Kubernetes; KUBECONFIG is in .demo/env
	@$(RUN) -m cluster up --name demo

cluster-down:  ## stop it
	@test ! -x $(RUN) || $(RUN) -m cluster down --name demo

test: $(STAMP)  ## every test, on an embedded cluster of its own (CLUSTER=FILE: only those that run on any cluster)
	@if [ -n "$(CLUSTER)" ]; then $(RUN) -m pytest -m any_cluster --cluster-file "$(CLUSTER)" $(TESTS); \
	else $(RUN) -m tests.prepare && $(RUN) -m pytest -n $(WORKERS) --no-loadscope-reorder $(TESTS); fi

test-quick: $(STAMP)  ## the tests that need no cluster, in under a minute
	@$(RUN) -m pytest -q -m "not cluster" tests/pure tests/docs tests/files tests/gate tests/hub tests/hub_http

lint: $(STAMP)  ## ruff, mypy and import-linter
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

bench: $(STAMP)  ## the ratio table, also as benchmarks/results.json
	@$(RUN) -m benchmarks

fresh: $(STAMP)  ## prove demo and test in a minimal Debian that has only git, make and Python
	@$(RUN) -m demo.fresh

clean:  ## remove .venv and .demo (stop the demonstration first)
	@test ! -e .demo/run/hub.pid || { echo "Stop the demonstration first: make demo-down"; exit 1; }
	rm -rf $(VENV) .demo build dist *.egg-info
