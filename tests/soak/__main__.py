"""Soak until this many processes were killed: ``python -m tests.soak --seed N --kills 500 [--life N]``."""

from __future__ import annotations

import argparse
import random
import sys
import time
from contextlib import ExitStack

import pytest

from tests.soak.soak import SQLITE, NewUrl, life, live, soak
from tests.support.postgres import postgres_server

DATABASES = ("sqlite", "postgresql")


def main() -> int:
    """Return 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--life", type=int, help="play this life of the soak alone, as after a failure in it")
    parser.add_argument("--databases", default=",".join(DATABASES), help="any of %(default)s")
    asked = parser.parse_args()
    names = asked.databases.split(",")
    if unknown := set(names) - set(DATABASES):
        parser.error(f"no databases of ours: {', '.join(sorted(unknown))}")
    again = f"python -m tests.soak --seed {asked.seed} --kills {asked.kills} --databases {asked.databases}"
    _tell(f"soak: {again}")
    started = time.monotonic()
    with ExitStack() as stack:
        databases: dict[str, NewUrl] = {}
        for name in names:
            try:
                databases[name] = (
                    SQLITE[name] if name in SQLITE else stack.enter_context(postgres_server()).new_url
                )
            except (pytest.skip.Exception, ImportError) as missing:
                _tell(f"soak: without {name}, {missing}")
        if not databases:
            return 0
        if asked.life is None:
            total = soak(asked.seed, asked.kills, _tell, databases)
        else:
            total = live(life(asked.seed, asked.life, databases), asked.kills, _tell)
    for what in total.wrong:
        _tell(f"soak: {what}")
    took = time.monotonic() - started
    said = f"INCONSISTENT, again with: {again} --life N;" if total.wrong else "ok"
    _tell(f"soak: {said} seed={asked.seed} {total} seconds={took:.0f}")
    return 1 if total.wrong else 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
