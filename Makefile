# Each target does the set-up that it needs. On a machine that has nothing, start with: make run
.DEFAULT_GOAL := help
.PHONY: help run lint quick test test-bare test-engines bench bench-workflows bench-pages pictures scan-cases stop clean check doctor

# Not a version manager's `python3`, where the system has its own: that costs 0.2 s a call.
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)
READY := $(PYTHON) scripts/bootstrap
SLIPWAY := uv run --project scripts --locked --no-dev slipway
# More than two cores need: much of a test is waiting for the engine. Who gets which test: tests/kit/conftest.py.
WORKERS ?= 3
KIT_TESTS = uv run --project scripts --locked pytest -n $(WORKERS)
TEST_TOOLS := env PYTHONPATH=tests/kit uv run --project scripts --locked python -m workflows.harness.provision
# `quick` starts no engine, and this shows it: whatever asks for one finds nothing there.
NO_ENGINE := DOCKER_HOST=unix:///dev/null/no-engine

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r target text; do \
		printf '  make %-16s %s\n' "$$target" "$$text"; done

run: ## from source to a verified local deployment (ARGS="--fresh", SLIPWAY_PORT=8001)
	@$(READY) sh -c '$${SLIPWAY_NO_ENGINE:+scripts/without-engine} "$$@"' sh $(SLIPWAY) run $(ARGS)

# It waits for nothing.
lint: WORKERS := 2
lint: ## static rules alone, in seconds: ruff, format, mypy, layers, workflows
	@$(READY) --no-engine $(KIT_TESTS) -m lint tests/kit/house tests/kit/workflows $(ARGS)

quick: ## all tests that need no engine and are quick (ROOM=deploy: those of one folder of tests/kit)
	@$(READY) --no-engine --for-tests $(TEST_TOOLS)
	@$(if $(ROOM),,$(READY) --no-engine uv run --locked pytest tests/unit)
	@$(READY) --no-engine --for-tests env $(NO_ENGINE) $(KIT_TESTS) -m "not engine and not slow" --timeout 10 \
		tests/kit/$(ROOM) $(ARGS)

test: ## the sample app's unit tests, then the kit's own tests (ARGS="-k name")
	@$(READY) --for-tests $(TEST_TOOLS)
	@$(READY) --no-engine uv run --locked pytest tests/unit
	@$(READY) --for-tests $(KIT_TESTS) tests/kit $(ARGS)

test-bare: ## `make run` and `make test` on bare Debian machines (SUITE=bookworm, trixie or both)
	@$(READY) env SUITE=$(or $(SUITE),both) uv run --project scripts --locked pytest tests/bare $(ARGS)

test-engines: ## the kit on Docker 28 and 29, each in a container (ENGINE=28, 29 or all; TESTS=few as in CI)
	@$(READY) env ENGINE=$(or $(ENGINE),all) ENGINE_TESTS=$(or $(TESTS),all) \
		uv run --project scripts --locked pytest tests/engines $(ARGS)

bench: ## how fast it is, side by side with a plain script (ARGS="--only G5 --pairs 3")
	@$(READY) uv run --project scripts --locked --no-dev python benchmarks/run.py $(ARGS)

bench-workflows: ## on a runner: the set-up, verify.yml beside its commands, the layer cache (ARGS="--only cache")
	@$(READY) --for-tests uv run --project scripts --locked python benchmarks/on_a_runner.py $(ARGS)

bench-pages: ## how fast report.html is written and how large it is, and what the live table costs
	@$(READY) --no-engine env PYTHONPATH=tests/kit uv run --project scripts --locked python benchmarks/pages.py

pictures: ## the pictures of the README and docs, from real runs of the sample app
	@$(READY) --for-tests uv run --project scripts --locked python docs/pictures.py

scan-cases: ## what can go wrong with a scan, as the tests make it happen, and what comes out
	@$(READY) --for-tests env PYTHONPATH=tests/kit uv run --project scripts --locked python tests/kit/stages/scan_cases.py

stop: ## removes all that `make run` started
	@$(READY) --no-engine $(SLIPWAY) stop $(ARGS)

clean: ## stop, and our images, caches and data too; nothing of anybody else's
	@$(READY) --no-engine $(SLIPWAY) clean $(ARGS)

check: ## what GitHub would refuse in the workflows
	@$(READY) --no-engine $(SLIPWAY) check $(ARGS)

doctor: ## what is missing here, and the command that fixes it
	@$(READY) --no-engine $(SLIPWAY) doctor $(ARGS)

# Compose hands these files to the services, whose users are not the one here: hence 0644 in a folder that is 0700.
secrets/%:
	@mkdir -p -m 0700 secrets
	@$(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(48), end="")' > $@.new
	@chmod 0644 $@.new
	@mv $@.new $@
