"""Checks the history of flows across restarts: gapless, append-only, written by the expected authors."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import select
from taskflow import states

from cgflow import records
from cgflow.db.database import Database
from cgflow.db.models import ATOMDETAILS, Flow
from cgflow.db.repositories import flow as flows
from cgflow.status import UNFINISHED, FlowState
from tests.support.world import World


@dataclass(frozen=True)
class StoredHistory:
    """The stored history of one flow."""

    state: FlowState
    resource_id: str
    epoch: int
    events: tuple[records.FlowEvent, ...]


def stored_histories(database: Database, known: Collection[str] = ()) -> dict[str, StoredHistory]:
    """Return the stored history of every flow except the known ones."""
    with database.read() as session:
        ids = list(session.scalars(select(Flow.id).where(Flow.id.not_in(known)).order_by(Flow.created_at)))
        found = {}
        for id in ids:
            flow = flows.get(session, id, None)
            events = tuple(flows.all_events(session, id))
            found[id] = StoredHistory(flow.state, flow.resource_id, flow.epoch, events)
    return found


def history_problems(
    world: World, before: dict[str, StoredHistory], known: Collection[str] = ()
) -> list[str]:
    """Return what is wrong in the histories, given what they were when this process started."""
    after = stored_histories(world.database, known)
    wrong = [f"flow {id} is gone" for id in before.keys() - after.keys()]
    for id, now in after.items():
        wrong += [
            f"flow {id}: {what}" for what in _flow_problems(before.get(id), now, world.service.conductor.name)
        ]
        wrong += [f"flow {id}: {what}" for what in _atom_state_problems(world, id)]
    return wrong


def _flow_problems(before: StoredHistory | None, now: StoredHistory, conductor: str) -> Iterator[str]:
    if [event.seq for event in now.events] != list(range(1, len(now.events) + 1)):
        yield f"events are numbered {[event.seq for event in now.events]}"
    if now.state in UNFINISHED or now.events[-1].to_state != now.state or now.events[-1].atom is not None:
        yield f"is {now.state}, its last event tells of {now.events[-1].atom} {now.events[-1].to_state}"
    ends = [event for event in now.events if event.atom is None and event.to_state not in UNFINISHED]
    if [event.to_state for event in ends[:-1]] not in ([], [FlowState.ROLLBACK_FAILED]):
        yield f"ended more than once: {[event.to_state for event in ends]}"
    yield from _restarts_after_undo(now)
    yield from _gaps_in_transitions(now)
    if before is None:
        return
    if now.events[: len(before.events)] != before.events:
        yield "what was told has been changed"
    added = now.events[len(before.events) :]
    if before.state not in (*UNFINISHED, FlowState.ROLLBACK_FAILED):
        if added or now.epoch != before.epoch:
            yield f"had ended, and moved again: {[(event.atom, event.to_state) for event in added]}"
    elif {event.conductor for event in added} - _operator_of_retries(now) not in ({conductor}, set()):
        yield f"went on here, told by {sorted({str(event.conductor) for event in added})}"
    elif before.state in UNFINISHED and not added:
        yield "was unfinished, and nothing was told of how it ended"
    earlier = {event.conductor for event in before.events}
    if conductor in earlier:
        yield "this conductor has the name of an earlier one"


def _restarts_after_undo(now: StoredHistory) -> Iterator[str]:
    """Check that nothing starts any more in a flow that has been undone to its first step."""
    stands: dict[str, str] = {}
    is_undone = False
    for event in now.events:
        if event.atom is None:
            continue
        if is_undone and event.to_state == states.RUNNING:
            yield f"was undone, and began anew with {event.atom}"
            return
        stands[event.atom] = event.to_state
        is_undone = is_undone or set(stands.values()) == {states.REVERTED}


def _gaps_in_transitions(now: StoredHistory) -> Iterator[str]:
    """Check that each event starts in the state that the previous event of the same atom or flow led to."""
    stands: dict[str | None, str] = {}
    for event in now.events:
        if event.from_state != stands.get(event.atom):
            yield f"{event.seq}: {event.atom} comes from {event.from_state}, it was {stands.get(event.atom)}"
        stands[event.atom] = event.to_state


def _operator_of_retries(now: StoredHistory) -> set[str | None]:
    """Return the other allowed author of events: the operator who retries a failed undo."""
    return {None} if any(e.to_state == FlowState.ROLLBACK_FAILED for e in now.events) else set()


def _atom_state_problems(world: World, flow_id: str) -> Iterator[str]:
    with world.database.read() as session:
        folded = {atom.atom: atom.state for atom in flows.list_atom_states(session, flow_id)}
        rows = session.execute(
            select(ATOMDETAILS.c.name, ATOMDETAILS.c.state).where(ATOMDETAILS.c.parent_uuid == flow_id)
        )
        stored = {str(name): str(state) for name, state in rows}
    if folded != stored:
        yield f"history tells {sorted(folded.items())}, stored is {sorted(stored.items())}"
