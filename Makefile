# One line or two a target; every target takes ARGS="…" for its program.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TOOLS := .venv/.tools
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SHELL := bash

# On a terminal the program has a process group of its own: Ctrl-C is for it, and make exits as it does.
program = @if [ -t 0 ]; then set -m; $(BIN)/expo-controller $(1) $(ARGS); exit $$?; else exec $(BIN)/expo-controller $(1) $(ARGS); fi

.PHONY: help run test check demo bench otp otp-journals otp-live contract mutation chaos clean
help:   ## list the targets
	@awk -F ' *## ' '/^[a-z%-]+:.*##/ { split($$1, t, ":"); printf "  make %-13s %s\n", t[1], $$2 }' $(MAKEFILE_LIST)

run: $(READY)   ## start the controller on an embedded PostgreSQL under ./data
	$(call program,start)

test: $(TOOLS)   ## run all tests on a real PostgreSQL and real sockets
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(TOOLS)   ## lint and type-check
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright $(ARGS) && $(BIN)/python -m tests.typing

demo: $(READY)   ## show a farm at work: submitters, workers, artifacts
	$(call program,demo)

bench: $(TOOLS)   ## measure, side by side, as ratios
	@$(BIN)/python -m bench $(ARGS)

bench-%: $(TOOLS)   ## one of them: kernel, queue, upload
	@$(BIN)/python -m bench $* $(ARGS)

otp: $(TOOLS)   ## which statements about OTP have a test, and whether it passes
	@$(BIN)/python -m tests.otp.table $(ARGS)

otp-journals: $(TOOLS)   ## play journals of real Erlang (JOURNALS=folder) on our runtime
	@$(BIN)/python -m tests.otp.journals $(JOURNALS) $(ARGS)

otp-live: $(TOOLS)   ## the same with fresh scenarios and a real Erlang, if there is one
	@$(BIN)/python -m tests.otp.live play $(ARGS)

contract: $(TOOLS)   ## hold any controller to the wire contract: URL=… KEY=…
	@CONTROLLER_API_KEY=$(KEY) $(BIN)/python -m pytest tests/contract $(if $(URL),--url $(URL)) $(ARGS)

mutation: $(TOOLS)   ## break the rules of supervision one by one: a test must fail each time
	@$(BIN)/python -m tests.mutation $(ARGS)

chaos: $(TOOLS)   ## break everything under load, and count what was lost
	@$(BIN)/python -m tests.chaos $(ARGS)

clean:   ## remove the environment and caches (never ./data)
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(TOOLS): requirements-dev.lock $(READY)
	$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
