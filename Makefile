# make setup   once: an environment in .venv, the Rust kernel, vae_core compiled for notebooks, the data sets
# make lab     JupyterLab on notebooks/ (sets up first where needed)
# make help    everything else

PYTHON ?= python3
EVCXR_VERSION := 0.22.0

# Everything that is installed goes into .venv. In the activated conda environment of environment.yml, which brings the
# Python packages along, it goes there instead.
ifeq ($(CONDA_DEFAULT_ENV),vae-rs)
ENV := $(CONDA_PREFIX)
else
ENV := .venv
endif
BIN := $(ENV)/bin

# CUDA=1 turns the feature `cuda` on: for notebooks, tests, programs and the benchmark, each with a build of its own. The
# commands then run in the environment of tools/cuda_toolkit.py, which fetches a CUDA toolkit unless CUDA_HOME names one.
ifeq ($(CUDA),1)
export VAE_CORE_CUDA := 1
export VAE_CORE_DEVICE ?= cuda
WITH_CUDA := $(PYTHON) tools/cuda_toolkit.py
CARGO_CUDA := --features vae_core/cuda --target-dir target/cuda
FLAVOUR := -cuda
else ifneq ($(filter-out 0,$(CUDA)),)
$(error CUDA is "$(CUDA)": expected 1, or nothing)
endif

# Jupyter looks for kernels in the environment before the user's own folders, so that `rust` is ours.
export JUPYTER_PREFER_ENV_PATH := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Stamps lie beside what they vouch for: packages and kernel in the environment, the rest in target/.
ENV_STAMPS := $(ENV)/.stamps
STAMPS := target/setup$(FLAVOUR)
RUST_SOURCES := Cargo.toml Cargo.lock vae_core/Cargo.toml $(shell find vae_core/src vae_core/assets -type f 2>/dev/null)
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
TIMEOUT ?= 1800
# Rehearsals run two at a time: starting and compiling use one core. Full runs have the machine to themselves.
JOBS ?= $(if $(VAE_FAST),2,1)
LAB_DIR ?= notebooks

# The workflow of `make experiments` has an environment of its own: Snakemake brings more than the notebooks need.
WORKFLOW := target/experiments
SET ?= small
OUT ?= runs/$(SET)
PROFILE ?= local

.PHONY: setup lab run test test-full test-hub soak parity tests rust-tests notebook-tests bench experiments check-cuda gpu-bundle kernel-bench data html clean help FORCE
.DELETE_ON_ERROR:

setup: $(STAMPS)/warm ## environment, kernel, warm build and data; quick when there is nothing to do
	@$(BIN)/python tools/fetch_data.py --if-missing
	@echo "set-up is done: 'make lab' opens the notebooks"

lab: $(STAMPS)/warm $(STAMPS)/data-tried ## JupyterLab on notebooks/; LAB_ARGS="--no-browser --port 8888" passes arguments on
	$(WITH_CUDA) $(BIN)/jupyter-lab --notebook-dir=$(LAB_DIR) --KernelSpecManager.ensure_native_kernel=False $(LAB_ARGS)

run: $(STAMPS)/warm ## one notebook without a browser: NB=path.ipynb [VAE_FAST=1] [TIMEOUT=seconds] [INPLACE=1 [FORCE=1]]
	@test -n "$(NB)" || { echo "which notebook? make run NB=notebooks/00_start_here.ipynb"; exit 2; }
	@$(WITH_CUDA) $(BIN)/python tools/run_notebook.py --timeout $(TIMEOUT) $(if $(INPLACE),--inplace) $(if $(FORCE),--force) "$(NB)"

test: export VAE_FAST = 1
test: tests ## Rust tests, tests of the tools, and every notebook with VAE_FAST=1
test-full: tests ## all tests, with the notebooks at full length

tests: $(STAMPS)/warm $(ENV_STAMPS)/test-packages $(WORKFLOW)/packages
	@tools/phase.sh "Rust tests" $(WITH_CUDA) cargo test --release --workspace $(CARGO_CUDA)
	@tools/phase.sh "tests of kernel and tools" $(WITH_CUDA) $(BIN)/python -m pytest -q --durations=5 tests
	@$(if $(NOTEBOOKS),,exit 0;) tools/phase.sh "notebooks" $(WITH_CUDA) $(BIN)/python tools/run_notebook.py --timeout $(TIMEOUT) --jobs $(JOBS) $(NOTEBOOKS)

test-hub: ## the path through the Hugging Face hub, on a cache of our own and without a network (compiles for 10 minutes)
	cargo test --release -p vae_core --features hub --test data_hub

parity: ## state dicts from PyTorch and back: TORCH=/path/to/python, with torch, safetensors and numpy
	@test -n "$(TORCH)" || { echo "which Python has PyTorch? make parity TORCH=/path/to/python"; exit 2; }
	$(TORCH) tests/parity/round_trip.py

soak: ## a million damaged files and a hundred killed trainings: a quarter of an hour at most
	cargo build --release -p vae_core --example train
	cargo test --release -p vae_core --test fuzz --test faults --no-run
	VAE_SOAK=1 timeout 900 cargo test --release -p vae_core --test fuzz --test faults -- --nocapture

bench: ## time training steps, epochs and inference: [TORCH=/path/to/python] [JSON=FILE] [BENCH_ARGS="--models mlp"]
	$(WITH_CUDA) cargo run --release -p vae_core $(CARGO_CUDA) --example bench -- $(if $(FLAVOUR),--device cuda) \
		$(if $(TORCH),--torch $(TORCH)) $(if $(JSON),--json $(JSON)) $(BENCH_ARGS)

experiments: $(WORKFLOW)/packages ## tables with error bars, by a workflow: [SET=small] [OUT=runs/small] [PROFILE=slurm] [ARGS="--dry-run"]
	@$(WORKFLOW)/bin/python experiments/run.py $(OUT) --snakefile experiments/Snakefile --configfile experiments/$(SET).yaml \
		--profile $(if $(findstring /,$(PROFILE)),$(PROFILE),experiments/profiles/$(PROFILE)) $(ARGS)

check-cuda: ## on a machine without a GPU: build, lint, link and test with the feature `cuda` (half an hour when nothing is cached)
	@$(PYTHON) tools/cuda_toolkit.py tools/check_cuda.sh

gpu-bundle: ## one program and a script for a machine with a GPU and without Rust, into target/gpu-bundle/
	@$(PYTHON) tools/cuda_toolkit.py tools/gpu_bundle.sh

kernel-bench: $(STAMPS)/warm ## how fast the kernel starts, answers and computes
	@$(WITH_CUDA) $(BIN)/python tools/kernel_bench.py

data: $(ENV_STAMPS)/python ## fetch MNIST and Fashion-MNIST into data/
	@$(BIN)/python tools/fetch_data.py

html: $(ENV_STAMPS)/python ## the committed notebooks as HTML pages under target/notebooks/
	@$(BIN)/jupyter-nbconvert --to html --template lab --output-dir target/notebooks $(NOTEBOOKS)

clean: ## remove what was built and installed here; data/ stays
	rm -rf target .venv

help: ## this list
	@grep -E '^[a-z-]+:.* ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.* ## /\1\t/' | expand -t 14

CHECK_PYTHON := import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version)

# --- the steps of the set-up, each with a stamp that is as old as its sources ---

$(ENV_STAMPS)/python: tools/requirements.txt tools/lab_settings.json
ifeq ($(ENV),.venv)
	@echo "setup: Python packages into .venv (about a minute)"
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --requirement tools/requirements.txt
	@rm -rf .venv/share/jupyter/kernels/python3 # comes with JupyterLab; these notebooks have one language
endif
	@mkdir -p $(ENV)/share/jupyter/lab/settings
	@cp tools/lab_settings.json $(ENV)/share/jupyter/lab/settings/overrides.json
	@mkdir -p $(ENV_STAMPS) && touch $@

$(ENV_STAMPS)/test-packages: tools/requirements-test.txt $(ENV_STAMPS)/python
	@echo "setup: Python packages for the tests (seconds)"
	@$(BIN)/python -m pip install --quiet --requirement tools/requirements-test.txt
	@touch $@

$(WORKFLOW)/packages: experiments/requirements.txt
	@echo "setup: Snakemake into $(WORKFLOW) (half a minute)"
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@$(PYTHON) -m venv $(WORKFLOW)
	@$(WORKFLOW)/bin/python -m pip install --quiet --requirement experiments/requirements.txt
	@touch $@

$(ENV_STAMPS)/kernel-$(EVCXR_VERSION): $(ENV_STAMPS)/python tools/install_kernel.py
	@echo "setup: the Rust kernel, evcxr_jupyter $(EVCXR_VERSION), into $(ENV)"
	@$(BIN)/python tools/install_kernel.py $(EVCXR_VERSION)
	@touch $@

# Changes when compiler or linker do.
$(STAMPS)/toolchain: FORCE
	@mkdir -p $(STAMPS)
	@{ rustc -vV; command -v mold || command -v lld || echo system; } > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(STAMPS)/warm: $(ENV_STAMPS)/kernel-$(EVCXR_VERSION) $(STAMPS)/toolchain $(RUST_SOURCES) tools/warm_kernel.py tools/kernel_launcher.py
	@echo "setup: compiling vae_core for notebooks (4 minutes on two cores when cold, half a minute after a change)"
	$(if $(FLAVOUR),@echo "       and the CUDA kernels of candle: some minutes more the first time")
	@$(WITH_CUDA) $(BIN)/python tools/warm_kernel.py --stamp $@

# `make lab` tries for the data once, `make setup` every time.
$(STAMPS)/data-tried: $(ENV_STAMPS)/python
	@$(BIN)/python tools/fetch_data.py --if-missing
	@mkdir -p $(STAMPS) && touch $@
