# Every target does its own set-up in .venv; nothing else on the machine is changed, but for
# `test`, which installs Debian packages for the RTSP server that the tests talk to.
PYTHON ?= python3
BIN := .venv/bin
STAMPS := .venv/.stamps

.PHONY: setup setup-dev demo test test-fast lint bench clean

setup: $(STAMPS)/base
setup-dev: $(STAMPS)/dev

OLD := kerbwatch needs Python 3.11 or newer; name one: make demo PYTHON=python3.11

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(OLD)")'
	$(PYTHON) -m venv .venv
	mkdir -p $(STAMPS)
	touch $@

$(STAMPS)/base: $(STAMPS)/venv pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	touch $@

$(STAMPS)/dev: $(STAMPS)/venv pyproject.toml constraints-cpu.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints-cpu.txt -e ".[train,openvino,mqtt,postgres,sim,dev]"
	touch $@ $(STAMPS)/base

# make demo [MEDIA=clip.mp4]; read by the shell, for the name may have blanks or an & in it
demo: $(STAMPS)/base
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/demo $${MEDIA:+"$$MEDIA"}

lint: $(STAMPS)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The default run; `make test ALL=1` adds the slow tests, as CI does. JOBS=1 runs one test at a time.
JOBS ?= 2
test: $(STAMPS)/dev
	scripts/install-test-tools
	$(BIN)/pytest -n $(JOBS) --dist loadfile $(if $(ALL),,-m "not slow")

bench: $(STAMPS)/dev
	$(BIN)/kerbwatch bench infer --quick
	$(BIN)/kerbwatch bench photos --quick
	$(BIN)/kerbwatch bench archive --quick
	$(BIN)/python benchmarks/rules.py
	$(BIN)/python benchmarks/peers.py --quick

# What make has made. Cases (kerbwatch-data) and training runs are somebody's work.
clean:
	rm -rf .venv out/demo build dist
