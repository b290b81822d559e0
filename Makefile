# What there is to do here: `make help`. Needs make, a POSIX shell and Python 3.11 or later; the rest goes into .venv.
ifeq ($(OS),Windows_NT)  # in Git Bash
PYTHON ?= python
BIN := .venv/Scripts
EXE := .exe
else
PYTHON ?= python3
BIN := .venv/bin
endif
WORKERS ?= 2
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e

# What keeps $(PYTHON) from making an environment, or nothing; asked only when one has to be made.
problem = $(shell "$(PYTHON)" -c 'import sys; v = sys.version_info; \
	v >= (3, 11) or sys.exit("it is Python %d.%d" % v[:2]); import ensurepip, venv' 2>&1 | tail -n 1)
wanted = coursekit needs Python 3.11 or later with its venv module, and $(PYTHON) will not do: $(problem). \
	Install one (Debian, Ubuntu: apt install python3 python3-venv) or name one: make PYTHON=python3.12

# $(call step,name,command): say what runs and how long it took; where it fails, stop with a line that says which
step = @echo "== $(1)"; start=$$(date +%s); \
	if $(2); then echo "== $(1): $$(($$(date +%s) - start)) s"; \
	else echo "== $(1) FAILED after $$(($$(date +%s) - start)) s; this step alone: make $(1)" >&2; exit 1; fi

# One thread a worker: where there are more than processors, torch's wait for each other most of the time.
PYTEST := COURSEKIT_PROGRESS=off OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)
NBVAL := $(PYTEST) --dist loadfile --nbval-lax --nbval-current-env --nbval-cell-timeout 120
LINT = $(BIN)/ruff check . && $(BIN)/ruff format --check .

.PHONY: help lab setup test lint types drift audit notebooks solutions unit bench gpu demo site format clean
.NOTPARALLEL:

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

# Beside it, at the lowest priority, the tables of machine-found mistakes are made once, so that no learner waits for them.
lab: .venv/lab.stamp ## JupyterLab on the first notebook (PORT=8899 BROWSER=no: for a server)
	@nice -n 19 $(BIN)/python -m coursekit.judging.prepare >/dev/null 2>&1 &
	@$(BIN)/python -m jupyterlab --config=jupyter/jupyter_lab_config.py \
		$(if $(PORT),--port=$(PORT) --ServerApp.port_retries=0) $(if $(filter no,$(BROWSER)),--no-browser)

setup: .venv/dev.stamp ## the environment in .venv, with the tools of authors and instructors
	@echo "== ready: make lab, make test"

test: lint types unit drift audit notebooks solutions ## lint, types, unit, drift, audit, notebooks, solutions, one after the other
	@echo "== all steps passed"

lint: .venv/dev.stamp ## ruff: rules and layout
	$(call step,$@,$(LINT))

types: .venv/dev.stamp ## mypy
	$(call step,$@,$(BIN)/mypy)

unit: .venv/dev.stamp ## unit tests and doctests
	$(call step,$@,$(PYTEST) --dist loadfile)

drift: .venv/dev.stamp ## the bank is two-sided, and the generated notebooks are in step with it
	$(call step,$@,$(BIN)/coursekit author check)

audit: .venv/dev.stamp ## the checks have no holes: every edit that matters is caught, every slip named as itself
	$(call step,$@,$(BIN)/coursekit author audit)

# The lessons and the learners' notebooks run from top to bottom; stubs in them are "not attempted", which is no error.
notebooks: .venv/dev.stamp ## every lesson and every exercise notebook runs
	$(call step,$@,$(NBVAL) notebooks/*.ipynb exercises/*.ipynb)

solutions: .venv/dev.stamp ## every solution notebook runs, and every check in it passes
	$(call step,$@,COURSEKIT_STRICT=1 $(NBVAL) solutions/*.ipynb)

bench: .venv/bench.stamp ## speed beside torch, JAX and numba, a check, graders: tables in benchmarks/results (20 minutes)
	@COURSEKIT_PROGRESS=off $(BIN)/python -m benchmarks.speed
	@COURSEKIT_PROGRESS=off $(BIN)/python benchmarks/checks.py
	@COURSEKIT_PROGRESS=off $(BIN)/python -m benchmarks.graders

gpu: .venv/bench.stamp ## on a machine with an NVIDIA card: the tests that need one, then the speed
	$(call step,$@,COURSEKIT_PROGRESS=off $(BIN)/python -m pytest -m cuda)
	@COURSEKIT_PROGRESS=off $(BIN)/python -m benchmarks.speed

demo: .venv/lab.stamp ## a sample class of 30 submissions, made and graded in demo/
	@$(BIN)/coursekit demo --out demo

# The lessons are run the first time, some 10 minutes, and again only when they or what they run on change.
site: .venv/dev.stamp ## the course as pages to read, in build/site/html (SOLUTIONS=yes: with the answers)
	$(call step,$@,$(BIN)/python site/build.py $(if $(filter yes,$(SOLUTIONS)),--solutions))

format: .venv/dev.stamp ## lay out the code, and mend what ruff can mend
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

clean: ## remove .venv and everything else that is made; your work and progress stay
	@rm -rf .venv demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python$(EXE):
	$(if $(problem),$(error $(wanted)))
	@echo "== making .venv"
	@"$(PYTHON)" -m venv --clear .venv

.venv/lab.stamp: $(BIN)/python$(EXE) pyproject.toml constraints.txt
	@echo "== installing the course into .venv (the first time takes some minutes)"
	@$(INSTALL) '.[lab,grade]'
	@touch $@

.venv/dev.stamp: .venv/lab.stamp
	@$(INSTALL) '.[lab,grade,cluster,site,dev]'
	@touch $@

.venv/bench.stamp: .venv/dev.stamp
	@$(INSTALL) '.[lab,grade,cluster,site,dev,bench]'
	@touch $@
