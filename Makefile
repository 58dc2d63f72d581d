# Everything a newcomer needs: `make demo`, `make test`. Each target installs what it needs first.

PYTHON ?= python3
BIN := .venv/bin
CORES ?= all

.PHONY: help install demo status verify test test-all bench coverage power permutation rank-correlation outlier trust-planted peers saliency-bench cost scale scale-slurm overhead gpu report-page report-size fuzz check control schema words lock vendor browser-tools screenshots clean

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

status: ## how far the run is and the time left; in another terminal, at any time
	@PYTHONPATH=workflow/scripts $(firstword $(wildcard $(BIN)/python) $(PYTHON)) -m rightreason.status

verify: ## hold every output against what was recorded when it was made; not while a run goes on
	@PYTHONPATH=workflow/scripts $(firstword $(wildcard $(BIN)/python) $(PYTHON)) -m rightreason.made

test: install ## every test in its smallest form
	$(BIN)/python -m pytest -m "not slow"

test-all: install ## the tests that take longer
	$(BIN)/python -m pytest -m slow

bench: install coverage saliency-bench ## what conversion and saliency cost, beside others; and coverage
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/conversion.py

# The project's own packages, torch among them, are seen through a path and not installed again, and
# what the peers ask for beyond them (torchvision, which would bring another torch) is left out.
.venv-peers/installed: .venv/installed benchmarks/peers.lock
	rm -rf .venv-peers
	$(BIN)/python -m venv --without-pip .venv-peers
	$(BIN)/pip --python .venv-peers/bin/python install --quiet --disable-pip-version-check --no-deps -r benchmarks/peers.lock
	.venv-peers/bin/python -c 'import sys, sysconfig; from pathlib import Path; \
		Path(sysconfig.get_path("purelib"), "project.pth").write_text(f"import site; site.addsitedir({sys.argv[1]!r})\n")' \
		"$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	touch $@

peers: .venv-peers/installed ## make .venv-peers: other programs' saliency beside the project's packages, which stay as they are

saliency-bench: install peers ## what saliency costs beside bare passes and other programs; a GPU where there is one
	PYTHONPATH=workflow/scripts .venv-peers/bin/python -m benchmarks.saliency

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

trust-planted: install ## what the tests of maps find of wrong maps, planted in a small network
	$(SIMULATE) benchmarks.trust_planted

RUN ?= 500
scale: install ## what planning N made-up cases costs, and running RUN tiny ones: time, memory, disk
	PYTHONPATH=workflow/scripts $(BIN)/python -m benchmarks.scale --cases $(N) --run $(RUN)

CASES ?= 50
scale-slurm: install ## what CASES made-up cases cost SLURM and Snakemake, through profiles/slurm, with scripts that do nothing
	PYTHONPATH=workflow/scripts $(BIN)/python -m benchmarks.scale_slurm --cases $(CASES)

overhead: install ## what each stage's job costs before it does anything, beside an empty job
	PYTHONPATH=workflow/scripts $(BIN)/python -m benchmarks.overhead

cost: install ## what the measures of one map cost, beside Quantus and MONAI
	$(SIMULATE) benchmarks.overlap

report-page: install ## how large the page of 313 cases is, and how soon its top is seen
	$(SIMULATE) benchmarks.report_page

report-size: install ## what the report's viewer costs: time, memory, and megabytes of 313 cases
	$(SIMULATE) benchmarks.report_size

gpu: install ## training and saliency of the default models beside the bare network; a GPU where there is one
	PYTHONPATH=workflow/scripts $(BIN)/python -m benchmarks.gpu

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

words: install ## bring the translations up to date with code and templates; say what is left
	PYTHONPATH=workflow/scripts $(BIN)/python -m rightreason.catalogue ja

lock: ## resolve envs/requirements.lock anew from pyproject.toml, in a fresh environment
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --disable-pip-version-check '.[dev]'
	.venv-lock/bin/pip freeze --exclude rightreason | sed 's/+cpu$$//' | sort -f > envs/requirements.lock
	rm -rf .venv-lock

NIIVUE := 0.69.0
NIIVUE_SHA512 := YMjQvJgD1W2b7DuoxkwlC4VxbrgIePRJ5qyQzXKxi2v2MBVg285P/CIQyg46oDDGDIcaNlbd+MhtO/edMbXJkA==
NIIVUE_AT := workflow/scripts/rightreason/vendor/niivue
vendor: ## fetch the report's viewer, NiiVue, anew from npm (it lies in the repository: users need no npm)
	rm -rf build/niivue && mkdir -p build/niivue
	npm pack --silent --ignore-scripts --pack-destination build/niivue @niivue/niivue@$(NIIVUE)
	test "$$(openssl dgst -sha512 -binary build/niivue/*.tgz | base64 --wrap=0)" = "$(NIIVUE_SHA512)"
	tar -xzf build/niivue/*.tgz -C build/niivue package/dist/niivue.umd.js
	cp build/niivue/package/dist/niivue.umd.js $(NIIVUE_AT)/niivue.umd.js
	cd $(NIIVUE_AT) && sha256sum niivue.umd.js > niivue.umd.js.sha256

AXE := 4.14.1
browser-tools: .tools/node_modules/axe-core/axe.min.js ## axe-core, with which the browser tests look for hurdles
.tools/node_modules/axe-core/axe.min.js:
	npm install --silent --ignore-scripts --no-save --no-audit --no-fund --prefix .tools axe-core@$(AXE)

screenshots: install ## pictures of the demo's report for docs/report (needs `make demo` and Chromium)
	PYTHONPATH=workflow/scripts $(BIN)/python -m tests.browser.screenshots results/report/index.html docs/report

clean: ## remove results and logs, keep the environment
	rm -rf results/* results/.made logs .snakemake
