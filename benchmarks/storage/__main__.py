"""Run the benchmarks of storage: ``python -m benchmarks.storage [KIND ...]``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from benchmarks.storage import cuts, neighbours, qsd, whole
from benchmarks.storage.contender import Contender

SIZES = (4, 32, 100)
ROUNDS = 20

Make = Callable[[int], AbstractContextManager[tuple[Contender, Contender]]]
KINDS: dict[str, Make] = {"qsd": qsd.contenders}


def run(kinds: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Measure the kinds of storage named, and return the rows of all tables."""
    rows = []
    for kind in kinds:
        for members in SIZES:
            with KINDS[kind](members) as both:
                rows += cuts.compare(kind, both, members, ROUNDS)
            for row in rows[-2:]:
                print(json.dumps(row), flush=True)
    return {"cuts": rows, "whole": whole.run(), "neighbours": neighbours.run()}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1:] or list(KINDS)), indent=2))
