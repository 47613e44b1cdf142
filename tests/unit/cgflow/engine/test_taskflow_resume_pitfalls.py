"""Known problems of TaskFlow when it resumes a flow, which must not occur here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text
from taskflow.flow import Flow
from taskflow.patterns import linear_flow, unordered_flow

from cgflow import clock, records
from cgflow.db.database import Database
from cgflow.db.models import ATOMDETAILS
from cgflow.db.repositories import flow as flows
from cgflow.engine import backoff
from cgflow.engine import conductor as conductors
from cgflow.engine.backoff import Backoff
from cgflow.engine.conductor import Conductor
from cgflow.engine.definition import Definition
from cgflow.errors import FinalDriverError
from cgflow.status import FlowState
from tests.support.small_flows import (
    Each,
    First,
    Gate,
    Last,
    StepLog,
    accept_flow,
    await_flow,
    build_flow,
    create_database,
    running_conductor,
)

Members = list[dict[str, str]]


@pytest.fixture
def db(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0)
    monkeypatch.setattr(conductors, "UNDO_ATTEMPTS", 0)
    made = create_database(database_url)
    yield made
    made.close()


def fail() -> None:
    raise FinalDriverError("broken")


def onward(members: Members) -> Flow:
    again = linear_flow.Flow("on", retry=Backoff("on.retry", 3)).add(*(Each(member) for member in members))
    return linear_flow.Flow("test").add(First(), again, Last())


def states(db: Database, flow_id: str) -> dict[str, str]:
    rows = select(ATOMDETAILS.c.name, ATOMDETAILS.c.state).where(ATOMDETAILS.c.parent_uuid == flow_id)
    with db.read() as session:
        return {str(name): str(state) for name, state in session.execute(rows)}


def noted(db: Database, conductor: Conductor, flow_id: str) -> records.Flow:
    """Wait until a flow has a reason why it does not continue."""
    for _ in range(200):
        with db.read() as session:
            flow = flows.get(session, flow_id, None)
        if flow.reason:
            return flow
        conductor.watch.wait(flow_id, 99, 0.05)
    raise AssertionError(f"nothing is noted on {flow}")


def taken_over(
    db: Database, world: StepLog, at: str, graph: Callable[..., Flow] = build_flow, members: str = "ab"
) -> tuple[StepLog, records.Flow, list[records.FlowEvent]]:
    """Let a second conductor take the flow over when the first is at a point; return what the second did."""
    gate, second = Gate(), StepLog()
    world.at[at] = gate
    with running_conductor(db, world, graph, name="first") as first:
        flow_id = accept_flow(db, *members)
        first.submit_flow(flow_id)
        assert gate.reached.wait(30)
        second.at = {what: do for what, do in world.at.items() if what != at}
        with running_conductor(db, second, graph, name="second") as new:
            flow = await_flow(db, new, flow_id)
        gate.open()
    with db.read() as session:
        return second, flow, flows.all_events(session, flow_id)


def test_what_one_member_did_is_saved_while_another_is_at_work(db: Database) -> None:
    """TaskFlow's serial engine saves nothing of an unordered flow before all of it has run."""
    gate = Gate()
    with running_conductor(db, StepLog(at={"b": gate})) as conductor:
        flow_id = accept_flow(db, "a", "b")
        conductor.submit_flow(flow_id)
        assert gate.reached.wait(30)
        for _ in range(200):
            if states(db, flow_id)["test.each[a]"] == "SUCCESS":
                break
            conductor.watch.wait(flow_id, 99, 0.05)
        assert states(db, flow_id)["test.each[a]"] == "SUCCESS"
        assert states(db, flow_id)["test.each[b]"] == "RUNNING"
        gate.open()
        await_flow(db, conductor, flow_id)


def test_a_step_in_flight_when_another_had_failed_is_undone_without_its_result(db: Database) -> None:
    gate = Gate()

    def fail_when_b_is_at_work() -> None:
        assert gate.reached.wait(30)
        fail()

    world, second = StepLog(at={"a": fail_when_b_is_at_work, "b": gate}), StepLog()
    with running_conductor(db, world, name="first") as first:
        flow_id = accept_flow(db, "a", "b")
        first.submit_flow(flow_id)
        for _ in range(200):
            if states(db, flow_id).get("test.each[a]") == "REVERTED":
                break
            first.watch.wait(flow_id, 99, 0.05)
        found = states(db, flow_id)
        assert (found["test.each[a]"], found["test.each[b]"]) == ("REVERTED", "RUNNING")
        with running_conductor(db, second, name="second") as new:
            flow = await_flow(db, new, flow_id)
        gate.open()
    assert flow.state is FlowState.REVERTED
    assert second.did == ["-b", "-first"], "the failed one is undone already"


def test_an_undo_in_flight_is_begun_again(db: Database) -> None:
    second, flow, _ = taken_over(db, StepLog(at={"last": fail}), "-a", members="a")
    assert (flow.state, second.did) == (FlowState.REVERTED, ["-a", "-first"])


def test_a_retry_goes_on_with_the_attempt_that_it_was_in(db: Database) -> None:
    """With one failed attempt and one in flight, two are left, not three more."""
    gate, met = Gate(), iter([fail])

    def once_then_hang() -> None:
        next(met, gate)()

    world, second = StepLog(at={"a": once_then_hang}), StepLog(at={"a": fail})
    with running_conductor(db, world, onward, name="first") as first:
        flow_id = accept_flow(db, "a")
        first.submit_flow(flow_id)
        assert gate.reached.wait(30)
        with running_conductor(db, second, onward, name="second") as new:
            flow = await_flow(db, new, flow_id)
        gate.open()
    with db.read() as session:
        attempts = {atom.atom: atom.attempts for atom in flows.list_atom_states(session, flow_id)}
    assert flow.state is FlowState.REVERTED
    assert attempts["test.each[a]"] == 4, "one before, the one in flight twice, and the third"
    assert second.did[-1] == "-first"


def test_retries_side_by_side_undo_the_whole_flow_when_one_is_exhausted(db: Database) -> None:
    def graph(members: Members) -> Flow:
        parts = [
            linear_flow.Flow(f"on{at}", retry=Backoff(f"on{at}.retry", 2)).add(Each(member))
            for at, member in enumerate(members)
        ]
        return linear_flow.Flow("test").add(First(), unordered_flow.Flow("all").add(*parts), Last())

    world = StepLog(at={"a": fail})
    with running_conductor(db, world, graph) as conductor:
        flow_id = accept_flow(db, "a", "b", "c")
        conductor.submit_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
    assert flow.state is FlowState.REVERTED
    assert set(states(db, flow_id).values()) <= {"REVERTED", "PENDING"}
    assert world.did[-1] == "-first"
    for member in "bc":
        assert world.did.count(member) <= world.did.count(f"-{member}")


def without_last(members: Members) -> Flow:
    return linear_flow.Flow("test").add(First(), *(Each(member) for member in members))


def with_one_more(members: Members) -> Flow:
    more = {"volume_id": "more"}
    return linear_flow.Flow("test").add(First(), *(Each(m) for m in [more, *members]), Last())


def renamed(members: Members) -> Flow:
    return linear_flow.Flow("test").add(
        First(), *(Each({"volume_id": f"{m['volume_id']}2"}) for m in members), Last()
    )


def ordered(members: Members) -> Flow:
    return linear_flow.Flow("test").add(First(), *(Each(member) for member in members), Last())


@pytest.mark.parametrize("graph", [without_last, with_one_more, renamed])
def test_another_graph_than_the_stored_one_is_refused(db: Database, graph: Callable[..., Flow]) -> None:
    """TaskFlow would run it by its names, and ignore effects of steps that no longer exist."""
    gate, other = Gate(), StepLog()
    with running_conductor(db, StepLog(at={"a": gate}), ordered, name="first") as first:
        flow_id = accept_flow(db, "a", "b")
        first.submit_flow(flow_id)
        assert gate.reached.wait(30)
        before = states(db, flow_id)
        with running_conductor(db, other, graph, name="second") as new:
            assert "graph" in str(noted(db, new, flow_id).reason)
        assert (other.did, states(db, flow_id)) == ([], before)
        gate.open()


def test_a_flow_whose_story_is_missing_here_is_kept_and_run_where_it_is_not(db: Database) -> None:
    """TaskFlow's conductor discards a job whose factory is missing on the worker that took it."""

    def missing(operation: str) -> Definition:
        raise LookupError(f"there is no story {operation}")

    flow_id = accept_flow(db, "a")
    world = StepLog()
    without = Conductor("without", db, missing, {"world": world})
    without.start()
    try:
        flow = noted(db, without, flow_id)
    finally:
        without.stop()
    assert "there is no story test" in str(flow.reason)
    assert flow.state is FlowState.ACCEPTED
    with running_conductor(db, world, name="with") as conductor:
        flow = await_flow(db, conductor, flow_id)
    assert (flow.state, flow.reason) == (FlowState.SUCCESS, None)


def test_the_oldest_flow_is_taken_up_first(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    now, accepted = clock.now(), []
    for day in (3, 1, 2):
        monkeypatch.setattr(clock, "now", lambda day=day: now.replace(day=day))
        accepted.append(accept_flow(db))
    newest, oldest, middle = accepted
    conductor = Conductor("here", db, lambda _: Definition(1, build_flow), {})
    woken: list[str] = []
    monkeypatch.setattr(conductor, "submit_flow", woken.append)
    try:
        assert conductor.start() == woken == [oldest, middle, newest]
    finally:
        conductor.stop()


def test_sqlite_keeps_foreign_keys(tmp_path: Path) -> None:
    """With foreign keys off, which is SQLite's default, deleting a logbook leaves its atoms behind."""
    made = Database(f"sqlite:///{tmp_path / 'keys.db'}")
    for way in (made.read, made.write):
        with way() as session:
            assert session.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    made.close()
