.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test check format bench proof conformance fuzz docs lock compiled compiled-test console console-check clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DATA ?= var/data
HOST ?= 127.0.0.1
PROCESSES ?= 1
PYTEST_ARGS ?=
WORKERS ?= auto
COMPILED ?=
CONSOLE := console
TREE := build/compiled
AS := $(if $(COMPILED),PYTHONPATH=$(CURDIR)/$(TREE))
PARITY := tests/unit/sip tests/unit/domain/agents tests/unit/domain/calls tests/unit/domain/routing \
  tests/unit/domain/statistics tests/unit/media tests/unit/services/registrar tests/unit/services/sip_proxy \
  tests/unit/services/sip_cluster tests/conformance/test_sip_torture.py \
  tests/unit/scxml tests/unit/services/orchestration tests/conformance/test_scxml_irp.py

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make the virtual environment and install everything into it

run: $(STAMP) $(if $(COMPILED),$(TREE)/.made) ## Start the platform on embedded servers (DEMO=1: with scripted callers and agents)
	@$(AS) $(BIN)/ringback up --data $(DATA) --host $(HOST) --processes $(PROCESSES) $(if $(DEMO),--demo)

test: $(STAMP) ## Run all tests, one process a core (WORKERS=0: in one process)
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

check: $(STAMP) ## Check format, lint, types, import law and sizes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/check_sizes.py
	@$(MAKE) --no-print-directory console-check

format: $(STAMP) ## Format the code and repair what ruff can repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) $(if $(COMPILED),$(TREE)/.made) ## Run every benchmark (one alone: make bench-NAME; COMPILED=1: compiled)
	@for file in tests/bench/bench_*.py; do echo "== $$file"; $(AS) $(BIN)/python "$$file" || exit 1; done

bench-%: $(STAMP) $(if $(COMPILED),$(TREE)/.made) ## Run the benchmark tests/bench/bench_NAME.py
	@$(AS) $(BIN)/python tests/bench/bench_$*.py

proof: $(STAMP) ## Kill two nodes of engagement at random over ten thousand callbacks: each dialled once, none lost
	@RINGBACK_PROOF_CALLBACKS=10000 $(BIN)/pytest -s tests/integration/services/engagement/test_two_nodes.py

conformance: $(STAMP) ## Run the conformance suites; the figures go to var/conformance.json
	@$(BIN)/pytest tests/conformance --conformance-report var/conformance.json $(PYTEST_ARGS)

fuzz: $(STAMP) ## Throw wrong messages at the signalling (COUNT=1000000 for the long run)
	@RINGBACK_FUZZ=$(or $(COUNT),50000) $(BIN)/pytest tests/fuzz/test_mutations.py tests/fuzz/test_live_proxy.py $(PYTEST_ARGS)

docs: $(STAMP) ## Write docs/reference anew from the code
	@$(BIN)/python tools/make_diagrams.py

lock: $(STAMP) ## Choose the newest versions of all dependencies anew (constraints.txt)
	$(BIN)/python tools/lock.py

compiled: $(TREE)/.made ## Build the wheel with compiled modules into dist/ (needs a C compiler; minutes)

compiled-test: $(TREE)/.made ## Run the tests of the compiled modules against their compiled form
	@PYTHONPATH=$(CURDIR)/$(TREE) $(BIN)/pytest -n $(WORKERS) --dist loadfile $(PARITY) $(PYTEST_ARGS)

console: $(CONSOLE)/node_modules/.installed ## Build the console from its TypeScript (needs node and npm; what is built is committed)
	@cd $(CONSOLE) && npm run --silent build

console-check:
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
	  if $(MAKE) --no-print-directory $(CONSOLE)/node_modules/.installed; then cd $(CONSOLE) && npm run --silent check; \
	  else echo "The console is not checked: its compiler cannot be installed here"; fi; \
	else echo "The console is not checked: node and npm are not installed (Debian: npm)"; fi

$(CONSOLE)/node_modules/.installed: $(CONSOLE)/package-lock.json
	@cd $(CONSOLE) && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

clean: ## Remove what was built and installed; var/ with your data stays
	rm -rf $(VENV) build dist $(CONSOLE)/build $(CONSOLE)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(TREE)/.made: $(STAMP) tools/compiled_build.py $(shell find src -name '*.py')
	@rm -rf $(TREE) dist/ringback-*-cp*.whl
	HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 $(BIN)/python -m hatchling build -t wheel -d dist
	@$(BIN)/python -m zipfile -e dist/ringback-*-cp*.whl $(TREE)
	@touch $@

$(STAMP): constraints.txt pyproject.toml tools/find_python.sh
	@python=$$(tools/find_python.sh) && \
	{ $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  "$$python" -m venv --clear $(VENV); }
	@echo "Installing into $(VENV) (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --require-hashes --only-binary :all: --requirement constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
