# Everything a newcomer needs: `make demo`, `make test`. Each target installs what it needs first.

PYTHON ?= python3
BIN := .venv/bin
CORES ?= all

.PHONY: help install demo test test-all bench coverage power permutation rank-correlation outlier cost fuzz check control schema lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.venv/installed: envs/requirements.lock
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("rightreason needs Python 3.11 or newer; try make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/requirements.lock
	touch $@

install: .venv/installed ## make .venv with the exact versions of envs/requirements.lock

demo: install ## audit the embedded cohort, from DICOM to the report
	$(BIN)/snakemake --cores $(CORES)
	@echo "The report: $(CURDIR)/results/report/index.html"

test: install ## every test in its smallest form
	$(BIN)/python -m pytest -m "not slow"

test-all: install ## the tests that take longer
	$(BIN)/python -m pytest -m slow

bench: install coverage ## what the proof of a conversion costs, beside dcm2niix; and coverage
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/conversion.py

COHORTS ?= 2000
coverage: install ## how often the intervals hold the truth, in COHORTS simulated cohorts a row
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=workflow/scripts $(BIN)/python -m benchmarks.coverage --cohorts $(COHORTS)

SIMULATE := OPENBLAS_NUM_THREADS=1 PYTHONPATH=workflow/scripts $(BIN)/python -m
power: install ## which share of a shortcut in the maps the audit tells from none
	$(SIMULATE) benchmarks.power

permutation: install ## whether p values are uniform where nothing is to be found
	$(SIMULATE) benchmarks.permutation

rank-correlation: install ## how often intervals of a rank correlation hold the truth
	$(SIMULATE) benchmarks.rank_correlation

outlier: install ## how often a rater is named as outlying when all are alike
	$(SIMULATE) benchmarks.outlier

cost: install ## what the measures of one map cost, beside Quantus and MONAI
	$(SIMULATE) benchmarks.overlap

N ?= 2000
fuzz: install ## N damaged inputs of convert and annotate: each a proved result, or a sentence
	$(BIN)/python tests/integration/fuzz.py $(N)

check: install ## style, types, lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

control: install ## the audit must be able to fail: the same model with and without the shortcut
	$(BIN)/python tests/integration/control.py

schema: install ## write config/schema.json and config/README.md from the config model
	PYTHONPATH=workflow/scripts $(BIN)/python -m rightreason.config_docs config

lock: ## resolve envs/requirements.lock anew from pyproject.toml, in a fresh environment
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --disable-pip-version-check '.[dev]'
	.venv-lock/bin/pip freeze --exclude rightreason | sed 's/+cpu$$//' | sort -f > envs/requirements.lock
	rm -rf .venv-lock

clean: ## remove results and logs, keep the environment
	rm -rf results/* logs .snakemake
