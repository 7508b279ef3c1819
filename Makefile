# Everything netcheck needs is set up by these targets: Python 3.11+, pip and make are enough to start.
PYTHON ?= python3
CONFIG ?= config/netcheck.yaml
UV := .tools/bin/uv
LOCKED = $(UV) pip compile -q --generate-hashes --universal --python-version 3.11
# Many tests wait more than they work: more workers than a small machine has cores are faster.
WORKERS ?= 6
SIDE_BY_SIDE := --numprocesses $(WORKERS) --dist worksteal
RUN := .venv/run
DEV := .venv/dev
FUZZ := .venv/fuzz
# How many inputs each parser gets from `make fuzz`.
INPUTS ?= 1000000
# How long `make soak` takes, and in which order its faults come.
MINUTES ?= 30
SEED ?= 1

.PHONY: help demo run test check lint types units system scenarios alerts fuzz soak bench bench-fleet dashboards rules reference screenshot lock sbom wheel pyz deb servers kerberos clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(RUN)/ready  ## see it at work in a laboratory on this machine; needs no network and no root
	$(RUN)/bin/netcheck demo

run: $(RUN)/ready  ## start the daemon on config/netcheck.yaml (CONFIG=FILE for another)
	$(RUN)/bin/netcheck run --config $(CONFIG)

test: servers kerberos check  ## install what the tests need, then lint, types, and every test with coverage

# The types beside the tests: these leave a core idle often enough.
check: lint  ## the same without installing Debian's servers
	$(MAKE) --no-print-directory --jobs 2 types units

lint: $(DEV)/ready
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .

types: $(DEV)/ready
	$(DEV)/bin/mypy

units: $(DEV)/ready
	$(DEV)/bin/coverage erase
	$(DEV)/bin/coverage run -m pytest $(SIDE_BY_SIDE) -m "not alone"
	$(DEV)/bin/pytest -m alone tests/system
	$(DEV)/bin/coverage combine --quiet
	$(DEV)/bin/coverage report

system: $(DEV)/ready  ## only the tests against real servers
	$(DEV)/bin/pytest $(SIDE_BY_SIDE) tests/system

scenarios: $(DEV)/ready servers  ## break things among real servers and write docs/diagnosis.md anew
	$(DEV)/bin/python -m tests.system.diagnosis

alerts: $(DEV)/ready servers  ## play incidents with real Prometheus and Alertmanager and write docs/alerts.md anew
	$(DEV)/bin/python -m tests.system.alerts_page

fuzz: $(FUZZ)/ready  ## feed each parser a million inputs, led by coverage (INPUTS=N for another number)
	$(FUZZ)/bin/python -m tests.fuzz --inputs $(INPUTS)

soak: $(DEV)/ready servers  ## half an hour of faults among real servers (MINUTES=N, SEED=N); needs root on Linux
	$(DEV)/bin/python -m tests.soak --minutes $(MINUTES) --seed $(SEED)

bench: $(DEV)/ready servers  ## measure against blackbox_exporter and prometheus-client, in one run
	$(DEV)/bin/python -m tests.bench

bench-fleet: $(DEV)/ready servers  ## measure a Prometheus with 1,000 simulated sites; takes two minutes, and 8 GB of memory
	$(DEV)/bin/python -m tests.bench.fleet

dashboards: $(DEV)/ready  ## write dashboards/*.json anew from their sources
	$(DEV)/bin/python -m dashboards

screenshot: $(DEV)/ready servers  ## make the picture in the README anew
	REWRITE_SCREENSHOT=port-5223-blocked $(DEV)/bin/pytest -q tests/system/test_page.py -k port-5223-blocked

rules: $(DEV)/ready  ## write the rules for prometheus-operator and the mixin anew from config/prometheus/*.yml
	$(DEV)/bin/python -m config.prometheus.rules

reference: $(DEV)/ready  ## write docs/config.md and config/netcheck.schema.json anew from the code
	$(DEV)/bin/python -m tests.config.reference

sbom: $(DEV)/ready  ## write requirements/sbom.cdx.json and docs/licences.md anew from the locks
	$(DEV)/bin/python -m config.packages.sbom

wheel: $(DEV)/ready  ## build the wheel into dist/
	$(DEV)/bin/python -m hatchling build -t wheel

pyz: $(DEV)/ready  ## build netcheck as one file for any Python 3.11 to 3.14 on Linux, macOS and Windows into dist/
	$(DEV)/bin/python -m config.packages.pyz

deb: $(DEV)/ready  ## build the package for Debian 12 and newer into dist/
	$(DEV)/bin/python -m config.packages.deb

servers:  # real proxies, DNS servers and Prometheus for the system tests; only root on Debian can install them
	@sh tests/system/install-servers.sh

kerberos: $(DEV)/ready servers  # for the tests with Kerberos, which is built against Debian's libkrb5
	@if command -v krb5-config >/dev/null; then $(MAKE) --no-print-directory $(DEV)/kerberos; fi

lock: $(UV)  ## make the locked requirements anew from pyproject.toml; after that, `make sbom`
	$(LOCKED) --upgrade pyproject.toml -o requirements/run.txt
	$(LOCKED) --upgrade --group dev --extra pac --extra proxy-auth pyproject.toml -o requirements/dev.txt
	$(LOCKED) --upgrade --extra pac --extra proxy-auth -c requirements/dev.txt pyproject.toml -o requirements/packages.txt
	$(LOCKED) --upgrade --extra kerberos -c requirements/dev.txt pyproject.toml -o requirements/kerberos.txt
	$(LOCKED) --upgrade --group pyproject.toml:kerberos-build -o requirements/kerberos-build.txt
	$(LOCKED) --upgrade --group fuzz -c requirements/run.txt pyproject.toml -o requirements/fuzz.txt

clean:  ## remove what these targets made
	rm -rf .venv .tools dist .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(UV):
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools uv

# The run environment has only what runs in production. In both, the tree itself is put on the path: nothing is
# built, and nothing is fetched that the lock files do not name with its hash.
define environment
	$(UV) venv -q --clear --python $(PYTHON) $(1)
	$(UV) pip sync -q --require-hashes --compile-bytecode --python $(1) requirements/$(2).txt
	$(1)/bin/python -m compileall -q netcheck
	echo "$(CURDIR)" > "$$($(1)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/netcheck.pth"
	printf '#!/bin/sh\nexec "%s/bin/python" -m netcheck "$$@"\n' "$(CURDIR)/$(1)" > $(1)/bin/netcheck
	chmod +x $(1)/bin/netcheck
	touch $@
endef

$(RUN)/ready: requirements/run.txt Makefile | $(UV)
	$(call environment,$(RUN),run)

$(DEV)/ready: requirements/dev.txt Makefile | $(UV)
	$(call environment,$(DEV),dev)

$(FUZZ)/ready: requirements/fuzz.txt Makefile | $(UV)
	$(call environment,$(FUZZ),fuzz)

$(DEV)/kerberos: requirements/kerberos.txt requirements/kerberos-build.txt $(DEV)/ready
	$(UV) pip install -q --require-hashes --build-constraints requirements/kerberos-build.txt --python $(DEV) -r requirements/kerberos.txt
	touch $@
