"""How much a sweep plays: all with ``CGFLOW_SWEEP=full``, else cases in turns, always the same ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TypeVar

IS_FULL = os.environ.get("CGFLOW_SWEEP") == "full"

CLOSELY = ("cgsnapshot.create", "cgsnapshot.delete")
"""Operations that are played more closely. The last is so short that wide steps would pass over it."""

Case = TypeVar("Case")
Way = TypeVar("Way")


def in_turns(cases: Iterable[Case], ways: Sequence[Way], first: int = 0) -> list[tuple[Case, Way]]:
    """Return each case in every way, or, unless all is asked for, in one: the ways take turns."""
    return [
        (case, way)
        for number, case in enumerate(cases)
        for way in (ways if IS_FULL else [ways[(number + first) % len(ways)]])
    ]
