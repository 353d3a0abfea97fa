# make run           set up, and run the main job on the embedded default
# make test          set up, install and start the services, run all checks and tests
# make check         what needs no service, in minutes: lint, types, and tests of core, kernel, command line, Local
# make lint          all static checks          make docs      the documentation, into site/
# make coverage      the tests' coverage, subprocesses included (TESTS="tests/core tests/cli" for some of them)
# make bench         measure against peers      make clean
# make test-newest   core and Local with the newest allowed dependencies; make test-lowest: with the lowest
# make test-pythons  core and Local on every supported Python found, the kernel on 3.9 (VERSIONS="3.10 3.9": on these)
# make lock          write the locks after a change of requirements; make upgrade: with all at their newest
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.lock
PIP := pip --disable-pip-version-check
INSTALL := $(BIN)/$(PIP) install --quiet --constraint $(LOCK)
TESTS := tests
EXTRAS := .[azure,docker,emulator,notebook]
LOCAL_TESTS := tests/core tests/kernel tests/cli tests/local
NO_SERVICES := not docker and not azurite and not keyring
PYTEST_OPTIONS := --numprocesses 3 --dist loadfile

.PHONY: run test check bench lint docs coverage clean lock upgrade test-newest test-lowest test-pythons services

run: $(VENV)/.examples
	$(BIN)/python docs/examples/digits_sweep.py

test: $(VENV)/.test lint docs services
	$(BIN)/pytest $(PYTEST_OPTIONS); status=$$?; tests/services/docker.sh stop; exit $$status

check: $(VENV)/.test lint
	$(BIN)/pytest $(PYTEST_OPTIONS) -m "$(NO_SERVICES)" $(LOCAL_TESTS)

services: $(VENV)/.test
	tests/services/docker.sh start
	tests/services/example_image.sh start
	tests/services/azurite.sh start
	tests/services/keyring.sh start
	tests/services/azure_clients.sh start

bench: $(VENV)/.bench
	$(BIN)/python tests/benchmarks/run.py

lint: $(VENV)/.lint
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pre-commit run --all-files

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict -f docs/mkdocs.yml

coverage: # in an environment of its own, each Python of which measures itself
	$(MAKE) VENV=.venv-coverage .venv-coverage/.coverage
	tests/project/coverage.sh .venv-coverage/bin/python $(TESTS)

clean:
	rm -rf $(VENV) .venv-* site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

test-newest: .venv-newest/.made
	tests/project/local_part.sh .venv-newest/bin/python

test-lowest: .venv-lowest/.made
	tests/project/local_part.sh .venv-lowest/bin/python

test-pythons: $(VENV)/.test .venv-uv/.made
	tests/project/pythons.sh .venv-uv/bin/uv $(BIN)/python $(VERSIONS)

lock: .venv-uv/.made
	tests/project/lock.sh .venv-uv/bin/uv

upgrade: .venv-uv/.made
	tests/project/lock.sh .venv-uv/bin/uv --upgrade

# The environment and the stamps in it, one for each dependency group of pyproject.toml.
$(VENV)/.pip: $(LOCK)
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) pip
	touch $@

$(VENV)/.%: pyproject.toml $(LOCK) $(VENV)/.pip
	$(INSTALL) --build-constraint $(LOCK) --editable '$(EXTRAS)' --group $*
	touch $@

.venv-uv/.made: # from the lock where it has uv, so that a lock which no longer fits can be written again
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/$(PIP) install --quiet --constraint $(LOCK) uv
	touch $@

.venv-newest/.made: FORCE
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/$(PIP) install --quiet --upgrade pip
	.venv-newest/bin/$(PIP) install --quiet --upgrade --upgrade-strategy eager --editable '$(EXTRAS)' --group local-test
	touch $@

.venv-lowest/.made: pyproject.toml .venv-uv/.made
	$(PYTHON) -m venv --clear .venv-lowest
	.venv-uv/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct \
	    --editable '$(EXTRAS)' --group local-test
	touch $@

FORCE:
