"""Where each atom of a flow stands, folded from what its events tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from taskflow import states

from cgflow import records

_EXECUTED = (states.SUCCESS, states.FAILURE)
_MOVING = (states.RUNNING, states.REVERTING, states.RETRYING, states.PENDING)


Move = tuple[str, str, datetime, int, float | None, dict[str, Any] | None]
"""What is taken from an event of an atom: its name, to which state, when, attempt, duration, detail."""


def fold(moves: Iterable[Move]) -> list[records.AtomState]:
    """Return where each atom stands after these moves, in the order in which the atoms first moved."""
    stands: dict[str, _Stand] = {}
    # A long flow has thousands of them, and they are folded each time that somebody looks.
    for atom, state, at, attempt, duration_ms, detail in moves:
        stand = stands.get(atom)
        if stand is None:
            stand = stands[atom] = _Stand()
        stand.state, stand.at, stand.attempts = state, at, attempt
        if state == states.RUNNING:
            stand.started_at = stand.started_at or at
        elif state in _EXECUTED:
            stand.duration_ms = duration_ms
        if detail:
            if "failure" in detail:
                stand.failed = detail
            else:
                stand.other = detail
    return [stand.to_record(atom) for atom, stand in stands.items()]


def moves(events: Iterable[records.FlowEvent]) -> Iterator[Move]:
    """Return what is taken from each event of an atom."""
    for event in events:
        if event.atom is not None:
            yield event.atom, event.to_state, event.at, event.attempt, event.duration_ms, event.detail


class _Stand:
    """One atom on its way through the events."""

    __slots__ = ("at", "attempts", "duration_ms", "failed", "other", "started_at", "state")

    def __init__(self) -> None:
        self.state: str
        self.at: datetime
        self.attempts: int
        self.started_at: datetime | None = None
        self.duration_ms: float | None = None
        self.failed: dict[str, Any] | None = None
        self.other: dict[str, Any] | None = None

    def to_record(self, atom: str) -> records.AtomState:
        return records.AtomState(
            atom=atom,
            state=self.state,
            attempts=self.attempts,
            started_at=self.started_at,
            ended_at=None if self.state in _MOVING else self.at,
            duration_ms=self.duration_ms,
            # A step that came right in the end is told by its result, one that did not by its failure.
            detail=self.other if self.state == states.SUCCESS else self.failed or self.other,
        )
