# Two commands do all the set-up they need, on a fresh machine: `make demo` and `make test`.
LAB ?= default
DELAYS ?= off
BIN := .venv/bin

.PHONY: demo test test-long lint sanity unit integration examples project variants molecule sweeps lab lab-stop lab-status tools lock build

demo: tools ## put the example on the lab: plan, build, deploy, run again, and say where it answers
	tools/demo

test: tools ## all that must hold, side by side where it can
	$(BIN)/python tests/run.py

test-long: tools ## all that, molecule, and the full sweeps
	$(BIN)/python tests/run.py --long

lint sanity unit integration examples project variants molecule sweeps: tools ## one level of the tests
	$(BIN)/python tests/run.py $@

lab: tools ## start the lab; then `. .lab/env`
	tests/lab/lab start --name $(LAB) --delays $(DELAYS)

lab-stop: ## stop it, and take away all that it set up
	tests/lab/lab stop --name $(LAB)

lab-status: ## what runs
	tests/lab/lab status

tools: ## .venv with the locked tools
	tools/bootstrap

lock: tools ## resolve the tools again, once for all Pythons; no index of this machine is written down
	$(BIN)/uv pip compile --no-config --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --quiet pyproject.toml --group lab --group dev -o requirements/tools.txt

build: tools ## the collection's tarball, as Galaxy takes it
	$(BIN)/ansible-galaxy collection build --force
