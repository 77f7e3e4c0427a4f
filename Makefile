# Needs only python3 (3.11 or newer, with venv) and make; everything else comes from the lock files.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# PM4Py is AGPL: never beside Fixtrail.
PM4PY_VENV ?= .venv-pm4py
# The extra `mcp`, which the lock files do not have, before the packages of .venv.
MCP_VENV ?= .venv-mcp
# OR-Tools pins an older protobuf than the lock file has.
ROSTER_VENV ?= .venv-roster
FORECAST_VENV ?= .venv-forecast
# What compiles the rules: mypyc needs neither pydantic nor the rest.
WHEEL_VENV ?= .venv-wheel
# Test files run side by side: most of their time is waiting for processes that start. The browser has its own event loop.
JOBS ?= 3
# An environment made for development also runs Fixtrail.
LOCK = $(if $(wildcard $(VENV)/.requirements-dev.lock.installed),requirements-dev.lock,requirements.lock)

# What `make quick` looks at: Python of the packages that differs from BASE, and tests of code that does no I/O.
BASE ?= HEAD
CODE = schemas runtime streams sinks fixtrail
CHANGED = $(filter %.py,$(shell git diff --name-only --diff-filter=d $(BASE) -- $(CODE); git ls-files -o --exclude-standard -- $(CODE)))
PURE = $(addprefix tests/unit/,schemas streams/journey runtime sinks/push/words fixtrail/reports/stats fixtrail/reports/drivers repository/test_dependencies.py) tests/contract/events

.DEFAULT_GOAL := help
.PHONY: help env env-dev demo test check quick format test-kafka test-long test-pm4py test-mcp test-roster test-forecast test-compiled wheel fast-path chaos contracts sbom audit helm clean

help:            ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## */\t/' | expand -t 16

env:             ## environment to run Fixtrail, in .venv
	@$(PYTHON) tools/environment.py $(LOCK) $(VENV)

env-dev:         ## environment to work on Fixtrail, in .venv
	@$(PYTHON) tools/environment.py requirements-dev.lock $(VENV)

demo: env        ## whole stack and a simulated day, live in the terminal (ONCE=1: ends by itself)
	@$(BIN)/fixtrail demo $(if $(ONCE),--once) $(DEMO)

check: env-dev   ## format, lint, dead code, types, import directions, generated documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/vulture
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/fixtrail contracts --check

quick: env-dev   ## in a minute or so: format, lint, types of what changed since BASE (HEAD), tests of pure code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(if $(CHANGED),$(BIN)/mypy $(CHANGED))
	$(BIN)/pytest -n $(JOBS) --dist loadfile $(PURE)

test: check      ## everything that runs without Java and Docker (TESTS="tests/unit -k wait" for some)
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(or $(TESTS),--ignore=tests/browser)
	$(if $(TESTS),,$(BIN)/pytest -n 2 --dist loadfile tests/browser)

test-long: env-dev ## proofs of minutes: kills, an end at every step, two workers, partitions moved under load, a machine lost, packs sent once
	$(BIN)/pytest -n 2 --timeout 3600 --dist loadfile -m "long and not kafka" $(TESTS)
	$(if $(TESTS),,FIXTRAIL_TEST_KAFKA=1 $(BIN)/pytest --timeout 3600 -m "long and kafka" tests/integration)

test-kafka: env-dev ## integration tests against Apache Kafka (Java 17 and Maven)
	FIXTRAIL_TEST_KAFKA=1 $(BIN)/pytest -n 2 --dist loadfile -m "kafka and not long" -rs $(TESTS)

wheel:           ## build/wheel: Fixtrail with its rules compiled by mypyc, for this Python (needs a C compiler)
	@test -x $(WHEEL_VENV)/bin/pip || $(PYTHON) -m venv $(WHEEL_VENV)
	@$(WHEEL_VENV)/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-wheel.lock
	@rm -rf build/wheel build/lib* build/bdist*
	FIXTRAIL_COMPILED=1 $(WHEEL_VENV)/bin/pip wheel -q --disable-pip-version-check --no-build-isolation --no-deps \
	  -w build/wheel .

test-compiled: env-dev wheel ## the tests of the rules on the wheel with compiled rules
	@rm -rf build/compiled
	@$(BIN)/python -m zipfile -e build/wheel/*.whl build/compiled
	FIXTRAIL_TEST_COMPILED=1 $(BIN)/pytest -o pythonpath="build/compiled ." \
	  tests/unit/streams/journey tests/unit/schemas tests/contract/events

fast-path: env-dev ## a million mutated records read by the fast path and by pydantic: no difference (RECORDS, SEED)
	$(BIN)/python -m tests.beside_pydantic --records $(or $(RECORDS),1000000) --seed $(or $(SEED),1)

test-pm4py: env-dev ## exports read back by PM4Py, in an environment of its own (.venv-pm4py)
	@test -x $(PM4PY_VENV)/bin/pip || $(PYTHON) -m venv $(PM4PY_VENV)
	@$(PM4PY_VENV)/bin/pip install -q --disable-pip-version-check pm4py==2.7.23.11
	FIXTRAIL_TEST_PM4PY=$(PM4PY_VENV)/bin/python $(BIN)/pytest -k pm4py tests/integration/test_export.py

test-mcp: env-dev ## the tools for agents over MCP, in an environment of its own (.venv-mcp)
	@test -x $(MCP_VENV)/bin/pip || $(PYTHON) -m venv $(MCP_VENV)
	@$(MCP_VENV)/bin/pip install -q --disable-pip-version-check mcp==2.3.0
	@$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > \
	  $$($(MCP_VENV)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/fixtrail-packages.pth
	FIXTRAIL_TEST_MCP=$(MCP_VENV)/bin/python $(BIN)/pytest tests/integration/test_mcp.py

test-roster:     ## rosters by OR-Tools (extra `roster`), in an environment of its own (.venv-roster)
	@$(PYTHON) tools/environment.py requirements-dev.lock $(ROSTER_VENV)
	@$(ROSTER_VENV)/.uv/bin/uv pip install -q --system-certs -p $(ROSTER_VENV)/bin/python ortools==9.15.6755
	$(ROSTER_VENV)/bin/pytest -rs tests/unit/fixtrail/roster

test-forecast: env-dev ## forecasts beside statsforecast's, in an environment of its own (.venv-forecast, 600 MB)
	@test -x $(FORECAST_VENV)/bin/pip || $(PYTHON) -m venv $(FORECAST_VENV)
	@$(FORECAST_VENV)/bin/pip install -q --disable-pip-version-check statsforecast==2.1.1
	FIXTRAIL_TEST_STATSFORECAST=$(FORECAST_VENV)/bin/python $(BIN)/pytest tests/unit/fixtrail/parts/test_rates.py

chaos: env-dev   ## faults on everything under load, then every promise checked (SEED, MINUTES, FAULTS, RATE, BROKER, SMOKE=1, CLUSTER=1)
	$(BIN)/python -m tests.chaos.run --seed $(or $(SEED),1) --minutes $(or $(MINUTES),$(if $(SMOKE),1,30)) \
	  $(if $(CLUSTER),--brokers 3) $(if $(FAULTS),--faults $(FAULTS)) \
	  $(if $(BROKER),--broker $(BROKER)) $(if $(SMOKE),--smoke --gap 5 --today 60) $(if $(RATE),--rate $(RATE)) \
	  $(if $(GAP),--gap $(GAP)) $(if $(TODAY),--today $(TODAY)) $(if $(REPORT),--report $(REPORT)) $(CHAOS)

contracts: env-dev ## writes docs/schemas and docs/asyncapi.yaml from the models
	$(BIN)/fixtrail contracts --write

helm:            ## lints, renders and validates the chart with each of its values (Go)
	sh tools/helm.sh

sbom: env-dev    ## build/sbom.cdx.json: every package that runs, with version and hashes (CycloneDX)
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible \
	  --of JSON -o build/sbom.cdx.json

audit: env-dev   ## requirements.lock against known weaknesses (OSV); says so where that cannot be reached
	@$(BIN)/python tools/audit.py

format: env-dev  ## formats the code and mends what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:           ## removes what the demo and the tools left behind
	rm -rf .fixtrail-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
