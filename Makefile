# Two commands do everything on a fresh Debian 12 or 13: `make demo` and `make test`.
# Python packages go into a private virtual environment. Debian packages are
# installed as root; anyone else is told the line to type.

VENV := .venv
PY := $(VENV)/bin/python
PACKAGES := python3-venv qemu-system-common qemu-utils libnbd-bin
PROGRAMS := qemu-storage-daemon qemu-img nbdcopy
# The tests also use a PostgreSQL server, which they start themselves.
pytest soak prove-postgres: PACKAGES += postgresql
pytest soak prove-postgres: PROGRAMS += $(shell ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null || echo initdb)
# Tests that mount volumes as file systems.
pytest prove-postgres: PACKAGES += fuse3 e2fsprogs
pytest prove-postgres: PROGRAMS += nbdfuse fusermount3 mkfs.ext4
# Tests on a btrfs.
pytest bench: PACKAGES += btrfs-progs
pytest bench: PROGRAMS += $(shell ls /usr/sbin/mkfs.btrfs 2>/dev/null || echo mkfs.btrfs)
# Tests against a Ceph cluster of one monitor, manager and OSD.
pytest bench: PACKAGES += ceph-mon ceph-osd ceph-mgr ceph-common python3-rbd python3-rados
pytest bench: PROGRAMS += ceph-mon ceph-osd ceph-mgr rbd

.PHONY: demo test unit pytest test-debian13 soak prove-postgres check bench serve constraints histories clean programs
.DEFAULT_GOAL := help

help:
	@echo "make demo    the main job on real volumes: consistent cuts, rollback, kill -9, history"
	@echo "make test    all checks and tests; make test T=tests/drivers/qsd runs a part of the tests"
	@echo "make unit    tests that need no server and no storage"
	@echo "make test-debian13    both of them on a fresh Debian 13, in a tree of its own (root)"
	@echo "make soak    at least 500 kills at random moments, on SQLite and PostgreSQL, and 40 of storage daemons"
	@echo "make prove-postgres    PostgreSQL on two members recovers from every cgsnapshot (root)"
	@echo "make check   lint, types, layers and file sizes only"
	@echo "make bench   ratios, measured in one run"
	@echo "make constraints    write the newest allowed versions of all dependencies to etc/constraints.txt"
	@echo "make histories    record the half-done flows of a new release, for later releases to finish or undo"
	@echo "make serve   serve on 127.0.0.1:8776 with the state in ./state"

demo: $(VENV)/ready programs
	$(PY) -m tests.demo

# A part of the tests, without the checks: make test T=tests/drivers/qsd.
test: $(if $(T),,check) pytest

# What needs no server and no storage.
unit: $(VENV)/ready
	$(VENV)/bin/pytest -p no:schemathesis -m "not postgresql" tests/unit tests/architecture $(PYTEST)

# In the order of the folders, so that a file with few long tests does not begin last.
pytest: $(VENV)/ready programs
	$(VENV)/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST) $(T)

# Both on a fresh Debian 13, in a tree that is made of Debian's packages and removed afterwards (root). For a part:
# make test-debian13 IN_DEBIAN13=pytest PYTEST=tests/drivers.
IN_DEBIAN13 := demo test
test-debian13:
	tests/debian13.sh make $(IN_DEBIAN13) PYTEST="$(PYTEST)"

# Random operations and kills: make soak SOAK="--kills 500 --seed 1". With --life added, one failed life is
# repeated. Then the storage daemon is killed, in as many rounds as SOAK_DAEMONS="--rounds 40" says.
soak: $(VENV)/ready programs
	$(PY) -m tests.soak $(SOAK)
	$(PY) -m tests.soak.daemons $(SOAK_DAEMONS)

# PostgreSQL with data and log on two members: make prove-postgres PROVE="--cgsnapshots 20".
prove-postgres: $(VENV)/ready programs
	$(PY) -m tests.proof $(PROVE)

check: $(VENV)/ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) -m tests.architecture.file_sizes

bench: $(VENV)/ready programs
	$(PY) -m benchmarks

serve: $(VENV)/ready programs
	$(VENV)/bin/cgflow serve --state-dir state

# The newest versions that setup.cfg allows, as they are installed together in a new environment.
constraints:
	set -e; new=$$(mktemp -d); trap "rm -rf $$new" EXIT; python3 -m venv $$new; \
	$$new/bin/pip install --quiet --disable-pip-version-check .[test,postgresql]; \
	{ echo "# Written by 'make constraints': versions with which the demo, the tests and an installation are reproducible."; \
	  $$new/bin/pip freeze --exclude cgflow; } >etc/constraints.txt

# At a release, and after an operation was added.
histories: $(VENV)/ready
	$(PY) -m tests.stories.record_histories

clean:
	rm -rf $(VENV) .venv-* *.egg-info .mypy_cache .ruff_cache .pytest_cache

programs:
	@missing=; for program in $(PROGRAMS); do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	[ -z "$$missing" ] || $(MAKE) --no-print-directory packages MISSING="$$missing" PACKAGES="$(PACKAGES)"

$(VENV)/ready: setup.cfg pyproject.toml etc/constraints.txt
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "cgflow needs Python 3.11 or later as python3"; exit 1; }
	@python3 -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory packages MISSING=" python3-venv"
	python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint etc/constraints.txt --editable .[test]
	touch $@

.PHONY: packages
packages:
	@if [ "$$(id -u)" = 0 ]; then \
	  echo "installing:$(MISSING)"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null; \
	else \
	  echo "Missing:$(MISSING). Install what is missing with:"; \
	  echo "  sudo apt-get install --no-install-recommends $(PACKAGES)"; exit 1; \
	fi
