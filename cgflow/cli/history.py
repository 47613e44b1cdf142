"""A flow's history as a person reads it: a pure function from the flow and its events to lines.

First what was asked, how it ended and why; then one line per step in the order
in which they began, with what was undone of it. Steps repeated for the members
of a group are folded into one line when there are many, and those among them
that failed by themselves stand beneath it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from cgflow.cli import steps, values
from cgflow.cli.steps import Done, Step, Undone

FOLD_ABOVE = 6
"""Up to so many members a step is shown for each."""

_ENDS = {
    "accepted": "accepted: it has not begun",
    "running": "running",
    "reverting": "reverting: a step failed, what was done is being undone",
    "success": "success",
    "reverted": "reverted: what had been done was undone, nothing is left",
    "rollback_failed": "rollback_failed: undoing failed too, something is left (see below)",
}

_HEADING = ("", "step", "tries", "start", "took", "outcome")

Row = tuple[str, ...]


def render(flow: dict[str, Any], events: Sequence[dict[str, Any]], *, unfold: bool = False) -> list[str]:
    """Return the whole history: heading, steps, what is left."""
    return [
        *heading(flow, events),
        "",
        *step_lines(steps.read(flow.get("tasks") or (), events), origin(flow, events), unfold=unfold),
        *leftover_lines(flow),
    ]


def heading(flow: dict[str, Any], events: Sequence[dict[str, Any]]) -> list[str]:
    """Return what was asked, by whom, how it ended and why."""
    facts = {
        "resource": f"{flow['resource_type']} {flow['resource_id']}",
        "group": _group_of(flow),
        "state": _ENDS.get(flow["state"], flow["state"]),
        "reason": flow.get("reason"),
        "next try": flow.get("undo_at") and f"{flow['undo_at']}, by itself",
        "accepted": flow.get("created_at"),
        "took": _took(flow),
        "asked by": f"user {flow.get('user_id')} of project {flow.get('project_id')}",
        "request": flow.get("request_id"),
        "run by": _conductors(flow, events),
    }
    return [
        f"{flow['operation']}  {flow['id']}",
        *(f"  {name:<9} {fact}" for name, fact in facts.items() if fact),
    ]


def origin(flow: dict[str, Any], events: Sequence[dict[str, Any]]) -> datetime | None:
    """Return the moment from which starts are counted: when the flow began, or was accepted."""
    return values.moment(
        flow.get("started_at") or flow.get("created_at") or (events[0]["at"] if events else None)
    )


def step_lines(read: Sequence[Step], begun: datetime | None, *, unfold: bool = False) -> list[str]:
    """Return one line per step, folded unless ``unfold``."""
    if not read:
        return ["  No step has been begun."]
    rows = [_HEADING, *(row for family in _families(read, unfold) for row in _rows(family, begun))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADING) - 1)]
    return [_line(row, widths) for row in rows]


def leftover_lines(flow: dict[str, Any]) -> list[str]:
    """Return what a failed rollback left behind, and why."""
    left = flow.get("leftovers") or ()
    if not left:
        return []
    return ["", "Left behind:", *(f"  {leftover(each)}" for each in left)]


def leftover(left: dict[str, Any]) -> str:
    """Write one effect that may still be there."""
    why = values.failure(left["failure"]) if left.get("failure") else "done, and never undone"
    return ": ".join(filter(None, (left.get("task"), why)))


def _families(read: Sequence[Step], unfold: bool) -> list[list[Step]]:
    """Group the members of each step that is to be folded; every other step stands alone."""
    sizes = Counter(step.family for step in read if step.is_for_member)
    families: dict[str, list[Step]] = {}
    for step in read:
        is_folded = step.is_for_member and sizes[step.family] > FOLD_ABOVE and not unfold
        families.setdefault(f"{step.family}[" if is_folded else step.name, []).append(step)
    return list(families.values())


def _rows(family: Sequence[Step], begun: datetime | None) -> Iterable[Row]:
    if len(family) == 1:
        yield _row(family[0], begun)
        return
    counted = Counter(step.outcome for step in family)
    starts = [step.begun_at for step in family if step.begun_at is not None]
    yield (
        _mark(max(family, key=_gravity)),
        f"{family[0].family}[...] x {len(family)}",
        _tries(max(step.attempts for step in family)),
        values.offset(min(starts, default=None), begun),
        values.span([step.took_ms for step in family if step.took_ms is not None]),
        "; ".join(f"{count} {outcome}" for outcome, count in counted.items()),
    )
    own = [step for step in family if step.is_own_failure]
    for step in own[:FOLD_ABOVE]:
        mark, name, *facts = _row(step, begun)
        yield (mark, f"  {name}", *facts)
    if len(own) > FOLD_ABOVE:
        yield "", f"  ... and {len(own) - FOLD_ABOVE} more that failed", "", "", "", ""


def _row(step: Step, begun: datetime | None) -> Row:
    # What a step came to matters no more once it could not be undone.
    said = step.failure or ("" if step.undo_failure else step.result)
    undoing = f"undo: {step.undo_failure}" if step.undo_failure else ""
    return (
        _mark(step),
        step.name,
        _tries(step.attempts),
        values.offset(step.begun_at, begun),
        values.duration(step.took_ms),
        "  ".join(filter(None, (_outcome(step), _takeover(step), said, undoing))),
    )


def _outcome(step: Step) -> str:
    if step.undone is Undone.UNDONE and step.undo_ms is not None:
        return f"{step.outcome} in {values.duration(step.undo_ms)}"
    return step.outcome


def _takeover(step: Step) -> str:
    return f"(finished by {step.conductor})" if step.is_taken_over else ""


def _tries(attempts: int) -> str:
    return str(attempts) if attempts else ""


def _mark(step: Step) -> str:
    return _MARKS[_gravity(step)]


_MARKS = "·✓▸–↩✗!"


def _gravity(step: Step) -> int:
    """Return the place of a step's mark: the worse, the higher."""
    if step.undone is Undone.UNDO_FAILED:
        return 6
    if step.done is Done.FAILED:
        return 5
    if step.undone is not Undone.NOT and step.done is not Done.CANCELLED:
        return 4
    return {Done.NOT_BEGUN: 0, Done.DONE: 1, Done.RUNNING: 2, Done.CANCELLED: 3}[step.done]


def _line(row: Row, widths: Sequence[int]) -> str:
    mark, name, tries, start, took, outcome = row
    cells = (
        mark.ljust(widths[0]),
        name.ljust(widths[1]),
        tries.rjust(widths[2]),
        start.rjust(widths[3]),
        took.rjust(widths[4]),
        outcome,
    )
    return ("  " + "  ".join(cells)).rstrip()


def _group_of(flow: dict[str, Any]) -> str | None:
    group: str | None = flow.get("consistencygroup_id")
    return None if group == flow["resource_id"] else group


def _took(flow: dict[str, Any]) -> str | None:
    if flow.get("duration_ms") is None:
        return None
    return values.duration(flow["duration_ms"])


def _conductors(flow: dict[str, Any], events: Sequence[dict[str, Any]]) -> str | None:
    """Return who ran the flow, in order: more than one when a conductor was lost and another took over."""
    named = dict.fromkeys(event["conductor"] for event in events if event.get("conductor"))
    return ", then ".join(named) or flow.get("conductor")
