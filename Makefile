# make demo   install into .venv and run the main job on the embedded digits
# make test   install what the tests need and run them
# make check  everything that has to hold before a change lands: format, lint, types, docs that run, tests
# make search property tests on examples drawn by chance; prints the seed
# make proofs the long ones, minutes each, and the search
# make bench  us and the neighbours side by side; results are kept in BENCHMARKS.md

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Types of the pages' scripts, written as comments, by TypeScript; npm brings it into a folder that git ignores.
TSC := .venv-js/node_modules/.bin/tsc
TSC_OPTIONS := --allowJs --checkJs --noEmit --strict --noUncheckedIndexedAccess --noUnusedLocals --target es2022 \
  --module esnext --moduleResolution bundler --lib es2022,dom,dom.iterable

.PHONY: demo test check check-js format search proofs tables bench bench-describe bench-memory bench-predict bench-transfer bench-machine \
  bench-pointing bench-cifar clean

demo: .venv/installed
	$(BIN)/convscope train digits --out runs/demo-$$(date +%s)

# The same examples and the same bits at every run: one worker a core, one thread a worker (tests/conftest.py). Each
# worker begins with its own half, so that what a module's tests share is made once, and takes of the other's at the end.
WORKERS ?= logical
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal
# Compiled once: torch is loaded many times, and tests are rewritten.
unexport PYTHONDONTWRITEBYTECODE

# Tests and the examples of docstrings and pages in one go: to load everything is a tenth of all the time.
test: .venv/installed-tests
	$(PYTEST) -m "not slow" tests --doctest-modules src/convscope README.md docs --doctest-glob='*.md'

# A search by chance instead of the examples of every day; what it finds is kept as an @example beside its mend.
SEED ?= $(shell date +%s)
search: .venv/installed-tests
	@echo "Hypothesis searches from seed $(SEED): make search SEED=$(SEED) repeats it"
	$(PYTEST) -m "hypothesis and not slow" --hypothesis-profile=random --hypothesis-seed=$(SEED) tests

check: .venv/installed-tests .venv-keras/installed
	$(BIN)/ruff format --check src tests bench docs
	$(BIN)/ruff check src tests bench docs
	$(BIN)/mypy
	$(MAKE) check-js
	$(MAKE) test

check-js:
	@if command -v npm >/dev/null; then \
	  $(MAKE) --no-print-directory $(TSC) && $(TSC) $(TSC_OPTIONS) src/convscope/render/html/*.js; \
	else echo "npm is not installed: the types of the pages' scripts are not checked"; fi

$(TSC):
	npm install --prefix .venv-js --silent --no-save --no-package-lock --no-audit --no-fund typescript@5.9

format: .venv/installed-tests
	$(BIN)/ruff format src tests bench docs
	$(BIN)/ruff check --fix src tests bench docs

proofs: .venv/installed-tests
	@echo "Hypothesis searches from seed $(SEED)"
	$(BIN)/python -m pytest -m slow --hypothesis-profile=random --hypothesis-seed=$(SEED) tests
	$(MAKE) search SEED=$(SEED)

FASHION_MNIST ?= .shared-sets/fashion-mnist
tables: .venv/installed
	$(BIN)/python docs/make_settings.py
	$(BIN)/python docs/make_notation_tables.py

bench: .venv/installed
	$(BIN)/python bench/fashion_mnist.py $(FASHION_MNIST)

CIFAR10 ?= .shared-sets/cifar10
bench-cifar: .venv/installed
	$(BIN)/python bench/cifar10.py $(CIFAR10)

bench-describe: .venv/installed
	$(PIP) --editable '.[bench]'
	$(BIN)/python bench/describe.py

bench-memory: .venv/installed
	$(BIN)/python bench/memory.py

bench-predict: .venv/installed
	$(PIP) --editable '.[pretrained]'
	$(BIN)/python bench/predict.py

bench-transfer: .venv/installed
	$(PIP) --editable '.[pretrained]'
	$(BIN)/python bench/transfer.py

bench-machine: .venv/installed
	$(BIN)/python bench/machine.py

bench-pointing: .venv/installed
	$(PIP) --editable '.[pretrained]'
	$(BIN)/python bench/pointing_game.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable .
	touch $@

.venv/installed-tests: .venv/installed
	$(PIP) --editable '.[test,check]'
	touch $@

# A separate environment: what convscope writes as Keras source is run in it by a test.
.venv-keras/installed: bench/requirements-keras.txt
	$(PYTHON) -m venv .venv-keras
	.venv-keras/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

clean:
	rm -rf .venv .venv-keras .venv-js .mypy_cache .ruff_cache .pytest_cache .hypothesis
