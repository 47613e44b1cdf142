"""A flow has one point of no return: before it everything can be undone, after it nothing is."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from taskflow import task
from taskflow.atom import Atom
from taskflow.flow import Flow

from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import backoff
from cgflow.engine.point_of_no_return import find_commit_step
from cgflow.engine.task import Commit
from cgflow.errors import InvalidState
from cgflow.status import FlowState
from flows import draw, flow_actions, subflows
from flows.acceptance import Accepted
from flows.catalog import OPERATIONS, definition_of
from tests.stories.points_of_no_return import (
    OPERATIONS_WITHOUT_TURN,
    WITH,
    graph_of,
    has_steps_behind,
    turning_step,
)
from tests.stories.scripts import SCRIPTS
from tests.stories.shapes import SHAPES
from tests.support import crash_process
from tests.support.crash_cases import (
    AFTER_COMMIT,
    BEFORE_COMMIT,
    Case,
    Found,
    Outcome,
    PreparedOperation,
    copy_job,
    prepare_operation,
    without_generated_ids,
)
from tests.support.crash_process import Job
from tests.support.failing_steps import InjectedFailure, StepFaults, StepPoint, inject_step_faults
from tests.support.world import CALLER, World, world

UNDOABLE = [operation for operation in WITH if not SCRIPTS[operation].forward]


# The definitions of the flows


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_a_story_has_one_point_of_no_return(operation: str) -> None:
    commits = [node for node in graph_of(operation).nodes if isinstance(node, Commit)]
    assert len(commits) == (0 if operation in OPERATIONS_WITHOUT_TURN else 1)
    assert definition_of(operation).remedy or operation in OPERATIONS_WITHOUT_TURN
    for commit in commits:
        assert "database" in commit.rebind, "its transaction records that it was passed"


@pytest.mark.parametrize("operation", WITH)
def test_nothing_behind_it_can_have_the_flow_undone(operation: str) -> None:
    story = definition_of(operation).build(**SHAPES[operation])
    steps = list(_steps(story))
    place = next(number for number, (step, _) in enumerate(steps) if isinstance(step, Commit))
    for step, is_retried in steps[place + 1 :]:
        assert is_retried, f"{step.name} is not retried until it is done"
        assert type(step).revert is task.Task.revert, f"{step.name} has an undo"
    graph = graph_of(operation)
    commit = find_commit_step(graph)
    beside = {node for node in graph.nodes if isinstance(node, Atom)} - {commit}
    beside -= set(_reach(graph.predecessors, commit)) | set(_reach(graph.successors, commit))
    assert not beside, "what goes on beside it may fail behind it"


def _steps(flow: Flow, *, is_retried: bool = False) -> Iterator[tuple[Any, bool]]:
    is_retried = is_retried or isinstance(flow.retry, backoff.Backoff)
    for child in flow:
        if isinstance(child, Flow):
            yield from _steps(child, is_retried=is_retried)
        else:
            yield child, is_retried


def _reach(following: Callable[[Any], Any], node: Any) -> set[Any]:
    reached: set[Any] = set()
    waiting = [node]
    while waiting:
        fresh = set(following(waiting.pop())) - reached
        reached |= fresh
        waiting += fresh
    return reached


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_drawings_show_it(operation: str) -> None:
    marked = [
        line for line in draw.flow_as_text(operation, SHAPES[operation]).splitlines() if "no return" in line
    ]
    pointed = [
        line for line in draw.flow_as_dot(operation, SHAPES[operation]).splitlines() if "no return" in line
    ]
    assert len(marked) == len(pointed) == (0 if operation in OPERATIONS_WITHOUT_TURN else 1)
    for line in (*marked, *pointed):
        assert turning_step(operation) in line


# A cancel near the commit


class Window(StepFaults):
    """Holds a flow at a point until released, and fails there then if ``fails``."""

    def __init__(self, point: StepPoint, *, fails: bool) -> None:
        super().__init__()
        self._point, self._fails = point, fails
        self.is_armed = False
        self.reached, self.goes_on = threading.Event(), threading.Event()

    def meet(self, point: StepPoint) -> None:
        """Hold the flow if this is the point."""
        if self.is_armed and point == self._point:
            self.is_armed = False
            self.reached.set()
            assert self.goes_on.wait(60)
            if self._fails:
                raise InjectedFailure(f"injected at {point}")


def cancelled_in(
    w: World, window: Window, operation: str, target: str
) -> tuple[Accepted, FlowState, InvalidState | None]:
    """Run an operation and cancel it in the window; return its final state and why the cancel was refused."""
    window.is_armed = True
    accepted = SCRIPTS[operation].act(w, target)
    assert window.reached.wait(60)
    refused = None
    try:
        flow_actions.cancel(w.runtime, CALLER, accepted.flow_id, reason="a change of mind")
    except InvalidState as error:
        refused = error
    window.goes_on.set()
    return accepted, w.finish(accepted).state, refused


@pytest.mark.parametrize("fails", [False, True], ids=["", "and the step fails"])
@pytest.mark.parametrize("operation", WITH)
def test_a_cancel_behind_the_commit_is_refused_and_the_flow_succeeds(
    operation: str, fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window(StepPoint(turning_step(operation), "execute", "after"), fails=fails)
    monkeypatch.setattr("flows.service.definition_of", window.define)
    with world(tmp_path, MemoryDriver()) as w:
        target = SCRIPTS[operation].arrange(w)
        before = SCRIPTS[operation].start(w)
        accepted, state, refused = cancelled_in(w, window, operation, target)
        assert refused is not None, "the change is committed"
        for words in (operation, "committed", definition_of(operation).remedy):
            assert words in refused.message
        assert state is FlowState.SUCCESS
        assert SCRIPTS[operation].faults(w, before, target, is_done=True) == []
        with w.database.read() as session:
            assert crash_process.rows.get(session, accepted.flow_id, None).committed_at is not None


@pytest.mark.parametrize("operation", WITH)
def test_a_cancel_before_the_commit_has_it_refused(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window(StepPoint(turning_step(operation), "execute", "before"), fails=False)
    monkeypatch.setattr("flows.service.definition_of", window.define)
    with world(tmp_path, MemoryDriver()) as w:
        target = SCRIPTS[operation].arrange(w)
        before = SCRIPTS[operation].start(w)
        accepted, state, refused = cancelled_in(w, window, operation, target)
        assert refused is None
        # For a delete, everything is gone by then except its record, so that it succeeds.
        is_done = SCRIPTS[operation].forward
        assert state is (FlowState.SUCCESS if is_done else FlowState.REVERTED)
        assert SCRIPTS[operation].faults(w, before, target, is_done=is_done) == []
        with w.database.read() as session:
            flow = crash_process.rows.get(session, accepted.flow_id, None)
        assert (flow.committed_at is not None) is is_done
        if not is_done:
            assert "a change of mind" in str(flow.reason)
            assert w.state() == before.state


# A kill near the commit


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], PreparedOperation]:
    """The prepared state for an operation, created once."""
    made: dict[str, PreparedOperation] = {}

    def get(operation: str) -> PreparedOperation:
        if operation not in made:
            made[operation] = prepare_operation(operation, tmp_path_factory.mktemp(operation))
        return made[operation]

    return get


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["", "and cancelled"])
@pytest.mark.parametrize("operation", WITH)
def test_killed_behind_the_commit_it_succeeds(
    operation: str, is_cancelled: bool, prepared: Callable[[str], PreparedOperation]
) -> None:
    it = prepared(operation)
    outcome = it.run(Case((1,), cancelled=is_cancelled, kill_on=AFTER_COMMIT))
    assert outcome.problems == []
    assert (outcome.is_committed, outcome.is_cancelled, outcome.state) == (True, False, "success")


@pytest.mark.parametrize("operation", UNDOABLE)
def test_killed_before_the_commit_and_cancelled_it_is_undone(
    operation: str, prepared: Callable[[str], PreparedOperation]
) -> None:
    it = prepared(operation)
    outcome = it.run(Case((1,), cancelled=True, kill_on=BEFORE_COMMIT))
    assert outcome.problems == []
    assert (outcome.is_committed, outcome.is_cancelled, outcome.state) == (False, True, "reverted")


# Flows of releases that did not record the point of no return

FORGET = "UPDATE flows SET committed_at = NULL"
TURNED = (
    FORGET,
    "UPDATE flows SET state = 'reverting' WHERE state = 'running'",
    "UPDATE flowdetails SET state = 'REVERTING' WHERE state = 'RUNNING'",
    "UPDATE atomdetails SET intention = 'REVERT' WHERE parent_uuid IN (SELECT uuid FROM flowdetails "
    "WHERE state = 'REVERTING')",
    "UPDATE atomdetails SET state = 'REVERTING' WHERE state = 'RUNNING' AND name = 'record.commit'",
)


def ended_after(it: PreparedOperation, edits: tuple[str, ...], name: str) -> tuple[Outcome, Found]:
    """Kill a flow after its commit, edit what it left, and resume it."""
    outcome = Outcome(Case((1,)))
    job: Job = replace(copy_job(it.job, Path(it.job.folder).parent / name), kill_at=1, kill_on=AFTER_COMMIT)
    assert outcome.meet(crash_process.request_operation, job, dies=True) is None
    with sqlite3.connect(Path(job.folder) / "cgflow.db") as database:
        for update_unclaimed in edits:
            database.execute(update_unclaimed)
    database.close()
    found = outcome.meet(crash_process.resume_flows, replace(job, kill_at=None), dies=False)
    assert found is not None, outcome.problems
    return outcome, found


@pytest.mark.parametrize("operation", WITH)
def test_a_commit_without_a_record_is_recognised_by_its_rows(
    operation: str, prepared: Callable[[str], PreparedOperation]
) -> None:
    it = prepared(operation)
    outcome, found = ended_after(it, (FORGET,), "unrecorded")
    assert (outcome.problems, outcome.state) == ([], "success")
    known = set(it.before["things"])
    assert without_generated_ids(found["portrait"], known) == without_generated_ids(it.finished, known)


@pytest.mark.parametrize("operation", [one for one in UNDOABLE if not has_steps_behind(one)])
def test_a_flow_that_an_earlier_release_turned_round_behind_its_commit_succeeds(
    operation: str, prepared: Callable[[str], PreparedOperation]
) -> None:
    it = prepared(operation)
    outcome, found = ended_after(it, TURNED, "turned round")
    assert (outcome.problems, outcome.state) == ([], "success")
    known = set(it.before["things"])
    assert without_generated_ids(found["portrait"], known) == without_generated_ids(it.finished, known)


# Failures after the point of no return


@pytest.mark.parametrize("operation", [one for one in WITH if has_steps_behind(one)])
def test_a_step_behind_it_is_retried_until_it_is_done(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subflows, "PERSISTENCE_ATTEMPTS", 2)
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0)
    graph = graph_of(operation)
    behind = [
        one.name for one in _reach(graph.successors, find_commit_step(graph)) if isinstance(one, task.Task)
    ]
    assert behind
    with inject_step_faults(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        w.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
        for step in sorted(behind):
            for when in ("before", "after"):
                target = SCRIPTS[operation].arrange(w)
                left = [6]

                def fails(
                    point: StepPoint, step: str = step, when: str = when, left: list[int] = left
                ) -> bool:
                    if point != StepPoint(step, "execute", when) or not left[0]:
                        return False
                    left[0] -= 1
                    sabotage.fired.clear()
                    return True

                sabotage.order(fails)
                flow = w.finish(SCRIPTS[operation].act(w, target))
                told = f"{step} {when}"
                assert (flow.state, flow.reason, left) == (FlowState.SUCCESS, None, [0]), told
                assert w.faults() == [], told
                with w.database.read() as session:
                    moved = {
                        e.to_state for e in crash_process.rows.all_events(session, flow.id) if e.atom is None
                    }
                assert FlowState.REVERTING not in moved, told
