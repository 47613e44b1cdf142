"""Taking flows over: whom the backend shuts out, and to whom a flow is left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session
from taskflow.flow import Flow as Graph

from cgflow import records
from cgflow.db.database import Database
from cgflow.db.models import Flow
from cgflow.db.repositories import flow as flows
from cgflow.engine import flow_actions, takeover
from cgflow.errors import NotFenced
from cgflow.status import FlowState
from tests.support.small_flows import (
    Gate,
    StepLog,
    accept_flow,
    await_flow,
    build_flow,
    create_database,
    running_conductor,
)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    made = create_database(database_url)
    yield made
    made.close()


def test_a_flow_that_begins_during_its_takeover_is_fenced_first(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An accepted flow needs no fence, but its owner may store that it runs, and call the backend."""
    flow_id = accept_flow(db, conductor="old")
    fenced: list[str | None] = []
    find = flows.find_unfinished

    def find_and_begin(session: Session, id_: str) -> records.Flow | None:
        found = find(session, id_)
        with db.write() as other:
            other.execute(update(Flow).values(state=FlowState.RUNNING.value))
        return found

    def fence(flow: records.Flow) -> None:
        fenced.append(flow.conductor)

    with monkeypatch.context() as patch:
        patch.setattr(flows, "find_unfinished", find_and_begin)
        with pytest.raises(NotFenced):
            takeover.take_over(db, flow_id, "new", fence)
    assert fenced == []
    with db.read() as session:
        flow = flows.get(session, flow_id, None)
    assert (flow.conductor, flow.epoch) == ("old", 1)
    taken = takeover.take_over(db, flow_id, "new", fence)
    assert taken is not None
    assert (taken.flow.conductor, taken.flow.epoch) == ("new", 2)
    assert fenced == ["old"]


def test_an_accepted_flow_that_another_conductor_took_is_left_to_it(db: Database) -> None:
    """A process that was stopped for a while must not shut out the one that took its flows."""
    gate = Gate()
    world = StepLog(at={"first": gate})
    with running_conductor(db, StepLog(), name="old") as old:
        flow_id = accept_flow(db, "a", conductor="old")
        with running_conductor(db, world, name="new") as new:
            assert gate.reached.wait(10)
            old.submit_accepted_flow(flow_id)
            while flow_id in old.active_flow_ids():
                new.watch.wait(flow_id, 99, 0.05)
            gate.open()
            flow = await_flow(db, new, flow_id)
    assert (flow.state, flow.conductor, flow.epoch) == (FlowState.SUCCESS, "new", 2)


def test_a_cancel_while_a_flow_is_taken_up_counts(db: Database) -> None:
    """It was stored after the flow was read, and came before the conductor runs it."""

    def cancel_and_build(members: list[dict[str, str]]) -> Graph:
        with db.write() as session:
            request = flow_actions.request_cancel(session, flow_id, flow_actions.Actor("op"), "wrong volume")
        conductor.cancel(flow_id, request)
        return build_flow(members)

    world = StepLog()
    with running_conductor(db, world, cancel_and_build) as conductor:
        flow_id = accept_flow(db, "a", conductor=conductor.name)
        conductor.submit_accepted_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
    assert (flow.state, flow.reason) == (FlowState.REVERTED, "Cancelled by op: wrong volume")
    assert world.did == ["-first"], "the step that was refused is undone"
    with db.read() as session:
        assert [done["action"] for done in flows.list_flow_actions(session, flow_id)] == ["cancel"]


def test_every_cancel_of_a_waiting_flow_is_in_its_history(db: Database) -> None:
    """Only the first one is stored with the flow; it is the reason for the rollback."""
    with running_conductor(db, StepLog()) as conductor:
        flow_id = accept_flow(db, "a", conductor=conductor.name)
        conductor._runner.announce_call(flow_id)
        for reason in ("wrong volume", "still wrong"):
            with db.write() as session:
                request = flow_actions.request_cancel(session, flow_id, flow_actions.Actor("op"), reason)
            conductor.cancel(flow_id, request)
        conductor.submit_accepted_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
        conductor._runner.withdraw_call(flow_id)
    assert (flow.state, flow.reason) == (FlowState.REVERTED, "Cancelled by op: wrong volume")
    with db.read() as session:
        actions = flows.list_flow_actions(session, flow_id)
    assert [done["reason"] for done in actions] == ["wrong volume", "still wrong"]
