"""Soak until so many processes were killed: ``python -m tests.soak --seed N --kills 500 [--postgres]``."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.soak.soak import soak
from tests.support.postgres import postgres_server


def main() -> int:
    """Return 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--postgres", action="store_true", help="keep the state in PostgreSQL")
    asked = parser.parse_args()
    again = f"python -m tests.soak --seed {asked.seed} --kills {asked.kills}" + " --postgres" * asked.postgres
    _tell(f"soak: {again}")
    started = time.monotonic()
    with ExitStack() as stack:
        new_url: Callable[[], str] | None = None
        if asked.postgres:
            try:
                new_url = stack.enter_context(postgres_server()).new_url
            except (pytest.skip.Exception, ImportError) as missing:
                _tell(f"soak: skipped, {missing}")
                return 0
        total = soak(asked.seed, asked.kills, _tell, new_url)
    for what in total.wrong:
        _tell(f"soak: {what}")
    if total.wrong:
        _tell(f"soak: INCONSISTENT kills={total.kills} flows={total.flows}, again with: {again}")
        return 1
    took = time.monotonic() - started
    _tell(f"soak: ok kills={total.kills} flows={total.flows} inconsistencies=0 in {took:.0f} s")
    return 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
