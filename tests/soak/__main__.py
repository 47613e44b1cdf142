"""Soak until this many processes were killed: ``python -m tests.soak --seed N --kills 500 [--life N]``."""

from __future__ import annotations

import argparse
import random
import sys
import time
from contextlib import ExitStack

import pytest

from tests.soak.soak_runs import SQLITE, NewUrl, make_life, run_life, soak
from tests.support.postgresql_server import postgres_server

DATABASES = ("sqlite", "postgresql")


def main() -> int:
    """Return 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--life", type=int, help="play this life of the soak alone, as after a failure in it")
    parser.add_argument("--databases", default=",".join(DATABASES), help="any of %(default)s")
    options = parser.parse_args()
    names = options.databases.split(",")
    if unknown := set(names) - set(DATABASES):
        parser.error(f"no databases of ours: {', '.join(sorted(unknown))}")
    again = (
        f"python -m tests.soak --seed {options.seed} --kills {options.kills} --databases {options.databases}"
    )
    _print_line(f"soak: {again}")
    started = time.monotonic()
    with ExitStack() as stack:
        databases: dict[str, NewUrl] = {}
        for name in names:
            try:
                databases[name] = (
                    SQLITE[name] if name in SQLITE else stack.enter_context(postgres_server()).new_url
                )
            except (pytest.skip.Exception, ImportError) as missing:
                _print_line(f"soak: without {name}, {missing}")
        if not databases:
            return 0
        if options.life is None:
            total = soak(options.seed, options.kills, _print_line, databases)
        else:
            total = run_life(make_life(options.seed, options.life, databases), options.kills, _print_line)
    for what in total.wrong:
        _print_line(f"soak: {what}")
    took = time.monotonic() - started
    result = f"INCONSISTENT, again with: {again} --life N;" if total.wrong else "ok"
    _print_line(f"soak: {result} seed={options.seed} {total} seconds={took:.0f}")
    return 1 if total.wrong else 0


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
