# Everything runs in .venv, which the first target makes; only python3, a C++ compiler and make are needed before.
PYTHON ?= python3
BIN := .venv/bin
# The torch that is developed against; TORCH=... chooses another from 2.10 on.
TORCH ?= torch==2.13.0
OLDEST_ORT := .venv-ort-oldest
# 1.18 is the oldest that is supported; newer Pythons have no wheel of it, so that theirs is the oldest there is.
OLDEST_ORT_VERSION = $(shell $(PYTHON) -c "import sys; print({13: '1.20'}.get(sys.version_info[1], '1.18' if sys.version_info[1] < 13 else '1.24'))")

.DEFAULT_GOAL := help
.PHONY: help setup demo examples test test-full test-ort-oldest lint types bench peers clean

help:  ## Show what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# The stamp is newer than all that the build depends on; sources of the libraries included.
NATIVE_FOLDERS := custom_ops/kernels custom_ops/bindings geocompile/runtimes/native
NATIVE := $(shell find $(NATIVE_FOLDERS) -name '*.cpp' -o -name '*.h' -o -name '*.cu*' -o -name CMakeLists.txt)
.venv/.built: pyproject.toml CMakeLists.txt custom_ops/CMakeLists.txt custom_ops/cuda.cmake $(NATIVE) | .venv/.packages
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

.venv/.packages: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)" numpy
	$(BIN)/python -m pip install --quiet "scikit-build-core>=0.10" "cmake>=3.24" ninja
	$(BIN)/python tools/requirements.py dev | xargs -d '\n' $(BIN)/python -m pip install --quiet "$(TORCH)"
	@touch $@

setup: .venv/.built  ## Make .venv with geocompile and all that its development needs

demo: setup  ## Train, compile, verify and compare on handwritten digits
	$(BIN)/geocompile demo

examples: setup  ## The programs of examples/, with all their training
	for example in examples/*.py; do $(BIN)/python $$example || exit 1; done

test: setup  ## The tests, under 15 minutes
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal --durations 20 -m "not slow and not gpu"

test-full: setup test-ort-oldest  ## What takes longer: AOTInductor and C++ per case, sanitizers, README, packaging
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal --durations 40 -m "slow and not gpu"

$(OLDEST_ORT)/.built: .venv/.built
	test -x $(OLDEST_ORT)/bin/python || $(PYTHON) -m venv $(OLDEST_ORT)
	$(OLDEST_ORT)/bin/python -m pip install --quiet "onnxruntime==$(OLDEST_ORT_VERSION).*" onnx safetensors pytest hypothesis
	@touch $@

test-ort-oldest: $(OLDEST_ORT)/.built  ## The ONNX tests on the oldest ONNX Runtime supported, without torch
	$(OLDEST_ORT)/bin/python -m tests.onnx.oldest

lint: setup  ## ruff and clang-format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files '*.cpp' '*.h' '*.cu' '*.cuh' | xargs $(BIN)/clang-format --dry-run --Werror

types: setup  ## mypy --strict
	$(BIN)/mypy

bench: setup  ## The benchmarks; tables go to docs/
	$(BIN)/python -m benchmarks.gcn --write
	$(BIN)/python -m benchmarks.aggregation --write
	$(BIN)/python -m benchmarks.kernels --write
	$(BIN)/python -m benchmarks.layers --write

# Built against the installed torch, so that a wheel serves no other: pip's cache has a folder per torch.
PEERS_CACHE = $(shell $(BIN)/python -m pip cache dir)/peers-torch-$(shell $(BIN)/python -c "import torch; print(torch.__version__)")
.venv/.peers: pyproject.toml .venv/.packages
	$(BIN)/python -m pip install --quiet setuptools
	$(BIN)/python tools/requirements.py peers | FORCE_ONLY_CPU=1 xargs -d '\n' \
	  $(BIN)/python -m pip install --quiet --no-build-isolation --cache-dir "$(PEERS_CACHE)" "$(TORCH)"
	$(BIN)/python -c "import torch_scatter, torch_cluster, torch_sparse, torch_spline_conv"
	@touch $@

peers: setup .venv/.peers  ## The packages that we are compared with; 20 minutes the first time

clean:  ## Remove what was built, .venv included
	rm -rf .venv $(OLDEST_ORT) build dist
