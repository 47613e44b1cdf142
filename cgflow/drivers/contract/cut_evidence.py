"""Evidence of a cut: at which level it was made, when, and how long it took.

A backend that cuts all members at one instant has the level ``crash``: the snapshots hold what a crash at
that instant would have left. A backend that can only cut one volume after the other has the level
``per-volume``, and must report the time between the first and the last member. A backend reports its level as
the capability ``cut_level``. ``consistencygroup_support`` is true for ``crash`` only, so that a user gets the
lower level only if the volume type allows it.

The evidence of a cut is JSON:

* ``mechanism``: how the cut was made, in words;
* ``level``: the level of this cut. It is never below the level that the backend reports, and is always
  ``crash`` for a single member;
* ``members``: the number of volumes that were cut;
* ``cut_at``: when the cut began, in UTC, as ISO 8601 with microseconds;
* ``duration_ms``: how long the cut took, in milliseconds;
* ``skew_ms``: the time between the first and the last member in milliseconds, 0.0 if the mechanism cuts them
  at one instant by construction;
* ``promise``: a sentence on what the cut guarantees for writes, if that needs an explanation.

``cut_at`` and ``duration_ms`` are None if the cut is known to have happened but its answer was lost.
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
    """The guarantee of a cut, lowest level first."""

    PER_VOLUME = "per-volume"
    CRASH = "crash"

    def is_at_least(self, demanded: CutLevel) -> bool:
        """Whether this level is the demanded one or a higher one."""
        order = list(CutLevel)
        return order.index(self) >= order.index(demanded)


def highest_level(*levels: CutLevel) -> CutLevel:
    """Return the lowest level that reaches all the given levels."""
    return max(levels, key=list(CutLevel).index)


def reported_level(report: Report) -> CutLevel | None:
    """Return the level of a backend's cuts, or None if it cannot cut or does not report a level.

    A backend that reports ``consistencygroup_support`` but no level has the level ``crash``.
    """
    value = report.capabilities.get(CUT_LEVEL)
    if value is None:
        return CutLevel.CRASH if report.capabilities.get(GROUP_SUPPORT) is True else None
    return parse_level(value)


def level_of_cut(level: CutLevel, members: int) -> CutLevel:
    """Return the level of a cut of ``members`` volumes: a single member is always cut at one instant."""
    return CutLevel.CRASH if members == 1 else level


def parse_level(value: object) -> CutLevel | None:
    """Return the level with this value, or None if there is no such level."""
    return next((level for level in CutLevel if level.value == value), None)


def capabilities_of_level(level: CutLevel) -> JSON:
    """Return the capabilities that a backend with this level of cuts reports."""
    is_instant = level is CutLevel.CRASH
    return {
        CUT_LEVEL: level.value,
        GROUP_SUPPORT: is_instant,
        "consistent_group_snapshot_enabled": is_instant,
    }


@dataclass(frozen=True)
class CutTimer:
    """The start of a cut: in UTC, and in seconds of the monotonic clock."""

    at: datetime
    tick_s: float

    @classmethod
    def start(cls) -> CutTimer:
        """Start a timer."""
        return cls(clock.now(), time.monotonic())

    def elapsed_ms(self) -> float:
        """Return the milliseconds since the start."""
        return round((time.monotonic() - self.tick_s) * 1000, 3)


def build_evidence(
    mechanism: str,
    members: int,
    began: CutTimer | None,
    *,
    level: CutLevel = CutLevel.CRASH,
    skew_ms: float = 0.0,
    promise: str | None = None,
) -> JSON:
    """Return the evidence of a cut that has just ended.

    ``began`` is None if the start of the cut was not observed. The duration ends now.
    """
    reported: JSON = {
        "mechanism": mechanism,
        "level": level_of_cut(level, members).value,
        "members": members,
        "cut_at": None if began is None else clock.iso(began.at),
        "duration_ms": None if began is None else began.elapsed_ms(),
        "skew_ms": round(skew_ms, 6),
    }
    return reported if promise is None else {**reported, "promise": promise}
