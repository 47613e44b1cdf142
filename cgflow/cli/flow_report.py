"""A flow as text for people: the whole report, and its progress while it runs.

A report has the operation, its end and the reason, then one line per step, in the order in which the steps
began, with what was undone of it. Steps that are repeated for many members of a group are folded into one
line; those of them that failed are listed below it.

While a flow runs, its steps are redrawn on a terminal; elsewhere each transition is a line, and with JSON
nothing is printed. Times are relative to the start of the flow, so that the last line states its duration.
The time that the flow waited before is added in parentheses.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from rich.live import Live

from cgflow.atom_states import Execution, Undo, action_text, flow_action_of
from cgflow.cli.output import Output
from cgflow.client.flows import Flows
from cgflow.client.http import ServiceError, ServiceUnreachable
from cgflow.status import FlowState

FOLD_ABOVE = 6
"""The number of members up to which a step is shown for each member."""

_HEADING = ("", "step", "tries", "start", "took", "outcome")

Row = tuple[str, ...]
Step = dict[str, Any]
"""One task of the service's answer, which has folded the events of the step."""


def report_lines(
    flow: dict[str, Any], events: Sequence[dict[str, Any]], *, unfold: bool = False
) -> list[str]:
    """Return the whole history: heading, steps, and leftovers."""
    return [
        *heading_lines(flow, events),
        "",
        *step_lines(flow.get("tasks") or (), reference_time(flow, events), unfold=unfold),
        *section_lines(
            "What was done about it",
            [f"{done['at']}  {action_text(done)}" for done in flow.get("actions") or ()],
        ),
        *section_lines("Left behind", [leftover_line(each) for each in flow.get("leftovers") or ()]),
        *section_lines("Removed since", [_removed_line(each) for each in flow.get("removed") or ()]),
    ]


def heading_lines(flow: dict[str, Any], events: Sequence[dict[str, Any]]) -> list[str]:
    """Return the operation, the user, the end and the reason."""
    facts = {
        "resource": f"{flow['resource_type']} {flow['resource_id']}",
        "group": _group_unless_resource(flow),
        "state": ": ".join(filter(None, (flow["state"], flow.get("summary")))),
        "reason": flow.get("reason"),
        "cancel": flow.get("cancel_reason"),
        "next try": flow.get("undo_at") and f"{flow['undo_at']}, by itself",
        "accepted": flow.get("created_at"),
        "committed": flow.get("committed_at"),
        "waited": _waiting_time_text(flow),
        "took": _run_time_text(flow),
        "asked by": f"user {flow.get('user_id')} of project {flow.get('project_id')}",
        "request": flow.get("request_id"),
        "run by": _conductors_text(flow, events),
    }
    return [
        f"{flow['operation']}  {flow['id']}",
        *(f"  {name:<9} {fact}" for name, fact in facts.items() if fact),
    ]


def reference_time(flow: dict[str, Any], events: Sequence[dict[str, Any]]) -> datetime | None:
    """Return the time to which step starts are relative: the start of the flow, or its acceptance."""
    return parse_time(
        flow.get("started_at") or flow.get("created_at") or (events[0]["at"] if events else None)
    )


def step_lines(tasks: Iterable[Step], begun: datetime | None, *, unfold: bool = False) -> list[str]:
    """Return one line per step, in the order in which they began, folded unless ``unfold``."""
    never = datetime.max.replace(tzinfo=UTC)
    steps = sorted(tasks, key=lambda step: parse_time(step["started_at"]) or never)
    if not steps:
        return ["  No step has started."]
    rows = [
        _HEADING,
        *(row for family in _fold_member_steps(steps, unfold) for row in _table_rows(family, begun)),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADING) - 1)]
    return [_align_row(row, widths) for row in rows]


def section_lines(title: str, lines: Sequence[str]) -> list[str]:
    """Return lines under a title; no lines, if there are none."""
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def leftover_line(left: dict[str, Any]) -> str:
    """Return one line for an effect that may still exist."""
    why = format_failure(left["failure"]) if left.get("failure") else "done, and not undone"
    return ": ".join(filter(None, (left.get("task"), why)))


def _removed_line(left: dict[str, Any]) -> str:
    return f"{left.get('task')}: by flow {left.get('removed_by')}"


def _fold_member_steps(steps: Sequence[Step], unfold: bool) -> list[list[Step]]:
    """Group the members of each step that is to be folded; every other step is a group of its own."""
    sizes = Counter(_step_name_without_member(step) for step in steps if _is_member_step(step))
    families: dict[str, list[Step]] = {}
    for step in steps:
        is_folded = (
            _is_member_step(step) and sizes[_step_name_without_member(step)] > FOLD_ABOVE and not unfold
        )
        families.setdefault(f"{_step_name_without_member(step)}[" if is_folded else step["name"], []).append(
            step
        )
    return list(families.values())


def _step_name_without_member(step: Step) -> str:
    """Return a step's name without its member: ``driver.snapshot``."""
    name: str = step["name"]
    return name.partition("[")[0]


def _is_member_step(step: Step) -> bool:
    return "[" in step["name"]


def _table_rows(family: Sequence[Step], begun: datetime | None) -> Iterable[Row]:
    if len(family) == 1:
        yield _step_row(family[0], begun)
        return
    counts = Counter(step["outcome"] for step in family)
    starts = [at for step in family if (at := parse_time(step["started_at"])) is not None]
    yield (
        _outcome_mark(max(family, key=_severity)),
        f"{_step_name_without_member(family[0])}[...] x {len(family)}",
        _attempts_text(max(step["attempts"] for step in family)),
        format_offset(min(starts, default=None), begun),
        format_span([step["duration_ms"] for step in family if step["duration_ms"] is not None]),
        "; ".join(f"{count} {outcome}" for outcome, count in counts.items()),
    )
    failed = [
        step for step in family if step["execution"] == Execution.FAILED or step["undo"] in _UNDO_FAILED
    ]
    for step in failed[:FOLD_ABOVE]:
        mark, name, *facts = _step_row(step, begun)
        yield (mark, f"  {name}", *facts)
    if len(failed) > FOLD_ABOVE:
        yield "", f"  ... and {len(failed) - FOLD_ABOVE} more that failed", "", "", "", ""


def _step_row(step: Step, begun: datetime | None) -> Row:
    is_begun = step["execution"] != Execution.NOT_BEGUN
    return (
        _outcome_mark(step),
        step["name"],
        _attempts_text(step["attempts"]) if is_begun else "",
        format_offset(parse_time(step["started_at"]), begun) if is_begun else "",
        format_duration(step["duration_ms"]),
        "  ".join(filter(None, (_outcome_text(step), _takeover_text(step), *_result_or_failure_texts(step)))),
    )


def _result_or_failure_texts(step: Step) -> Iterator[str]:
    """Yield the result or the failures of a step. A result is omitted if undoing the step failed."""
    if step["execution"] in (Execution.FAILED, Execution.CANCELLED, Execution.RUNNING) and step["failure"]:
        yield format_failure(step["failure"])
    elif step["undo"] not in _UNDO_FAILED:
        yield shorten_result(step.get("result"))
    if step["undo_failure"]:
        yield f"undo: {format_failure(step['undo_failure'])}"


def _outcome_text(step: Step) -> str:
    outcome: str = step["outcome"]
    if step["undo"] == Undo.UNDONE and step["undo_duration_ms"] is not None and outcome.endswith("undone"):
        return f"{outcome} in {format_duration(step['undo_duration_ms'])}"
    if step["execution"] == Execution.RUNNING or step["undo"] == Undo.UNDOING:
        return f"{outcome}{_running_time_text(parse_time(step['updated_at']))}"
    return outcome


def _running_time_text(moment: datetime | None) -> str:
    """Return how long a step has been running, and its start in UTC, since the local clock may differ."""
    if moment is None:
        return ""
    ms = max(0.0, (datetime.now(UTC) - moment).total_seconds() * 1000)
    return f" for {format_duration(round(ms))}, since {moment:%H:%M:%S} UTC"


def _takeover_text(step: Step) -> str:
    return "(begun by one conductor, ended by another)" if step["taken_over"] else ""


def _attempts_text(attempts: int) -> str:
    return str(attempts) if attempts else ""


def _outcome_mark(step: Step) -> str:
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


def _align_row(row: Row, widths: Sequence[int]) -> str:
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


def _group_unless_resource(flow: dict[str, Any]) -> str | None:
    group: str | None = flow.get("consistencygroup_id")
    return None if group == flow["resource_id"] else group


def _waiting_time_text(flow: dict[str, Any]) -> str | None:
    """Return how long the accepted flow waited for a conductor; None, if none has taken it up yet."""
    accepted, started = parse_time(flow.get("created_at")), parse_time(flow.get("started_at"))
    if accepted is None or started is None:
        return None
    # One process accepted the flow and another may have started it, so their clocks may differ.
    ms = max(0.0, (started - accepted).total_seconds() * 1000)
    return f"{format_duration(ms)} from its acceptance to its start"


def _run_time_text(flow: dict[str, Any]) -> str | None:
    if flow.get("duration_ms") is None:
        return None
    return f"{format_duration(flow['duration_ms'])} from its start to its end"


def _conductors_text(flow: dict[str, Any], events: Sequence[dict[str, Any]]) -> str | None:
    """Return the conductors that ran the flow, in order; several, if another took over from a lost one."""
    names = dict.fromkeys(event["conductor"] for event in events if event.get("conductor"))
    return ", then ".join(names) or flow.get("conductor")


_WAIT_SHOWN_ABOVE_MS = 1000

_STATE_TEXTS = {
    "RUNNING": "running",
    "SUCCESS": "done",
    "FAILURE": "failed",
    "REVERTING": "being undone",
    "REVERTED": "undone",
    "REVERT_FAILURE": "undo FAILED",
    "RETRYING": "to be tried again",
    "SKIPPED": "undo skipped",
}


def print_flow_until_end(output: Output, flows: Flows, flow_id: str, timeout: float | None) -> dict[str, Any]:
    """Print a flow's progress for people until it ends, and return the flow. Raises: as ``Flows.follow``."""
    seen: list[dict[str, Any]] = []
    batches = flows.follow_batches(flow_id, timeout=timeout)
    with output.live() as live:
        while True:
            try:
                batch = next(batches)
            except StopIteration as end:
                flow: dict[str, Any] = end.value
                break
            for event in batch:
                seen.append(event)
                line = transition_line(event, _first_run_time(seen)) if live is None else None
                if line is not None:
                    output.line(line)
            if live is not None:
                _redraw_steps(output, live, flows, flow_id, _first_run_time(seen))
        if live is not None:
            output.redraw(live, step_lines(flow["tasks"], _first_run_time(seen)))
    output.line(_end_line(flow, seen))
    return flow


def print_events_as_json(output: Output, flows: Flows, flow_id: str, timeout: float | None) -> dict[str, Any]:
    """Print a flow's events for programs, one per line, and the flow on the last line; return the flow."""
    events = flows.follow(flow_id, timeout=timeout)
    while True:
        try:
            output.json_line(next(events))
        except StopIteration as end:
            flow: dict[str, Any] = end.value
            output.json_line({"flow": flow})
            return flow


def _redraw_steps(output: Output, live: Live, flows: Flows, flow_id: str, begun: datetime | None) -> None:
    # Following the flow reports an error that lasts.
    with suppress(ServiceUnreachable, ServiceError):
        output.redraw(live, step_lines(flows.get(flow_id)["tasks"], begun))


def transition_line(event: dict[str, Any], begun: datetime | None) -> str | None:
    """Return one transition as a line, or None for one that is of no use to people."""
    state = event["to"] if event["task"] is None else _STATE_TEXTS.get(event["to"])
    if state is None:
        return None
    is_action = flow_action_of(event) is not None
    detail = format_event(event) if is_action or event.get("failure") else ""
    took = format_duration(event.get("duration_ms")) if event["to"] in _ENDS else ""
    parts = (
        format_offset(parse_time(event["at"]), begun).rjust(10),
        event["task"] or "flow",
        state,
        took,
        detail,
    )
    return "  ".join(filter(None, parts))


_ENDS = ("SUCCESS", "FAILURE", "REVERTED", "REVERT_FAILURE")


def _first_run_time(seen: list[dict[str, Any]]) -> datetime | None:
    """Return when a conductor first ran the flow; None, if none has yet."""
    own = (event["at"] for event in seen if event["task"] is not None or event["to"] != FlowState.ACCEPTED)
    return parse_time(next(own, None))


def _end_line(flow: dict[str, Any], seen: list[dict[str, Any]]) -> str:
    parts = [f"{flow['operation']} {flow['state']}"]
    begun = _first_run_time(seen)
    if begun is not None:
        parts.append(f"after {format_duration(_ms_between(begun, seen[-1]))}")
        waited = _ms_between(begun, seen[0])
        if waited < -_WAIT_SHOWN_ABOVE_MS:
            parts.append(f"(having waited {format_duration(-waited)})")
    return " ".join(parts)


def _ms_between(begun: datetime, event: dict[str, Any]) -> float:
    at = parse_time(event["at"])
    return 0.0 if at is None else (at - begun).total_seconds() * 1000


_LONGEST = 72


def parse_time(iso: str | None) -> datetime | None:
    """Parse a time of the API; one without a time zone is UTC."""
    if iso is None:
        return None
    read = datetime.fromisoformat(iso)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def format_offset(at: datetime | None, origin: datetime | None) -> str:
    """Format the time since an origin: ``+412 ms``."""
    if at is None or origin is None:
        return ""
    ms = (at - origin).total_seconds() * 1000
    size = format_duration(abs(ms)) if round(abs(ms)) >= _SECOND else f"{abs(ms):.0f} ms"
    return f"{'-' if round(ms) < 0 else '+'}{size}"


def format_duration(ms: float | None) -> str:
    """Format a duration with its significant digits: ``0.8 ms``, ``412 ms``, ``15.1 s``, ``2 min 5 s``."""
    if ms is None:
        return ""
    if ms < _MINUTE:
        return f"{_duration_number(ms)} {_duration_unit(ms)}"
    size, unit, smaller, its_unit = next(each for each in _LONG if ms >= each[0])
    whole, rest = divmod(round(ms / smaller), size // smaller)
    return f"{whole} {unit}" + (f" {rest} {its_unit}" if rest else "")


def format_span(durations: list[float]) -> str:
    """Format the shortest and the longest of several durations: ``12–40 ms``."""
    if not durations:
        return ""
    low, high = min(durations), max(durations)
    if format_duration(low) == format_duration(high):
        return format_duration(high)
    if _duration_unit(low) != _duration_unit(high) or high >= _MINUTE:
        return f"{format_duration(low)} – {format_duration(high)}"
    return f"{_duration_number(low)}–{_duration_number(high)} {_duration_unit(high)}"


def format_failure(stored: Any) -> str:
    """Format a stored failure in one line: its type and its message."""
    if not isinstance(stored, dict):
        return shorten_result(stored)
    parts = " ".join(str(stored.get("message") or "").split())
    return ": ".join(part for part in (stored.get("type"), parts) if part) or shorten_result(stored)


def format_event(detail: dict[str, Any]) -> str:
    """Format the details of an event in one line: a flow action with its reason, a failure, or a result."""
    done = flow_action_of(detail)
    if done is not None:
        return action_text(done)
    result = detail.get("result")
    parts = (
        format_failure(detail["failure"]) if detail.get("failure") else "",
        " ".join(result.split()) if isinstance(result, str) else shorten_result(result),
    )
    return " ".join(filter(None, parts))


def shorten_result(result: Any) -> str:
    """Format a stored result in one short line; an empty result gives an empty text."""
    if result is None or result in ({}, [], ""):
        return ""
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
_LONG = ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min"), (_MINUTE, "min", _SECOND, "s"))


def _duration_unit(ms: float) -> str:
    return "ms" if round(ms) < _SECOND else "s"


def _duration_number(ms: float) -> str:
    if round(ms) >= _SECOND:
        return f"{ms / 1000:.1f}"
    return f"{ms:.1f}" if round(ms, 1) < 10 else f"{ms:.0f}"
