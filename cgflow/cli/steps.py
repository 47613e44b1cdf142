"""What each step of a flow did and what was undone of it, read from the flow's events.

A step's present state does not tell its story: ``REVERTED`` may have been done
or have failed before. So the transitions are followed one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from cgflow.cli import values


class Done(StrEnum):
    """How far a step has come."""

    NOT_BEGUN = "not begun"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Undone(StrEnum):
    """How far its undoing has come."""

    NOT = ""
    UNDOING = "being undone"
    UNDONE = "undone"
    UNDO_FAILED = "undo FAILED"


@dataclass
class Step:
    """One step. ``took_ms`` is its last execution, ``undo_ms`` its last undoing."""

    name: str
    attempts: int = 0
    begun_at: datetime | None = None
    done: Done = Done.NOT_BEGUN
    undone: Undone = Undone.NOT
    took_ms: float | None = None
    undo_ms: float | None = None
    result: str = ""
    failure: str = ""
    undo_failure: str = ""
    conductor: str | None = None
    is_taken_over: bool = False

    @property
    def family(self) -> str:
        """The name without the member it is for: ``driver.snapshot``."""
        return self.name.partition("[")[0]

    @property
    def is_for_member(self) -> bool:
        """Whether the step is one of several, each for one member of a group."""
        return "[" in self.name

    @property
    def is_own_failure(self) -> bool:
        """Whether it failed by itself, in doing or in undoing."""
        return self.done is Done.FAILED or self.undone is Undone.UNDO_FAILED

    @property
    def outcome(self) -> str:
        """Both halves in words: ``done, undone``."""
        if self.done is Done.NOT_BEGUN and self.undone is not Undone.NOT:
            return str(self.undone)
        return ", ".join(filter(None, (self.done, self.undone)))

    def take(self, event: dict[str, Any]) -> None:
        """Follow one transition."""
        self.attempts = max(self.attempts, event.get("attempt") or 0)
        # A conductor that goes on with a step begun by a lost one tells only of its end.
        conductor = event.get("conductor")
        if self.conductor and conductor not in (None, self.conductor):
            self.is_taken_over |= self.done is Done.RUNNING or self.undone is Undone.UNDOING
        self.conductor = conductor or self.conductor
        change = _CHANGES.get(event["to"])
        if change is not None:
            change(self, event)


def read(tasks: Iterable[dict[str, Any]], events: Iterable[dict[str, Any]]) -> list[Step]:
    """Return the steps in the order in which they began; those not begun keep theirs, at the end.

    Steps without events are taken from ``tasks``, which says only where they stand.
    """
    listed = list(tasks)
    steps = {task["name"]: Step(task["name"]) for task in listed}
    told = set()
    for event in events:
        if event["task"] is not None:
            told.add(event["task"])
            steps.setdefault(event["task"], Step(event["task"])).take(event)
    for task in listed:
        if task["name"] not in told:
            _stand(steps[task["name"]], task)
    order = {name: place for place, name in enumerate(steps)}
    never = datetime.max.replace(tzinfo=UTC)
    return sorted(steps.values(), key=lambda step: (step.begun_at or never, order[step.name]))


def _stand(step: Step, task: dict[str, Any]) -> None:
    step.begun_at = values.moment(task.get("started_at"))
    step.take({**task, "to": task["state"], "at": task.get("started_at"), "attempt": task.get("attempts")})


def _running(step: Step, event: dict[str, Any]) -> None:
    step.begun_at = step.begun_at or values.moment(event["at"])
    # A new attempt: what the one before came to is in the events.
    step.done, step.undone = Done.RUNNING, Undone.NOT


def _success(step: Step, event: dict[str, Any]) -> None:
    step.done, step.took_ms = Done.DONE, event.get("duration_ms")
    step.result, step.failure = values.brief(event.get("result")), ""


def _failure(step: Step, event: dict[str, Any]) -> None:
    failure = event.get("failure")
    # A step that was stopped because another had failed explains nothing.
    is_cancelled = isinstance(failure, dict) and failure.get("type") == "FlowCancelled"
    step.done = Done.CANCELLED if is_cancelled else Done.FAILED
    step.took_ms = event.get("duration_ms")
    step.failure = "" if is_cancelled else values.failure(failure)


def _reverting(step: Step, _event: dict[str, Any]) -> None:
    step.undone = Undone.UNDOING


def _reverted(step: Step, event: dict[str, Any]) -> None:
    step.undone, step.undo_ms = Undone.UNDONE, event.get("duration_ms")


def _revert_failure(step: Step, event: dict[str, Any]) -> None:
    step.undone, step.undo_ms = Undone.UNDO_FAILED, event.get("duration_ms")
    step.undo_failure = values.failure(event.get("failure"))


_CHANGES: dict[str, Callable[[Step, dict[str, Any]], None]] = {
    "RUNNING": _running,
    "SUCCESS": _success,
    "FAILURE": _failure,
    "REVERTING": _reverting,
    "REVERTED": _reverted,
    "REVERT_FAILURE": _revert_failure,
}
