VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
CHROMIUM ?= $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name))))
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test test-browser test-cluster lint dist clean

run: $(VENV)/base  ## environment, index a sample repository, search it, print passages
	@rm -rf $(VENV)/sample && cp -r sample_repos/task_queue $(VENV)/sample
	$(BIN)/codesearch index $(VENV)/sample
	$(BIN)/codesearch search "what happens when a job keeps failing" $(VENV)/sample -k 2
	$(BIN)/codesearch search "wait longer between attempts" $(VENV)/sample -k 2

test: lint  ## everything CI runs
	$(BIN)/python -m pytest -n 2

test-browser: $(VENV)/test  ## the page of `codesearch serve`, in headless Chromium
	@test -n "$(CHROMIUM)" || { echo "There is no Chromium here; for example: apt-get install chromium"; exit 2; }
	$(INSTALL) "playwright>=1.49"
	CODESEARCH_BROWSER="$(CHROMIUM)" $(BIN)/python -m pytest tests/codesearch/service/test_browser*.py

test-cluster: $(VENV)/test  ## indexing and searching on Ray, which is no part of the test environment
	$(INSTALL) -e ".[test,ray]"
	$(BIN)/python -m pytest tests/on_ray

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

dist: $(VENV)/base  ## a wheel and an sdist in dist/, checked; the wheel is tried in an environment of its own
	$(INSTALL) build twine
	rm -rf dist build $(VENV)/wheel
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv $(VENV)/wheel
	$(VENV)/wheel/bin/python -m pip install --quiet --disable-pip-version-check --no-compile dist/*.whl
	cd / && "$(abspath $(VENV))/wheel/bin/codesearch" --version
	rm -rf build *.egg-info $(VENV)/wheel

# What a user installs; nothing is compiled that is not imported.
$(VENV)/base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --no-compile -e .
	@touch $@

# Eager: versions that the base alone got leave pip to search long for those that suit PyLate too.
$(VENV)/test: pyproject.toml
	@test -e $@ || test "$$(df -Pk . | awk 'END { print $$4 }')" -ge 10000000 || \
	  { echo "The test environment needs 10 GB of free space while it is installed, of which it keeps 7; make room." >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade --upgrade-strategy eager -e ".[test]"
	@touch $@ $(VENV)/base

clean:
	rm -rf $(VENV) build dist *.egg-info
