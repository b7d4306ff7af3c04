# make run   sets everything up and measures an example command (ARGS=--once ends by itself)
# make test  sets everything up and passes all tests
# sudo make install    leaves it running as a systemd service; sudo make uninstall takes it away (PURGE=1: data too)
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: setup run test test-bluez lint fuzz bench docs screenshots notebook study clean install uninstall
.DELETE_ON_ERROR:

setup: $(STAMP)

run: $(STAMP)
	@$(BIN)/wattwatch demo $(ARGS)

test: $(STAMP) lint
	@sh tools/debian-packages.sh
	@sh tools/test.sh $(BIN)/python $(ARGS)

# a real bluetoothd with virtual controllers in QEMU, about 90 s; once more minutes to make the machine
test-bluez: $(STAMP)
	@sh tools/debian-packages.sh
	@$(BIN)/python -m pytest -m bluez_real -s tests/e2e/test_bluez_real.py $(ARGS)

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# e.g. make fuzz SECONDS=600 TARGET=relay
SECONDS ?= 60
fuzz: $(STAMP)
	@for target in $(or $(TARGET),$$($(BIN)/python fuzz --list)); do \
	  mkdir -p .cache/fuzz/$$target; \
	  $(BIN)/python fuzz $$target .cache/fuzz/$$target -max_total_time=$(SECONDS) \
	    -artifact_prefix=.cache/fuzz/$$target- -verbosity=0 2>.cache/fuzz/$$target.log \
	    || { tail -40 .cache/fuzz/$$target.log; exit 1; }; \
	  echo "$$target: $$(sed -n 's/stat::number_of_executed_units: *//p' .cache/fuzz/$$target.log) inputs"; \
	done

bench: $(STAMP)
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

# the simulated example study, docs/study.md and its page, made anew
study: $(STAMP)
	@$(BIN)/python tools/study.py

# pictures of reports in docs/screenshots, made anew; needs Debian's chromium
screenshots: $(STAMP)
	@$(BIN)/python tools/screenshots.py

# the example notebook, executed anew beside a simulated meter
notebook: $(STAMP)
	@$(BIN)/python tools/notebook.py

docs: $(STAMP)
	@$(BIN)/python -m wattwatch.cli.docs

install uninstall:
	@sh tools/install.sh $@

$(STAMP): pyproject.toml constraints.txt tools/make-venv.sh
	@sh tools/make-venv.sh $(PYTHON) $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
