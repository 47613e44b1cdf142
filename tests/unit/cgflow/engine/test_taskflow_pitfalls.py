"""Known problems with TaskFlow that must not occur here."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, update
from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from cgflow import records
from cgflow.db.database import Database
from cgflow.db.models import ATOMDETAILS, FLOWDETAILS
from cgflow.db.models import Flow as FlowRow
from cgflow.db.repositories import flow as flows
from cgflow.engine import backoff
from cgflow.engine import conductor as conductors
from cgflow.engine.backoff import Backoff
from cgflow.engine.task import Task
from cgflow.status import FlowState
from tests.support.small_flows import (
    Each,
    First,
    Gate,
    StepLog,
    accept_flow,
    await_flow,
    create_database,
    running_conductor,
)

ODD: dict[str, object] = {
    "bytes": b"\xff\x00",
    "datetime": datetime(2026, 1, 2, tzinfo=UTC),
    "uuid": uuid.UUID(int=1),
    "object": object(),
    "nan": math.nan,
    "infinity": -math.inf,
    "path": Path("/a"),
    "surrogate": "a file named \udcff",
    "nul": "a\x00b",
    "set": {1, 2},
}


class Give(Task):
    """Returns the value that ``GIVEN`` has under a key."""

    atom = "test.give"
    default_provides = "given"

    def execute(self, world: StepLog, what: str) -> object:
        world.do("give")
        return GIVEN[what]


class Take(Task):
    """Records the value that it gets."""

    atom = "test.take"

    def execute(self, world: StepLog, given: object) -> None:
        world.do(f"took {given!r}")

    def revert(self, world: StepLog, given: object, **_: object) -> None:
        world.do(f"-took {given!r}")


GIVEN: dict[str, object] = {**ODD, "tuple": (1, (2, 3)), "int keys": {1: "a"}, "plain": {"a": [1, None, "x"]}}


def giving(what: str) -> Callable[..., Flow]:
    """Return a flow in which one step passes a value to the next."""

    def graph(members: list[dict[str, str]]) -> Flow:
        return linear_flow.Flow("test").add(First(), Give({"volume_id": "v", "what": what}), Take())

    return graph


def onward(members: list[dict[str, str]]) -> Flow:
    """Build a flow that is retried."""
    again = linear_flow.Flow("on", retry=Backoff("on.retry", 2)).add(*(Each(member) for member in members))
    return linear_flow.Flow("test").add(First(), again)


def raising(error: Callable[[], BaseException]) -> Callable[[], None]:
    def fail() -> None:
        raise error()

    return fail


@pytest.fixture
def db(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0)
    monkeypatch.setattr(conductors, "UNDO_ATTEMPTS", 0)
    made = create_database(database_url)
    yield made
    made.close()


def run(db: Database, world: StepLog, *graph: Callable[..., Flow]) -> records.Flow:
    with running_conductor(db, world, *graph) as conductor:
        flow_id = accept_flow(db, "a")
        conductor.submit_flow(flow_id)
        return await_flow(db, conductor, flow_id)


def set_back(db: Database, flow_id: str, state: FlowState) -> None:
    """Mark the flow as not ended, as if the process had died just before the end was recorded."""
    with db.write() as session:
        session.execute(update(FlowRow).where(FlowRow.id == flow_id).values(state=state, ended_at=None))


@pytest.mark.parametrize("fails", ["", "last"])
def test_a_restart_over_flows_that_ended_executes_nothing(db: Database, fails: str) -> None:
    ended = run(db, StepLog(at={fails: raising(lambda: ValueError("broken"))}))
    world = StepLog()
    with running_conductor(db, world, name="next") as conductor:
        assert conductor._running == {}
        conductor.submit_flow(ended.id)
    assert world.did == []
    with db.read() as session:
        assert flows.get(session, ended.id, None) == ended


@pytest.mark.parametrize(("fails", "end"), [("", FlowState.SUCCESS), ("last", FlowState.REVERTED)])
def test_a_flow_whose_end_was_not_told_is_not_run_again(db: Database, fails: str, end: FlowState) -> None:
    ended = run(db, StepLog(at={fails: raising(lambda: ValueError("broken"))}))
    set_back(db, ended.id, FlowState.REVERTING if fails else FlowState.RUNNING)
    world = StepLog()
    with running_conductor(db, world, name="next") as conductor:
        again = await_flow(db, conductor, ended.id)
    assert (again.state, again.reason, world.did) == (end, ended.reason, [])


@pytest.mark.parametrize("engine", ["FAILURE", "RUNNING", "SUSPENDED"])
def test_a_failed_undo_is_not_hidden_by_a_resume(db: Database, engine: str) -> None:
    broken = raising(lambda: ValueError("broken"))
    ended = run(db, StepLog(at={"last": broken, "-a": broken}))
    assert ended.state is FlowState.ROLLBACK_FAILED
    set_back(db, ended.id, FlowState.REVERTING)
    with db.write() as session:
        session.execute(update(FLOWDETAILS).values(state=engine))
    world = StepLog()
    with running_conductor(db, world, name="next") as conductor:
        again = await_flow(db, conductor, ended.id)
    assert (again.state, again.leftovers, world.did) == (FlowState.ROLLBACK_FAILED, ended.leftovers, [])


def test_a_step_runs_when_its_beginning_is_on_disk(db: Database) -> None:
    seen: list[tuple[str, str]] = []

    def look() -> None:
        with db.read() as session:
            event = flows.all_events(session, flow_id)[-1]
        seen.append((str(event.atom), event.to_state))

    world = StepLog(at={"first": look, "a": look, "-a": look, "-first": look})
    world.at["last"] = raising(lambda: ValueError("broken"))
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, "a")
        conductor.submit_flow(flow_id)
        await_flow(db, conductor, flow_id)
    steps = [("test.first", "RUNNING"), ("test.each[a]", "RUNNING")]
    assert seen == [*steps, *((atom, "REVERTING") for atom, _ in reversed(steps))]


@pytest.mark.parametrize("what", ["tuple", "int keys", "plain"])
def test_a_result_is_the_same_before_and_after_a_restart(db: Database, what: str) -> None:
    gate, first, second = Gate(), StepLog(), StepLog()
    plain = json.loads(json.dumps(GIVEN[what]))
    first.at[f"took {plain!r}"] = gate
    with running_conductor(db, first, giving(what), name="old") as old:
        flow_id = accept_flow(db)
        old.submit_flow(flow_id)
        assert gate.reached.wait(10), (
            f"the next step was given {GIVEN[what]!r}, after a restart it is {plain!r}"
        )
        with running_conductor(db, second, giving(what), name="new") as new:
            assert await_flow(db, new, flow_id).state is FlowState.SUCCESS
        gate.open()
    assert second.did == [f"took {plain!r}"]


@pytest.mark.parametrize("what", sorted(ODD))
def test_a_result_that_is_not_json_fails_its_step(db: Database, what: str) -> None:
    flow = run(db, StepLog(), giving(what))
    if isinstance(ODD[what], str):
        assert flow.state is FlowState.SUCCESS
        return
    assert flow.state is FlowState.REVERTED
    assert "test.give" in str(flow.reason)
    assert "JSON" in str(flow.reason)


@pytest.mark.parametrize("graph", ["linear", "onward"])
@pytest.mark.parametrize("what", sorted(ODD))
def test_an_exception_with_odd_arguments_undoes_the_flow(db: Database, what: str, graph: str) -> None:
    world = StepLog(at={"a": raising(lambda: ValueError("broken", ODD[what]))})
    flow = run(db, world, *([onward] if graph == "onward" else []))
    assert flow.state is FlowState.REVERTED
    assert "broken" in str(flow.reason)
    assert world.did[-1] == "-first"


@pytest.mark.parametrize("words", ["a file named \udcff", "a\x00b"])
def test_a_reason_that_no_text_can_hold_is_told_readably(db: Database, words: str) -> None:
    flow = run(db, StepLog(at={"a": raising(lambda: ValueError(words))}))
    assert flow.state is FlowState.REVERTED
    assert str(flow.reason).isprintable()


@pytest.mark.parametrize("graph", ["linear", "onward"])
def test_an_exception_with_an_odd_cause_undoes_the_flow(db: Database, graph: str) -> None:
    def fail() -> None:
        try:
            raising(lambda: OSError(b"\xff", object()))()
        except OSError as cause:
            raise ValueError("broken") from cause

    flow = run(db, StepLog(at={"a": fail}), *([onward] if graph == "onward" else []))
    assert (flow.state, flow.reason) == (FlowState.REVERTED, "ValueError: broken")


def test_an_undo_that_fails_oddly_is_told(db: Database) -> None:
    odd = raising(lambda: ValueError("stuck", object(), b"\xff"))
    flow = run(db, StepLog(at={"last": odd, "-a": odd}))
    assert flow.state is FlowState.ROLLBACK_FAILED


def test_atoms_of_one_name_are_refused(db: Database) -> None:
    def graph(members: list[dict[str, str]]) -> Flow:
        return linear_flow.Flow("test").add(First(), First())

    world = StepLog()
    with running_conductor(db, world, graph) as conductor:
        flow_id = accept_flow(db)
        conductor.submit_flow(flow_id)
        for _ in range(100):
            with db.read() as session:
                flow = flows.get(session, flow_id, None)
            if flow.reason:
                break
            conductor.watch.wait(flow_id, 99, 0.05)
    assert "duplicate names" in str(flow.reason)
    assert world.did == []


def test_what_is_stored_is_what_json_says(db: Database) -> None:
    flow = run(db, StepLog(), giving("tuple"))
    with db.read() as session:
        stored = session.scalar(
            select(ATOMDETAILS.c.results).where(
                ATOMDETAILS.c.parent_uuid == flow.id, ATOMDETAILS.c.name == "test.give[v]"
            )
        )
    assert stored == [1, [2, 3]]
