"""The conductor: running, undoing, resuming, and giving up flows that it no longer owns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from cgflow.db.database import Database
from cgflow.db.models import ATOMDETAILS, Flow
from cgflow.db.repositories import flow as flows
from cgflow.engine.backoff import Backoff
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


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    made = create_database(database_url)
    yield made
    made.close()


def fail(message: str = "broken") -> object:
    raise FinalDriverError(message)


def states(db: Database, flow_id: str) -> dict[str, str]:
    with db.read() as session:
        return {atom.atom: atom.state for atom in flows.list_atom_states(session, flow_id)}


def test_a_flow_runs_to_success(db: Database) -> None:
    world = StepLog()
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, "a", "b", "c")
        conductor.submit_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
    assert flow.state is FlowState.SUCCESS
    assert world.did[0] == "first"
    assert sorted(world.did[1:4]) == ["a", "b", "c"]
    assert world.did[4:] == ["last"]
    assert set(states(db, flow_id).values()) == {"SUCCESS"}
    assert flow.ended_at is not None
    assert flow.reason is None


def test_one_failure_undoes_everything_and_gives_the_reason(db: Database) -> None:
    world = StepLog(at={"b": lambda: fail("the disk is full")})
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, "a", "b")
        conductor.submit_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
    assert flow.state is FlowState.REVERTED
    assert flow.reason == "the disk is full"
    assert world.did[-1] == "-first"
    assert "-b" in world.did, "the failed step is undone too: it may have done half"
    assert "last" not in world.did


def test_members_not_begun_are_not_begun_after_a_failure(db: Database) -> None:
    members = [f"m{number:03}" for number in range(100)]
    world = StepLog()
    gate = Gate()

    def fail_first() -> None:
        gate.reached.set()
        fail()

    for member in members:
        world.at[member] = fail_first
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, *members)
        conductor.submit_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
        with db.read() as session:
            events = flows.all_events(session, flow_id)
    cancelled = [e for e in events if e.detail and e.detail.get("failure", {}).get("type") == "FlowCancelled"]
    assert flow.state is FlowState.REVERTED
    assert flow.reason == "broken", "steps that were not begun are no part of the reason"
    assert cancelled, "with 4 threads for 100 failing members most were never begun"


def test_a_failed_undo_is_a_state_that_lists_what_is_left(db: Database) -> None:
    world = StepLog(at={"last": fail, "-b": lambda: fail("cannot undo")})
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, "a", "b")
        conductor.submit_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
    assert flow.state is FlowState.ROLLBACK_FAILED
    left = {item["task"]: item["state"] for item in flow.leftovers}
    assert left["test.each[b]"] == "REVERT_FAILURE"
    assert left["test.first"] == "SUCCESS", "what comes before the failed undo still stands"


def test_onward_steps_are_tried_again(db: Database) -> None:
    failures = iter([FinalDriverError("once"), FinalDriverError("twice")])

    def flaky() -> None:
        error = next(failures, None)
        if error is not None:
            raise error

    def graph(members: list[dict[str, str]]) -> object:
        from taskflow.patterns import linear_flow

        forward = linear_flow.Flow("on", retry=Backoff("on.retry", 3)).add(
            *(Each(member) for member in members), Last()
        )
        return linear_flow.Flow("test").add(First(), forward)

    world = StepLog(at={"a": flaky})
    with running_conductor(db, world, graph) as conductor:
        flow_id = accept_flow(db, "a")
        conductor.submit_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
        with db.read() as session:
            attempts = {atom.atom: atom.attempts for atom in flows.list_atom_states(session, flow_id)}
    assert flow.state is FlowState.SUCCESS
    assert attempts["test.each[a]"] == 3
    assert attempts["test.first"] == 1


def test_exhausted_attempts_undo_the_whole_flow(db: Database) -> None:
    def graph(members: list[dict[str, str]]) -> object:
        from taskflow.patterns import linear_flow

        forward = linear_flow.Flow("on", retry=Backoff("on.retry", 2)).add(
            *(Each(member) for member in members)
        )
        return linear_flow.Flow("test").add(First(), forward)

    world = StepLog(at={"a": fail})
    with running_conductor(db, world, graph) as conductor:
        flow_id = accept_flow(db, "a")
        conductor.submit_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
    assert flow.state is FlowState.REVERTED
    assert world.did[-1] == "-first"


def test_a_second_conductor_takes_over_and_the_first_writes_nothing_more(db: Database) -> None:
    stuck, world = StepLog(), StepLog()
    gate = Gate()
    stuck.at["b"] = gate
    with running_conductor(db, stuck, name="old") as old:
        flow_id = accept_flow(db, "a", "b")
        old.submit_flow(flow_id)
        assert gate.reached.wait(10)
        with running_conductor(db, world, name="new") as new:
            flow = await_flow(db, new, flow_id)
        with db.read() as session:
            before = flows.all_events(session, flow_id)
        gate.open()
    assert flow.state is FlowState.SUCCESS
    assert flow.epoch == 2
    assert "b" in world.did, "the step in flight is begun again by the new owner"
    assert "first" not in world.did, "what was done stays done"
    again = [
        event.conductor for event in before if event.atom == "test.each[b]" and event.to_state == "RUNNING"
    ]
    assert again == ["old", "new"], "each attempt is told, with who made it"
    with db.read() as session:
        assert flows.all_events(session, flow_id) == before, "the old owner is fenced off"
    assert "last" not in stuck.did


def test_stopping_lets_a_step_end_and_leaves_the_rest_to_the_next_start(db: Database) -> None:
    world = StepLog()
    gate = Gate()
    world.at["first"] = gate
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, "a")
        conductor.submit_flow(flow_id)
        assert gate.reached.wait(10)
        import threading

        stopper = threading.Thread(target=conductor.stop)
        stopper.start()
        gate.open()
        stopper.join(20)
        assert not stopper.is_alive()
        with db.read() as session:
            assert flows.get(session, flow_id, None).state is FlowState.RUNNING
    assert world.did == ["first"]
    world.at.clear()
    with running_conductor(db, world) as conductor:
        assert await_flow(db, conductor, flow_id).state is FlowState.SUCCESS
    assert world.did == ["first", "a", "last"]


def test_a_flow_of_another_version_is_left_untouched(db: Database) -> None:
    """S134."""
    flow_id = accept_flow(db, "a")
    world = StepLog()
    with running_conductor(db, world, version=2) as conductor:
        for _ in range(100):
            with db.read() as session:
                flow = flows.get(session, flow_id, None)
            if flow.reason:
                break
            conductor.watch.wait(flow_id, 99, 0.05)
    assert "version 1" in str(flow.reason)
    assert flow.state is FlowState.ACCEPTED
    assert world.did == []


def test_a_changed_graph_is_refused(db: Database) -> None:
    world = StepLog()
    gate = Gate()
    world.at["a"] = gate
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, "a", "b")
        conductor.submit_flow(flow_id)
        assert gate.reached.wait(10)
        with db.write() as session:
            session.execute(Flow.__table__.update().values(fingerprint="another"))
        other = StepLog()
        with running_conductor(db, other, name="new") as new:
            for _ in range(100):
                with db.read() as session:
                    flow = flows.get(session, flow_id, None)
                if flow.reason:
                    break
                new.watch.wait(flow_id, 99, 0.05)
        gate.open()
    assert "graph" in str(flow.reason)
    assert other.did == []


def test_history_folds_to_the_stored_states(db: Database) -> None:
    for at in ({}, {"b": fail}, {"last": fail}):
        world = StepLog(at=dict(at))
        with running_conductor(db, world) as conductor:
            flow_id = accept_flow(db, "a", "b")
            conductor.submit_flow(flow_id)
            await_flow(db, conductor, flow_id)
        with db.read() as session:
            told = {atom.atom: atom.state for atom in flows.list_atom_states(session, flow_id)}
            stored = dict(
                session.execute(
                    select(ATOMDETAILS.c.name, ATOMDETAILS.c.state).where(
                        ATOMDETAILS.c.parent_uuid == flow_id
                    )
                ).all()
            )
            sequence = [event.seq for event in flows.all_events(session, flow_id)]
        assert told == stored
        assert sequence == list(range(1, len(sequence) + 1))


def test_nothing_is_executed_before_its_beginning_is_on_disk(db: Database) -> None:
    world = StepLog()
    seen: dict[str, str] = {}

    def look(name: str) -> None:
        with db.read() as session:
            row = session.execute(select(ATOMDETAILS.c.state).where(ATOMDETAILS.c.name == name)).scalar()
        seen[name] = str(row)

    world.at = {"first": lambda: look("test.first"), "a": lambda: look("test.each[a]")}
    with running_conductor(db, world, build_flow) as conductor:
        flow_id = accept_flow(db, "a")
        conductor.submit_flow(flow_id)
        await_flow(db, conductor, flow_id)
    assert seen == {"test.first": "RUNNING", "test.each[a]": "RUNNING"}


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_ends_a_process_fails_a_step(db: Database, error: BaseException) -> None:
    def end() -> None:
        raise error

    world = StepLog(at={"b": end})
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, "a", "b")
        conductor.submit_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
    assert flow.state is FlowState.REVERTED
    assert flow.reason is not None
    assert type(error).__name__ in flow.reason
    assert world.did[-1] == "-first"


def test_a_failure_caused_by_what_ends_a_process_is_stored(db: Database) -> None:
    def end() -> None:
        raise FinalDriverError("interrupted") from KeyboardInterrupt()

    world = StepLog(at={"last": end})
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, "a")
        conductor.submit_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
    assert (flow.state, flow.reason) == (FlowState.REVERTED, "interrupted")


def test_what_ends_a_process_fails_an_undo(db: Database) -> None:
    def end() -> None:
        raise SystemExit(3)

    world = StepLog(at={"last": fail, "-b": end})
    with running_conductor(db, world) as conductor:
        flow_id = accept_flow(db, "a", "b")
        conductor.submit_flow(flow_id)
        flow = await_flow(db, conductor, flow_id)
    assert flow.state is FlowState.ROLLBACK_FAILED
