"""Selects the cases of a sweep: all with ``CGFLOW_SWEEP=full``, else a fixed sample."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TypeVar

IS_FULL = os.environ.get("CGFLOW_SWEEP") == "full"

CLOSELY = ("cgsnapshot.create", "cgsnapshot.delete")
"""Operations that are swept in narrower steps. The last one is so short that wide steps would skip it."""

Case = TypeVar("Case")
Way = TypeVar("Way")


def cases_in_turns(cases: Iterable[Case], ways: Sequence[Way], first: int = 0) -> list[tuple[Case, Way]]:
    """Return each case in one way, the ways taking turns; in the full sweep, each case in every way."""
    return [
        (case, way)
        for number, case in enumerate(cases)
        for way in (ways if IS_FULL else [ways[(number + first) % len(ways)]])
    ]
