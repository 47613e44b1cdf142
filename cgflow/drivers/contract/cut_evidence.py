"""What a driver says of a cut: at which level it was made, when, and how long it took.

A backend that cuts all members at one instant does so at the level ``crash``:
what is read from the copies is what a crash would have left. One that can only
cut one volume after the other does so at the level ``per-volume``, and has to
say by how much the members are apart. The level is reported as the capability
``cut_level``; ``consistencygroup_support`` is true for ``crash`` alone, so that
nobody is given the lower level who did not allow it.

The evidence of a cut is JSON:

* ``mechanism``: how it was done, in words;
* ``level``: the level of this cut, which is never below what the backend reports, and
  for one member alone is ``crash``: it has nobody to be apart from;
* ``members``: how many volumes were cut;
* ``cut_at``: when the cut began, in UTC as ISO 8601 with microseconds;
* ``duration_ms``: how long it took;
* ``skew_ms``: the time between the first member and the last, 0.0 where the
  mechanism is one instant by construction;
* ``promise``: a sentence on what writers get, where that needs one.

``cut_at`` and ``duration_ms`` are None for a cut that is known to have happened
although its answer was lost.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cgflow import clock
from cgflow.drivers.contract import JSON, Report

CUT_LEVEL = "cut_level"
GROUP_SUPPORT = "consistencygroup_support"


class CutLevel(StrEnum):
    """How much a cut promises; the lowest first."""

    PER_VOLUME = "per-volume"
    CRASH = "crash"

    def reaches(self, demanded: CutLevel) -> bool:
        """Whether this is the level demanded, or a higher one."""
        order = list(CutLevel)
        return order.index(self) >= order.index(demanded)


def highest(*levels: CutLevel) -> CutLevel:
    """Return the level that reaches all of these."""
    return max(levels, key=list(CutLevel).index)


def level_of(report: Report) -> CutLevel | None:
    """Return the level at which a backend says that it cuts; None if it cannot, or does not say.

    One that says no more than that it supports consistency groups means ``crash``.
    """
    said = report.capabilities.get(CUT_LEVEL)
    if said is None:
        return CutLevel.CRASH if report.capabilities.get(GROUP_SUPPORT) is True else None
    return read_level(said)


def level_of_cut(level: CutLevel, members: int) -> CutLevel:
    """Return what a cut of so many members reaches on a backend of a level: one alone is one instant."""
    return CutLevel.CRASH if members == 1 else level


def read_level(said: object) -> CutLevel | None:
    """Return a level by its word, None for what is none."""
    return next((level for level in CutLevel if level.value == said), None)


def capabilities(level: CutLevel) -> JSON:
    """Return what a backend that cuts at this level reports of itself."""
    is_instant = level is CutLevel.CRASH
    return {
        CUT_LEVEL: level.value,
        GROUP_SUPPORT: is_instant,
        "consistent_group_snapshot_enabled": is_instant,
    }


@dataclass(frozen=True)
class CutTimer:
    """When a cut began: by the calendar, and on a clock that only goes forward (in seconds)."""

    at: datetime
    tick_s: float

    @classmethod
    def now(cls) -> CutTimer:
        """Begin."""
        return cls(clock.now(), time.monotonic())

    def took_ms(self) -> float:
        """Return the milliseconds that have passed since."""
        return round((time.monotonic() - self.tick_s) * 1000, 3)


def evidence(
    mechanism: str,
    members: int,
    began: CutTimer | None,
    *,
    level: CutLevel = CutLevel.CRASH,
    skew_ms: float = 0.0,
    promise: str | None = None,
) -> JSON:
    """Return the evidence of a cut that has just ended; ``began`` is None if nobody saw it begin."""
    told: JSON = {
        "mechanism": mechanism,
        "level": level_of_cut(level, members).value,
        "members": members,
        "cut_at": None if began is None else clock.iso(began.at),
        "duration_ms": None if began is None else began.took_ms(),
        "skew_ms": round(skew_ms, 6),
    }
    return told if promise is None else {**told, "promise": promise}
