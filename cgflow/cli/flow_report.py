"""The history of a flow for people: a pure function from the flow and its events to lines of text.

First the operation, its end and the reason; then one line per step, in the order in which the steps began,
with what was undone of it. Steps that are repeated for many members of a group are folded into one line;
those of them that failed are listed below it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from cgflow.atom_states import Execution, Undo, action_text
from cgflow.cli import formatting

FOLD_ABOVE = 6
"""The number of members up to which a step is shown for each member."""

_HEADING = ("", "step", "tries", "start", "took", "outcome")

Row = tuple[str, ...]
Step = dict[str, Any]
"""One task of the service's answer, which has folded the events of the step."""


def render(flow: dict[str, Any], events: Sequence[dict[str, Any]], *, unfold: bool = False) -> list[str]:
    """Return the whole history: heading, steps, and leftovers."""
    return [
        *heading(flow, events),
        "",
        *step_lines(flow.get("tasks") or (), origin(flow, events), unfold=unfold),
        *section(
            "What was done about it",
            [f"{done['at']}  {action_text(done)}" for done in flow.get("actions") or ()],
        ),
        *section("Left behind", [leftover(each) for each in flow.get("leftovers") or ()]),
        *section("Removed since", [_removed(each) for each in flow.get("removed") or ()]),
    ]


def heading(flow: dict[str, Any], events: Sequence[dict[str, Any]]) -> list[str]:
    """Return the operation, the user, the end and the reason."""
    facts = {
        "resource": f"{flow['resource_type']} {flow['resource_id']}",
        "group": _group_of(flow),
        "state": ": ".join(filter(None, (flow["state"], flow.get("summary")))),
        "reason": flow.get("reason"),
        "cancel": flow.get("cancel_reason"),
        "next try": flow.get("undo_at") and f"{flow['undo_at']}, by itself",
        "accepted": flow.get("created_at"),
        "committed": flow.get("committed_at"),
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
    """Return the time to which step starts are relative: the start of the flow, or its acceptance."""
    return formatting.moment(
        flow.get("started_at") or flow.get("created_at") or (events[0]["at"] if events else None)
    )


def step_lines(tasks: Iterable[Step], begun: datetime | None, *, unfold: bool = False) -> list[str]:
    """Return one line per step, in the order in which they began, folded unless ``unfold``."""
    never = datetime.max.replace(tzinfo=UTC)
    steps = sorted(tasks, key=lambda step: formatting.moment(step["started_at"]) or never)
    if not steps:
        return ["  No step has been begun."]
    rows = [_HEADING, *(row for family in _families(steps, unfold) for row in _rows(family, begun))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADING) - 1)]
    return [_line(row, widths) for row in rows]


def section(title: str, lines: Sequence[str]) -> list[str]:
    """Return lines under a title; no lines, if there are none."""
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def leftover(left: dict[str, Any]) -> str:
    """Return one line for an effect that may still exist."""
    why = formatting.failure(left["failure"]) if left.get("failure") else "done, and not undone"
    return ": ".join(filter(None, (left.get("task"), why)))


def _removed(left: dict[str, Any]) -> str:
    return f"{left.get('task')}: by flow {left.get('removed_by')}"


def _families(steps: Sequence[Step], unfold: bool) -> list[list[Step]]:
    """Group the members of each step that is to be folded; every other step is a group of its own."""
    sizes = Counter(_family(step) for step in steps if _is_for_member(step))
    families: dict[str, list[Step]] = {}
    for step in steps:
        is_folded = _is_for_member(step) and sizes[_family(step)] > FOLD_ABOVE and not unfold
        families.setdefault(f"{_family(step)}[" if is_folded else step["name"], []).append(step)
    return list(families.values())


def _family(step: Step) -> str:
    """Return a step's name without its member: ``driver.snapshot``."""
    name: str = step["name"]
    return name.partition("[")[0]


def _is_for_member(step: Step) -> bool:
    return "[" in step["name"]


def _rows(family: Sequence[Step], begun: datetime | None) -> Iterable[Row]:
    if len(family) == 1:
        yield _row(family[0], begun)
        return
    counted = Counter(step["outcome"] for step in family)
    starts = [at for step in family if (at := formatting.moment(step["started_at"])) is not None]
    yield (
        _mark(max(family, key=_severity)),
        f"{_family(family[0])}[...] x {len(family)}",
        _tries(max(step["attempts"] for step in family)),
        formatting.offset(min(starts, default=None), begun),
        formatting.span([step["duration_ms"] for step in family if step["duration_ms"] is not None]),
        "; ".join(f"{count} {outcome}" for outcome, count in counted.items()),
    )
    own = [step for step in family if step["execution"] == Execution.FAILED or step["undo"] in _UNDO_FAILED]
    for step in own[:FOLD_ABOVE]:
        mark, name, *facts = _row(step, begun)
        yield (mark, f"  {name}", *facts)
    if len(own) > FOLD_ABOVE:
        yield "", f"  ... and {len(own) - FOLD_ABOVE} more that failed", "", "", "", ""


def _row(step: Step, begun: datetime | None) -> Row:
    is_begun = step["execution"] != Execution.NOT_BEGUN
    return (
        _mark(step),
        step["name"],
        _tries(step["attempts"]) if is_begun else "",
        formatting.offset(formatting.moment(step["started_at"]), begun) if is_begun else "",
        formatting.duration(step["duration_ms"]),
        "  ".join(filter(None, (_outcome(step), _takeover(step), *_result_or_failures(step)))),
    )


def _result_or_failures(step: Step) -> Iterator[str]:
    """Yield the result or the failures of a step. A result is omitted if undoing the step failed."""
    if step["execution"] in (Execution.FAILED, Execution.CANCELLED, Execution.RUNNING) and step["failure"]:
        yield formatting.failure(step["failure"])
    elif step["undo"] not in _UNDO_FAILED:
        yield formatting.shorten(step.get("result"))
    if step["undo_failure"]:
        yield f"undo: {formatting.failure(step['undo_failure'])}"


def _outcome(step: Step) -> str:
    outcome: str = step["outcome"]
    if step["undo"] == Undo.UNDONE and step["undo_duration_ms"] is not None and outcome.endswith("undone"):
        return f"{outcome} in {formatting.duration(step['undo_duration_ms'])}"
    if step["execution"] == Execution.RUNNING or step["undo"] == Undo.UNDOING:
        return f"{outcome}{_since(formatting.moment(step['updated_at']))}"
    return outcome


def _since(moment: datetime | None) -> str:
    """Return how long a step has been running, and its start in UTC, since the local clock may differ."""
    if moment is None:
        return ""
    ms = max(0.0, (datetime.now(UTC) - moment).total_seconds() * 1000)
    return f" for {formatting.duration(round(ms))}, since {moment:%H:%M:%S} UTC"


def _takeover(step: Step) -> str:
    return "(begun by one conductor, ended by another)" if step["taken_over"] else ""


def _tries(attempts: int) -> str:
    return str(attempts) if attempts else ""


def _mark(step: Step) -> str:
    return _MARKS[_severity(step)]


_MARKS = "·✓▸–↩✗!"


def _severity(step: Step) -> int:
    """Return the index of a step's mark; a worse outcome has a higher index."""
    if step["undo"] in _UNDO_FAILED:
        return 6
    if step["execution"] == Execution.FAILED:
        return 5
    if step["undo"] in (Undo.UNDOING, Undo.UNDONE) and step["execution"] != Execution.NOT_BEGUN:
        return 4
    return _GRAVITY[step["execution"]]


_UNDO_FAILED = (Undo.FAILED, Undo.SKIPPED)
_GRAVITY = {
    Execution.NOT_BEGUN: 0,
    Execution.DONE: 1,
    Execution.RUNNING: 2,
    Execution.CANCELLED: 3,
    Execution.INTERRUPTED: 3,
    Execution.FAILED: 5,
}


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
    return formatting.duration(flow["duration_ms"])


def _conductors(flow: dict[str, Any], events: Sequence[dict[str, Any]]) -> str | None:
    """Return the conductors that ran the flow, in order; several, if another took over from a lost one."""
    named = dict.fromkeys(event["conductor"] for event in events if event.get("conductor"))
    return ", then ".join(named) or flow.get("conductor")
