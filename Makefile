# Needs only Python 3.11 and pip. `make demo`, `make test` and `make docs` do everything.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test test-slow test-faults test-gpu test-versions docs lint
demo: $(VENV)/demo-installed
	$(BIN)/prune-env board --preset demo

test: $(VENV)/test-installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

test-slow: $(VENV)/test-installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

test-faults: $(VENV)/test-installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m faults

test-gpu: $(VENV)/test-installed
	$(BIN)/python -m pytest -m gpu tests/prune_env/learners/network/test_on_gpu.py

VERSIONS = 3.12 3.13 lowest
test-versions:
	PYTHON=$(PYTHON) VENV=$(VENV) tests/versions.sh $(VERSIONS)

docs: $(VENV)/docs-installed
	cd docs && OMP_NUM_THREADS=1 $(abspath $(BIN))/python -m docsite

lint: $(VENV)/test-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/basedpyright --pythonpath $(BIN)/python

$(VENV)/demo-installed: EXTRAS = report,plots
$(VENV)/docs-installed: EXTRAS = docs
$(VENV)/test-installed: EXTRAS = dev
$(VENV)/%-installed: pyproject.toml
	@echo "installing into $(VENV): a few minutes, mostly PyTorch"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[$(EXTRAS)]"
	touch $@
