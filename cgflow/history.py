"""Where each atom of a flow stands, folded from what its events tell."""

from __future__ import annotations

from collections.abc import Iterable

from taskflow import states

from cgflow import records


def fold(events: Iterable[records.FlowEvent]) -> list[records.AtomState]:
    """Return where each atom stands after these events, in the order in which the atoms first moved."""
    atoms: dict[str, list[records.FlowEvent]] = {}
    for event in events:
        if event.atom is not None:
            atoms.setdefault(event.atom, []).append(event)
    return [_stand(atom, told) for atom, told in atoms.items()]


def _stand(atom: str, told: list[records.FlowEvent]) -> records.AtomState:
    last = told[-1]
    started = next((event.at for event in told if event.to_state == states.RUNNING), None)
    is_at_rest = last.to_state not in (states.RUNNING, states.REVERTING, states.RETRYING, states.PENDING)
    executions = [event for event in told if event.to_state in (states.SUCCESS, states.FAILURE)]
    details = [event.detail for event in told if event.detail]
    failed = [detail for detail in details if "failure" in detail]
    other = [detail for detail in details if "failure" not in detail]
    # A step that came right in the end is told by its result, one that did not by its failure.
    telling = other if last.to_state == states.SUCCESS else failed or other
    return records.AtomState(
        atom=atom,
        state=last.to_state,
        attempts=last.attempt,
        started_at=started,
        ended_at=last.at if is_at_rest else None,
        duration_ms=executions[-1].duration_ms if executions else None,
        detail=telling[-1] if telling else None,
    )
