# make run    set up, and run the main job on the embedded default
# make test   set up, install and start the services, run all checks and tests
# make bench  measure against peers      make lint   make docs   make clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: run test bench lint docs clean

run: $(VENV)/.examples
	$(BIN)/python docs/examples/digits_sweep.py

test: $(VENV)/.test lint docs
	tests/services/docker.sh start
	tests/services/example_image.sh start
	tests/services/azurite.sh start
	tests/services/keyring.sh start
	tests/services/azure_clients.sh start
	$(BIN)/pytest --numprocesses 3 --dist loadfile; status=$$?; tests/services/docker.sh stop; exit $$status

bench: $(VENV)/.bench
	$(BIN)/python tests/benchmarks/run.py

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict -f docs/mkdocs.yml

clean:
	rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.pip: # 25.1 is the first that knows dependency groups
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) 'pip>=25.1'
	touch $@

# one stamp for each dependency group of pyproject.toml
$(VENV)/.%: pyproject.toml | $(VENV)/.pip
	$(INSTALL) --editable '.[azure,docker,emulator]' --group $*
	touch $@
