"""Replaying a history gives the stored states, for any graph, any failure and any takeover."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from taskflow.flow import Flow
from taskflow.patterns import linear_flow, unordered_flow

from cgflow import records
from cgflow.atom_states import fold_transitions, transitions_of
from cgflow.db.database import Database
from cgflow.db.models import ATOMDETAILS
from cgflow.db.repositories import flow as flows
from cgflow.engine import backoff, conductor, flow_actions
from cgflow.engine.backoff import Backoff
from cgflow.errors import FinalDriverError
from cgflow.status import UNFINISHED, FlowState
from tests.support.small_flows import (
    Each,
    Gate,
    StepLog,
    accept_flow,
    await_flow,
    create_database,
    running_conductor,
)

ATTEMPTS = 3
ONCE, ALWAYS = (1,), tuple(range(1, 100))

# A graph is a step (None), or a kind of flow with its parts.
Graph = tuple[str, list[Any]] | None


def parts(inner: st.SearchStrategy[Graph]) -> st.SearchStrategy[Graph]:
    return st.tuples(
        st.sampled_from(["linear", "unordered", "onward"]), st.lists(inner, min_size=1, max_size=3)
    )


GRAPHS = st.recursive(st.none(), parts, max_leaves=6).map(lambda graph: ("linear", [None, graph, None]))


Fails = dict[str, tuple[int, ...]]


@dataclass
class Case:
    """A graph; when each point fails (``-name``: the undo of a step); where a second conductor takes over.

    A failed rollback is ``mended``: it is retried when nothing fails any more. Otherwise it stays.
    """

    graph: Graph
    failing: Fails
    taken_at: str | None
    mended: bool = False


@st.composite
def cases(draw: st.DrawFn) -> Case:
    graph = draw(GRAPHS)
    steps = [f"s{number}" for number in range(count(graph))]
    points = st.sampled_from([*steps, *(f"-{step}" for step in steps)])
    times = st.sampled_from([ONCE, (2,), (1, 2), (2, 3), ALWAYS])
    failing = draw(st.dictionaries(points, times, max_size=3))
    return Case(graph, failing, draw(st.none() | points), draw(st.booleans()))


def count(graph: Graph) -> int:
    return 1 if graph is None else sum(count(part) for part in graph[1])


def built(graph: Graph) -> Flow:
    """Build the graph; its steps are named in order."""
    numbers = itertools.count()
    kinds = itertools.count()

    def build(part: Graph) -> Any:
        if part is None:
            return Each({"volume_id": f"s{next(numbers)}"})
        kind, inner = part
        name = f"{kind}{next(kinds)}"
        if kind == "unordered":
            made = unordered_flow.Flow(name)
        else:
            made = linear_flow.Flow(
                name, retry=Backoff(f"{name}.retry", ATTEMPTS) if kind == "onward" else None
            )
        return made.add(*(build(one) for one in inner))

    return build(graph)


def failures(failing: Fails) -> StepLog:
    """Return a world in which these points fail at the given attempts."""
    world = StepLog()
    for point, times in failing.items():
        world.at[point] = Failing(point, times)
    return world


class Failing:
    def __init__(self, point: str, times: tuple[int, ...]) -> None:
        self._point = point
        self._times = times
        self._met = 0

    def __call__(self) -> None:
        self._met += 1
        if self._met in self._times:
            raise FinalDriverError(f"{self._point} fails")


def play(db: Database, case: Case) -> records.Flow:
    """Run a case to its end, and retry a failed rollback if the case says so."""
    flow = ended(db, case)
    if not case.mended or flow.state is not FlowState.ROLLBACK_FAILED:
        return flow
    with db.write() as session:
        flow_actions.retry_rollback(session, flow.id, flow_actions.Actor("somebody"), "tried again")
    with running_conductor(db, StepLog(), lambda **_: built(case.graph), name="third") as third:
        return await_flow(db, third, flow.id)


def ended(db: Database, case: Case) -> records.Flow:
    """Run a case to its first end; a conductor whose flow is taken over is released after that."""
    flow_id = accept_flow(db)
    world, gate = failures(case.failing), Gate()
    if case.taken_at is not None:
        world.at[case.taken_at] = gate

    def graph(**_: object) -> Flow:
        return built(case.graph)

    with running_conductor(db, world, graph, name="first") as first:
        if case.taken_at is None:
            return await_flow(db, first, flow_id)
        while not gate.reached.wait(0.01):
            with db.read() as session:
                flow = flows.get(session, flow_id, None)
            if flow.state not in UNFINISHED:
                return flow
        try:
            with running_conductor(db, failures(case.failing), graph, name="second") as second:
                return await_flow(db, second, flow_id)
        finally:
            gate.open()


def stored(db: Database, flow_id: str) -> dict[str, str]:
    rows = select(ATOMDETAILS.c.name, ATOMDETAILS.c.state).where(ATOMDETAILS.c.parent_uuid == flow_id)
    with db.read() as session:
        return {str(name): str(state) for name, state in session.execute(rows)}


def faults(flow: records.Flow, told: list[records.FlowEvent], states: dict[str, str]) -> Iterator[str]:
    """Yield everything in which a history differs from the stored states, or contradicts itself."""
    folded = {atom.atom: atom.state for atom in fold_transitions(transitions_of(told))}
    # An atom without a transition has no event, and is in its initial state.
    expected = {name: state for name, state in states.items() if name in folded or state != "PENDING"}
    if folded != expected:
        yield f"told: {folded}, stored: {expected}"
    if [event.seq for event in told] != list(range(1, len(told) + 1)):
        yield f"numbered {[event.seq for event in told]}"
    if told[-1].to_state != flow.state or told[-1].atom is not None:
        yield f"the flow is {flow.state}, its last event tells {told[-1].to_state} of {told[-1].atom}"
    last: dict[str | None, records.FlowEvent] = {}
    for one in told:
        before = last.get(one.atom)
        if one.from_state != (None if before is None else before.to_state):
            yield f"{one.seq}: {one.atom} comes from {one.from_state}, it was {before and before.to_state}"
        if before is not None and one.attempt < before.attempt:
            yield f"{one.seq}: {one.atom} is at attempt {one.attempt} after {before.attempt}"
        last[one.atom] = one


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0)
    monkeypatch.setattr(conductor, "UNDO_ATTEMPTS", 0)
    made = create_database(f"sqlite:///{tmp_path / 'test.db'}")
    yield made
    made.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
# A step that was undone waits for another attempt, which another step then prevents.
@example(Case(("linear", [None, ("onward", [None, None]), None]), {"s2": ONCE, "s1": (2, 3)}, None))
def test_a_replay_gives_what_is_stored(db: Database, case: Case) -> None:
    flow = play(db, case)
    with db.read() as session:
        told = flows.all_events(session, flow.id)
    by = " and ".join(sorted({one.conductor for one in told if one.conductor}))
    event(f"{flow.state} by {by}")
    assert list(faults(flow, told, stored(db, flow.id))) == []


def test_every_kind_of_end_is_among_what_is_told(db: Database) -> None:
    graph: Graph = ("linear", [None, ("onward", [None, None]), None])
    ends = Counter(
        (flow.state, flow.epoch)
        for failing in ({}, {"s2": ONCE}, {"s3": ALWAYS}, {"s3": ALWAYS, "-s0": ALWAYS})
        for taken_at in (None, "s3")
        for flow in [play(db, Case(graph, failing, taken_at))]
    )
    for state, number in ((FlowState.SUCCESS, 2), (FlowState.REVERTED, 1), (FlowState.ROLLBACK_FAILED, 1)):
        assert (ends[state, 1], ends[state, 2]) == (number, number), "run through, and taken over"


@pytest.mark.parametrize("taken_at", [None, "s1", "-s0"])
def test_a_failed_rollback_that_is_mended_is_told_to_its_end(db: Database, taken_at: str | None) -> None:
    failing = {"s1": ALWAYS, "-s0": (1, 2)}
    case = Case(("linear", [None, None]), failing, taken_at, mended=True)
    flow = play(db, case)
    with db.read() as session:
        told = flows.all_events(session, flow.id)
    assert flow.state is FlowState.REVERTED
    assert list(faults(flow, told, stored(db, flow.id))) == []


@pytest.mark.parametrize("position", range(4))
def test_a_history_that_lies_is_seen(db: Database, position: int) -> None:
    flow = play(db, Case(("linear", [None, None]), {"s1": ONCE}, None))
    with db.read() as session:
        told = flows.all_events(session, flow.id)
    states = stored(db, flow.id)
    assert list(faults(flow, told, states)) == []
    atoms = [at for at, one in enumerate(told) if one.atom is not None]
    del told[atoms[position]]
    assert list(faults(flow, told, states))
