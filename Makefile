.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export PYTHONSAFEPATH := 1    # never import a room by its folder's name

help:           ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "tapeout needs Python 3.11 or newer, and there is no $(PYTHON): apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "tapeout needs Python 3.11 or newer; $(PYTHON) is older: name another, as in make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

tools:
	@command -v c++ >/dev/null || echo "no C++ compiler, so Verilator is left out: apt install g++"
	@command -v perl >/dev/null || echo "no perl, so Verilator is left out: apt install perl"
	@command -v iverilog >/dev/null || echo "no Icarus Verilog, so it is left out: apt install iverilog"

$(VENV)/demo: pyproject.toml setup.py | $(BIN)/python tools
	@echo "installing tapeout into $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[hdl]'
	@touch $@

$(VENV)/dev: pyproject.toml setup.py | $(BIN)/python tools
	@echo "installing tapeout and what its tests need into $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/demo

demo: $(VENV)/demo   ## a packet's walk: a simulated exchange day from wire bytes to a risk report
	@$(BIN)/tapeout demo

TESTS := not blocks or every_engine
test: $(VENV)/dev   ## all that runs without devices, but for `make rtl`
	@$(BIN)/python -m pytest -q -m "$(TESTS)"

rtl: $(VENV)/dev    ## every block of the gateware, and the whole, on every simulator: long
	@$(BIN)/python -m pytest -q -m blocks

card: $(VENV)/dev   ## the simulated card beside its twin: 200,000 messages, every fault, 12,000 orders
	@$(BIN)/python -m pytest -q tests/host/test_card_whole.py tests/host/test_card_orders.py

tree:           ## build/tree/tapeout: the four folders linked as the wheel lays them out
	@rm -rf build/tree && mkdir -p build/tree/tapeout
	@ln -s $(CURDIR)/host/* $(CURDIR)/kernels $(CURDIR)/hdl $(CURDIR)/sim build/tree/tapeout/

check: $(VENV)/dev tree   ## format, lint, types, tests
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .
	@MYPYPATH=build/tree $(BIN)/mypy
	@$(BIN)/python -m pytest -q -m "$(TESTS)"

wheel: $(VENV)/dev   ## the tests against the installed wheel, outside the repository
	@rm -rf build/wheel && mkdir -p build/wheel
	@$(BIN)/python -m build -q --no-isolation --outdir build/wheel .
	@$(BIN)/python tests/against_wheel.py build/wheel

$(VENV)/flow: $(VENV)/dev
	@echo "installing place and route, and the solver, into $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[flow]'
	@touch $@

BLOCK ?= decoder
timing: $(VENV)/flow   ## place and route BLOCK=decoder on an ECP5, five seeds
	@$(BIN)/tapeout hdl timing $(BLOCK)

formal: $(VENV)/flow   ## the bounded proofs
	@$(BIN)/python -m pytest -q tests/hdl/formal tests/hdl/test_flow_prove.py

mutations: $(VENV)/dev   ## every planted fault: which test catches it (WORDS=orders: only some)
	@$(BIN)/python tests/hdl/mutate.py $(if $(WORDS),,--table docs/mutations.md) $(WORDS)

SECONDS ?= 600
SEED    ?= 1
COUNT   ?= 5000000
soak: $(VENV)/dev   ## COUNT=5000000 messages through the whole gateware from SEED=1, as the model says
	@$(BIN)/python tests/hdl/soak.py --count $(COUNT) --seed $(SEED) $(if $(filter command line,$(origin SECONDS)),--seconds $(SECONDS))

coverage: $(VENV)/dev   ## what the test streams meet of the gateware: types, lanes, hazards, lines, toggles
	@$(BIN)/python tests/hdl/coverage.py --seed $(SEED)

fuzz: $(VENV)/dev   ## mutated captures for SECONDS=600 from SEED=1: only documented errors may leave
	@$(BIN)/python tests/fuzz.py --seconds $(SECONDS) --seed $(SEED)

bench: $(VENV)/dev   ## every benchmark, each a table and JSON lines in benchmarks/results/
	@PYTHONSAFEPATH= $(BIN)/python benchmarks/all.py

gpu: tree       ## on a GPU machine, with its own packages: parity, then benchmarks
	@PYTHONPATH=build/tree $(PYTHON) -m pytest -q -m gpu tests/kernels
	@PYTHONSAFEPATH= PYTHONPATH=build/tree $(PYTHON) benchmarks/all.py --device gpu

clean:          ## remove what can be rebuilt
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name '*.nb[ic]' -not -path './$(VENV)/*' -delete

.PHONY: help tools demo test rtl card tree check timing formal mutations soak coverage wheel fuzz bench gpu clean
