"""The database goes away in the middle of flows: they wait and continue, and no step runs twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError

from cgflow.db.database import Database
from cgflow.db.repositories import flow as flows
from cgflow.engine import writer
from cgflow.status import FlowState
from tests.support.small_flows import (
    Gate,
    StepLog,
    accept_flow,
    await_flow,
    create_database,
    running_conductor,
)


class Outage:
    """Makes the engine's commits fail as those of an unavailable database do.

    The gate is reached at the second failure, when the first has been classified.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate = Gate()
        self.is_on = False
        self.failures = 0
        real = writer._write_saves

        def write(session: object, batch: object) -> None:
            if self.is_on:
                self.failures += 1
                if self.failures > 1:
                    self.gate.reached.set()
                raise OperationalError("COMMIT", {}, sqlite3.OperationalError("database is away"))
            real(session, batch)  # type: ignore[arg-type]

        monkeypatch.setattr(writer, "_write_saves", write)
        monkeypatch.setattr(writer, "RETRY_PAUSE_S", 0.01)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    made = create_database(database_url)
    yield made
    made.close()


def test_flows_wait_and_go_on(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    outage = Outage(monkeypatch)
    world = StepLog()
    world.at["first"] = lambda: setattr(outage, "is_on", True)
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, "a", "b")
        conductor.submit_flow(flow_id)
        assert outage.gate.reached.wait(10)
        assert not conductor.is_healthy
        assert world.did == ["first"], "nothing is begun whose beginning cannot be stored"
        outage.is_on = False
        assert await_flow(db, conductor, flow_id).state is FlowState.SUCCESS
        assert conductor.is_healthy
    assert sorted(world.did) == ["a", "b", "first", "last"], "nothing ran twice"


def test_stopping_does_not_wait_for_a_database_that_is_away(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = Outage(monkeypatch)
    world = StepLog()
    world.at["first"] = lambda: setattr(outage, "is_on", True)
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, "a")
        conductor.submit_flow(flow_id)
        assert outage.gate.reached.wait(10)
    with db.read() as session:
        assert flows.get(session, flow_id, None).state is FlowState.RUNNING
    outage.is_on = False
    world.at.clear()
    with running_conductor(db, world) as conductor:
        assert await_flow(db, conductor, flow_id).state is FlowState.SUCCESS
    assert world.did == ["first", "first", "a", "last"], "what was not stored as done is done again"


def test_rows_that_are_refused_stop_their_own_flow_alone(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = writer._write_saves
    bad: list[str] = []

    def write(session: object, batch: list[writer.Save]) -> None:
        if any(save.owner.flow_id in bad for save in batch):
            raise ValueError("these rows cannot be stored")
        real(session, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(writer, "_write_saves", write)
    world = StepLog()
    gate = Gate()
    world.at["x"] = gate
    with running_conductor(db, world) as conductor:
        doomed, other = accept_flow(db, "x"), accept_flow(db, "y")
        conductor.submit_flow(doomed)
        assert gate.reached.wait(10)
        bad.append(doomed)
        gate.open()
        conductor.submit_flow(other)
        assert await_flow(db, conductor, other).state is FlowState.SUCCESS
    with db.read() as session:
        assert flows.get(session, doomed, None).state is FlowState.RUNNING
